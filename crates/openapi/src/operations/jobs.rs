//! Jobs: model calls that are made later.

use outcrop_types::Permission as P;

use crate::Access::Needs;
use crate::{Body, Field, Kind, Operation};

pub(super) const PRIORITY: Field = Field::optional(
    "priority",
    Kind::OneOf(&["high", "normal", "low"]),
    "What goes first among your team's jobs.",
);
pub(super) const DEADLINE: Field = Field::optional(
    "deadline",
    Kind::Deadline,
    "When it is of no use any more: a time, or seconds from now. The more time, the cheaper it may be done.",
);
pub(super) const IDEMPOTENCY_KEY: Field = Field::optional(
    "idempotency-key",
    Kind::Text,
    "Your own key, 1 to 255 visible characters: the same request under it is taken in once.",
);

/// What is said where a key was used before.
pub(super) const KEY_REUSED: (&str, &str) =
    ("409", "The `Idempotency-Key` was used before with another request.");

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::new("POST", "/v1/jobs", "Jobs", "Have a model call made later", Needs(P::WriteJobs))
        .headers(&[IDEMPOTENCY_KEY])
        .body(Body::Fields {
            fields: &[
                Field::required("path", Kind::Text, "Where to send the body, e.g. /v1/chat/completions."),
                Field::required("body", Kind::Object, "What to send there."),
                PRIORITY,
                DEADLINE,
                Field::optional("metadata", Kind::Object, "Up to 16 texts of your own, to find it by."),
            ],
            example: r#"{"path":"/generate","body":{"prompt":"Hello, later"},"priority":"low","deadline":3600}"#,
        })
        .status(202)
        .refusals(&[KEY_REUSED]),
    Operation::new(
        "GET",
        "/v1/jobs",
        "Jobs",
        "List your team's jobs and batches, newest first; also by `metadata[name]=value`",
        Needs(P::ReadJobs),
    )
    .query(&[
        Field::optional("limit", Kind::Whole, "Most entries of the answer."),
        Field::optional("after", Kind::Text, "The last id of the page before."),
        Field::optional(
            "status",
            Kind::OneOf(&["queued", "running", "succeeded", "failed", "cancelled", "expired"]),
            "Only those that stand so.",
        ),
        Field::optional("kind", Kind::OneOf(&["call", "batch"]), "Only this kind."),
        Field::optional("path", Kind::Text, "Only calls of this path, and batches of such calls."),
        Field::optional("metadata", Kind::Object, "Only those with this entry: one, as `metadata[name]=value`."),
        Field::optional("dead", Kind::OneOf(&["true", "false"]), "Only those that were set aside."),
    ]),
    Operation::new("GET", "/v1/jobs/{job}", "Jobs", "Show a job and its answer", Needs(P::ReadJobs))
        .of_a_team(),
    Operation::new(
        "GET",
        "/v1/jobs/{job}/result",
        "Jobs",
        "The answer as the call would have had it: its status, its body; 409 while there is none",
        Needs(P::ReadJobs),
    )
    .of_a_team()
    .refusals(&[
        ("409", "There is no answer: not yet, or never, or those of a batch, which are in its files."),
        ("410", "The answer is kept no longer."),
    ]),
    Operation::new(
        "GET",
        "/v1/jobs/{job}/events",
        "Jobs",
        "What happens to a job, as server-sent events, until it has ended",
        Needs(P::ReadJobs),
    )
    .of_a_team()
    .query(&[Field::optional("after", Kind::Whole, "The number of the last event that was seen.")])
    .headers(&[Field::optional("last-event-id", Kind::Whole, "The same, as clients of such events say it.")]),
    Operation::new("DELETE", "/v1/jobs/{job}", "Jobs", "Cancel a job or a batch", Needs(P::WriteJobs))
        .of_a_team(),
    Operation::new(
        "POST",
        "/v1/jobs/{job}/redrive",
        "Jobs",
        "Send a job that was set aside back to the queue; 409 if it was not",
        Needs(P::WriteJobs),
    )
    .of_a_team()
    .status(202)
    .refusals(&[("409", "It was not set aside.")]),
    Operation::new(
        "GET",
        "/admin/v1/jobs/backlog",
        "Jobs",
        "How much work of all teams is due, also for each worker, under way, put off and set aside",
        Needs(P::ManagePlatform),
    ),
    Operation::new(
        "GET",
        "/admin/v1/jobs/dead",
        "Jobs",
        "What was set aside, of all teams: jobs, and beside the first page messages of the queue",
        Needs(P::ManagePlatform),
    )
    .query(&[
        Field::optional("limit", Kind::Whole, "Most jobs of the answer."),
        Field::optional("after", Kind::Text, "The last id of the page before."),
    ]),
    Operation::new(
        "POST",
        "/admin/v1/jobs/redrive",
        "Jobs",
        "Send what was set aside back to the queue: either `ids`, or `all`",
        Needs(P::ManagePlatform),
    )
    .body(Body::Fields {
        fields: &[
            Field::optional("ids", Kind::Texts, "These jobs."),
            Field::optional("all", Kind::Bool, "All of them, up to a thousand."),
        ],
        example: r#"{"all":true}"#,
    }),
];
