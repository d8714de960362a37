//! Pieces of the schemas by which tools say what they take and give (JSON Schema 2020-12).

use outcrop_wire::mcp::ToolAnnotations;
use serde_json::{Value, json};

/// It reads what is here, and twice is as once.
pub(super) const READS: ToolAnnotations = ToolAnnotations {
    read_only_hint: true,
    destructive_hint: false,
    idempotent_hint: true,
    open_world_hint: false,
};

/// It calls a model, outside of the platform, and that is paid for: a client that asks its user before something happens does
/// well to ask.
pub(super) const CALLS: ToolAnnotations = ToolAnnotations {
    read_only_hint: false,
    destructive_hint: false,
    idempotent_hint: false,
    open_world_hint: true,
};

/// An object that has these properties and no others.
pub(super) fn object(properties: Value, required: &[&str]) -> Value {
    let mut schema = json!({ "type": "object" });
    schema["properties"] = properties;
    schema["required"] = json!(required);
    schema["additionalProperties"] = false.into();
    schema
}

/// The same inside of a schema, with a description.
pub(super) fn described(description: &str, mut schema: Value) -> Value {
    schema["description"] = description.into();
    schema
}

/// Which model is to be called.
pub(super) fn model() -> Value {
    json!({
        "type": "string",
        "description": "Name of the model, as `list_models` tells it. Without it the platform's default model is called.",
    })
}

/// Which model was called.
pub(super) fn called_model() -> Value {
    json!({ "type": "string", "description": "Name of the model that answered." })
}

/// What it cost.
pub(super) fn cost() -> Value {
    json!({
        "type": ["string", "null"],
        "description": "What the call cost in US dollars, as decimal text; null where the price is not known. An answer from the cache costs 0.",
    })
}

/// What must hold of an answer.
pub(super) fn json_schema() -> Value {
    json!({
        "type": "object",
        "description": "JSON Schema of the answer. With it the model answers with JSON that fits it, which the result holds, parsed, in `json`.",
    })
}

/// The instructions.
pub(super) fn system() -> Value {
    json!({ "type": "string", "description": "Instructions that stand above the conversation: role, rules, format." })
}

/// The most that may be written.
pub(super) fn max_tokens() -> Value {
    json!({
        "type": "integer",
        "minimum": 1,
        "description": "Most tokens of the answer; one that is longer is cut, with `stop_reason` `length`.",
    })
}

/// How freely is written.
pub(super) fn temperature() -> Value {
    json!({
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "description": "0 for the likeliest words, 1 for the most varied. Models without such a setting pass over it.",
    })
}

/// What the calls of models that write text give.
pub(super) fn written() -> Value {
    let tokens = |description: &str| json!({ "type": "integer", "minimum": 0, "description": description });
    let usage = object(
        json!({
            "input_tokens": tokens("All tokens read, cached or not."),
            "output_tokens": tokens("All tokens written, reasoning too."),
            "total_tokens": tokens("Both together."),
            "cache_read_tokens": tokens("Those of the input that the model's prompt cache had."),
            "cache_write_tokens": tokens("Those of the input that it keeps from now on."),
            "reasoning_tokens": tokens("Those of the output that were thoughts."),
        }),
        &[
            "input_tokens",
            "output_tokens",
            "total_tokens",
            "cache_read_tokens",
            "cache_write_tokens",
            "reasoning_tokens",
        ],
    );
    let mut usage = described("What was read and written; null where it is not known.", usage);
    usage["type"] = json!(["object", "null"]);
    let properties = json!({
        "text": { "type": "string", "description": "The whole answer." },
        "json": { "description": "The answer, parsed: only where `json_schema` was given and the answer is JSON." },
        "model": called_model(),
        "stop_reason": {
            "type": "string",
            "enum": ["stop", "length", "content_filter"],
            "description": "Why it ends: `stop`, the model was done; `length`, `max_tokens` or the context was used up; `content_filter`, a guardrail or the model's filter stepped in.",
        },
        "usage": usage,
        "cost_usd": cost(),
    });
    object(properties, &["text", "model", "stop_reason", "usage", "cost_usd"])
}
