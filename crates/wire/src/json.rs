//! JSON of clients: a bound on nesting, and errors in the client's words.

use std::fmt;
use std::marker::PhantomData;

use memchr::memchr2;
use outcrop_chat::InvalidRequest;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, IntoDeserializer as _, MapAccess, Visitor};
use serde_json::error::Category;

/// Most elements of a body: far above what a conversation has, and few enough that the values made of them are no
/// threat (a byte or two of JSON becomes a hundred bytes of value).
const MOST_NODES: usize = 500_000;

/// Refuses JSON nested deeper than `max` or of too many elements, in one pass and without parsing it.
///
/// The insides of strings are skipped with a vectorised search: most bytes of a large body are one image.
/// Whether the body is JSON at all is left to [`parse`].
///
/// # Errors
/// [`InvalidRequest`] without a `param` when an array or object is nested too deep, or there are too many values.
pub fn check_depth(body: &[u8], max: usize) -> Result<(), InvalidRequest> {
    let message = match measure(body, max, MOST_NODES) {
        Ok(_) => return Ok(()),
        Err(TooMuch::Depth) => format!("The body is nested deeper than {max} levels."),
        Err(TooMuch::Nodes) => format!("The body has too many elements: more than {MOST_NODES}."),
    };
    Err(InvalidRequest { message, param: None })
}

/// JSON that a client wrote into strings of one body: together they may hold as much as a body.
pub(crate) struct InnerJson {
    left: usize,
}

impl Default for InnerJson {
    fn default() -> Self {
        Self { left: MOST_NODES }
    }
}

impl InnerJson {
    /// Deepest nesting of one text.
    const MOST_DEPTH: usize = 64;

    /// Whether one more text may be parsed; says why not, as the end of a sentence.
    pub(crate) fn admit(&mut self, text: &str) -> Result<(), String> {
        match measure(text.as_bytes(), Self::MOST_DEPTH, self.left) {
            Ok(nodes) => {
                self.left -= nodes;
                Ok(())
            }
            Err(TooMuch::Depth) => Err(format!("is nested deeper than {} levels", Self::MOST_DEPTH)),
            Err(TooMuch::Nodes) => Err("has too many elements".to_owned()),
        }
    }
}

/// Which bound JSON goes beyond.
enum TooMuch {
    Depth,
    Nodes,
}

/// About how many values there are: one for each bracket that opens, comma and colon.
fn measure(body: &[u8], max_depth: usize, max_nodes: usize) -> Result<usize, TooMuch> {
    let (mut depth, mut nodes) = (0_usize, 0_usize);
    let mut at = 0;
    while let Some(&byte) = body.get(at) {
        at += 1;
        match byte {
            b'"' => at = end_of_string(body, at) + 1,
            b'{' | b'[' => {
                depth += 1;
                nodes += 1;
                if depth > max_depth {
                    return Err(TooMuch::Depth);
                }
            }
            b',' | b':' => nodes += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if nodes > max_nodes {
            return Err(TooMuch::Nodes);
        }
    }
    Ok(nodes)
}

/// The position of the quote that ends the string whose first character is at `at`; the end, where there is none.
pub(crate) fn end_of_string(body: &[u8], mut at: usize) -> usize {
    while let Some(found) = body.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if body[at] == b'"' {
            return at;
        }
        // A backslash takes the next byte with it.
        at += 2;
    }
    body.len()
}

/// Reads a body, which must be a JSON object, into one of this crate's request types.
///
/// Nothing is spent on good bodies: only one that does not fit is read again, to find the field at fault.
///
/// # Errors
/// [`InvalidRequest`] with `param` as the client spells it (`messages[2].content`), or without one when
/// the body is not JSON. The message quotes no long value and no Rust type.
pub fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, InvalidRequest> {
    match serde_json::from_slice(body) {
        Ok(Object(request)) => Ok(request),
        Err(error) => Err(explain::<T>(body, &error)),
    }
}

#[cold]
fn explain<'a, T: Deserialize<'a>>(body: &'a [u8], error: &serde_json::Error) -> InvalidRequest {
    if body.iter().all(u8::is_ascii_whitespace) {
        return InvalidRequest { message: "The body is empty; expected a JSON object.".into(), param: None };
    }
    if error.classify() != Category::Data {
        return InvalidRequest { message: format!("The body is not valid JSON: {error}."), param: None };
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    match serde_path_to_error::deserialize::<_, Object<T>>(&mut deserializer) {
        Err(error) => {
            let path = error.path().to_string();
            describe(if path == "." { "" } else { &path }, &without_position(error.inner()))
        }
        // The second reading cannot succeed where the first failed; say what the first one said.
        Ok(_) => describe("", &without_position(error)),
    }
}

/// serde_json ends its messages with " at line 1 column 7", which no client needs for a named field.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).unwrap_or(&text).to_owned()
}

