//! What clients of the Model Context Protocol are promised, as other people's clients see it: official SDKs, the Inspector, the
//! official conformance suite, and clients that mean no good.
//!
//! Two processes stand on one Postgres, one Redis and one queue, behind a proxy that sends each request to the next of them, so
//! that no session stays where it began; one of them is killed on the way. Read [`fleet`] and [`proxy`], then the scripts
//! beside, `tests/python/mcp_*.py` and `tests/node/mcp_*.mjs`.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../journeys/process.rs"]
#[expect(dead_code, reason = "the journeys use the rest")]
mod process;
#[path = "../journeys/servers.rs"]
mod servers;
#[path = "../journeys/wait.rs"]
#[expect(dead_code, reason = "others use the rest")]
mod wait;

mod client;
mod conformance;
mod fleet;
mod flood;
mod inspector;
mod malice;
mod platform;
mod programs;
mod proxy;
mod redis;
mod replicas;
mod sdk;
mod session;
