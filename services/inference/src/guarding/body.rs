//! Texts in bodies that are in a model's own words.

use bytes::Bytes;
use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// Members whose text a model reads or writes, in the bodies of InvokeModel (Amazon Bedrock user guide, "Inference request
/// parameters").
const TEXT: [&str; 16] = [
    "text",
    "content",
    "prompt",
    "inputText",
    "query",
    "queries",
    "documents",
    "texts",
    "value",
    "negativeText",
    "negative_prompt",
    "completion",
    "outputText",
    "generation",
    "messages",
    "parts",
];

/// The texts of a body; none if it is no JSON.
pub(super) fn texts(body: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    if let Ok(mut body) = serde_json::from_slice::<Value>(body) {
        each(&mut body, false, &mut |text| texts.push(text.clone()));
    }
    texts
}

/// The body with other texts in the place of those that [`texts`] gave.
pub(super) fn with_texts(body: &Bytes, texts: Vec<String>) -> Option<Bytes> {
    let mut json: Value = serde_json::from_slice(body).ok()?;
    let mut texts = texts.into_iter();
    each(&mut json, false, &mut |text| {
        if let Some(new) = texts.next() {
            *text = new;
        }
    });
    serde_json::to_vec(&json).ok().map(Bytes::from)
}

/// Whether a body names a guardrail (`guardrail`, `guardrailConfig`), or cannot be read.
pub(crate) fn is_named_in(body: &[u8]) -> bool {
    names(body).is_none_or(|names| names.iter().any(|it| it.starts_with("guardrail")))
}

/// Whether the body marks what Bedrock's guardrail is to look at (`amazon-bedrock-guardrailConfig.tagSuffix`), or cannot
/// be read, so that nobody knows.
pub(super) fn is_marked(body: &[u8]) -> bool {
    names(body).is_none_or(|names| names.iter().any(|it| it == "amazon-bedrock-guardrailConfig"))
}

/// The names of the body's members as whoever reads it takes them, escapes and all; `None` if it cannot be read.
fn names(body: &[u8]) -> Option<Vec<String>> {
    struct Names;
    impl<'de> Visitor<'de> for Names {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut names = Vec::new();
            while let Some((name, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
                names.push(name);
            }
            Ok(names)
        }
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let names = json.deserialize_map(Names).ok()?;
    json.end().ok()?;
    Some(names)
}

/// What Bedrock says its guardrail did (`amazon-bedrock-guardrailAction`), if one looked on.
pub(super) fn intervened(body: &[u8]) -> Option<bool> {
    #[derive(serde::Deserialize)]
    struct Answer {
        #[serde(rename = "amazon-bedrock-guardrailAction")]
        action: Option<String>,
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    answer.action.map(|it| it == "INTERVENED")
}

/// Walks all texts; `is_text`: whether a text stands here that counts.
fn each(value: &mut Value, is_text: bool, visit: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) if is_text => visit(text),
        Value::Array(items) => items.iter_mut().for_each(|it| each(it, is_text, visit)),
        Value::Object(fields) => {
            // A document of Anthropic's that is plain text.
            let is_plain =
                fields.get("type").is_some_and(|it| it == "text") && fields.contains_key("media_type");
            for (key, value) in fields {
                each(value, TEXT.contains(&key.as_str()) || is_plain && key == "data", visit);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_read_as_bedrock_reads_them() {
        assert!(is_marked(br#"{"amazon-bedrock-guardrailCon\u0066ig": {"tagSuffix": "x"}}"#));
        assert!(is_named_in(br#"{"messages": [], "\u0067uardrail": {}}"#));
        let said = br#"{"messages": [{"content": "\"guardrail\" amazon-bedrock-guardrailConfig"}]}"#;
        assert!(!is_marked(said) && !is_named_in(said), "what is only said is no name");
        for torn in [&b"{"[..], b"[]", b"{} {}", b"\xff"] {
            assert!(is_marked(torn) && is_named_in(torn), "nobody knows what it says");
        }
    }

    #[test]
    fn texts_are_found_and_replaced_wherever_they_stand() {
        let body = json!({
            "inputText": "a", "model": "x", "documents": ["b", {"text": "c"}], "taskType": "TEXT_IMAGE",
            "textToImageParams": {"text": "d", "negativeText": "e"},
            "messages": [{"role": "user", "content": [{"type": "text", "text": "f"}]}, {"role": "user", "content": "g"}],
            "source": {"type": "text", "media_type": "text/plain", "data": "h"}});
        let bytes = Bytes::from(body.to_string());
        let mut found = texts(&bytes);
        found.sort_unstable();
        assert_eq!(found, ["a", "b", "c", "d", "e", "f", "g", "h"]);
        let upper = texts(&bytes).iter().map(|it| it.to_uppercase()).collect();
        let changed: Value = serde_json::from_slice(&with_texts(&bytes, upper).unwrap()).unwrap();
        assert_eq!((&changed["inputText"], &changed["model"]), (&json!("A"), &json!("x")));
        assert_eq!(changed["messages"][1], json!({"role": "user", "content": "G"}));
    }
}
