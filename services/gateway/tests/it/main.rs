//! The gateway over real HTTP, with services behind it that do as they are told.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bodies;
mod browsers;
mod edge;
mod files;
mod forward;
mod mcp;
mod scopes;
mod traces;
mod world;
