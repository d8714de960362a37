//! What the platform tells of itself, as it is seen from outside: by a collector, by Prometheus, by CloudWatch, and by whoever
//! reads its logs.
//!
//! Every test runs real processes before a Bedrock emulator, and reads what they export with the public definitions of the
//! formats: [`receiver`] is an OTLP collector. *Apart* are the four services on Postgres, Redis, SQS and S3; *together* is the
//! one process. Start reading at [`world`] and [`spans`].

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../journeys/client.rs"]
#[expect(dead_code, reason = "the journeys use the rest")]
mod client;
#[path = "../journeys/emulator.rs"]
#[expect(dead_code, reason = "the journeys use the rest")]
mod emulator;
#[path = "../journeys/person.rs"]
#[expect(dead_code, reason = "the journeys use the rest")]
mod person;
#[path = "../journeys/platform.rs"]
#[expect(dead_code, reason = "the journeys use the rest")]
mod platform;
#[path = "../journeys/process.rs"]
#[expect(dead_code, reason = "the journeys use the rest")]
mod process;
#[path = "../journeys/servers.rs"]
#[expect(dead_code, reason = "the journeys use the rest")]
mod servers;
#[path = "../mcp/session.rs"]
#[expect(dead_code, reason = "others use the rest")]
mod session;
#[path = "../journeys/sse.rs"]
#[expect(dead_code, reason = "the journeys use the rest")]
mod sse;
#[path = "../journeys/wait.rs"]
mod wait;

mod away;
mod batch;
mod chat;
mod content;
mod emf;
mod failover;
mod hygiene;
mod log_level;
mod mcp;
mod outsiders;
mod pages;
mod receiver;
mod sampling;
mod secrets;
mod spans;
mod world;