/// Puts serde's message about the value at `path` into words for a client.
fn describe(path: &str, text: &str) -> InvalidRequest {
    if let Some(field) = quoted(text, "missing field ") {
        let param = join(path, field);
        return InvalidRequest::new(param.as_str(), format!("`{param}` is required."));
    }
    if let Some(field) = quoted(text, "unknown field ") {
        let param = shorten(&join(path, field));
        let hint = nearest(field, text).map(|near| format!(" Did you mean `{near}`?")).unwrap_or_default();
        return InvalidRequest::new(
            param.as_str(),
            format!("`{param}` is not a field of this request.{hint}"),
        );
    }
    if let Some(field) = quoted(text, "duplicate field ") {
        let param = join(path, field);
        return InvalidRequest::new(param.as_str(), format!("`{param}` is given twice."));
    }
    let message = wrong_value(text);
    let path = shorten(path);
    if path.is_empty() {
        return InvalidRequest { message: format!("The body {message}."), param: None };
    }
    let message = format!("`{path}` {message}.");
    InvalidRequest::new(path, message)
}

/// What stands between the backquotes right after `prefix`.
fn quoted<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(prefix)?.strip_prefix('`')?;
    let end =
        rest.find("`, expected").or_else(|| rest.find("`, there are no")).or_else(|| rest.rfind('`'))?;
    Some(&rest[..end])
}

/// The field's path; serde reports some errors at the parent, some at the field itself.
fn join(path: &str, field: &str) -> String {
    if path.is_empty() {
        return field.to_owned();
    }
    let names_it = path.strip_suffix(field).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    if names_it { path.to_owned() } else { format!("{path}.{field}") }
}

/// The known field most like the unknown one, read from serde's own list of those expected.
fn nearest<'a>(field: &str, text: &'a str) -> Option<&'a str> {
    let (_, expected) = text.rsplit_once(", expected ")?;
    let known = expected.split('`').skip(1).step_by(2);
    known
        .map(|name| (strsim::damerau_levenshtein(&shorten(field), name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min()
        .map(|(_, name)| name)
}

/// "must be an array, not 5" from "invalid type: integer `5`, expected a sequence".
fn wrong_value(text: &str) -> String {
    if let Some(variant) = quoted(text, "unknown variant ") {
        let expected = text.rsplit_once(", expected ").map_or("another value", |(_, known)| known);
        return format!("must be {expected}, not `{}`", shorten(variant));
    }
    let found = text
        .strip_prefix("invalid type: ")
        .or_else(|| text.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "));
    match found {
        Some((found, expected)) => {
            let found = plain_found(found);
            match most(expected).filter(|most| found.parse::<f64>().is_ok_and(|it| it > *most)) {
                Some(most) => format!("must be a whole number from 0 to {most}, not {found}"),
                None => format!("must be {}, not {found}", plain_expected(expected)),
            }
        }
        // Our own `Error::custom` messages: they continue a sentence that begins with the field's name.
        None => text.to_owned(),
    }
}

/// The largest number of a type that a client can go beyond.
fn most(expected: &str) -> Option<f64> {
    match expected {
        "u8" => Some(u8::MAX.into()),
        "u16" => Some(u16::MAX.into()),
        "u32" => Some(u32::MAX.into()),
        _ => None,
    }
}

fn plain_expected(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number of 0 or more",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        "a sequence" => "an array",
        "a map" => "an object",
        "string or map" => "a string",
        _ if expected.starts_with("struct ") => "an object",
        _ => expected,
    }
}

/// Names what was found; numbers and booleans are short enough to be quoted.
fn plain_found(found: &str) -> &str {
    match found.split([' ', '`']).next() {
        Some("string") => "a string",
        Some("map") => "an object",
        Some("sequence") => "an array",
        Some("null" | "unit") => "null",
        _ => quoted(found, "integer ")
            .or_else(|| quoted(found, "boolean "))
            .or_else(|| quoted(found, "floating point "))
            .unwrap_or("that"),
    }
}

/// Reads an enum of words. serde_json's own way calls a number in its place a syntax error, without a path.
pub(crate) fn word<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Word<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Word<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E: de::Error>(self, word: &str) -> Result<T, E> {
            T::deserialize(word.into_deserializer())
        }
    }

    deserializer.deserialize_str(Word(PhantomData))
}

/// A struct that is only read from an object: serde's own structs take arrays too, as fields in order.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

