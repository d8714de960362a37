//! Prompts: what a team has written once for its people to fill in and send to models.

mod template;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{PromptId, TeamId};

pub use template::{MAX_FILLED_PROMPT, MalformedBlank, Piece, WrongArgument, pieces};

/// Most prompts of a team: whoever serves them keeps the outlines of all of a team's in memory.
pub const MAX_PROMPTS: usize = 200;
/// Most versions of a prompt.
pub const MAX_PROMPT_VERSIONS: u32 = 1_000;
/// Longest name of a prompt or of an argument, bytes.
pub const MAX_PROMPT_NAME: usize = 64;

/// A prompt: its name, and which of its versions is served. Lists have a [`PromptOutline`] of what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt<T = PromptTemplate> {
    /// Its id.
    pub id: PromptId,
    /// Whose it is.
    pub team: TeamId,
    /// What it is called by, unique in its team.
    pub name: String,
    /// The number of the version that is served; of an archived prompt none is.
    pub current: Option<u32>,
    /// The number of the version that is served, or that was at last before the prompt was archived.
    pub last: u32,
    /// The number of the newest version. They count from 1.
    pub latest: u32,
    /// The version that is served; of an archived prompt, the newest.
    pub version: PromptVersion<T>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// How often it was changed.
    pub revision: u32,
}

/// One version of a prompt. Nobody changes what it says any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptVersion<T = PromptTemplate> {
    /// Its number.
    pub number: u32,
    /// What it says.
    pub template: T,
    /// The number of the version that was served until this one was served first, which is where a rollback goes to: 0 if none was,
    /// and `None` as long as it is a draft that was never served.
    pub served_after: Option<u32>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// By whom, as the audit log names them: `user_…`, `svc_…`, `command_line`.
    pub created_by: String,
}

/// Everything that a client sees of a prompt but its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptTemplate {
    /// What people read in a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What its blanks are filled with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<PromptArgument>,
    /// What is said, with blanks.
    pub messages: Vec<PromptMessage>,
}

/// What a list tells of a prompt: no text, and not what its arguments may be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptOutline {
    /// What people read in a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What its blanks are filled with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<OutlinedArgument>,
}

/// What a list tells of an argument.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutlinedArgument {
    /// Its name, and that of its blanks.
    pub name: String,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether it must be given.
    pub required: bool,
}

/// What fills a blank.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptArgument {
    /// Its name, and that of its blanks.
    pub name: String,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether it must be given.
    #[serde(default)]
    pub required: bool,
    /// What it is where it is not given; without this, nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// What it may be; empty is anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// Something said, with blanks in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptMessage {
    /// Who says it.
    pub role: PromptRole,
    /// What, with blanks such as `{{language}}`.
    pub text: String,
}

/// Who says something in a prompt: MCP knows these two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", rename_all = "snake_case")]
pub enum PromptRole {
    /// Whoever asks.
    User,
    /// The model.
    Assistant,
}

/// Read as text first: serde_json calls a number in the place of an enum no JSON.
impl TryFrom<String> for PromptRole {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        match text.as_str() {
            "user" => Ok(Self::User),
            "assistant" => Ok(Self::Assistant),
            _ => Err("must be `user` or `assistant`"),
        }
    }
}

impl Prompt {
    /// Whether a text can be the name of a prompt.
    #[must_use]
    pub fn is_name(text: &str) -> bool {
        let fits = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, b'_' | b'-');
        (1..=MAX_PROMPT_NAME).contains(&text.len()) && text.bytes().all(fits)
    }
}

impl<T> Prompt<T> {
    /// Whether it is put away: kept with all of its versions, and not served.
    #[must_use]
    pub const fn is_archived(&self) -> bool {
        self.current.is_none()
    }
}

impl<T> PromptVersion<T> {
    /// Whether it is one that people may have come to depend on: drafts are for those who manage prompts alone.
    #[must_use]
    pub const fn was_served(&self) -> bool {
        self.served_after.is_some()
    }
}

impl From<&PromptTemplate> for PromptOutline {
    fn from(template: &PromptTemplate) -> Self {
        let argument = |it: &PromptArgument| OutlinedArgument {
            name: it.name.clone(),
            description: it.description.clone(),
            required: it.required,
        };
        Self {
            title: template.title.clone(),
            description: template.description.clone(),
            arguments: template.arguments.iter().map(argument).collect(),
        }
    }
}

impl PromptArgument {
    /// Whether a text can be the name of an argument.
    #[must_use]
    pub fn is_name(text: &str) -> bool {
        let fits = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'-');
        (1..=MAX_PROMPT_NAME).contains(&text.len()) && text.bytes().all(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_reads_as_it_is_written() {
        let json = r#"{"title":"T","arguments":[{"name":"a","required":false,"default":"x","values":["x"]}],"messages":[{"role":"assistant","text":"{{a}}"}]}"#;
        let template: PromptTemplate = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&template).unwrap(), json);
        for wrong in [
            r#"{"messages":[{"role":"system","text":""}]}"#,
            r#"{"messages":[{"role":7,"text":""}]}"#,
            r#"{"messages":[],"colour":"red"}"#,
            r#"{"messages":[{"role":"user","text":"","colour":"red"}]}"#,
            r#"{}"#,
        ] {
            assert!(serde_json::from_str::<PromptTemplate>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_are_plain() {
        for good in ["a", "code-review_2", &"x".repeat(64)] {
            assert!(Prompt::is_name(good) && PromptArgument::is_name(good), "{good}");
        }
        for bad in ["", "a b", "a@1", "ü", "a.b", "a/b", &"x".repeat(65)] {
            assert!(!Prompt::is_name(bad) && !PromptArgument::is_name(bad), "{bad}");
        }
        assert!(PromptArgument::is_name("targetLanguage") && !Prompt::is_name("Review"));
    }
}
