//! The JSON schemas of routes.

use serde_json::{Value, json};

/// What holds for the calls of a route.
pub(crate) fn options() -> Value {
    let wait =
        |about: &str| json!({ "type": "integer", "minimum": 10, "maximum": 3_600_000, "description": about });
    let class = json!({ "type": "string", "enum": ["here", "elsewhere", "other_model", "never"] });
    let failures = [
        "invalid",
        "too_long",
        "denied",
        "not_found",
        "throttled",
        "not_ready",
        "quota_exceeded",
        "timed_out",
        "model",
        "unavailable",
        "broken",
        "internal",
    ];
    let retry: serde_json::Map<String, Value> =
        failures.iter().map(|name| ((*name).to_owned(), class.clone())).collect();
    json!({
        "type": "object",
        "description": "What is absent is as the defaults say, or settings.",
        "properties": {
            "residency": {
                "type": "array", "items": { "type": "string" }, "maxItems": 16,
                "description": "Geographies (`us`, `eu`, `apac`, `jp`, `au`, `in`, `ca`, `us-gov`) and regions that no call leaves."
            },
            "attempts": { "type": "integer", "minimum": 1, "maximum": 8, "description": "Most attempts for one call." },
            "first_event_ms": wait("Longest wait of one attempt for the first event of a stream, milliseconds."),
            "attempt_ms": wait("Longest wait of one attempt for a whole answer, milliseconds."),
            "retry": {
                "type": "object", "properties": retry, "additionalProperties": false,
                "description": "What to do after a failure, where that is not what is usual."
            },
            "affinity": { "type": "boolean", "description": "Whether requests of one conversation prefer one target." },
            "prompt_cache": prompt_cache(),
            "cache": cache(),
            "guardrails": { "type": "array", "items": { "$ref": "#/components/schemas/GuardrailRule" }, "maxItems": 8 }
        },
        "additionalProperties": false
    })
}

/// One route.
pub(crate) fn route() -> Value {
    json!({
        "type": "object",
        "properties": {
            "alias": { "type": "string", "minLength": 1, "maxLength": 128, "description": "What clients ask for." },
            "team": { "type": "string", "description": "For this team only, in the place of the route for everybody." },
            "options": { "$ref": "#/components/schemas/RouteOptions" },
            "groups": {
                "type": "array", "items": group(), "minItems": 1, "maxItems": 16,
                "description": "Tried in order."
            }
        },
        "required": ["alias", "groups"],
        "additionalProperties": false
    })
}

fn group() -> Value {
    json!({
        "type": "object",
        "properties": {
            "strategy": {
                "type": "string",
                "enum": ["weighted", "ordered", "least_latency", "least_busy", "cheapest"]
            },
            "when": condition(),
            "targets": { "type": "array", "items": target(), "minItems": 1, "maxItems": 32 }
        },
        "required": ["targets"],
        "additionalProperties": false
    })
}

fn condition() -> Value {
    let capabilities = |about: &str| {
        json!({
            "type": "array",
            "items": {
                "type": "string",
                "enum": ["tools", "images", "documents", "media", "reasoning", "structured_output", "streaming"]
            },
            "description": about
        })
    };
    let tokens = |about: &str| json!({ "type": "integer", "minimum": 0, "description": about });
    json!({
        "type": "object",
        "description": "Which requests a group is for; everything that is said holds at once.",
        "properties": {
            "min_prompt_tokens": tokens("At least so many tokens of input."),
            "max_prompt_tokens": tokens("At most so many tokens of input."),
            "uses": capabilities("It asks for at least one of these."),
            "without": capabilities("It asks for none of these."),
            "tags": {
                "type": "object", "additionalProperties": { "type": "string" }, "maxProperties": 16,
                "description": "It has these tags."
            }
        },
        "additionalProperties": false
    })
}

fn target() -> Value {
    json!({
        "type": "object",
        "properties": {
            "model": { "type": "string", "description": "A name, a Bedrock id, an inference profile's id or ARN." },
            "region": { "type": "string", "description": "Where it is called; absent, in each region of `models.url`." },
            "account": { "type": "string", "description": "In whose account, by its name in `models.accounts`." },
            "weight": { "type": "integer", "minimum": 1, "maximum": 1000 }
        },
        "required": ["model"],
        "additionalProperties": false
    })
}

fn prompt_cache() -> Value {
    json!({
        "type": "object",
        "description": "Where marks of the prompt cache are put in requests that have none.",
        "properties": {
            "tools": { "type": "boolean" },
            "system": { "type": "boolean" },
            "messages": { "type": "boolean" },
            "ttl": {
                "type": "string", "enum": ["auto", "5m", "1h"], "default": "5m",
                "description": "How long it is kept; `auto` is an hour for tools and instructions, and five minutes for turns. \
                                An hour costs twice the price of input to write, five minutes 1.25 times."
            },
            "min_tokens": { "type": "integer", "minimum": 0, "maximum": 1_000_000 }
        },
        "additionalProperties": false
    })
}

fn cache() -> Value {
    json!({
        "type": "object",
        "description": "Whether answers are kept and given again.",
        "properties": {
            "enabled": { "type": "boolean" },
            "ttl_s": { "type": "integer", "minimum": 1, "maximum": 2_592_000 },
            "tools": { "type": "boolean" },
            "request_control": { "type": "boolean" }
        },
        "additionalProperties": false
    })
}