/// A client's word, cut to what fits a message.
pub(crate) fn shorten(text: &str) -> String {
    const MOST: usize = 100;
    let mut short: String = text.chars().take(MOST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only its reading is tested")]
        list: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct Inner {
        count: u32,
        text: Option<String>,
        #[serde(default, deserialize_with = "some_word")]
        kind: Option<Kind>,
    }

    fn some_word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Kind>, D::Error> {
        word(deserializer).map(Some)
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Red,
        Green,
    }

    #[test]
    fn errors_name_the_field_in_the_clients_words() {
        let cases: [(&str, Option<&str>, &str); 15] = [
            ("", None, "The body is empty; expected a JSON object."),
            ("{\"list\":", None, "The body is not valid JSON: EOF while parsing a value at line 1 column 8."),
            ("5", None, "The body must be an object, not 5."),
            ("{}", Some("list"), "`list` is required."),
            (r#"{"list":5}"#, Some("list"), "`list` must be an array, not 5."),
            (r#"{"list":null}"#, Some("list"), "`list` must be an array, not null."),
            (r#"{"list":[{}]}"#, Some("list[0].count"), "`list[0].count` is required."),
            (
                r#"{"list":[{"count":-1}]}"#,
                Some("list[0].count"),
                "`list[0].count` must be a whole number of 0 or more, not -1.",
            ),
            (
                r#"{"list":[{"count":18446744073709551615}]}"#,
                Some("list[0].count"),
                "`list[0].count` must be a whole number from 0 to 4294967295, not 18446744073709551615.",
            ),
            (
                r#"{"list":[{"count":1.5}]}"#,
                Some("list[0].count"),
                "`list[0].count` must be a whole number of 0 or more, not 1.5.",
            ),
            (
                r#"{"list":[{"count":1,"text":{"a":1}}]}"#,
                Some("list[0].text"),
                "`list[0].text` must be a string, not an object.",
            ),
            (
                r#"{"list":[{"count":1,"kind":"blue"}]}"#,
                Some("list[0].kind"),
                "`list[0].kind` must be `red` or `green`, not `blue`.",
            ),
            (
                r#"{"list":[{"count":1,"kind":7}]}"#,
                Some("list[0].kind"),
                "`list[0].kind` must be a string, not 7.",
            ),
            (
                r#"{"list":[],"lsit":[]}"#,
                Some("lsit"),
                "`lsit` is not a field of this request. Did you mean `list`?",
            ),
            (r#"{"zebra":1}"#, Some("zebra"), "`zebra` is not a field of this request."),
        ];
        for (body, param, message) in cases {
            let error = parse::<Outer>(body.as_bytes()).unwrap_err();
            assert_eq!((error.param.as_deref(), error.message.as_str()), (param, message), "{body}");
        }
    }

    #[test]
    fn a_long_value_is_not_quoted_back() {
        let body = format!(r#"{{"list":"{}, expected secret"}}"#, "x".repeat(10_000));
        let error = parse::<Outer>(body.as_bytes()).unwrap_err();
        assert_eq!(error.message, "`list` must be an array, not a string.");
        let body = format!(r#"{{"{}":1}}"#, "y".repeat(10_000));
        assert!(parse::<Outer>(body.as_bytes()).unwrap_err().message.len() < 200);
    }

    #[test]
    fn depth_counts_brackets_outside_strings_only() {
        let cases: [(&str, usize, bool); 9] = [
            ("[[1]]", 2, true),
            ("[[[1]]]", 2, false),
            (r#"{"a":{"b":[]}}"#, 3, true),
            (r#"{"a":{"b":[]}}"#, 2, false),
            (r#"["[[[[", "\"[[[[", "\\"]"#, 1, true),
            (r#"["\\",[[]]]"#, 2, false),
            ("[[],[],[],[]]", 2, true),
            ("]]]][", 1, true),
            (r#"["unended [[["#, 1, true),
        ];
        for (body, max, fits) in cases {
            assert_eq!(check_depth(body.as_bytes(), max).is_ok(), fits, "{body} within {max}");
        }
    }

    #[test]
    fn elements_are_bounded_however_they_are_packed() {
        let many = |piece: &str, count: usize| format!("[{}0]", piece.repeat(count));
        for (piece, nodes) in [("0,", 1), ("[],", 2), ("[[[0]]],", 4), (r#"{"a":0},"#, 3), ("\"a\",", 1)] {
            let fits = (MOST_NODES - 1) / nodes;
            assert!(check_depth(many(piece, fits).as_bytes(), 9).is_ok(), "{piece}");
            let error = check_depth(many(piece, fits + 1).as_bytes(), 9).unwrap_err();
            assert_eq!(error.message, "The body has too many elements: more than 500000.", "{piece}");
        }
        let text = format!(r#"["{}"]"#, ",:[{".repeat(MOST_NODES));
        assert!(check_depth(text.as_bytes(), 1).is_ok(), "what stands in a string is no element");
    }
}
