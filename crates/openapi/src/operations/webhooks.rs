//! Webhooks: endpoints that are told of a team's work.

use outcrop_types::{Permission as P, WEBHOOK_EVENTS};

use crate::Access::Needs;
use crate::{Body, Field, Kind, Operation};

const DESCRIPTION: Field =
    Field::optional("description", Kind::Text, "What it is for, at most 256 characters.");
const EVENTS: Field = Field::optional(
    "events",
    Kind::TextsOf(&WEBHOOK_EVENTS),
    "The events it is told of; none or not said is all.",
);
const ENABLED: Field = Field::optional("enabled", Kind::Bool, "Whether it is told anything.");

const CREATE: Body = Body::Fields {
    fields: &[
        Field::required("url", Kind::Text, "Where it is: an https:// address that is public."),
        DESCRIPTION,
        EVENTS,
        ENABLED,
    ],
    example: r#"{"url":"https://example.com/outcrop","events":["batch.completed","batch.failed"]}"#,
};

const CHANGE: Body = Body::Fields {
    fields: &[
        Field::optional("url", Kind::Text, "Where it is: an https:// address that is public."),
        DESCRIPTION,
        EVENTS,
        ENABLED,
    ],
    example: r#"{"enabled":false}"#,
};

const TAG: &str = "Webhooks";
const CHANGED: (&str, &str) = ("409", "It was changed by others at the same time.");
const DISABLED: (&str, &str) = ("409", "The endpoint is disabled.");

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::new(
        "POST",
        "/v1/webhooks",
        TAG,
        "Add an endpoint that is told of the team's work; its secret is in this answer alone",
        Needs(P::ManageTeam),
    )
    .body(CREATE)
    .status(201)
    .refusals(&[
        ("403", "The credential does not have `team:manage`, or webhooks are turned off."),
        ("409", "The team has as many as it may."),
    ]),
    Operation::new("GET", "/v1/webhooks", TAG, "List endpoints", Needs(P::ManageTeam)),
    Operation::new("GET", "/v1/webhooks/{webhook}", TAG, "Show an endpoint", Needs(P::ManageTeam)).of_a_team(),
    Operation::new("PATCH", "/v1/webhooks/{webhook}", TAG, "Change an endpoint", Needs(P::ManageTeam))
        .of_a_team()
        .body(CHANGE)
        .refusals(&[CHANGED]),
    Operation::new(
        "DELETE",
        "/v1/webhooks/{webhook}",
        TAG,
        "Remove an endpoint, with its deliveries",
        Needs(P::ManageTeam),
    )
    .of_a_team()
    .status(204),
    Operation::new(
        "POST",
        "/v1/webhooks/{webhook}/rotate",
        TAG,
        "Give an endpoint a new secret, which is in this answer alone; the old one signs beside it for a while",
        Needs(P::ManageTeam),
    )
    .of_a_team()
    .body(Body::Fields {
        fields: &[Field::optional(
            "overlap_s",
            Kind::Whole,
            "For how long the old one still signs, seconds, at most 2592000; 0 ends it at once.",
        )],
        example: r#"{"overlap_s":0}"#,
    })
    .refusals(&[CHANGED]),
    Operation::new(
        "POST",
        "/v1/webhooks/{webhook}/test",
        TAG,
        "Have an endpoint told `webhook.test`",
        Needs(P::ManageTeam),
    )
    .of_a_team()
    .status(202)
    .refusals(&[DISABLED, ("429", "Too many requests, or too many tests that wait to be told.")]),
    Operation::new(
        "GET",
        "/v1/webhooks/{webhook}/deliveries",
        TAG,
        "List what an endpoint was or shall be told, newest first",
        Needs(P::ManageTeam),
    )
    .of_a_team()
    .query(&[
        Field::optional("state", Kind::OneOf(&["pending", "delivered", "failed"]), "Only those that stand so."),
        Field::optional("limit", Kind::Whole, "Most entries of the answer."),
        Field::optional("after", Kind::Text, "The last id of the page before."),
    ]),
    Operation::new(
        "GET",
        "/v1/webhooks/{webhook}/deliveries/{delivery}",
        TAG,
        "Show a delivery: what was told, how often, and what came of it",
        Needs(P::ManageTeam),
    )
    .of_a_team(),
    Operation::new(
        "POST",
        "/v1/webhooks/{webhook}/deliveries/{delivery}/replay",
        TAG,
        "Have an endpoint told once more",
        Needs(P::ManageTeam),
    )
    .of_a_team()
    .status(202)
    .refusals(&[DISABLED]),
];
