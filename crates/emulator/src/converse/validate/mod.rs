//! What Converse refuses, and in which words.
//!
//! Paths in `1 validation error detected` messages count list members from 1 (`messages.1.member.role`), as the
//! service's framework does; Converse's own messages count from 0 (`messages.0.content.2`), as Converse does.
//! The wording is that of the service where it is known, and names the offending field everywhere.

pub(crate) mod media;
mod messages;
mod options;
mod reasoning;
mod strict;
mod tools;
mod turns;

pub(crate) use reasoning::{Thinking, thinking};

use super::request::Request;
use crate::errors::Refusal;
use crate::models::{Model, ModelKind};

/// What validation learned on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    /// Whether the additional fields ask for reasoning.
    pub(crate) thinking: bool,
}

/// Refuses what Bedrock refuses for this model.
pub(crate) fn check(model: &Model, request: &Request<'_>) -> Result<Checked, Refusal> {
    if model.kind != ModelKind::Chat {
        return Err(Refusal::validation(
            "This action doesn't support the model that you provided. Try again with a supported text or chat model.",
        ));
    }
    let checked = options::check(model, request)?;
    tools::config(model, request, checked.thinking)?;
    messages::check(model, request, checked.thinking)?;
    Ok(checked)
}

/// Whether a text holds nothing but white space.
fn blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// `[a-zA-Z0-9_-]+` with the length of a name.
fn name_ok(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_alphanumeric() || b"_-".contains(&it))
}

/// Checks a tool's name at `path`.
pub(crate) fn tool_name(path: &str, name: Option<&str>) -> Result<(), Refusal> {
    let name = name.ok_or_else(|| Refusal::missing(path))?;
    if name_ok(name) {
        return Ok(());
    }
    let constraint = match name.len() {
        0 => "Member must have length greater than or equal to 1",
        65.. => "Member must have length less than or equal to 64",
        _ => "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+",
    };
    Err(Refusal::constraint(path, Some(name), constraint))
}

#[cfg(test)]
mod tests;
