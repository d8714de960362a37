//! Routes: where calls of a model go.

use outcrop_types::Permission as P;

use crate::Access::Needs;
use crate::{Body, Field, Kind, Operation};

const TABLE: Body = Body::Fields {
    fields: &[
        Field::optional("defaults", Kind::RouteOptions, "What holds where a route does not say otherwise."),
        Field::optional(
            "routes",
            Kind::Routes,
            "The routes; a name once for everybody and once for each team.",
        ),
    ],
    example: r#"{"routes":[{"alias":"fast","groups":[{"targets":[{"model":"claude-haiku-4-5","weight":3},
        {"model":"amazon.nova-lite-v1:0"}]}]}]}"#,
};

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::new(
        "GET",
        "/admin/v1/routes",
        "Routes",
        "Show the table of routes, of all teams, with its revision as `etag`; what a team may call, its `/v1/models` lists",
        Needs(P::ManagePlatform),
    ),
    Operation::new(
        "PUT",
        "/admin/v1/routes",
        "Routes",
        "Put another table in its place, whole or not at all: with a fault all are told, in `faults`; refused where a file has the routes",
        Needs(P::ManagePlatform),
    )
    .headers(&[Field::required("if-match", Kind::Text, "The `etag` of the table that this one is made from.")])
    .body(TABLE),
    Operation::new(
        "POST",
        "/admin/v1/routes/check",
        "Routes",
        "Say what is wrong with a table and what is strange about it, and change nothing",
        Needs(P::ManagePlatform),
    )
    .body(TABLE),
    Operation::new(
        "GET",
        "/admin/v1/routes/targets",
        "Routes",
        "Show how each target of the routes, and each other that calls went to, stands: breaker, calls under way, latency, in the process that answers",
        Needs(P::ManagePlatform),
    ),
];
