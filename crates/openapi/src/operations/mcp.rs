//! The Model Context Protocol, whose specification says what is sent.

use outcrop_types::Permission::UseMcp;

use crate::Access::{Needs, Public};
use crate::{Body, Field, Kind, Operation};

/// The first message of a client.
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"example","version":"1"}}}"#;

const MESSAGE: Body = Body::Dialect {
    name: "Model Context Protocol: Streamable HTTP",
    url: "https://modelcontextprotocol.io/specification/2025-11-25/basic/transports",
    example: INITIALIZE,
    beside: &[],
};

const VERSION: Field =
    Field::optional("mcp-protocol-version", Kind::Text, "The revision that is spoken, from 2025-06-18 on.");

const SESSION: Field = Field::optional(
    "mcp-session-id",
    Kind::Text,
    "The session, as the answer to `initialize` named it; 2026-07-28 has none.",
);

const WRONG: (&str, &str) =
    ("400", "The session is not named, the revision is not spoken here, or the message is wrong.");
const NO_SESSION: (&str, &str) =
    ("404", "The session is not there, or another's; in 2026-07-28, the method is not.");
const NOT_HERE: (&str, &str) = ("405", "2026-07-28 knows POST alone.");
const NOT_ACCEPTED: (&str, &str) =
    ("406", "`accept` does not list application/json and text/event-stream; for GET, the latter.");
const OF_STRANGERS: (&str, &str) =
    ("403", "The credential does not have `mcp:use`, or a page asks whose origin is not listed.");

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::new("POST", "/mcp", "MCP", "Send a message; the answer is JSON or a stream", Needs(UseMcp))
        .headers(&[
            VERSION,
            SESSION,
            Field::optional("mcp-method", Kind::Text, "The message's method; required by 2026-07-28."),
            Field::optional("mcp-name", Kind::Text, "What the message is about; required by 2026-07-28."),
        ])
        .tells(&[Field::optional(
            "mcp-session-id",
            Kind::Text,
            "The session, in the answer to `initialize`.",
        )])
        .body(MESSAGE)
        .also(&[("202", "Taken: the message needs no answer.")])
        .refusals(&[
            WRONG,
            OF_STRANGERS,
            NO_SESSION,
            NOT_ACCEPTED,
            ("415", "The body is no JSON."),
            ("500", "Something went wrong on our side."),
        ]),
    Operation::new("GET", "/mcp", "MCP", "Listen to news, or take up a stream that was cut", Needs(UseMcp))
        .headers(&[
            VERSION,
            SESSION,
            Field::optional("last-event-id", Kind::Text, "The last event that was heard of a stream."),
        ])
        .refusals(&[WRONG, OF_STRANGERS, NO_SESSION, NOT_HERE, NOT_ACCEPTED]),
    Operation::new("DELETE", "/mcp", "MCP", "End a session", Needs(UseMcp))
        .headers(&[VERSION, SESSION])
        .status(204)
        .refusals(&[WRONG, OF_STRANGERS, NO_SESSION, NOT_HERE]),
    Operation::new(
        "GET",
        "/.well-known/oauth-protected-resource",
        "MCP",
        "Who issues tokens for /mcp (RFC 9728)",
        Public,
    ),
    Operation::new(
        "GET",
        "/.well-known/oauth-protected-resource/mcp",
        "MCP",
        "The same, where clients look first",
        Public,
    ),
];
