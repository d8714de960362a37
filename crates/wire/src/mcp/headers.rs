//! What a modern request says in its HTTP headers beside its body, so that proxies can read it (2026-07-28, Streamable HTTP,
//! "Request Metadata").
//!
//! Names of headers are compared without case, values with. Whitespace around a value is none of it (RFC 9110, section 5.5).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value};

use super::{Params, RpcError};

/// The revision that a request speaks.
pub const PROTOCOL_VERSION: &str = "mcp-protocol-version";
/// Its method.
pub const METHOD: &str = "mcp-method";
/// The tool, prompt or resource that it is about.
pub const NAME: &str = "mcp-name";
/// What the names of headers begin with that repeat an argument of a tool.
pub const PARAM_PREFIX: &str = "mcp-param-";

/// The word in a schema that has an argument repeated in a header.
const ANNOTATION: &str = "x-mcp-header";
/// Around a value that headers cannot carry as it is.
const SENTINEL: (&str, &str) = ("=?base64?", "?=");
/// Whole numbers within this, either way, are the same to every reader of JSON: 2^53 - 1.
const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

/// An argument of a tool that is repeated in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamHeader {
    /// The header, in small letters: `mcp-param-region`.
    pub name: String,
    /// Where the argument is, from the arguments' root on.
    pub path: Vec<String>,
}

/// The arguments that a tool's input schema wants repeated. Only what is reached by `properties` alone can be; an annotation that
/// is no name of a header is none.
#[must_use]
pub fn param_headers(schema: &Value) -> Vec<ParamHeader> {
    let mut found = Vec::new();
    collect(schema, &mut Vec::new(), &mut found);
    found
}

/// What a header says, given all values it came with.
///
/// # Errors
/// [`RpcError::header_mismatch`]: it came twice, or with bytes that no header may have.
pub fn plain<'a>(
    header: &str,
    mut values: impl Iterator<Item = &'a [u8]>,
) -> Result<Option<&'a str>, RpcError> {
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(RpcError::header_mismatch(format!("`{header}` came more than once")));
    }
    let value = value.trim_ascii();
    if !value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
        return Err(RpcError::header_mismatch(format!("`{header}` has characters that no header may have")));
    }
    Ok(str::from_utf8(value).ok())
}

/// What a value means: itself, or what is inside of `=?base64?…?=`.
///
/// # Errors
/// [`RpcError::header_mismatch`]: inside is no base64, or no text.
pub fn decoded(header: &str, value: &str) -> Result<String, RpcError> {
    let inside = value.strip_prefix(SENTINEL.0).and_then(|rest| rest.strip_suffix(SENTINEL.1));
    let Some(inside) = inside else { return Ok(value.to_owned()) };
    let bytes = STANDARD.decode(inside).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| RpcError::header_mismatch(format!("`{header}` is no base64 of a text")))
}

/// Checks a header that repeats a text of the body and must be there.
///
/// # Errors
/// [`RpcError::header_mismatch`].
pub fn check_text(header: &str, said: Option<&str>, body: &str) -> Result<(), RpcError> {
    match said {
        None => Err(RpcError::header_mismatch(format!("the header `{header}` is missing"))),
        Some(said) if said == body => Ok(()),
        Some(_) => Err(differs(header)),
    }
}

/// Checks a header that repeats an argument: it is there if the argument is, and says the same.
///
/// # Errors
/// [`RpcError::header_mismatch`].
pub fn check_param(param: &ParamHeader, said: Option<&str>, arguments: &Params) -> Result<(), RpcError> {
    let header = &*param.name;
    let value = match (said, value_at(arguments, &param.path)) {
        (None, None) => return Ok(()),
        (Some(_), None) => {
            return Err(RpcError::header_mismatch(format!(
                "`{header}` repeats an argument that is not there"
            )));
        }
        (None, Some(_)) => return check_text(header, None, ""),
        (Some(said), Some(value)) => (decoded(header, said)?, value),
    };
    let same = match value {
        (said, Value::String(text)) => said == *text,
        (said, Value::Bool(truth)) => said == if *truth { "true" } else { "false" },
        (said, Value::Number(number)) => same_number(&said, number),
        // Nothing else can be said in a header.
        _ => false,
    };
    if same { Ok(()) } else { Err(differs(header)) }
}

/// Whether a list of media types (`accept`) takes this one. Without a list everything is taken (RFC 9110, section 12.5.1).
#[must_use]
pub fn accepts(lists: &[&str], media: &str) -> bool {
    let group = media.split('/').next().unwrap_or_default();
    let takes = |range: String| {
        range == "*/*" || range == media || range.strip_suffix("/*").is_some_and(|it| it == group)
    };
    lists.is_empty() || lists.iter().flat_map(|list| list.split(',')).filter_map(range).any(takes)
}

/// The type of one range, without its parameters; `None` if it is refused with a weight of zero, or empty.
fn range(text: &str) -> Option<String> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().filter(|it| !it.is_empty())?;
    let refused = parts.any(|it| {
        it.strip_prefix("q=").or_else(|| it.strip_prefix("Q=")).and_then(|it| it.parse().ok()) == Some(0.0)
    });
    (!refused).then(|| range.to_ascii_lowercase())
}

fn collect(schema: &Value, path: &mut Vec<String>, found: &mut Vec<ParamHeader>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (name, property) in properties {
        path.push(name.clone());
        if let Some(suffix) = property.get(ANNOTATION).and_then(Value::as_str).filter(|it| is_token(it)) {
            let name = format!("{PARAM_PREFIX}{}", suffix.to_ascii_lowercase());
            found.push(ParamHeader { name, path: path.clone() });
        }
        collect(property, path, found);
        path.pop();
    }
}

