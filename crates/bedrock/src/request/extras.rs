//! What Converse has no field for and the model has (`additionalModelRequestFields`), by the family of the model.

use outcrop_chat::{ReasoningMode, Request, ToolChoice};
use outcrop_ports::{Family, ModelInfo, ReasoningStyle, Thinking};
use serde_json::{Map, Value, json};

/// All of it. What the client gave itself wins over what is derived from the request.
pub(super) fn additional(info: &ModelInfo, request: &Request) -> Map<String, Value> {
    let mut fields = Map::new();
    if let Some(mode) = request.reasoning {
        merge(&mut fields, reasoning(info, mode));
    }
    if let Some(top_k) = request.inference.top_k {
        merge(&mut fields, self::top_k(info, top_k));
    }
    if let Some(tools) = request.tools.as_ref().filter(|it| it.parallel == Some(false)) {
        merge(&mut fields, one_tool_at_a_time(info, &tools.choice));
    }
    merge(&mut fields, request.additional.clone());
    fields
}

/// Puts fields over fields; objects are put together.
fn merge(under: &mut Map<String, Value>, over: Map<String, Value>) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Object(under)), Value::Object(over)) => merge(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

/// Fields of a literal object.
fn fields(object: Value) -> Map<String, Value> {
    if let Value::Object(fields) = object { fields } else { Map::new() }
}

/// How hard to think, as the model wants to be told.
fn reasoning(info: &ModelInfo, mode: ReasoningMode) -> Map<String, Value> {
    let Some(thinking) = info.thinking(mode) else { return Map::new() };
    fields(match (thinking, info.reasoning) {
        (Thinking::Unsaid, _) => return Map::new(),
        (Thinking::Off, ReasoningStyle::ReasoningObject) => json!({"reasoning": {"effort": "none"}}),
        (Thinking::Off, _) => json!({"thinking": {"type": "disabled"}}),
        (Thinking::Budget(tokens), _) => json!({"thinking": {"type": "enabled", "budget_tokens": tokens}}),
        (Thinking::Adaptive(None), _) => json!({"thinking": {"type": "adaptive"}}),
        (Thinking::Adaptive(Some(effort)), _) => {
            json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": effort.name()}})
        }
        (Thinking::Effort(effort), ReasoningStyle::NovaConfig) => {
            json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": effort.name()}})
        }
        (Thinking::Effort(effort), ReasoningStyle::ReasoningObject) => {
            json!({"reasoning": {"effort": effort.name()}})
        }
        (Thinking::Effort(effort), _) => json!({"reasoning_effort": effort.name()}),
    })
}

fn top_k(info: &ModelInfo, top_k: u32) -> Map<String, Value> {
    fields(match info.family {
        Family::Nova => json!({"inferenceConfig": {"topK": top_k}}),
        _ => json!({"top_k": top_k}),
    })
}

/// Only Claude can be kept from calling several tools at once.
fn one_tool_at_a_time(info: &ModelInfo, choice: &ToolChoice) -> Map<String, Value> {
    if info.family != Family::Claude {
        return Map::new();
    }
    // Bedrock refuses a `type` here next to `toolConfig.toolChoice`.
    let choice = match choice {
        ToolChoice::Auto => json!({"type": "auto", "disable_parallel_tool_use": true}),
        ToolChoice::Any | ToolChoice::Named(_) => json!({"disable_parallel_tool_use": true}),
    };
    fields(json!({ "tool_choice": choice }))
}
