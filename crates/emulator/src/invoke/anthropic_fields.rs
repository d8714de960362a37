//! The names of an InvokeModel body for Claude that Bedrock knows: of its fields, and of betas.

use super::anthropic::Request;
use crate::errors::Refusal;
use crate::models::{Model, Reasoning};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// What a body may hold; Anthropic's own API knows more.
const FIELDS: [&str; 15] = [
    "anthropic_version",
    "anthropic_beta",
    "context_management",
    "max_tokens",
    "messages",
    "output_config",
    "stop_sequences",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
    "output_format",
];

/// Betas of Anthropic's that Bedrock has too.
const BETAS: [&str; 15] = [
    "compact-2026-01-12",
    "computer-use-2025-01-24",
    "computer-use-2025-11-24",
    "context-1m-2025-08-07",
    "context-management-2025-06-27",
    "dangerous-tool-use-2026-09-03",
    "effort-2025-11-24",
    "fine-grained-tool-streaming-2025-05-14",
    "interleaved-thinking-2025-05-14",
    "mid-conversation-output-config-2026-07-01",
    "mid-conversation-tool-changes-2026-07-01",
    "thinking-binding-controls-2026-08-01",
    "thinking-display-updates-2026-08-18",
    "tool-examples-2025-10-29",
    "tool-search-tool-2025-10-19",
];

/// Refuses fields that Bedrock does not know, in the order of their names. A body that is no object has none: whoever
/// reads it says so.
pub(crate) fn known(body: &[u8]) -> Result<(), Refusal> {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_slice(body).unwrap_or_default();
    let betas = fields.get("anthropic_beta").map_or("", |it| it.get());
    let has_beta = |name: &str| betas.contains(name);
    for name in fields.keys() {
        let gated = name == "context_management" && !has_beta("context-management-") && !has_beta("compact-");
        if gated || !FIELDS.contains(&name.as_str()) {
            return Err(Refusal::validation(format!("{name}: Extra inputs are not permitted")));
        }
    }
    Ok(())
}

/// Refuses betas that Bedrock does not know, or not for this model.
pub(super) fn betas(model: &Model, request: &Request<'_>) -> Result<(), Refusal> {
    let budgeted = matches!(model.reasoning, Reasoning::Budget | Reasoning::BudgetOrAdaptive);
    let taken = |name: &str| BETAS.contains(&name) && (budgeted || name != "interleaved-thinking-2025-05-14");
    match request.anthropic_beta.iter().flatten().find(|it| !taken(it)) {
        Some(_) => Err(Refusal::validation("invalid beta flag")),
        None => Ok(()),
    }
}