/// Whether it can be part of a header's name (RFC 9110, section 5.6.2).
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&it))
}

/// The value at a path; `null` is as nothing.
fn value_at<'a>(arguments: &'a Params, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(arguments.get(first)?, |value, name| value.get(name)).filter(|it| !it.is_null())
}

/// Whether a text and a number of the body are the same whole number: `42.0` is `42`.
fn same_number(said: &str, body: &Number) -> bool {
    let whole = |number: &Number| number.as_f64().filter(|it| it.fract() == 0.0 && it.abs() <= MAX_SAFE);
    let said = serde_json::from_str::<Number>(said).ok();
    matches!((said.as_ref().and_then(whole), whole(body)), (Some(said), Some(body)) if said == body)
}

fn differs(header: &str) -> RpcError {
    RpcError::header_mismatch(format!("the header `{header}` does not say what the body says"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn region() -> ParamHeader {
        ParamHeader { name: "mcp-param-region".into(), path: vec!["region".into()] }
    }

    /// Whether a header goes with a value of the body.
    fn fits(said: Option<&str>, value: &Value) -> bool {
        let arguments = Params::from_iter([("region".to_owned(), value.clone())]);
        match check_param(&region(), said, &arguments) {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error.code, -32020);
                false
            }
        }
    }

    #[test]
    fn a_text_is_itself_or_base64_inside_of_the_sentinel() {
        let read = |value| decoded("mcp-name", value);
        for (value, text) in [
            ("us-west1", "us-west1"),
            ("=?base64?SGVsbG8sIOS4lueVjA==?=", "Hello, 世界"),
            ("=?base64?IHBhZGRlZCA=?=", " padded "),
            ("=?base64?bGluZTEKbGluZTI=?=", "line1\nline2"),
            ("=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=", "=?base64?literal?="),
            ("=?base64?SGVsbG8=", "=?base64?SGVsbG8="),
            ("=?BASE64?SGVsbG8=?=", "=?BASE64?SGVsbG8=?="),
            ("=?base64?=", "=?base64?="),
            ("=?base64??=", ""),
            ("SGVsbG8=", "SGVsbG8="),
        ] {
            assert_eq!(read(value).as_deref(), Ok(text), "{value}");
        }
        for value in ["=?base64?SGVsbG8?=", "=?base64?SGVs!!!bG8=?=", "=?base64?/w==?="] {
            assert_eq!(read(value).unwrap_err().code, -32020, "{value}");
        }
    }

    #[test]
    fn whitespace_around_is_let_go_and_twice_or_wild_is_refused() {
        let of = |values: &[&'static [u8]]| plain("mcp-name", values.iter().copied());
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[b"  a b\t"]), Ok(Some("a b")));
        for wrong in [&[b"a".as_slice(), b"a"] as &[&[u8]], &[b"a\x01b"], &["ä".as_bytes()]] {
            assert_eq!(of(wrong).unwrap_err().code, -32020, "{wrong:?}");
        }
    }

    #[test]
    fn an_argument_and_its_header_are_there_together_and_say_the_same() {
        for (said, value) in [
            ("eu", json!("eu")),
            ("=?base64?w6Q=?=", json!("ä")),
            ("42", json!(42)),
            ("42.0", json!(42)),
            ("42", json!(42.0)),
            ("-7", json!(-7)),
            ("true", json!(true)),
        ] {
            assert!(fits(Some(said), &value), "{said} {value}");
        }
        for (said, value) in [
            (Some("EU"), json!("eu")),
            (Some("43"), json!(42)),
            (Some("+42"), json!(42)),
            (Some("4.5"), json!(4.5)),
            (Some("9007199254740993"), json!(9_007_199_254_740_992_i64)),
            (Some("True"), json!(true)),
            (Some("[]"), json!([])),
            (Some("eu"), json!(null)),
            (None, json!("eu")),
        ] {
            assert!(!fits(said, &value), "{said:?} {value}");
        }
        assert!(fits(None, &json!(null)));
        assert_eq!(check_param(&region(), None, &Params::new()), Ok(()));
    }

    #[test]
    fn only_what_properties_alone_reach_is_repeated() {
        let schema = json!({
            "properties": {
                "region": { "type": "string", "x-mcp-header": "Region" },
                "deep": { "properties": { "n": { "type": "integer", "x-mcp-header": "N" } } },
                "list": { "items": { "properties": { "x": { "x-mcp-header": "X" } } } },
                "bad": { "x-mcp-header": "not a token" },
                "empty": { "x-mcp-header": "" },
                "plain": { "type": "string" }
            },
            "allOf": [{ "properties": { "y": { "x-mcp-header": "Y" } } }]
        });
        let deep = ParamHeader { name: "mcp-param-n".into(), path: vec!["deep".into(), "n".into()] };
        assert_eq!(param_headers(&schema), [region(), deep.clone()]);
        let arguments = json!({ "deep": { "n": 3 } });
        assert_eq!(check_param(&deep, Some("3"), arguments.as_object().unwrap()), Ok(()));
    }

    #[test]
    fn a_media_type_is_taken_by_name_by_group_or_by_any() {
        let events = "text/event-stream";
        for list in ["application/json, text/event-stream", "*/*", "TEXT/*;q=0.1", "text/event-stream; a=b"] {
            assert!(accepts(&[list], events), "{list}");
        }
        assert!(accepts(&[], events) && accepts(&["application/json", events], events));
        for list in
            ["application/json", "text/plain", "text/event-stream;q=0, a/b", "text/event-stream;q=0", "*", ""]
        {
            assert!(!accepts(&[list], events), "{list}");
        }
    }
}
