//! Logging in and out, tokens, and how others check them.

use outcrop_types::Permission as P;

use crate::Access::{Known, Needs, Public};
use crate::{Body, Field, Kind, Operation};

const TEAM: Field =
    Field::optional("team", Kind::Text, "Id or name of the team to act for; needed by members of several.");

const TOKEN: Body = Body::Form {
    fields: &[
        Field::required(
            "grant_type",
            Kind::OneOf(&["password", "refresh_token", "client_credentials", "aws_iam"]),
            "How you say who you are.",
        ),
        Field::optional("username", Kind::Text, "password: the user's name."),
        Field::optional("password", Kind::Secret, "password: the password."),
        TEAM,
        Field::optional("refresh_token", Kind::Secret, "refresh_token: the last one you were given."),
        Field::optional("client_id", Kind::Text, "client_credentials: id of the service account or key."),
        Field::optional("client_secret", Kind::Secret, "client_credentials: an API key of it."),
        Field::optional("scope", Kind::Text, "Permissions to narrow the token to, separated by spaces."),
        Field::optional(
            "resource",
            Kind::Text,
            "For whom the token is (RFC 8707): an address of this server.",
        ),
        Field::optional(
            "iam_request_method",
            Kind::OneOf(&["POST", "GET"]),
            "aws_iam: method of the signed request.",
        ),
        Field::optional("iam_request_url", Kind::Text, "aws_iam: its URL."),
        Field::optional(
            "iam_request_headers",
            Kind::Text,
            "aws_iam: its headers, a JSON object or base64 of one.",
        ),
        Field::optional("iam_request_body", Kind::Text, "aws_iam: its body, as text or base64."),
        Field::optional(
            "aws_iam_token",
            Kind::Text,
            "aws_iam: the four above in one, base64 of a JSON object.",
        ),
    ],
    example: r#"{"grant_type":"password","username":"ada","password":"correct horse battery"}"#,
};

const LOGIN: Body = Body::Fields {
    fields: &[
        Field::required("name", Kind::Text, "The user's name."),
        Field::required("password", Kind::Secret, "The password."),
        TEAM,
    ],
    example: r#"{"name":"ada","password":"correct horse battery"}"#,
};

const PASSWORD: Body = Body::Fields {
    fields: &[
        Field::required(
            "password",
            Kind::Secret,
            "The password to set; with `new_password`, the present one.",
        ),
        Field::optional(
            "invitation",
            Kind::Secret,
            "The invitation you were given: sets your first password.",
        ),
        Field::optional("name", Kind::Text, "Your name, to change your password without an invitation."),
        Field::optional("new_password", Kind::Secret, "The password to change to."),
    ],
    example: r#"{"invitation":"oci_…","password":"correct horse battery"}"#,
};

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::new("POST", "/auth/token", "Identity", "Get an access token (RFC 6749)", Public).body(TOKEN),
    Operation::new("POST", "/auth/login", "Identity", "Log a browser in: sets cookies", Public).body(LOGIN),
    Operation::new(
        "GET",
        "/auth/login/{issuer}",
        "Identity",
        "Log a browser in at an outside issuer: redirects there",
        Public,
    )
    .query(&[Field::optional("return_to", Kind::Text, "Where to come back to: a path of ours.")])
    .status(302),
    Operation::new(
        "GET",
        "/auth/callback/{issuer}",
        "Identity",
        "Where the outside issuer sends browsers back to",
        Public,
    )
    .query(&[
        Field::optional("code", Kind::Text, "As the issuer gave it."),
        Field::optional("state", Kind::Text, "As we gave it."),
        Field::optional("error", Kind::Text, "As the issuer gave it."),
    ])
    .status(303),
    Operation::new("POST", "/auth/logout", "Identity", "End the login of a token or cookie", Public)
        .body(Body::Fields {
            fields: &[Field::optional(
                "refresh_token",
                Kind::Secret,
                "The login to end, if not that of the credential.",
            )],
            example: "{}",
        })
        .status(204),
    Operation::new("POST", "/auth/password", "Identity", "Set or change a password", Public)
        .body(PASSWORD)
        .status(204),
    Operation::new("GET", "/auth/me", "Identity", "Who you are and what you may", Known),
    Operation::new(
        "GET",
        "/.well-known/jwks.json",
        "Identity",
        "The keys that access tokens are checked with",
        Public,
    ),
    Operation::new(
        "GET",
        "/.well-known/openid-configuration",
        "Identity",
        "Where everything is, for OIDC clients",
        Public,
    ),
    Operation::new(
        "GET",
        "/.well-known/oauth-authorization-server",
        "Identity",
        "The same, for OAuth clients (RFC 8414)",
        Public,
    ),
    Operation::new(
        "GET",
        "/admin/v1/signing-keys",
        "Signing keys",
        "List what signs access tokens",
        Needs(P::ManagePlatform),
    ),
    Operation::new(
        "POST",
        "/admin/v1/signing-keys/rotate",
        "Signing keys",
        "Replace the signing key",
        Needs(P::ManagePlatform),
    )
    .body(Body::Fields {
        fields: &[Field::optional(
            "revoke_old",
            Kind::Bool,
            "Believe nothing any more that the old ones signed.",
        )],
        example: "{}",
    })
    .status(201),
];
