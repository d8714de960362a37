//! Batches: many model calls from one file, answered in another.

use outcrop_types::Permission as P;

use super::jobs::{IDEMPOTENCY_KEY, KEY_REUSED};
use crate::Access::Needs;
use crate::{Body, Field, Kind, Operation};

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::new(
        "POST",
        "/v1/batches",
        "Batches",
        "Have the lines of a file called, each a request: their answers become another file",
        Needs(P::WriteJobs),
    )
    .headers(&[IDEMPOTENCY_KEY])
    .body(Body::Fields {
        fields: &[
            Field::required("input_file_id", Kind::Text, "A file of the purpose `batch`, of one request in each line."),
            Field::required("endpoint", Kind::Text, "The path that every line calls, e.g. /v1/chat/completions."),
            Field::required("completion_window", Kind::Text, "How long it may take: `24h`, or any from `1h` to `7d`."),
            Field::optional("metadata", Kind::Object, "Up to 16 texts of your own."),
            Field::optional(
                "output_expires_after",
                Kind::Object,
                "How long what it makes is kept: `anchor` is `created_at`, `seconds` from 3600 to 2592000.",
            ),
        ],
        example: r#"{"input_file_id":"file_0196f1b2c3d47e5f8a9b0c1d2e3f4a5b","endpoint":"/v1/chat/completions",
        "completion_window":"24h","metadata":{"project":"atlas"}}"#,
    })
    .refusals(&[("404", "There is no such input file, or it is another team's."), KEY_REUSED]),
    Operation::new("GET", "/v1/batches", "Batches", "List your team's batches, newest first", Needs(P::ReadJobs))
        .query(&[
            Field::optional("limit", Kind::Whole, "Most entries of the answer."),
            Field::optional("after", Kind::Text, "The last id of the page before."),
        ]),
    Operation::new(
        "GET",
        "/v1/batches/{batch}",
        "Batches",
        "Show a batch: how far it is, how it is done and why, what it costs so far",
        Needs(P::ReadJobs),
    )
    .of_a_team(),
    Operation::new(
        "POST",
        "/v1/batches/{batch}/cancel",
        "Batches",
        "Cancel a batch; what is finished is kept",
        Needs(P::WriteJobs),
    )
    .of_a_team(),
];
