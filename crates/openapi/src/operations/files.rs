//! Files: bytes that a team keeps here.

use outcrop_types::Permission as P;

use crate::Access::Needs;
use crate::{Body, Field, Kind, Operation};

const PURPOSES: Kind = Kind::OneOf(&["batch", "assistants", "fine-tune", "vision", "user_data", "evals"]);
const PURPOSE: Field = Field::required("purpose", PURPOSES, "What it is for.");

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::new("POST", "/v1/files", "Files", "Upload a file", Needs(P::WriteJobs))
        .headers(&[Field::optional(
            "x-outcrop-sha256",
            Kind::Text,
            "SHA-256 of the file in hexadecimal: another file is refused.",
        )])
        .body(Body::Multipart {
            fields: &[
                PURPOSE,
                Field::optional(
                    "expires_after[anchor]",
                    Kind::OneOf(&["created_at"]),
                    "From when on it is kept.",
                ),
                Field::optional("expires_after[seconds]", Kind::Whole, "How long: from 3600 to 2592000."),
            ],
        })
        .refusals(&[
            ("408", "Its bytes come too slowly."),
            ("415", "The body is not multipart/form-data."),
            ("403", "The credential does not have `jobs:write`, or the team's files have no room for it."),
        ]),
    Operation::new("GET", "/v1/files", "Files", "List your team's files", Needs(P::ReadJobs)).query(&[
        Field::optional(
            "limit",
            Kind::Whole,
            "Most entries of the answer, up to 10000; no answer has more than 1000.",
        ),
        Field::optional("after", Kind::Text, "The last id of the page before."),
        Field::optional(
            "order",
            Kind::OneOf(&["asc", "desc"]),
            "By age; `desc`, the newest first, if left out.",
        ),
        Field::optional("purpose", Kind::Text, "Only those for this."),
    ]),
    Operation::new("GET", "/v1/files/{file}", "Files", "Show a file", Needs(P::ReadJobs)).of_a_team(),
    Operation::new("DELETE", "/v1/files/{file}", "Files", "Remove a file", Needs(P::WriteJobs))
        .of_a_team()
        .refusals(&[("409", "It is the input of a batch that has not ended.")]),
    Operation::new(
        "GET",
        "/v1/files/{file}/content",
        "Files",
        "Download a file, or the part of it that `range` names",
        Needs(P::ReadJobs),
    )
    .of_a_team()
    .headers(&[
        Field::optional("range", Kind::Text, "One range of bytes, e.g. `bytes=0-1023`: answered with 206."),
        Field::optional(
            "if-range",
            Kind::Text,
            "The `etag` that the range is of; the whole is sent if it is another.",
        ),
    ])
    .also(&[("206", "The part of the file that `range` names.")])
    .refusals(&[("416", "The file does not have the bytes that `range` names.")]),
    Operation::new(
        "POST",
        "/v1/files/uploads",
        "Files",
        "Announce a file, and be told an address to send its bytes to, past the platform",
        Needs(P::WriteJobs),
    )
    .body(Body::Fields {
        fields: &[
            Field::required("filename", Kind::Text, "Its name."),
            PURPOSE,
            Field::required("bytes", Kind::Whole, "Its size, exactly."),
            Field::optional("sha256", Kind::Text, "Its SHA-256 in hexadecimal: another file is refused."),
            Field::optional(
                "expires_after",
                Kind::Object,
                "How long it is kept: `anchor` is `created_at`, `seconds` from 3600 to 2592000.",
            ),
        ],
        example: r#"{"filename":"lines.jsonl","purpose":"batch","bytes":1048576}"#,
    })
    .status(201),
    Operation::new(
        "POST",
        "/v1/files/{file}/complete",
        "Files",
        "Say that the bytes of an announced file are sent",
        Needs(P::WriteJobs),
    )
    .of_a_team(),
    Operation::new(
        "GET",
        "/v1/files/{file}/url",
        "Files",
        "Be told an address to download a file from, past the platform",
        Needs(P::ReadJobs),
    )
    .of_a_team(),
];
