//! Anthropic's `thinking`, which clients of OpenAI send all the same.

use outcrop_chat::{Effort, InvalidRequest, ReasoningMode};
use serde::Deserialize;

use super::Dropped;
use super::request::Body;
use crate::vendor::one_of;

/// Fewest tokens to think with (Anthropic API reference, `thinking.budget_tokens`).
const LEAST_BUDGET: u32 = 1_024;

/// Anthropic's `thinking`.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Thinking {
    r#type: String,
    budget_tokens: Option<u32>,
}

/// How much to think: `thinking`, with `reasoning_effort` for how hard where both fit together.
pub(super) fn reasoning(
    body: &Body<'_>,
    dropped: &mut Dropped,
) -> Result<Option<ReasoningMode>, InvalidRequest> {
    let effort = body.reasoning_effort.as_deref().map(effort).transpose()?;
    let Some(thinking) = &body.thinking else {
        return Ok(effort.map(|effort| match effort {
            Effort::None => ReasoningMode::Off,
            effort => ReasoningMode::Effort(effort),
        }));
    };
    let some_effort = effort.filter(|it| *it != Effort::None);
    let mode = match (thinking.r#type.as_str(), thinking.budget_tokens) {
        ("disabled", _) => ReasoningMode::Off,
        ("adaptive", _) | ("enabled", None) => ReasoningMode::Adaptive(some_effort),
        ("enabled", Some(budget)) if budget < LEAST_BUDGET => {
            let message = format!("`thinking.budget_tokens` must be at least {LEAST_BUDGET}, not {budget}.");
            return Err(InvalidRequest::new("thinking.budget_tokens", message));
        }
        ("enabled", Some(budget)) => ReasoningMode::Budget(budget),
        (other, _) => return Err(one_of("thinking.type", &["enabled", "disabled", "adaptive"], other)),
    };
    // Where the two say different things, `thinking` is the more exact.
    let heard = match mode {
        ReasoningMode::Off => Some(Effort::None),
        ReasoningMode::Adaptive(effort) => effort,
        _ => None,
    };
    if effort.is_some() && effort != heard {
        dropped.note("reasoning_effort");
    }
    if thinking.budget_tokens.is_some() && !matches!(mode, ReasoningMode::Budget(_)) {
        dropped.note("thinking.budget_tokens");
    }
    Ok(Some(mode))
}

fn effort(word: &str) -> Result<Effort, InvalidRequest> {
    Effort::parse(word).ok_or_else(|| one_of("reasoning_effort", &Effort::ALL.map(Effort::name), word))
}
