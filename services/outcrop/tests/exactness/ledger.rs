//! Every answer that somebody got is in the ledger once, with the tokens that the model counted: whatever dies meanwhile.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use outcrop_emulator::ChargedTokens;
use serde_json::Value;

use crate::fleet::{Database, Fleet};
use crate::history::History;
use crate::load::{Load, Manners, Seen};
use crate::random::Random;
use crate::wait::until;

const MANNERS: Manners = Manners { callers: 50, go_away: 10, faults: 10, requests: 500 };

/// The tokens of a record, as the model counts them.
fn tokens(record: &Value) -> ChargedTokens {
    let of = |name: &str| record["tokens"][name].as_u64().unwrap_or(0);
    ChargedTokens {
        input: of("input"),
        cache_read: of("cache_read"),
        cache_write_5m: of("cache_write_5m"),
        cache_write_1h: of("cache_write_1h"),
        output: of("output"),
        images: of("images"),
        queries: of("queries"),
        guardrail_units: of("guardrail_units"),
    }
}

/// Holds the ledger against the model's own count.
async fn compare(fleet: &Fleet, seen: &Seen) {
    let history = &fleet.history;
    history.tell(format_args!("callers saw {seen}"));
    until("the end of all calls", async || (fleet.charges.snapshot().under_way == 0).then_some(())).await;
    let whole = seen.whole.lock().unwrap().clone();
    let charged = fleet.charges.snapshot();
    let costly = charged.calls.iter().filter(|it| it.tokens != ChargedTokens::default()).count();
    // Calls that a killed process was in the middle of are found and shipped after it is back, answers or not.
    let records = until("all answers, and as many calls as were charged for, in the ledger", async || {
        let records = fleet.ledger().await;
        let there: HashSet<_> = records.iter().filter_map(|it| it["request_id"].as_str()).collect();
        let answered = whole.iter().all(|(_, id)| there.contains(id.as_str()));
        (answered && records.len() >= costly).then_some(records)
    })
    .await;
    let ids: HashSet<_> = records.iter().map(|it| it["id"].as_str().unwrap()).collect();
    history.must(ids.len() == records.len(), "a record is there twice");
    let mut by_request: HashMap<&str, Vec<&Value>> = HashMap::new();
    for record in &records {
        by_request.entry(record["request_id"].as_str().unwrap()).or_default().push(record);
    }
    let calls: HashMap<_, _> = charged.calls.iter().filter_map(|it| Some((it.id.as_deref()?, it))).collect();
    let (mut ledger, mut model) = (ChargedTokens::default(), ChargedTokens::default());
    for (mark, id) in &whole {
        let [record] = by_request[id.as_str()][..] else {
            return history.must(false, format_args!("{mark}: {:#?}", by_request[id.as_str()]));
        };
        let call = calls[mark.as_str()];
        history.must(
            tokens(record) == call.tokens,
            format_args!("{mark}: the model says {call:?}, the ledger {record:#}"),
        );
        history.must(
            record["outcome"] == "completed" && record["estimated"] == false,
            format_args!("{record:#}"),
        );
        ledger += tokens(record);
        model += call.tokens;
    }
    let with = |outcome: &str| records.iter().filter(|it| it["outcome"] == outcome).count();
    history.tell(format_args!(
        "{} answers: {} tokens read and {} written by the ledger, {} and {} by the model; {} records, {} cancelled, {} failed, {} lost",
        whole.len(),
        ledger.input,
        ledger.output,
        model.input,
        model.output,
        records.len(),
        with("cancelled"),
        with("failed"),
        with("lost"),
    ));
    history.must(whole.len() > 100, "few were answered: this run shows nothing");
    history.print();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn a_killed_process_loses_and_repeats_nothing() {
    for seed in crate::seeds() {
        let mut random = Random::new(seed);
        let history = History::new("kill -9 in the middle of 500 requests", seed);
        let mut fleet = Fleet::start(2, Database::Shared, history.clone()).await;
        let at = random.between(100, 400);
        let load = Load::start(&fleet, MANNERS, &random);
        until("the middle", async || (load.seen.asked.load(Ordering::Relaxed) >= at).then_some(())).await;
        history.tell(format_args!("kill -9 of replica 0, after {at} requests"));
        fleet.inference[0].kill().await;
        tokio::time::sleep(Duration::from_millis(random.between(0, 500))).await;
        fleet.inference[0].start_again().await;
        history.tell("replica 0 is back");
        let seen = load.finished().await;
        compare(&fleet, &seen).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn a_database_that_is_away_loses_and_repeats_nothing() {
    let away = Duration::from_secs(crate::setting("OUTCROP_EXACTNESS_OUTAGE_S", 8));
    for seed in crate::seeds().take(1) {
        let random = Random::new(seed);
        let history = History::new("Postgres away in the middle of load", seed);
        let mut fleet = Fleet::start(2, Database::Own, history.clone()).await;
        let load = Load::start(&fleet, Manners { callers: 20, requests: u64::MAX, ..MANNERS }, &random);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let postgres = fleet.postgres.as_mut().unwrap();
        history.tell("Postgres stops");
        postgres.stop().unwrap();
        tokio::time::sleep(away).await;
        postgres.start_again().unwrap();
        history.tell("Postgres is back");
        tokio::time::sleep(Duration::from_secs(1)).await;
        let seen = load.end().await;
        compare(&fleet, &seen).await;
    }
}
