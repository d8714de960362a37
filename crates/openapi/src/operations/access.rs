//! Keys, roles and the audit log.

use outcrop_types::Permission as P;

use crate::Access::{Known, Needs};
use crate::{Body, Field, Kind, Operation};

const ROLES: Kind = Kind::OneOf(&["platform_admin", "team_admin", "developer", "viewer", "service"]);
const LIMIT: Field = Field::optional("limit", Kind::Whole, "Most entries of the answer, 1 to 100.");
const AFTER: Field = Field::optional("after", Kind::Text, "`next` of the page before.");

const CREATE_KEY: Body = Body::Fields {
    fields: &[
        Field::required("name", Kind::Text, "A name for people."),
        Field::optional("team", Kind::Text, "The team it acts for; by default your own."),
        Field::optional("role", ROLES, "What it may do; by default a developer's."),
        Field::optional("user", Kind::Text, "Whose it is; by default yours."),
        Field::optional("service_account", Kind::Text, "The service account whose it is."),
        Field::optional("scope", Kind::Scope, "What it is narrowed to."),
        Field::optional("limits", Kind::Limits, "Limits on it."),
        Field::optional("tags", Kind::Object, "Words of your own, at most 16."),
        Field::optional("expires_at", Kind::Time, "When it ends by itself."),
    ],
    example: r#"{"name":"ci"}"#,
};

const CHANGE_KEY: Body = Body::Fields {
    fields: &[
        Field::optional("name", Kind::Text, "Its new name."),
        Field::optional("scope", Kind::Scope, "What it is narrowed to from now on."),
        Field::optional("limits", Kind::Limits, "Its new limits."),
        Field::optional("tags", Kind::Object, "Its new tags, all of them."),
        Field::optional("expires_at", Kind::Time, "When it ends by itself."),
        Field::optional("revision", Kind::Whole, "Change only if nobody else has since."),
    ],
    example: r#"{"name":"ci, main branch"}"#,
};

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::new(
        "POST",
        "/admin/v1/keys",
        "Keys",
        "Create a key; it is shown this once",
        Needs(P::ManageKeys),
    )
    .body(CREATE_KEY)
    .status(201),
    Operation::new("GET", "/admin/v1/keys", "Keys", "List keys", Needs(P::ManageKeys)).query(&[
        Field::optional("team", Kind::Text, "Only those of this team."),
        Field::optional("user", Kind::Text, "Only those of this user."),
        Field::optional("service_account", Kind::Text, "Only those of this service account."),
        Field::optional("name_prefix", Kind::Text, "Only names that begin so."),
        Field::optional("active", Kind::Bool, "Only those that are good now."),
        LIMIT,
        AFTER,
    ]),
    Operation::new("GET", "/admin/v1/keys/{key}", "Keys", "Show a key's record", Needs(P::ManageKeys))
        .of_a_team(),
    Operation::new("PATCH", "/admin/v1/keys/{key}", "Keys", "Change a key", Needs(P::ManageKeys))
        .of_a_team()
        .body(CHANGE_KEY),
    Operation::new(
        "POST",
        "/admin/v1/keys/{key}/rotate",
        "Keys",
        "Replace a key; the old one works on for a while",
        Needs(P::ManageKeys),
    )
    .of_a_team()
    .body(Body::Fields {
        fields: &[Field::optional(
            "overlap_s",
            Kind::Whole,
            "How long the old one works on, seconds; by default a day.",
        )],
        example: "{}",
    })
    .status(201),
    Operation::new("DELETE", "/admin/v1/keys/{key}", "Keys", "Revoke a key", Needs(P::ManageKeys))
        .of_a_team(),
    Operation::new("GET", "/admin/v1/roles", "Roles", "List roles and what each may do", Known),
    Operation::new(
        "GET",
        "/admin/v1/audit",
        "Audit",
        "List what was changed and what was refused",
        Needs(P::ReadAudit),
    )
    .query(&[
        Field::optional("team", Kind::Text, "Only what concerns this team."),
        Field::optional(
            "actor",
            Kind::Text,
            "Only by this user, service account, `command_line` or `system`.",
        ),
        Field::optional("action", Kind::Text, "Only this action, or all that begin with it: `key.`."),
        Field::optional("target", Kind::Text, "Only what was done to this."),
        Field::optional("outcome", Kind::OneOf(&["done", "refused"]), "Only what was done, or refused."),
        Field::optional("since", Kind::Time, "From this time on."),
        Field::optional("until", Kind::Time, "Before this time."),
        LIMIT,
        AFTER,
    ]),
];
