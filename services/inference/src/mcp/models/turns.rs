//! A conversation as tools take it.

use std::fmt;

use outcrop_chat::InvalidRequest;
use outcrop_wire::mcp::Role;
use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde_json::{Value, json};

/// One message.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct Turn {
    role: Role,
    content: Said,
}

/// What it says.
#[derive(Debug)]
enum Said {
    Text(String),
    Blocks(Vec<Block>),
}

/// A part of it, in the protocol's own shape.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields, expecting = "an object with `type`")]
enum Block {
    Text {
        text: String,
    },
    Image {
        data: String,
        #[serde(rename = "mimeType")]
        mime_type: String,
    },
}

/// The schema of a list of them.
pub(super) fn schema() -> Value {
    let text = json!({
        "type": "object",
        "properties": {
            "type": { "const": "text", "description": "Text." },
            "text": { "type": "string", "description": "The text." },
        },
        "required": ["type", "text"],
        "additionalProperties": false,
    });
    let image = json!({
        "type": "object",
        "properties": {
            "type": { "const": "image", "description": "An image, for models that read images." },
            "data": { "type": "string", "description": "The bytes of a PNG, JPEG, GIF or WebP image, base64." },
            "mimeType": { "type": "string", "description": "Its media type, such as `image/png`; where the bytes say otherwise, they count." },
        },
        "required": ["type", "data", "mimeType"],
        "additionalProperties": false,
    });
    json!({
        "type": "array",
        "minItems": 1,
        "description": "The conversation, oldest message first; the last one is the user's.",
        "items": {
            "type": "object",
            "properties": {
                "role": { "type": "string", "enum": ["user", "assistant"], "description": "Who speaks." },
                "content": {
                    "description": "A text, or a list of texts and images.",
                    "anyOf": [
                        { "type": "string" },
                        { "type": "array", "minItems": 1, "items": { "anyOf": [text, image] } },
                    ],
                },
            },
            "required": ["role", "content"],
            "additionalProperties": false,
        },
    })
}

/// The conversation in OpenAI's words, instructions first.
pub(super) fn messages(system: Option<&str>, turns: &[Turn]) -> Value {
    let system = system.map(|text| json!({ "role": "system", "content": text }));
    system.into_iter().chain(turns.iter().map(Turn::message)).collect()
}

/// The conversation is the model's to go on with: what it says itself comes last in none.
pub(super) fn check_last(turns: &[Turn]) -> Result<(), InvalidRequest> {
    match turns.last() {
        Some(Turn { role: Role::Assistant, .. }) => {
            let param = format!("messages[{}].role", turns.len() - 1);
            let message = format!("`{param}` must be `user`: the last message is what the model answers.");
            Err(InvalidRequest::new(param, message))
        }
        _ => Ok(()),
    }
}

impl Turn {
    fn message(&self) -> Value {
        let content = match &self.content {
            Said::Text(text) => json!(text),
            Said::Blocks(blocks) => blocks.iter().map(Block::part).collect(),
        };
        json!({ "role": self.role, "content": content })
    }
}

impl Block {
    fn part(&self) -> Value {
        match self {
            Self::Text { text } => json!({ "type": "text", "text": text }),
            Self::Image { data, mime_type } => {
                let url = format!("data:{mime_type};base64,{data}");
                json!({ "type": "image_url", "image_url": { "url": url } })
            }
        }
    }
}

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SaidVisitor;

        impl<'de> Visitor<'de> for SaidVisitor {
            type Value = Said;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of texts and images")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Said, E> {
                Ok(Said::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Said, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(Said::Blocks)
            }
        }

        deserializer.deserialize_any(SaidVisitor)
    }
}

#[cfg(test)]
mod tests {
    use outcrop_wire::mcp::Params;

    use super::*;
    use crate::mcp::arguments;

    #[derive(Debug, Deserialize)]
    struct Arguments {
        messages: Vec<Turn>,
    }

    fn read(content: &Value) -> Result<Value, (Option<String>, String)> {
        let turns = json!([{ "role": "user", "content": content }]);
        let map = Params::from_iter([("messages".to_owned(), turns)]);
        let read = arguments::read::<Arguments>(&map).map_err(|error| (error.param, error.message))?;
        Ok(messages(Some("Be brief."), &read.messages))
    }

    #[test]
    fn texts_and_images_are_put_into_openais_words() {
        let said = json!([
            { "type": "text", "text": "What is this?" },
            { "type": "image", "data": "aGk=", "mimeType": "image/png" },
        ]);
        let parts = json!([
            { "type": "text", "text": "What is this?" },
            { "type": "image_url", "image_url": { "url": "data:image/png;base64,aGk=" } },
        ]);
        let system = json!({ "role": "system", "content": "Be brief." });
        assert_eq!(read(&said), Ok(json!([system, { "role": "user", "content": parts }])));
        assert_eq!(read(&json!("Hi")), Ok(json!([system, { "role": "user", "content": "Hi" }])));
    }

    #[test]
    fn what_is_wrong_in_a_message_is_named() {
        for (content, param) in [
            (json!(5), "messages[0].content"),
            (json!([{ "type": "sound" }]), "messages[0].content[0].type"),
            (json!([{ "type": "image", "data": "aGk=" }]), "messages[0].content[0].mimeType"),
            (json!([{ "type": "text", "text": "a", "more": 1 }]), "messages[0].content[0].more"),
        ] {
            let (named, message) = read(&content).unwrap_err();
            assert_eq!(named.as_deref(), Some(param), "{message}");
        }
    }
}
