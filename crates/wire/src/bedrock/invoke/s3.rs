//! Objects in S3 that a body of InvokeModel names. Bedrock would read them with this server's own permissions.
//!
//! Each maker has places of its own for them (`source.s3Location.uri` of Nova, `mediaSource.s3Location` of TwelveLabs),
//! and will have more. So every string that begins like one counts, but where it can only be prose or a tool's data.

use std::borrow::Cow;
use std::fmt;

use outcrop_chat::InvalidRequest;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::json::shorten;

/// Fields whose strings are for the model to read as they are.
const PROSE: [&str; 14] = [
    "content",
    "context",
    "description",
    "documents",
    "inputPrompt",
    "inputText",
    "message",
    "prompt",
    "query",
    "system",
    "text",
    "texts",
    "title",
    "value",
];

/// Places whose strings are that, too: where Claude is told what a text is from, and texts that are documents.
const PROSE_AT: [&str; 5] = [
    "messages[].content[].citations[].source",
    "messages[].content[].content[].source",
    "messages[].content[].content[].source.data",
    "messages[].content[].source",
    "messages[].content[].source.data",
];

/// What tools take, are given and give.
const DATA_AT: [&str; 6] = [
    "messages[].content[].input",
    "messages[].content[].toolResult.content[].json",
    "messages[].content[].toolUse.input",
    "toolConfig.tools[].toolSpec.inputSchema",
    "tools[].function.parameters",
    "tools[].input_schema",
];

/// Whether an object in S3 may be read: its URL, and the field that names it.
pub type Check<'a> = &'a mut dyn FnMut(&str, &str) -> Result<(), InvalidRequest>;

/// Puts every object that a body names to the check. Nothing is kept of the body, however large.
///
/// # Errors
/// The first that is refused; a body that is not JSON, since what is in it cannot be told.
pub fn check_s3(body: &[u8], check: Check<'_>) -> Result<(), InvalidRequest> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let mut walk = Walk { path: String::new(), shape: String::new(), check, refused: None };
    // Nesting is bounded by serde_json.
    let walked = Place { walk: &mut walk, strings: Strings::Any }.deserialize(&mut json);
    match (walk.refused, walked.and_then(|()| json.end())) {
        (Some(refused), _) => Err(refused),
        (None, Ok(())) => Ok(()),
        (None, Err(error)) => {
            Err(InvalidRequest { message: format!("The body is not valid JSON: {error}."), param: None })
        }
    }
}

/// The same for fields that Converse passes on to the model; `param` is where they stand.
///
/// # Errors
/// The first that is refused.
pub fn check_s3_fields(
    fields: &Map<String, Value>,
    param: &str,
    check: Check<'_>,
) -> Result<(), InvalidRequest> {
    let mut walk = Walk { path: param.to_owned(), shape: String::new(), check, refused: None };
    let walked = Place { walk: &mut walk, strings: Strings::Any }.deserialize(fields);
    match walk.refused {
        Some(refused) => Err(refused),
        None => walked.map_err(|error| InvalidRequest::new(param, format!("`{param}`: {error}."))),
    }
}

/// A field's name, as it reads once its escapes are undone.
#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Where we are, and what was found.
struct Walk<'a> {
    /// `messages[0].content`
    path: String,
    /// `messages[].content`
    shape: String,
    check: Check<'a>,
    refused: Option<InvalidRequest>,
}

/// What the strings in a place are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strings {
    /// Objects in S3 if they look like it.
    Any,
    /// Nothing to read but themselves.
    Prose,
    /// Objects in S3, whatever they look like.
    Objects,
    /// As prose, and whatever is nested, too.
    Data,
}

impl Strings {
    /// Those of a field of an object in such a place; `shape` is the field's own place.
    fn of(self, name: &str, shape: &str) -> Self {
        if DATA_AT.contains(&shape) {
            Self::Data
        } else if self == Self::Objects && name != "bucketOwner" || is_location(name) {
            Self::Objects
        } else if PROSE.contains(&name) || PROSE_AT.contains(&shape) {
            Self::Prose
        } else {
            Self::Any
        }
    }
}

/// `s3Location`, `s3Uri`, `s3_uri` and the like.
fn is_location(name: &str) -> bool {
    let letters = || name.bytes().filter(u8::is_ascii_alphanumeric).map(|it| it.to_ascii_lowercase());
    ["s3location", "s3uri", "s3url"].iter().any(|known| letters().eq(known.bytes()))
}

/// More generous than Bedrock may be: what it means here is a question to the check.
fn is_object(text: &str) -> bool {
    let text = text.trim_start_matches(|it: char| it <= ' ' || it.is_whitespace());
    text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("s3://"))
}

/// A value somewhere in the body.
struct Place<'w, 'a> {
    walk: &'w mut Walk<'a>,
    strings: Strings,
}

