//! Prompts.

use outcrop_types::{
    Prompt, PromptArgument, PromptMessage, PromptOutline, PromptRole, PromptTemplate, PromptVersion,
};

use super::{at, prompt_id, team_id};

/// A prompt with one version, made at second `number`, of the team of the same number.
#[must_use]
pub fn prompt(number: u32) -> Prompt {
    Prompt {
        id: prompt_id(number),
        team: team_id(number),
        name: format!("prompt-{number}"),
        current: Some(1),
        last: 1,
        latest: 1,
        version: prompt_version(number, 1),
        created_at: at(number.into()),
        updated_at: at(number.into()),
        revision: 0,
    }
}

/// A version of the prompt of this number, made so many seconds after it, less one, and served after the one before.
#[must_use]
pub fn prompt_version(prompt: u32, number: u32) -> PromptVersion {
    let message = PromptMessage { role: PromptRole::User, text: format!("Version {number} of {prompt}") };
    PromptVersion {
        number,
        template: PromptTemplate { messages: vec![message], ..PromptTemplate::default() },
        created_at: at(i64::from(prompt) + i64::from(number) - 1),
        created_by: "command_line".to_owned(),
        served_after: Some(number - 1),
    }
}

/// A template with everything set.
#[must_use]
pub fn full_template() -> PromptTemplate {
    let language = PromptArgument {
        name: "language".to_owned(),
        description: Some("In which \"language\"".to_owned()),
        required: true,
        default: None,
        values: vec!["Rust".to_owned(), "日本語".to_owned()],
    };
    let code =
        PromptArgument { name: "code".to_owned(), default: Some("'".into()), ..PromptArgument::default() };
    PromptTemplate {
        title: Some("Ünïcode, 'quotes' and \"more\"".to_owned()),
        description: Some("Two\nlines, and a \u{0}".to_owned()),
        arguments: vec![language, code],
        messages: vec![
            PromptMessage { role: PromptRole::User, text: "Review {{code}} in {{ language }}".to_owned() },
            PromptMessage { role: PromptRole::Assistant, text: "{{{{".to_owned() },
        ],
    }
}

/// A prompt as lists tell of it.
#[must_use]
pub fn outlined(prompt: Prompt) -> Prompt<PromptOutline> {
    let Prompt { id, team, name, current, last, latest, version, created_at, updated_at, revision } = prompt;
    let version = outlined_version(version);
    Prompt { id, team, name, current, last, latest, version, created_at, updated_at, revision }
}

/// A version as lists tell of it.
#[must_use]
pub fn outlined_version(version: PromptVersion) -> PromptVersion<PromptOutline> {
    let PromptVersion { number, template, served_after, created_at, created_by } = version;
    PromptVersion { number, template: PromptOutline::from(&template), served_after, created_at, created_by }
}
