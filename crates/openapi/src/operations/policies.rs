//! Policies: how much somebody may use.

use outcrop_types::Permission as P;

use crate::Access::Needs;
use crate::{Body, Field, Kind, Operation};

const MODEL: &str = "For which models, by a pattern of names such as `claude-*`; all if not said.";

const CREATE_POLICY: Body = Body::Fields {
    fields: &[
        Field::required("target", Kind::Target, "For whom it is."),
        Field::optional("model", Kind::Text, MODEL),
        Field::required("rules", Kind::Rules, "What it says."),
    ],
    example: r#"{"target":{"level":"user"},"model":"claude-*","rules":{"requests_per_minute":600,
        "budgets":[{"usd":"50","period":"month","time_zone":"Europe/Zurich","alert_at":[80]}]}}"#,
};

const CHANGE_POLICY: Body = Body::Fields {
    fields: &[
        Field::required("rules", Kind::RulesPatch, "What shall change of its rules."),
        Field::optional("revision", Kind::Whole, "Change only if nobody else has since."),
    ],
    example: r#"{"rules":{"requests_per_minute":900,"budgets":null}}"#,
};

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::new(
        "POST",
        "/admin/v1/policies",
        "Policies",
        "Create a policy: how much a key, a user, a team or everybody may use",
        Needs(P::ManageTeam),
    )
    .body(CREATE_POLICY)
    .status(201),
    Operation::new("GET", "/admin/v1/policies", "Policies", "List policies", Needs(P::ManageTeam)).query(&[
        Field::optional("team", Kind::Text, "Only those that are this team's affair."),
        Field::optional("level", Kind::OneOf(&["platform", "team", "user", "key"]), "Only this level."),
        Field::optional("user", Kind::Text, "Only those for this user or service account by name."),
        Field::optional("key", Kind::Text, "Only those for this key by name."),
        Field::optional("model", Kind::Text, "Only those for these models, to the letter."),
        Field::optional("limit", Kind::Whole, "Most entries of the answer, 1 to 100."),
        Field::optional("after", Kind::Text, "`next` of the page before."),
    ]),
    Operation::new("GET", "/admin/v1/policies/{policy}", "Policies", "Show a policy", Needs(P::ManageTeam))
        .of_a_team(),
    Operation::new(
        "PATCH",
        "/admin/v1/policies/{policy}",
        "Policies",
        "Change a policy's rules",
        Needs(P::ManageTeam),
    )
    .of_a_team()
    .body(CHANGE_POLICY),
    Operation::new(
        "DELETE",
        "/admin/v1/policies/{policy}",
        "Policies",
        "Delete a policy",
        Needs(P::ManageTeam),
    )
    .of_a_team()
    .status(204),
];
