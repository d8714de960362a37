//! Everything of a request that is neither conversation nor tool.

use std::collections::BTreeMap;

use outcrop_chat::{Effort, Inference, InvalidRequest, JsonSchema, OutputFormat, ReasoningMode};
use serde_json::Value;

use super::blocks::required;
use super::request::{Body, Thinking};
use super::{Dropped, Purpose, Version};
use crate::json::shorten;
use crate::openai::chat::zero_to_one;

/// Least `budget_tokens` that Anthropic takes.
const LEAST_BUDGET: u32 = 1024;
/// What Converse calls a schema that Anthropic gives no name.
const SCHEMA_NAME: &str = "answer";

/// Refuses what the version forbids, and what would not be what was asked for.
pub(super) fn refuse(body: &Body<'_>, version: Version, purpose: Purpose) -> Result<(), InvalidRequest> {
    sampling_of(
        version,
        [
            ("temperature", body.temperature.is_some()),
            ("top_p", body.top_p.is_some()),
            ("top_k", body.top_k.is_some()),
        ],
    )?;
    if purpose == Purpose::Answer && body.max_tokens.is_none() {
        return Err(required("max_tokens".to_owned()));
    }
    if body.container.is_some() {
        return Err(not_here("container"));
    }
    if body.mcp_servers.as_ref().is_some_and(|servers| !servers.is_empty()) {
        return Err(not_here("mcp_servers"));
    }
    geography(body.inference_geo.as_deref())?;
    service_tier(body.service_tier.as_deref())
}

/// `anthropic-version: 2026-10-21` has no sampling parameters, not even at their defaults.
pub(super) fn sampling_of(version: Version, given: [(&'static str, bool); 3]) -> Result<(), InvalidRequest> {
    match given.into_iter().find(|(_, given)| *given) {
        Some((field, _)) if version == Version::V20261021 => {
            let message = format!("`{field}` is not a field of `anthropic-version: 2026-10-21`.");
            Err(InvalidRequest::new(field, message))
        }
        _ => Ok(()),
    }
}

/// What Anthropic's own servers do, and Bedrock does not.
pub(super) fn not_here(field: &'static str) -> InvalidRequest {
    InvalidRequest::new(field, format!("`{field}` is not available on Amazon Bedrock."))
}

/// Where a model runs is a promise about data, and here it is a matter of the model's id (`eu.…`).
pub(super) fn geography(asked: Option<&str>) -> Result<(), InvalidRequest> {
    match asked {
        None | Some("global" | "not_available") => Ok(()),
        Some(_) => {
            let message =
                "`inference_geo` cannot be honoured: choose the geography by the model's id, such as `eu.…`.";
            Err(InvalidRequest::new("inference_geo", message))
        }
    }
}

/// Both of Anthropic's tiers mean Bedrock's default one: there is no priority capacity to fall back from.
pub(super) fn service_tier(asked: Option<&str>) -> Result<(), InvalidRequest> {
    match asked {
        None | Some("auto" | "standard_only") => Ok(()),
        Some(other) => {
            let message =
                format!("`service_tier` must be `auto` or `standard_only`, not `{}`.", shorten(other));
            Err(InvalidRequest::new("service_tier", message))
        }
    }
}

/// Names what has no effect and leaves the answer a right one.
pub(super) fn note_dropped(body: &Body<'_>, dropped: &mut Dropped) {
    let unheard = [
        ("context_management", body.context_management.is_some()),
        ("output_format", body.output_format.is_some() && has_format(body)),
        ("thinking.budget_tokens", body.thinking.as_ref().is_some_and(has_vain_budget)),
        ("diagnostics", body.diagnostics.is_some()),
        ("output_config.task_budget", body.output_config.as_ref().is_some_and(|it| it.task_budget.is_some())),
        ("speed", body.speed.as_deref().is_some_and(|it| it != "standard")),
        ("user_profile_id", body.user_profile_id.is_some()),
    ];
    for (field, _) in unheard.into_iter().filter(|(_, given)| *given) {
        dropped.note(field);
    }
}

/// Whether the answer's shape is said where it belongs, so that its older place is not read.
fn has_format(body: &Body<'_>) -> bool {
    body.output_config.as_ref().is_some_and(|it| it.format.is_some())
}

/// Whether there is a budget beside a way of thinking that has none.
fn has_vain_budget(thinking: &Thinking) -> bool {
    thinking.budget_tokens.is_some() && thinking.r#type != "enabled"
}

/// How much to think: `thinking`, and `output_config.effort`.
pub(super) fn reasoning(
    body: &Body<'_>,
    dropped: &mut Dropped,
) -> Result<Option<ReasoningMode>, InvalidRequest> {
    let effort = effort(body)?;
    let Some(thinking) = &body.thinking else { return Ok(effort.map(ReasoningMode::Effort)) };
    match thinking.r#type.as_str() {
        "disabled" => {
            if effort.is_some() {
                dropped.note("output_config.effort");
            }
            Ok(Some(ReasoningMode::Off))
        }
        // Thinking between tool calls alone is something that only Claude can be told.
        "adaptive" | "between_tools" => {
            if thinking.r#type == "between_tools" {
                dropped.note("thinking.type");
            }
            Ok(Some(ReasoningMode::Adaptive(effort)))
        }
        "enabled" => {
            let field = "thinking.budget_tokens";
            let budget = thinking.budget_tokens.ok_or_else(|| required(field.to_owned()))?;
            if budget < LEAST_BUDGET {
                return Err(InvalidRequest::new(
                    field,
                    format!("`{field}` must be at least {LEAST_BUDGET}."),
                ));
            }
            if body.max_tokens.is_some_and(|most| budget >= most) {
                return Err(InvalidRequest::new(field, format!("`{field}` must be less than `max_tokens`.")));
            }
            // The budget says how hard, and Converse has no place for both.
            if effort.is_some() {
                dropped.note("output_config.effort");
            }
            Ok(Some(ReasoningMode::Budget(budget)))
        }
        other => {
            let message = format!(
                "`thinking.type` must be `enabled`, `adaptive`, `between_tools` or `disabled`, not `{}`.",
                shorten(other)
            );
            Err(InvalidRequest::new("thinking.type", message))
        }
    }
}

