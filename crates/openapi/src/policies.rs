//! The JSON schemas of policies.

use serde_json::{Value, json};

/// For whom a policy is.
pub(crate) fn target() -> Value {
    let text = |about: &str| json!({ "type": "string", "description": about });
    json!({
        "type": "object",
        "description": "For whom a policy is. Without a name it is for each one at its level, each counted alone.",
        "properties": {
            "level": { "type": "string", "enum": ["platform", "team", "user", "key"] },
            "team": text("A team; for a user or key, in this team only, and beside what the platform says. For team admins that of a named key or service account is filled in."),
            "user": text("A user or service account, at the level `user`."),
            "key": text("A key's id, at the level `key`.")
        },
        "required": ["level"],
        "additionalProperties": false
    })
}

/// What a policy says.
pub(crate) fn rules() -> Value {
    json!({
        "type": "object",
        "description": "What is absent is not limited. A limit may be 0: then nobody may call.",
        "properties": properties(""),
        "minProperties": 1,
        "additionalProperties": false
    })
}

/// What shall change of it.
pub(crate) fn rules_patch() -> Value {
    json!({
        "type": "object",
        "description": "A merge patch (RFC 7396): what is absent stays, `null` removes, and lists are replaced as a whole.",
        "properties": properties("null"),
        "additionalProperties": false
    })
}

/// Money in a time.
pub(crate) fn budget() -> Value {
    json!({
        "type": "object",
        "description": "Money that may be spent in a day, week (from Monday) or month of a time zone, or in the last so many days. \
                        A policy has one of each period at most.",
        "properties": {
            "usd": { "type": "string", "description": "US dollars as decimal text, e.g. `12.50`; more than 0." },
            "period": { "type": "string", "enum": ["day", "week", "month", "rolling"] },
            "time_zone": { "type": "string", "description": "IANA name, e.g. `Europe/Zurich`; UTC if not said. Not for `rolling`." },
            "days": { "type": "integer", "minimum": 1, "maximum": 31, "description": "For `rolling`: how many." },
            "alert_at": {
                "type": "array",
                "items": { "type": "integer", "minimum": 1, "maximum": 100 },
                "uniqueItems": true,
                "description": "Per cent of it at which an alert is raised, each once in a period."
            }
        },
        "required": ["usd", "period"],
        "additionalProperties": false
    })
}

/// The fields of rules; `or` is a type that each may have besides its own.
fn properties(or: &str) -> Value {
    let kind = |own: &str| if or.is_empty() { json!(own) } else { json!([own, or]) };
    let whole = |least: u32, about: &str| json!({ "type": kind("integer"), "minimum": least, "maximum": u32::MAX, "description": about });
    let list = |items: Value, most: u32, about: &str| json!({ "type": kind("array"), "items": items, "maxItems": most, "description": about });
    let patterns = |about: &str| list(json!({ "type": "string" }), 32, about);
    json!({
        "requests_per_minute": whole(0, "Model calls in a sliding window of 60 seconds."),
        "tokens_per_minute": whole(0, "Tokens in a sliding window of 60 seconds, counted as Bedrock's own quota counts them."),
        "concurrent_requests": whole(0, "Calls under way at the same time."),
        "budgets": list(json!({ "$ref": "#/components/schemas/Budget" }), 4, "Money in a time."),
        "max_output_tokens": whole(1, "Most output tokens of one answer; what asks for more gets this."),
        "default_output_tokens": whole(1, "Output tokens of an answer whose request does not say."),
        "models": patterns("Only these models, e.g. `claude-*`."),
        "allow_unpriced": patterns("Models without a known price that may be called in spite of a budget.")
    })
}
