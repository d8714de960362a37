//! Prompts: templates that a person chooses; and what completes their arguments.

use serde::{Deserialize, Serialize};

use super::{Content, Role};

/// A prompt, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Prompt {
    /// What it is called by.
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What fills its blanks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<PromptArgument>,
}

/// A blank in a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PromptArgument {
    /// Its name.
    pub name: String,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether it must be filled.
    #[serde(default)]
    pub required: bool,
}

/// A line of a prompt that was filled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromptMessage {
    /// Who says it.
    pub role: Role,
    /// What.
    pub content: Content,
}

/// A prompt that was filled.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PromptResult {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it says.
    pub messages: Vec<PromptMessage>,
}

/// What an argument belongs to that is to be completed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", try_from = "Referenced")]
pub enum Reference {
    /// A prompt.
    #[serde(rename = "ref/prompt")]
    Prompt {
        /// Its name.
        name: String,
    },
    /// A resource's template.
    #[serde(rename = "ref/resource")]
    Resource {
        /// The template.
        uri: String,
    },
}

/// A reference before its kind is known: serde would take a list for a tagged one.
#[derive(Deserialize)]
struct Referenced {
    r#type: String,
    name: Option<String>,
    uri: Option<String>,
}

impl TryFrom<Referenced> for Reference {
    type Error = &'static str;

    fn try_from(read: Referenced) -> Result<Self, Self::Error> {
        match (&*read.r#type, read.name, read.uri) {
            ("ref/prompt", Some(name), _) => Ok(Self::Prompt { name }),
            ("ref/prompt", None, _) => Err("`name` is missing"),
            ("ref/resource", _, Some(uri)) => Ok(Self::Resource { uri }),
            ("ref/resource", _, None) => Err("`uri` is missing"),
            _ => Err("`type` must be `ref/prompt` or `ref/resource`"),
        }
    }
}

/// How an argument may go on. At most 100 values are told (2025-11-25, "Completion Results").
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Completion {
    /// The best, first.
    pub values: Vec<String>,
    /// How many there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Whether there are more.
    #[serde(default)]
    pub has_more: bool,
}