fn effort(body: &Body<'_>) -> Result<Option<Effort>, InvalidRequest> {
    let Some(asked) = body.output_config.as_ref().and_then(|it| it.effort.as_deref()) else {
        return Ok(None);
    };
    match Effort::parse(asked) {
        Some(effort) if effort >= Effort::Low => Ok(Some(effort)),
        _ => {
            let field = "output_config.effort";
            let asked = shorten(asked);
            let message =
                format!("`{field}` must be `low`, `medium`, `high`, `xhigh` or `max`, not `{asked}`.");
            Err(InvalidRequest::new(field, message))
        }
    }
}

/// Whether thoughts are to be left out of the answer's text.
pub(super) fn hides_thinking(body: &Body<'_>) -> bool {
    body.thinking.as_ref().and_then(|it| it.display.as_deref()) == Some("omitted")
}

/// The shape the answer must have.
pub(super) fn output(body: &mut Body<'_>) -> Result<Option<OutputFormat>, InvalidRequest> {
    let (field, format) = match body.output_config.as_mut().and_then(|it| it.format.take()) {
        Some(format) => ("output_config.format", Some(format)),
        None => ("output_format", body.output_format.take()),
    };
    let Some(format) = format else { return Ok(None) };
    if format.r#type != "json_schema" {
        let field = format!("{field}.type");
        let message = format!("`{field}` must be `json_schema`, not `{}`.", shorten(&format.r#type));
        return Err(InvalidRequest::new(field, message));
    }
    let schema = format.schema.ok_or_else(|| required(format!("{field}.schema")))?;
    Ok(Some(OutputFormat::JsonSchema(JsonSchema {
        name: SCHEMA_NAME.to_owned(),
        description: None,
        schema: Value::Object(schema),
        strict: true,
    })))
}

/// Converse's `inferenceConfig`.
pub(super) fn inference(body: &mut Body<'_>, purpose: Purpose) -> Result<Inference, InvalidRequest> {
    if body.max_tokens == Some(0) && purpose == Purpose::Answer {
        return Err(InvalidRequest::new("max_tokens", "`max_tokens` must be at least 1."));
    }
    let mut stop = body.stop_sequences.take();
    stop.retain(|it| !it.is_empty());
    Ok(Inference {
        max_tokens: body.max_tokens,
        temperature: zero_to_one("temperature", body.temperature)?,
        top_p: zero_to_one("top_p", body.top_p)?,
        top_k: body.top_k,
        stop,
    })
}

/// `metadata.user_id` for Bedrock's invocation log, where it fits.
pub(super) fn metadata(body: &mut Body<'_>, dropped: &mut Dropped) -> BTreeMap<String, String> {
    let user = body.metadata.take().and_then(|it| it.user_id);
    let (kept, fits) = request_metadata(user);
    if !fits {
        dropped.note("metadata.user_id");
    }
    kept
}

/// The pairs for Bedrock's invocation log, and whether everything given is among them.
pub(super) fn request_metadata(user: Option<String>) -> (BTreeMap<String, String>, bool) {
    match user {
        None => (BTreeMap::new(), true),
        Some(user) if crate::request_metadata::fits(&user) => {
            (BTreeMap::from([("user_id".to_owned(), user)]), true)
        }
        Some(_) => (BTreeMap::new(), false),
    }
}
