//! What every [`TargetHealth`] keeps.
//!
//! In real time with short waits, because it may be a server with a clock of its own. What is asked is asked of targets with
//! names of their own, so that several may run against one server.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::at_once;
use crate::{MOST_RESTING, RESTING_REMEMBERED, Resting, TargetHealth};

/// Longer than the suite takes.
const LONG: Duration = Duration::from_secs(60);
/// A claim that runs out while the suite looks on.
const SHORT: Duration = Duration::from_millis(300);
/// Long enough for [`SHORT`] to be over.
const PAST_SHORT: Duration = Duration::from_millis(600);

/// Runs the suite. What `make` gives each time knows nothing yet, and two that are given for one name know the same.
pub async fn target_health<F, Fut>(make: F)
where
    F: Fn(Uuid) -> Fut,
    Fut: Future<Output = Arc<dyn TargetHealth>>,
{
    what_rests_is_told_as_it_was(&make).await;
    the_longer_rest_holds(&make).await;
    what_has_recovered_is_not_told(&make).await;
    what_is_long_over_is_forgotten(&make).await;
    no_more_are_remembered_than_promised(&make).await;
    one_of_all_that_ask_probes(&make).await;
    a_claim_ends(&make).await;
    targets_are_claimed_apart(&make).await;
}

#[expect(clippy::disallowed_methods, reason = "it may be a server that others use too")]
fn fresh() -> Uuid {
    Uuid::now_v7()
}

/// So long from now; below zero it was.
#[expect(clippy::disallowed_methods, reason = "it may be a server with a clock of its own")]
fn at(from_now: i64) -> u64 {
    let now: DateTime<Utc> = Utc::now();
    u64::try_from(now.timestamp_millis() + from_now).unwrap()
}

fn resting(target: &str, until_ms: u64, times: u32) -> Resting {
    Resting { target: target.to_owned(), until_ms, times }
}

async fn all(health: &dyn TargetHealth) -> Vec<Resting> {
    let mut all = health.resting().await.unwrap();
    all.sort_by(|a, b| a.target.cmp(&b.target));
    all
}

async fn what_rests_is_told_as_it_was<F, Fut>(make: &F)
where
    F: Fn(Uuid) -> Fut,
    Fut: Future<Output = Arc<dyn TargetHealth>>,
{
    let name = fresh();
    let (here, there) = (make(name).await, make(name).await);
    assert_eq!(all(&*here).await, []);
    let told = [
        resting("arn:aws:bedrock:eu-central-1:111122223333:application-inference-profile/a b", at(30_000), 1),
        resting("prod/us-east-1 vendor.model-v1:0", at(90_000), 17),
        resting("us-east-1 {\u{fc}}: *?[x]\n", at(60_000), 0),
    ];
    for one in &told {
        here.rest(one).await.unwrap();
    }
    assert_eq!(all(&*here).await, told);
    assert_eq!(all(&*there).await, told, "everybody hears of it");
}

async fn the_longer_rest_holds<F, Fut>(make: &F)
where
    F: Fn(Uuid) -> Fut,
    Fut: Future<Output = Arc<dyn TargetHealth>>,
{
    let health = make(fresh()).await;
    let (sooner, later) = (at(10_000), at(20_000));
    health.rest(&resting("a", later, 3)).await.unwrap();
    health.rest(&resting("a", sooner, 9)).await.unwrap();
    assert_eq!(all(&*health).await, [resting("a", later, 3)]);
    health.rest(&resting("a", later, 4)).await.unwrap();
    assert_eq!(all(&*health).await, [resting("a", later, 4)]);
    health.rest(&resting("a", later + 1, 1)).await.unwrap();
    assert_eq!(all(&*health).await, [resting("a", later + 1, 1)]);
}

