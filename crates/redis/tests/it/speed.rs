//! How long a question takes.

use std::time::Instant;

use outcrop_ports::{Kind, Meter};

use crate::limits::{PATIENT, admitted, connect, meter, options, settle, used};

/// Prints; not a promise, for machines differ.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn a_reservation_over_eight_limits() {
    const CALLS: u32 = 2_000;
    let limiter = connect(&outcrop_testkit::redis_url(), PATIENT, &options());
    let kinds = [Kind::Requests, Kind::Tokens, Kind::Concurrency];
    let meters: Vec<Meter> =
        (0..8).map(|n| meter(&format!("speed:{n}"), kinds[n % kinds.len()], 1_000_000_000, 5)).collect();
    let mut holds = Vec::new();
    let mut times = Vec::new();
    for _ in 0..CALLS {
        let started = Instant::now();
        holds.push(admitted(&limiter, &meters).await.expect("there is room"));
        times.push(started.elapsed());
    }
    times.sort();
    let started = Instant::now();
    for hold in &holds {
        settle(&limiter, used(hold, &[1; 8])).await;
    }
    let settled = started.elapsed() / CALLS;
    println!(
        "reserve over 8 meters: median {:?}, 99 % {:?}; settle one: {settled:?}",
        times[times.len() / 2],
        times[times.len() * 99 / 100],
    );
}
