//! Teams, their members, users and service accounts.

use outcrop_types::Permission as P;

use crate::Access::Needs;
use crate::{Body, Field, Kind, Operation};

const ROLES: Kind = Kind::OneOf(&["platform_admin", "team_admin", "developer", "viewer", "service"]);
const LIMIT: Field = Field::optional("limit", Kind::Whole, "Most entries of the answer, 1 to 100.");
const AFTER: Field = Field::optional("after", Kind::Text, "`next` of the page before.");
const PREFIX: Field = Field::optional("name_prefix", Kind::Text, "Only names that begin so.");
const DISABLED: Field = Field::optional("disabled", Kind::Bool, "Only disabled ones, or only others.");
const OF_TEAM: Field = Field::optional("team", Kind::Text, "Only those of this team.");
const REVISION: Field = Field::optional("revision", Kind::Whole, "Change only if nobody else has since.");
const NAME: Field = Field::optional("name", Kind::Text, "Its new name.");
const SWITCH: Field = Field::optional("disabled", Kind::Bool, "Keep out, or let in again.");

const ROLE: Body = Body::Fields {
    fields: &[Field::required("role", ROLES, "What the user is in the team.")],
    example: r#"{"role":"developer"}"#,
};

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::new("POST", "/admin/v1/teams", "Teams", "Create a team", Needs(P::ManagePlatform))
        .body(Body::Fields {
            fields: &[Field::required("name", Kind::Text, "Its name, unique on the platform.")],
            example: r#"{"name":"payments"}"#,
        })
        .status(201),
    Operation::new("GET", "/admin/v1/teams", "Teams", "List teams", Needs(P::ManageTeam))
        .query(&[PREFIX, DISABLED, LIMIT, AFTER]),
    Operation::new("GET", "/admin/v1/teams/{team}", "Teams", "Show a team", Needs(P::ManageTeam)).of_a_team(),
    Operation::new(
        "PATCH",
        "/admin/v1/teams/{team}",
        "Teams",
        "Rename, disable or enable a team",
        Needs(P::ManagePlatform),
    )
    .of_a_team()
    .body(Body::Fields { fields: &[NAME, SWITCH, REVISION], example: r#"{"name":"payments-eu"}"# }),
    Operation::new(
        "DELETE",
        "/admin/v1/teams/{team}",
        "Teams",
        "Delete a team and revoke its keys",
        Needs(P::ManagePlatform),
    )
    .of_a_team()
    .status(204),
    Operation::new(
        "GET",
        "/admin/v1/teams/{team}/members",
        "Teams",
        "List a team's members",
        Needs(P::ManageTeam),
    )
    .of_a_team()
    .query(&[LIMIT, AFTER]),
    Operation::new(
        "POST",
        "/admin/v1/teams/{team}/members",
        "Teams",
        "Add a member, as a platform admin, or change the role of one",
        Needs(P::ManageTeam),
    )
    .of_a_team()
    .body(Body::Fields {
        fields: &[
            Field::required("user", Kind::Text, "Id or name."),
            Field::required("role", ROLES, "What the user is in the team."),
        ],
        example: r#"{"user":"ada","role":"developer"}"#,
    })
    .status(201)
    .repeatable(),
    Operation::new(
        "GET",
        "/admin/v1/teams/{team}/members/{user}",
        "Teams",
        "Show a member",
        Needs(P::ManageTeam),
    )
    .of_a_team(),
    Operation::new(
        "PUT",
        "/admin/v1/teams/{team}/members/{user}",
        "Teams",
        "Change the role of a member, or, as a platform admin, add one",
        Needs(P::ManageTeam),
    )
    .of_a_team()
    .body(ROLE),
    Operation::new(
        "DELETE",
        "/admin/v1/teams/{team}/members/{user}",
        "Teams",
        "End a membership",
        Needs(P::ManageTeam),
    )
    .of_a_team()
    .status(204),
    Operation::new("POST", "/admin/v1/users", "Users", "Invite a user", Needs(P::ManageTeam))
        .body(Body::Fields {
            fields: &[
                Field::required("name", Kind::Text, "The name to log in with, unique on the platform."),
                Field::optional("email", Kind::Text, "For people; nothing is sent there."),
                Field::optional("team", Kind::Text, "The first team; by default your own."),
                Field::optional("role", ROLES, "What the user is there; by default a developer."),
            ],
            example: r#"{"name":"ada"}"#,
        })
        .status(201),
    Operation::new("GET", "/admin/v1/users", "Users", "List users", Needs(P::ManageTeam))
        .query(&[OF_TEAM, PREFIX, DISABLED, LIMIT, AFTER]),
    Operation::new("GET", "/admin/v1/users/{user}", "Users", "Show a user", Needs(P::ManageTeam)).of_a_team(),
    Operation::new(
        "PATCH",
        "/admin/v1/users/{user}",
        "Users",
        "Change, disable or enable a user",
        Needs(P::ManagePlatform),
    )
    .of_a_team()
    .body(Body::Fields {
        fields: &[NAME, Field::optional("email", Kind::Text, "The new address."), SWITCH, REVISION],
        example: r#"{"disabled":true}"#,
    }),
    Operation::new(
        "DELETE",
        "/admin/v1/users/{user}",
        "Users",
        "Delete a user and revoke its keys",
        Needs(P::ManagePlatform),
    )
    .of_a_team()
    .status(204),
    Operation::new(
        "POST",
        "/admin/v1/users/{user}/invitation",
        "Users",
        "Invite again: for a new password",
        Needs(P::ManageTeam),
    )
    .of_a_team()
    .status(201),
    Operation::new(
        "POST",
        "/admin/v1/service-accounts",
        "Service accounts",
        "Create a service account",
        Needs(P::ManageTeam),
    )
    .body(Body::Fields {
        fields: &[
            Field::required("name", Kind::Text, "Its name, unique in its team."),
            Field::optional("team", Kind::Text, "Its team; by default your own."),
            Field::optional("role", ROLES, "What it is there; by default a service."),
        ],
        example: r#"{"name":"checkout"}"#,
    })
    .status(201),
    Operation::new(
        "GET",
        "/admin/v1/service-accounts",
        "Service accounts",
        "List service accounts",
        Needs(P::ManageTeam),
    )
    .query(&[OF_TEAM, PREFIX, DISABLED, LIMIT, AFTER]),
    Operation::new(
        "GET",
        "/admin/v1/service-accounts/{account}",
        "Service accounts",
        "Show a service account",
        Needs(P::ManageTeam),
    )
    .of_a_team(),
    Operation::new(
        "PATCH",
        "/admin/v1/service-accounts/{account}",
        "Service accounts",
        "Change, disable or enable one",
        Needs(P::ManageTeam),
    )
    .of_a_team()
    .body(Body::Fields {
        fields: &[NAME, Field::optional("role", ROLES, "Its new role."), SWITCH, REVISION],
        example: r#"{"disabled":true}"#,
    }),
    Operation::new(
        "DELETE",
        "/admin/v1/service-accounts/{account}",
        "Service accounts",
        "Delete one and revoke its keys",
        Needs(P::ManageTeam),
    )
    .of_a_team()
    .status(204),
];
