//! A Redis that loses its data, under load: nothing is let in beyond the limits, and in the end all is accounted for.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use outcrop_ports::{Admission, Kind, Limiter, Meter, PortFailure, Seed, SeedMode, Settlement, Window};
use outcrop_redis::{LimiterOptions, RedisLimiter};
use uuid::Uuid;

use crate::limits::{
    BRISK, NOW, admitted, connect, is_away, meter, options, reserve, settle, stands, until, used,
};
use crate::server::{free_port, start};

const GRACE: Duration = Duration::from_millis(1_500);

fn brisk() -> LimiterOptions {
    LimiterOptions { heartbeat: Duration::from_millis(100), grace: GRACE, ..options() }
}

/// What really happens, as the callers see it.
#[derive(Debug, Default)]
struct Truth {
    open: AtomicU64,
    /// Of tokens, and of money: what calls have used, and what those under way may.
    taken: [AtomicU64; 2],
    calls: AtomicU64,
    /// What was spent by calls whose settlement was asked for.
    ledger: Mutex<HashMap<Uuid, u64>>,
    stop: AtomicBool,
}

const CALLS: u64 = 6;
const TOKENS: u64 = 3_000;
const MONEY: u64 = 9_000_000;
const SPENT_BEFORE: u64 = 1_000_000;

fn meters() -> [Meter; 3] {
    [
        meter("c", Kind::Concurrency, CALLS, 1),
        meter("t", Kind::Tokens, TOKENS, 10),
        meter("m", Kind::Money, MONEY, 20_001),
    ]
}

impl Truth {
    fn begins(&self, meters: &[Meter]) {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(open <= CALLS, "{open} at a time");
        for (taken, meter) in self.taken.iter().zip(&meters[1..]) {
            let sum = taken.fetch_add(meter.amount, Ordering::SeqCst) + meter.amount;
            assert!(sum <= meter.limit, "{sum} of {meter:?}");
        }
    }

    fn ends(&self, meters: &[Meter], used: &[u64]) {
        self.open.fetch_sub(1, Ordering::SeqCst);
        for ((taken, meter), used) in self.taken.iter().zip(&meters[1..]).zip(&used[1..]) {
            taken.fetch_sub(meter.amount - used, Ordering::SeqCst);
        }
    }

    fn spent_without(&self, left_out: &[Uuid]) -> u64 {
        let ledger = self.ledger.lock().expect("not poisoned");
        SPENT_BEFORE
            + ledger.iter().filter(|(id, _)| !left_out.contains(id)).map(|(_, spent)| spent).sum::<u64>()
    }
}

