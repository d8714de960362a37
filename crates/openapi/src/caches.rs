//! What model calls say of caches, and what answers tell of them: headers and fields that are the same in all dialects.

use serde_json::{Value, json};

use crate::{Field, Kind};

/// The field of a body that is about its answer.
pub(crate) const BODY: Field = Field::optional(
    "cache",
    Kind::Cache,
    "Whether the answer is kept and given again, where policies and routes let requests say so.",
);

/// The same in headers; the body is heard before them.
pub(crate) const HEADERS: &[Field] = &[
    Field::optional(
        "x-outcrop-cache-ttl",
        Kind::Text,
        "Keep the answer for so many seconds; as `cache.ttl` in a body.",
    ),
    Field::optional(
        "x-outcrop-cache-namespace",
        Kind::Text,
        "Keep it with those of this name alone; as `cache.namespace`.",
    ),
    Field::optional(
        "cache-control",
        Kind::Text,
        "`no-cache`: make a new answer; `no-store`: do not keep it; `max-age=60`: give none that is older. None of them has \
         answers kept that are not kept anyway.",
    ),
];

/// What answers of models tell.
pub(crate) const TOLD: &[Field] = &[
    Field::optional("x-outcrop-model", Kind::Text, "The model that answered."),
    Field::optional("x-outcrop-region", Kind::Text, "The AWS region that answered."),
    Field::optional("x-outcrop-route", Kind::Text, "The route that the call took, if it took one."),
    Field::optional(
        "x-outcrop-attempts",
        Kind::Text,
        "Where more than one target was tried, each with what came of it: `us-east-1 throttled, us-west-2 ok`.",
    ),
    Field::optional(
        "x-outcrop-cache",
        Kind::OneOf(&["bypass", "miss", "hit", "coalesced"]),
        "What the cache of answers did.",
    ),
    Field::optional("age", Kind::Whole, "For a hit, how old the answer is, seconds."),
    Field::optional(
        "x-outcrop-cache-saved-usd",
        Kind::Text,
        "What the call would have cost that the cache spared, where that is known; US dollars as decimal text.",
    ),
    Field::optional(
        "x-outcrop-prompt-cache",
        Kind::Text,
        "How many cache points were put into the request: `placed=2`.",
    ),
    Field::optional(
        "x-outcrop-guardrail",
        Kind::Text,
        "What guardrails found: `passed`, `observed` or `intervened`, and which one it was.",
    ),
];

/// [`BODY`].
pub(crate) fn answers() -> Value {
    let flag = |about: &str| json!({ "type": ["boolean", "null"], "description": about });
    json!({
        "type": ["object", "null"],
        "properties": {
            "ttl": { "type": ["integer", "null"], "minimum": 1, "description": "How long the answer is kept, seconds; at most what settings say." },
            "no_cache": flag("Whether a new answer is made, though one may be kept."),
            "no_store": flag("Whether the answer is not kept."),
            "namespace": { "type": ["string", "null"], "description": "Kept with those of this name alone." }
        },
        "additionalProperties": false
    })
}

/// What is kept of a request in the model's own cache.
pub(crate) fn prompts() -> Value {
    let flag = |about: &str| json!({ "type": ["boolean", "null"], "description": about });
    json!({
        "type": ["object", "null"],
        "description": "Where cache points are put. What is `false` is not kept even where settings say so.",
        "properties": {
            "tools": flag("Behind the tools."),
            "system": flag("Behind the instructions."),
            "messages": flag("Behind the user's last turns."),
            "ttl": { "type": ["string", "null"], "enum": ["5m", "1h", null], "description": "How long it is kept." }
        },
        "additionalProperties": false
    })
}
