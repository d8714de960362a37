//! Prompts: what a team has written once for its people to fill in.

use outcrop_types::Permission as P;

use crate::Access::Needs;
use crate::{Body, Field, Kind, Operation};

const TITLE: &str = "What people read in a list.";
const DESCRIPTION: &str = "What it is for.";
const ARGUMENTS: &str = "What fills its blanks, 20 at most; each has a blank.";
const MESSAGES: &str = "What is said, 1 to 32 messages.";
const REVISION: &str = "Change only if nobody else has since.";

const CREATE_PROMPT: Body = Body::Fields {
    fields: &[
        Field::optional("team", Kind::Text, "Whose it is; the caller's team's if not said."),
        Field::required(
            "name",
            Kind::Text,
            "What it is called by, unique in its team: `a` to `z`, digits, `_` and `-`.",
        ),
        Field::optional("title", Kind::Text, TITLE),
        Field::optional("description", Kind::Text, DESCRIPTION),
        Field::optional("arguments", Kind::PromptArguments, ARGUMENTS),
        Field::required("messages", Kind::PromptMessages, MESSAGES),
    ],
    example: r#"{"name":"review","title":"Review code","arguments":[{"name":"language","required":true,"values":["Rust","Go"]}],
        "messages":[{"role":"user","text":"Review this {{language}}."}]}"#,
};

const ADD_VERSION: Body = Body::Fields {
    fields: &[
        Field::optional("title", Kind::Text, TITLE),
        Field::optional("description", Kind::Text, DESCRIPTION),
        Field::optional("arguments", Kind::PromptArguments, ARGUMENTS),
        Field::required("messages", Kind::PromptMessages, MESSAGES),
        Field::optional("serve", Kind::Bool, "Whether it is served from now on, as it is if not said."),
        Field::optional("revision", Kind::Whole, REVISION),
    ],
    example: r#"{"messages":[{"role":"user","text":"Review this."}]}"#,
};

const SERVE_VERSION: Body = Body::Fields {
    fields: &[
        Field::required("version", Kind::WholeOrNull, "The version's number; `null` archives the prompt."),
        Field::optional("revision", Kind::Whole, REVISION),
    ],
    example: r#"{"version":1}"#,
};

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::new(
        "POST",
        "/admin/v1/prompts",
        "Prompts",
        "Create a prompt that a team's people fill in over MCP",
        Needs(P::ManageTeam),
    )
    .body(CREATE_PROMPT)
    .status(201),
    Operation::new(
        "GET",
        "/admin/v1/prompts",
        "Prompts",
        "List prompts, without their messages",
        Needs(P::ManageTeam),
    )
    .query(&[
        Field::optional("team", Kind::Text, "Only those of this team."),
        Field::optional("name", Kind::Text, "Only those of this name."),
        Field::optional("archived", Kind::Bool, "Only those that are archived, or only those that are not."),
        Field::optional("limit", Kind::Whole, "Most entries of the answer, 1 to 100."),
        Field::optional("after", Kind::Text, "`next` of the page before."),
    ]),
    Operation::new("GET", "/admin/v1/prompts/{prompt}", "Prompts", "Show a prompt", Needs(P::ManageTeam))
        .of_a_team(),
    Operation::new(
        "DELETE",
        "/admin/v1/prompts/{prompt}",
        "Prompts",
        "Delete a prompt with all of its versions",
        Needs(P::ManageTeam),
    )
    .of_a_team()
    .status(204),
    Operation::new(
        "GET",
        "/admin/v1/prompts/{prompt}/versions",
        "Prompts",
        "List the versions of a prompt, newest first, without their messages",
        Needs(P::ManageTeam),
    )
    .of_a_team()
    .query(&[
        Field::optional("limit", Kind::Whole, "Most entries of the answer, 1 to 100."),
        Field::optional("after", Kind::Whole, "`next` of the page before."),
    ]),
    Operation::new(
        "POST",
        "/admin/v1/prompts/{prompt}/versions",
        "Prompts",
        "Write a new version of a prompt",
        Needs(P::ManageTeam),
    )
    .of_a_team()
    .body(ADD_VERSION)
    .status(201),
    Operation::new(
        "GET",
        "/admin/v1/prompts/{prompt}/versions/{version}",
        "Prompts",
        "Show one version of a prompt",
        Needs(P::ManageTeam),
    )
    .of_a_team(),
    Operation::new(
        "PUT",
        "/admin/v1/prompts/{prompt}/current",
        "Prompts",
        "Say which version of a prompt is served",
        Needs(P::ManageTeam),
    )
    .of_a_team()
    .body(SERVE_VERSION),
];