/// One caller after the other, until told to stop.
async fn calls(limiter: RedisLimiter, truth: Arc<Truth>, number: u64) {
    let meters = meters();
    while !truth.stop.load(Ordering::SeqCst) {
        match reserve(&limiter, &meters).await {
            Ok((hold, Admission::Admitted { .. })) => {
                truth.begins(&meters);
                let spent = truth.calls.load(Ordering::SeqCst) * 7 + number;
                tokio::time::sleep(Duration::from_millis(3 + spent % 13)).await;
                let settlement = used(&hold, &[1, spent % 11, spent % 20_000]);
                truth.ends(&meters, &settlement.used);
                settle_at_last(&limiter, &truth, settlement).await;
            }
            Ok((_, Admission::Refused { .. })) => tokio::time::sleep(Duration::from_millis(5)).await,
            Ok((_, Admission::Unseeded { meters: unknown })) => {
                let Window::Calendar { from_ms, .. } = meters[2].window else { unreachable!("it is a day") };
                let left_out = &unknown[0].settled;
                let seed = Seed {
                    spent: vec![(from_ms, truth.spent_without(left_out))],
                    mode: SeedMode::Begin { settled: left_out.len() },
                };
                // Others try too.
                let _ = limiter.seed(&meters[2], &seed, NOW).await;
            }
            Err(error) => {
                assert_eq!(error.failure, PortFailure::Unavailable, "{}", error.chain());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

/// Asks for the settlement, tells the ledger, and asks again until it is done.
async fn settle_at_last(limiter: &RedisLimiter, truth: &Truth, settlement: Settlement) {
    let mut done = limiter.settle(std::slice::from_ref(&settlement), NOW).await.is_ok();
    truth.ledger.lock().expect("not poisoned").insert(settlement.hold.call, settlement.used[2]);
    while !done {
        tokio::time::sleep(Duration::from_millis(50)).await;
        done = limiter.settle(std::slice::from_ref(&settlement), NOW).await.is_ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs redis: cargo xtask test"]
async fn limits_hold_over_restarts_and_all_is_accounted_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let mut server = start(port, folder.path()).await;
    let (url, options) = (format!("redis://127.0.0.1:{port}"), brisk());
    let truth = Arc::new(Truth::default());
    let processes = [connect(&url, BRISK, &options), connect(&url, BRISK, &options)];
    let callers: Vec<_> = (0..16)
        .map(|n| tokio::spawn(calls(processes[n % 2].clone(), Arc::clone(&truth), n as u64)))
        .collect();
    let mut before = 0;
    for restarts in 0..3 {
        until("calls are let in", async || truth.calls.load(Ordering::SeqCst) > before + 60).await;
        if restarts < 2 {
            server.kill().await.expect("killed");
            server = start(port, folder.path()).await;
        }
        before = truth.calls.load(Ordering::SeqCst);
    }
    // Until nothing more fits.
    let [_, tokens, money] = meters();
    let full = async || {
        let (taken, open) = (truth.taken[0].load(Ordering::SeqCst), truth.open.load(Ordering::SeqCst));
        open == 0 && taken + tokens.amount > TOKENS
    };
    until("the tokens are used", full).await;
    truth.stop.store(true, Ordering::SeqCst);
    for caller in callers {
        caller.await.expect("no limit was passed");
    }
    let counted = stands(&processes[0], &tokens).await;
    assert_eq!(counted, (truth.taken[0].load(Ordering::SeqCst), 0), "every token, once");
    let counted = stands(&processes[1], &money).await;
    assert_eq!(counted, (truth.spent_without(&[]), 0), "every billionth, once");
    let calls = truth.calls.load(Ordering::SeqCst);
    println!(
        "{calls} calls over 2 restarts used {} of {TOKENS} tokens",
        truth.taken[0].load(Ordering::SeqCst)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn what_was_held_and_counted_is_back_before_anything_is_let_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let mut server = start(port, folder.path()).await;
    let (url, options) = (format!("redis://127.0.0.1:{port}"), brisk());
    let (one, two) = (connect(&url, BRISK, &options), connect(&url, BRISK, &options));
    let mut losses = one.losses().expect("they are told");
    let meters = [meter("c", Kind::Concurrency, 2, 1), meter("t", Kind::Tokens, 100, 30)];
    until("it is ready", async || reserve(&one, &[meter("r", Kind::Requests, 1_000_000, 1)]).await.is_ok())
        .await;
    let counted = [meter("n", Kind::Requests, 10, 4)];
    two.count(&counted, NOW).await.expect("Redis is there");
    let (first, second) = (admitted(&one, &meters).await, admitted(&two, &meters).await);
    let (first, second) = (first.expect("room"), second.expect("room"));
    settle(&two, used(&second, &[1, 25])).await;
    let third = admitted(&two, &meters).await.expect("room");

    server.kill().await.expect("killed");
    // It ends while Redis is away, and nobody asks again.
    assert!(is_away(&one.settle(&[used(&first, &[1, 7])], NOW).await));
    let mut server = start(port, folder.path()).await;
    let started = Instant::now();
    let told = tokio::time::timeout(GRACE, losses.changed()).await;
    told.expect("within the grace").expect("it is there");
    let error = loop {
        match reserve(&one, &meters).await {
            Err(error) if error.chain().contains("restored") => break error,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            Ok(answer) => panic!("nothing is let in yet: {answer:?}"),
        }
    };
    assert_eq!(error.failure, PortFailure::Unavailable);
    until("the grace is over", async || reserve(&one, &meters).await.is_ok()).await;
    assert!(started.elapsed() >= GRACE - Duration::from_millis(300), "{:?}", started.elapsed());
    // The first ended, the second was settled before, the third is held, as is the one that just came.
    assert_eq!(stands(&one, &meters[0]).await, (0, 2));
    assert_eq!(stands(&one, &meters[1]).await, (7 + 25, 60));
    assert_eq!(stands(&one, &counted[0]).await, (4, 0), "what is merely counted too");
    settle(&two, used(&third, &[1, 1])).await;
    assert_eq!(stands(&one, &meters[1]).await, (7 + 25 + 1, 30));
    // Nothing doubles with the next loss.
    server.kill().await.expect("killed");
    let _server = start(port, folder.path()).await;
    let what = [meter("r", Kind::Requests, 1_000_000, 1)];
    until("the grace is over", async || reserve(&one, &what).await.is_ok()).await;
    assert_eq!(stands(&one, &meters[1]).await, (7 + 25 + 1, 30));
    assert_eq!(stands(&one, &counted[0]).await, (4, 0));
}

/// What a server wrote to disk some time ago is no better than nothing: it would be believed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn what_a_server_finds_on_its_disk_is_not_believed() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let mut server = start(port, folder.path()).await;
    let (url, options) = (format!("redis://127.0.0.1:{port}"), brisk());
    let limiter = connect(&url, BRISK, &options);
    let meters = meters();
    until("it is ready", async || reserve(&limiter, &meters).await.is_ok()).await;
    assert!(crate::limits::seed(&limiter, &meters[2], 1_000, 0).await);
    let first = admitted(&limiter, &meters).await.expect("room");
    let client = redis::Client::open(url).expect("a good URL");
    let mut link = client.get_multiplexed_async_connection().await.expect("it is there");
    redis::cmd("SAVE").query_async::<()>(&mut link).await.expect("it is written");
    settle(&limiter, used(&first, &[1, 7, 500])).await;
    let second = admitted(&limiter, &meters).await.expect("room");
    server.kill().await.expect("killed");
    let _server = start(port, folder.path()).await;
    until("the grace is over", async || {
        matches!(reserve(&limiter, &meters).await, Ok((_, Admission::Unseeded { .. })))
    })
    .await;
    assert_eq!(stands(&limiter, &meters[1]).await, (7, 10), "as before it was killed");
    assert!(crate::limits::seed(&limiter, &meters[2], 1_500, 0).await, "the ledger knows");
    assert_eq!(stands(&limiter, &meters[2]).await, (1_500, 20_001));
    settle(&limiter, used(&second, &[1, 1, 1])).await;
    assert_eq!(stands(&limiter, &meters[0]).await, (0, 0));
    assert_eq!(stands(&limiter, &meters[2]).await, (1_501, 0));
}
