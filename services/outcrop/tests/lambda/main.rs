//! The platform as a function: `outcrop` and AWS's Web Adapter (`outcrop-lambda`) as processes of their own, on a runtime API
//! that speaks as Lambda's does, with the events of the addresses that stand in front.
//!
//! Neither database nor Redis: keys stand in the settings, usage goes to a folder or to S3, and an environment is frozen from
//! its answer to the next event. Read [`runtime`], then [`function`], then the tests.

#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::print_stderr, reason = "the figures of a cold start are for whoever looks on")]

#[path = "../journeys/process.rs"]
#[expect(dead_code, reason = "the journeys use the rest")]
mod process;
#[path = "../journeys/wait.rs"]
mod wait;

mod buffered;
mod client;
mod events;
mod exports;
mod freezing;
mod function;
mod runtime;
mod streamed;
