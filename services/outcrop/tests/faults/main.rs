//! What clients notice when Bedrock fails: real processes, one emulated Bedrock for each region, that is throttled, slowed,
//! cut off, stopped and killed while clients go on asking.
//!
//! Each test says its figures: how many were answered, how long they took before and after, how many attempts Bedrock saw.
//! Read [`world`], then [`load`], then the tests. They are compared within one run; no absolute time is asserted but the
//! time-outs that settings name.

#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::print_stderr, reason = "the figures are what these tests are for")]

#[path = "../journeys/process.rs"]
#[expect(dead_code, reason = "the journeys use the rest")]
mod process;
#[path = "../journeys/wait.rs"]
#[expect(dead_code, reason = "the journeys use the rest")]
mod wait;

mod brown_out;
mod client;
mod dead_region;
mod load;
mod residency;
mod route_changes;
mod slow;
mod world;
