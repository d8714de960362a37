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
        "allow_unpriced": patterns("Models without a known price that may be called in spite of a budget."),
        "residency": list(json!({ "type": "string" }), 16, "The areas that no call leaves: geographies (`us`, `eu`, `apac`, `jp`, `au`, `in`, `ca`, `us-gov`) and AWS regions. What is said at each level holds at once."),
        "guardrails": list(json!({ "$ref": "#/components/schemas/GuardrailRule" }), 8, "Guardrails that look on. What is said at each level holds at once; a team lifts nothing that the platform says."),
        "cache": cache(&kind("object")),
        "ways": list(json!({ "type": "string", "enum": ["on_demand", "flex", "batch"] }), 3, "The ways that work may be done which can wait; `on_demand` is always among them. What is said at each level holds at once.")
    })
}

/// A guardrail that looks on.
pub(crate) fn guardrail() -> Value {
    let look = |about: &str| json!({ "type": "boolean", "default": true, "description": about });
    let choice = |all: [&str; 2], about: &str| json!({ "type": "string", "enum": all, "default": all[0], "description": about });
    json!({
        "type": "object",
        "properties": {
            "id": { "type": "string", "description": "Its id or ARN." },
            "version": { "type": "string", "description": "Its version, or `DRAFT`." },
            "input": look("Whether it looks at what is asked."),
            "output": look("Whether it looks at what is answered."),
            "mode": choice(["enforce", "monitor"], "With `monitor` the answer stays as it is, and what was found is told and metered."),
            "stream": choice(["sync", "async"], "With `async` a stream does not wait for it, and ends where something is found.")
        },
        "required": ["id", "version"],
        "additionalProperties": false
    })
}

/// Whether answers are kept.
fn cache(kind: &Value) -> Value {
    let flag =
        |default: bool, about: &str| json!({ "type": "boolean", "default": default, "description": about });
    json!({
        "type": kind,
        "description": "Whether answers are kept and given again. The narrowest level decides; where `request_control` is \
                        false at the platform, a team can only have less kept.",
        "properties": {
            "enabled": flag(true, "Whether they are, in requests that do not say."),
            "ttl_s": { "type": "integer", "minimum": 1, "maximum": 2_592_000, "description": "How long, seconds; absent, as settings say." },
            "tools": flag(false, "Whether turns that use tools are kept, too."),
            "request_control": flag(true, "Whether requests may say otherwise for themselves.")
        },
        "additionalProperties": false
    })
}
