//! What sessions and their streams are called.

use outcrop_ports::{McpSessionKey, McpStreamId};

/// What all keys begin with. All are on one node of a cluster, so that one script may touch them together.
const PREFIX: &str = "outcrop:{mcp}:";

/// What the keys of sessions begin with.
pub(super) fn sessions() -> Vec<u8> {
    name("s:", &[])
}

pub(super) fn session(key: &McpSessionKey) -> Vec<u8> {
    name("s:", &[&key.0])
}

/// What the keys of owners' sets begin with.
pub(super) fn owners() -> Vec<u8> {
    name("o:", &[])
}

/// The sessions of an owner, by when they end.
pub(super) fn owner(owner: &str) -> Vec<u8> {
    name("o:", &[owner.as_bytes()])
}

/// What the keys of a session's streams begin with.
pub(super) fn streams(key: &McpSessionKey) -> Vec<u8> {
    name("e:", &[&key.0])
}

pub(super) fn stream(key: &McpSessionKey, stream: McpStreamId) -> Vec<u8> {
    name("e:", &[&key.0, stream.0.as_bytes()])
}

fn name(kind: &str, of: &[&[u8]]) -> Vec<u8> {
    [&[PREFIX.as_bytes(), kind.as_bytes()], of].concat().concat()
}