impl Walk<'_> {
    /// Goes one step down for as long as `visit` takes.
    fn at<T>(&mut self, step: &str, shape: &str, visit: impl FnOnce(&mut Self) -> T) -> T {
        let (path, outer) = (self.path.len(), self.shape.len());
        self.path.push_str(step);
        self.shape.push_str(shape);
        let visited = visit(self);
        self.path.truncate(path);
        self.shape.truncate(outer);
        visited
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { walk, strings } = self;
        let dot = |text: &str| if text.is_empty() { "" } else { "." };
        while let Some(Name(name)) = map.next_key::<Name<'de>>()? {
            let (step, shape) = (format!("{}{name}", dot(&walk.path)), format!("{}{name}", dot(&walk.shape)));
            walk.at(&step, &shape, |walk| match strings.of(&name, &walk.shape) {
                Strings::Data => map.next_value::<IgnoredAny>().map(drop),
                strings => map.next_value_seed(Place { walk, strings }),
            })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { walk, strings } = self;
        for at in 0_usize.. {
            let next =
                walk.at(&format!("[{at}]"), "[]", |walk| list.next_element_seed(Place { walk, strings }))?;
            if next.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let counts = match self.strings {
            Strings::Any => is_object(text),
            Strings::Prose | Strings::Data => false,
            Strings::Objects => true,
        };
        if !counts {
            return Ok(());
        }
        (self.walk.check)(text, &shorten(&self.walk.path)).map_err(|refused| {
            self.walk.refused = Some(refused);
            // Ends the walk; nobody reads it.
            E::custom("refused")
        })
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The objects that a body names, as `field url`.
    fn named(body: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut check = |url: &str, param: &str| {
            found.push(format!("{param} {url}"));
            Ok(())
        };
        check_s3(body.as_bytes(), &mut check).unwrap();
        found
    }

    #[test]
    fn every_place_of_an_object_is_found() {
        for (body, found) in [
            (
                json!({"messages": [{"content": [{"text": "hi"}, {"image": {"source": {"s3Location":
                    {"uri": "s3://a/b", "bucketOwner": "1"}}}}]}]}),
                "messages[0].content[1].image.source.s3Location.uri s3://a/b",
            ),
            (json!({"mediaSource": {"s3Location": {"uri": "a/b"}}}), "mediaSource.s3Location.uri a/b"),
            (json!({"video": {"s3Uri": "a"}}), "video.s3Uri a"),
            (json!({"image_url": {"url": "s3://a/b"}}), "image_url.url s3://a/b"),
            (json!({"videos": [" S3://a/b"]}), "videos[0]  S3://a/b"),
            (json!({"text": {"source": {"s3_location": "x"}}}), "text.source.s3_location x"),
            (
                json!({"messages": [{"content": [{"type": "image", "source": {"type": "s3", "uri": "s3://a"}}]}]}),
                "messages[0].content[0].source.uri s3://a",
            ),
        ] {
            assert_eq!(named(&body.to_string()), [found], "{body}");
        }
        let escaped = r#"{"m":{"\u00733Location":{"\u0075ri":"\u0073\u0033:\/\/a"}},"m":{"s3Uri":"b"}}"#;
        assert_eq!(named(escaped), ["m.s3Location.uri s3://a", "m.s3Uri b"], "each, as it reads");
    }

    #[test]
    fn what_is_only_said_is_no_object() {
        let tool = json!({"input": {"path": "s3://a"}, "toolUse": {"input": {"s3Uri": "s3://a"}}});
        let document = json!({"source": {"type": "text", "data": "s3://a"}, "content": "s3://a"});
        let found = json!({"source": "s3://a", "content": [{"source": "s3://a"}, {"text": "s3://a"}]});
        let schema = json!({"input_schema": {"properties": {"s3Location": {"default": "s3://a"}}}});
        let body = json!({
            "system": "s3://a", "prompt": "s3://a", "texts": ["s3://a"], "max_tokens": 1, "top_p": 0.5, "stop": null,
            "messages": [{"content": "s3://a"}, {"content": [tool, document, found, "s3://a", {"text": "see s3://a"}]}],
            "tools": [schema],
        });
        assert_eq!(named(&body.to_string()), [""; 0]);
    }

    #[test]
    fn the_walk_ends_at_the_first_that_is_refused() {
        let mut asked = 0;
        let mut check = |_: &str, param: &str| {
            asked += 1;
            Err(InvalidRequest::new(param, "no"))
        };
        let refused = check_s3(br#"{"a":["s3://a","s3://b"],"c":"#, &mut check).unwrap_err();
        assert_eq!(refused.param.as_deref(), Some("a[0]"));
        let fields = json!({"a": {"s3Uri": "s3://a"}});
        let refused = check_s3_fields(fields.as_object().unwrap(), "more", &mut check).unwrap_err();
        assert_eq!((refused.param.as_deref(), asked), (Some("more.a.s3Uri"), 2));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for body in ["", "{", "{} {}", "{'a': 1}", "\u{feff}{}", deep.as_str()] {
            let error = check_s3(body.as_bytes(), &mut |_, _| Ok(())).unwrap_err();
            assert!(error.message.contains("not valid JSON"), "{error}");
        }
    }
}
