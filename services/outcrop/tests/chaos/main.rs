//! A batch in a storm: every line once, whoever dies.
//!
//! Three job workers do a batch on one Postgres, one queue and one bucket, while they are killed and started again, messages
//! are doubled and delivered twice, and Postgres is restarted. Afterwards every line is in the output or in the file of
//! errors, once; the ledger has what the emulated Bedrock counted; and no more lines were called twice than were under way
//! when a worker died. What happens when is drawn from a seed. Read [`fleet`], then [`storm`], then [`count`].
//!
//! `OUTCROP_CHAOS_SEEDS` is how many seeds to run with (1), `OUTCROP_CHAOS_SEED` the first of them (1),
//! `OUTCROP_CHAOS_LINES` how many lines a batch has (1,200; the figures that are published are of 10,000).

#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::print_stderr, reason = "the figures are what these tests are for")]

#[path = "../journeys/process.rs"]
#[expect(dead_code, reason = "the journeys use the rest")]
mod process;
#[path = "../exactness/random.rs"]
#[expect(dead_code, reason = "others use the rest")]
mod random;
#[path = "../journeys/servers.rs"]
mod servers;
#[path = "../journeys/wait.rs"]
#[expect(dead_code, reason = "others use the rest")]
mod wait;

mod client;
mod count;
mod duplicates;
mod fleet;
mod history;
mod lines;
mod platform;
mod storm;

use std::str::FromStr;
use std::time::Duration;

use crate::fleet::Fleet;
use crate::history::History;
use crate::random::Random;
use crate::storm::Storm;

/// Far longer than a batch takes here, however often its workers die.
const PATIENCE: Duration = Duration::from_secs(400);

/// A number from the environment.
fn setting<T: FromStr>(name: &str, usual: T) -> T {
    let Ok(text) = std::env::var(name) else { return usual };
    text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, which is no number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn every_line_once_whoever_dies() {
    let lines = setting("OUTCROP_CHAOS_LINES", 1_200);
    let first: u64 = setting("OUTCROP_CHAOS_SEED", 1);
    for seed in first..first + setting::<u64>("OUTCROP_CHAOS_SEEDS", 1) {
        run(seed, lines).await;
    }
}

async fn run(seed: u64, lines: u32) {
    let history = History::new(seed, lines);
    let mut fleet = Fleet::start(history.clone()).await;
    let batch = fleet.submit(lines).await;
    let began = history.now_ms();
    let mut storm = Storm::new(Random::new(seed), &fleet);
    let ended = loop {
        if let Some(ended) = fleet.ended(&batch).await {
            break ended;
        }
        storm.blow(&mut fleet).await;
        let waited = Duration::from_millis(history.now_ms() - began);
        history.must(waited < PATIENCE, format_args!("the batch does not end: {}", fleet.last_seen()));
    };
    let took_ms = history.now_ms() - began;
    let damage = storm.end(&mut fleet).await;
    history.tell(format_args!("the batch ended after {took_ms} ms: {ended}"));
    count::check(&fleet, &ended, lines, &damage, took_ms).await;
}
