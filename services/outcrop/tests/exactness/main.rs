//! Nothing is spent beyond a limit and nothing is lost: real processes, on servers that are killed and restarted under
//! them, held against what the emulated Bedrock itself has counted.
//!
//! Several inference processes stand on one Redis and one Postgres of the test's own, and are called directly, with the
//! identity that the gateway would send. Who calls what, who goes away, what fails and when is drawn from a seed; what
//! happened is told when a test fails, and its figures always. Read [`fleet`], then [`load`], then [`limits`] and [`ledger`].
//!
//! `OUTCROP_EXACTNESS_SEEDS` is how many seeds each test runs with (2), `OUTCROP_EXACTNESS_SEED` the first of them (1),
//! `OUTCROP_EXACTNESS_OUTAGE_S` how long Postgres is away (8).

#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::print_stderr, reason = "the figures are what these tests are for")]

#[path = "../journeys/process.rs"]
#[expect(dead_code, reason = "the journeys use the rest")]
mod process;
#[path = "../journeys/servers.rs"]
mod servers;
#[path = "../journeys/wait.rs"]
mod wait;

mod client;
mod counts;
mod fleet;
mod history;
mod ledger;
mod limits;
mod load;
mod platform;
mod random;

use std::str::FromStr;

/// A number from the environment.
fn setting<T: FromStr>(name: &str, usual: T) -> T {
    let Ok(text) = std::env::var(name) else { return usual };
    text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, which is no number"))
}

/// The seeds to run with.
fn seeds() -> impl Iterator<Item = u64> {
    let first: u64 = setting("OUTCROP_EXACTNESS_SEED", 1);
    first..first + setting::<u64>("OUTCROP_EXACTNESS_SEEDS", 2)
}
