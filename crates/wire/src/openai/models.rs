//! `GET /v1/models[/{id}]`.

use serde::Serialize;

use crate::error::to_vec;

/// One model as lists show it: OpenAI's fields, then what clients want to know before they call it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelEntry {
    /// The name to call it by.
    pub id: String,
    /// Release, seconds since the Unix epoch.
    pub created: i64,
    /// Who makes it.
    pub owned_by: String,
    /// Tokens of context, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_window: Option<u32>,
    /// Most tokens of one answer, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
    /// What it reads: `text`, `image`.
    pub input_modalities: Vec<&'static str>,
    /// Other names for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
}

#[derive(Serialize)]
struct Model<'a> {
    object: &'static str,
    #[serde(flatten)]
    entry: &'a ModelEntry,
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
}

impl<'a> From<&'a ModelEntry> for Model<'a> {
    fn from(entry: &'a ModelEntry) -> Self {
        Self { object: "model", entry }
    }
}

/// The body of `GET /v1/models`.
#[must_use]
pub fn list(entries: &[ModelEntry]) -> Vec<u8> {
    to_vec(&List { object: "list", data: entries.iter().map(Model::from).collect() })
}

/// The body of `GET /v1/models/{id}`.
#[must_use]
pub fn object(entry: &ModelEntry) -> Vec<u8> {
    to_vec(&Model::from(entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_hold_models_with_openais_fields() {
        let entry = ModelEntry {
            id: "nova/lite:1".into(),
            created: 1_733_184_000,
            owned_by: "amazon".into(),
            context_window: Some(300_000),
            max_output_tokens: None,
            input_modalities: vec!["text", "image"],
            aliases: Vec::new(),
        };
        let model = concat!(
            r#"{"object":"model","id":"nova/lite:1","created":1733184000,"owned_by":"amazon","#,
            r#""context_window":300000,"input_modalities":["text","image"]}"#
        );
        assert_eq!(String::from_utf8(object(&entry)).unwrap(), model);
        assert_eq!(
            String::from_utf8(list(&[entry])).unwrap(),
            format!(r#"{{"object":"list","data":[{model}]}}"#)
        );
        assert_eq!(list(&[]), br#"{"object":"list","data":[]}"#);
    }
}
