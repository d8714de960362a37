//! Models, and what says how the platform is.

use outcrop_types::Permission as P;

use crate::Access::{Needs, Public};
use crate::{Body, Field, Kind, Operation, caches};

const GENERATE: Body = Body::Fields {
    fields: &[
        Field::required("prompt", Kind::Text, "What to say."),
        Field::optional("system", Kind::Text, "Instructions that go before it."),
        Field::optional("model", Kind::Text, "Which model; by default the platform's."),
        Field::optional("max_tokens", Kind::Whole, "Most tokens of the answer."),
        Field::optional("temperature", Kind::Share, "From 0 to 1."),
        Field::optional("top_p", Kind::Share, "From 0 to 1."),
        Field::optional("stop", Kind::Texts, "Ends the answer where one of them appears."),
        Field::optional("stream", Kind::Bool, "Answer in pieces, as server-sent events."),
        Field::optional(
            "prompt_cache_key",
            Kind::Text,
            "Requests of one key prefer one region, which has their prompt cache.",
        ),
        Field::optional(
            "prompt_caching",
            Kind::PromptCaching,
            "What is kept in the model's own cache of what it reads.",
        ),
        Field::optional("async", Kind::Bool, "Answer with a job, which makes the answer later."),
        super::jobs::PRIORITY,
        super::jobs::DEADLINE,
        caches::BODY,
    ],
    example: r#"{"prompt":"Hello"}"#,
};

/// What `async` is answered with.
const LATER: (&str, &str) = ("202", "A job that makes the call later.");

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::new("POST", "/generate", "Models", "Ask a model, the short way", Needs(P::InvokeModel))
        .headers(caches::HEADERS)
        .tells(caches::TOLD)
        .body(GENERATE)
        .also(&[LATER])
        .refusals(&[super::jobs::KEY_REUSED]),
    Operation::new("POST", "/v1/generate", "Models", "The same as /generate", Needs(P::InvokeModel))
        .headers(caches::HEADERS)
        .tells(caches::TOLD)
        .body(GENERATE)
        .also(&[LATER])
        .refusals(&[super::jobs::KEY_REUSED]),
    Operation::new("GET", "/v1/models", "Models", "List the models you may call", Needs(P::ReadModels))
        .query(&[
            Field::optional(
                "limit",
                Kind::Whole,
                "Most entries; only with `anthropic-version`, as all of these.",
            ),
            Field::optional("after_id", Kind::Text, "The last id of the page before."),
            Field::optional("before_id", Kind::Text, "The first id of the page after."),
        ]),
    Operation::new("GET", "/v1/models/{model}", "Models", "Show a model", Needs(P::ReadModels)),
    Operation::new("GET", "/", "Platform", "What answers here", Public),
    Operation::new("GET", "/openapi.json", "Platform", "This document", Public),
    Operation::new(
        "GET",
        "/api/v1/health",
        "Platform",
        "Whether the process is alive, as the Bedrock Access Gateway says it",
        Public,
    ),
    Operation::new("GET", "/healthz", "Platform", "Whether the process is alive", Public),
    Operation::new("GET", "/readyz", "Platform", "Whether what it depends on is there, by name", Public),
];
