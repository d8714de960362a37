//! What the platform's processes log.

use outcrop_types::Permission as P;

use crate::Access::Needs;
use crate::{Body, Field, Kind, Operation};

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::new(
        "GET",
        "/admin/v1/log",
        "Log",
        "Show the log filter in force, that of the settings, and until when another holds in its place",
        Needs(P::ManagePlatform),
    ),
    Operation::new(
        "PUT",
        "/admin/v1/log",
        "Log",
        "Have every process log by another filter for a while",
        Needs(P::ManagePlatform),
    )
    .body(Body::Fields {
        fields: &[
            Field::required("filter", Kind::Text, "The filter, in the syntax of `telemetry.filter`."),
            Field::optional("for_s", Kind::Whole, "For how many seconds, 1 to 86400; 900 if not said."),
        ],
        example: r#"{"filter":"info,outcrop=debug","for_s":900}"#,
    }),
    Operation::new(
        "DELETE",
        "/admin/v1/log",
        "Log",
        "Have every process log by its settings again",
        Needs(P::ManagePlatform),
    )
    .status(204),
];