async fn what_has_recovered_is_not_told<F, Fut>(make: &F)
where
    F: Fn(Uuid) -> Fut,
    Fut: Future<Output = Arc<dyn TargetHealth>>,
{
    let name = fresh();
    let (here, there) = (make(name).await, make(name).await);
    here.recovered("nobody spoke of it").await.unwrap();
    let (a, b) = (resting("a", at(60_000), 1), resting("b", at(60_000), 1));
    here.rest(&a).await.unwrap();
    here.rest(&b).await.unwrap();
    there.recovered("a").await.unwrap();
    assert_eq!(all(&*here).await, [b]);
    let again = resting("a", at(1_000), 1);
    here.rest(&again).await.unwrap();
    assert!(all(&*there).await.contains(&again), "a rest that is over binds no other");
}

async fn what_is_long_over_is_forgotten<F, Fut>(make: &F)
where
    F: Fn(Uuid) -> Fut,
    Fut: Future<Output = Arc<dyn TargetHealth>>,
{
    let health = make(fresh()).await;
    let remembered = i64::try_from(RESTING_REMEMBERED.as_millis()).unwrap();
    let (just, long_ago) = (resting("just", at(30_000 - remembered), 2), at(-30_000 - remembered));
    health.rest(&resting("long ago", long_ago, 2)).await.unwrap();
    health.rest(&just).await.unwrap();
    assert_eq!(all(&*health).await, [just]);
}

async fn no_more_are_remembered_than_promised<F, Fut>(make: &F)
where
    F: Fn(Uuid) -> Fut,
    Fut: Future<Output = Arc<dyn TargetHealth>>,
{
    let health = make(fresh()).await;
    let base = at(30_000);
    for number in 0..MOST_RESTING + 10 {
        // The shortest come first and last.
        let later = u64::try_from(if number < 5 { number } else { 10_000 - number }).unwrap();
        health.rest(&resting(&format!("target {number}"), base + later, 1)).await.unwrap();
    }
    let told = all(&*health).await;
    assert!(told.len() <= MOST_RESTING, "{}", told.len());
    assert!(told.iter().any(|it| it.target == "target 5"), "those that rest longest stay");
    assert!(!told.iter().any(|it| it.target == "target 0"), "those whose time is over first go");
}

async fn one_of_all_that_ask_probes<F, Fut>(make: &F)
where
    F: Fn(Uuid) -> Fut,
    Fut: Future<Output = Arc<dyn TargetHealth>>,
{
    let name = fresh();
    let (here, there) = (make(name).await, make(name).await);
    here.rest(&resting("a", at(10_000), 1)).await.unwrap();
    let granted = at_once(16, |number| {
        let health = Arc::clone(if number % 2 == 0 { &here } else { &there });
        async move { health.claim_probe("a", LONG).await.unwrap() }
    })
    .await;
    assert_eq!(granted.into_iter().filter(|it| *it).count(), 1);
    assert!(!there.claim_probe("a", LONG).await.unwrap());
    // It failed once more, and so the next probe is anybody's.
    here.rest(&resting("a", at(20_000), 2)).await.unwrap();
    assert!(there.claim_probe("a", LONG).await.unwrap());
    assert!(!here.claim_probe("a", LONG).await.unwrap());
    there.recovered("a").await.unwrap();
    assert!(here.claim_probe("a", LONG).await.unwrap());
}

async fn a_claim_ends<F, Fut>(make: &F)
where
    F: Fn(Uuid) -> Fut,
    Fut: Future<Output = Arc<dyn TargetHealth>>,
{
    let name = fresh();
    let (here, there) = (make(name).await, make(name).await);
    here.rest(&resting("a", at(60_000), 1)).await.unwrap();
    assert!(here.claim_probe("a", SHORT).await.unwrap());
    tokio::time::sleep(PAST_SHORT).await;
    assert!(there.claim_probe("a", LONG).await.unwrap(), "whoever claimed it has gone");
    assert_eq!(all(&*here).await.len(), 1, "a claim changes nothing of what is told");
}

async fn targets_are_claimed_apart<F, Fut>(make: &F)
where
    F: Fn(Uuid) -> Fut,
    Fut: Future<Output = Arc<dyn TargetHealth>>,
{
    let health = make(fresh()).await;
    for target in ["a", "b", "a b"] {
        assert!(health.claim_probe(target, LONG).await.unwrap(), "{target}");
    }
    assert_eq!(all(&*health).await, [], "who is claimed need not rest");
}
