//! A limiter and a plain account of all that happened, side by side, over schedules that nobody thought of.

mod account;
mod play;
mod schedule;
mod world;

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::Limiter;

use play::{Tally, play};

/// How often a failing schedule is made smaller.
const SHRINKS: u32 = 2_000;

/// Plays so many random schedules to a limiter, the same in every run for a `seed`, and compares every answer with what
/// follows from the whole history by definition. Panics with the smallest schedule found for which they differ.
///
/// Schedules are in the year 2096, as in [`limiter`](super::limiter); clocks step back by less than
/// [`SLACK_MS`](crate::window::SLACK_MS), and calls last less than a minute.
pub async fn limiter_against_oracle(limiter: &dyn Limiter, seed: u64, cases: u32) {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut tally = Tally::default();
    for case in 0..cases {
        let Ok(mut tree) = schedule::schedules().new_tree(&mut runner) else { continue };
        let Err(mut wrong) = play(limiter, &tree.current(), &mut tally).await else { continue };
        let mut smallest = tree.current();
        let mut failed = true;
        for _ in 0..SHRINKS {
            if !(if failed { tree.simplify() } else { tree.complicate() }) {
                break;
            }
            let played = play(limiter, &tree.current(), &mut Tally::default()).await;
            failed = played.is_err();
            if let Err(still) = played {
                (wrong, smallest) = (still, tree.current());
            }
        }
        panic!("case {case} of seed {seed}, {wrong}\n{smallest}");
    }
    tally.check(cases);
}
