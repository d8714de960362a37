//! What every [`JobStore`] keeps.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

mod claims;
mod ends;
mod events;
mod lists;
mod turns;
mod upkeep;

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{Job, JobId, LeaseToken, Used};

use super::samples::{at, job, job_id, keyed_job, team_id};
use crate::{ClaimTerms, Finish, JobStore, PortFailure, Submitted};

/// Runs the suite. `make` gives an empty store each time.
pub async fn job_store<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn JobStore>>,
{
    a_job_is_found_as_it_was_submitted(&*make().await).await;
    an_unknown_job_is_absent(&*make().await).await;
    an_idempotency_key_names_one_job_of_a_team(&*make().await).await;
    jobs_without_idempotency_key_are_all_new(&*make().await).await;
    an_id_taken_by_another_job_is_a_conflict(&*make().await).await;
    of_many_submissions_at_once_one_is_new(make().await).await;
    claims::all(&make).await;
    turns::all(&make).await;
    ends::all(&make).await;
    events::all(&make).await;
    lists::all(&make).await;
    upkeep::all(&make).await;
}

async fn a_job_is_found_as_it_was_submitted(store: &dyn JobStore) {
    for job in [job(1, team_id(1)), keyed_job(2, team_id(1), "order-66"), full_job(3)] {
        assert_eq!(store.submit_job(&job).await.unwrap(), Submitted::New);
        assert_eq!(store.lookup_job(job.id).await.unwrap(), Some(job));
    }
}

async fn an_unknown_job_is_absent(store: &dyn JobStore) {
    submit(store, 1).await;
    assert_eq!(store.lookup_job(job_id(2)).await.unwrap(), None);
}

async fn an_idempotency_key_names_one_job_of_a_team(store: &dyn JobStore) {
    let first = keyed_job(1, team_id(1), "same");
    assert_eq!(store.submit_job(&first).await.unwrap(), Submitted::New);
    let existing = Submitted::Existing(Box::new(first.clone()));
    assert_eq!(store.submit_job(&keyed_job(2, team_id(1), "same")).await.unwrap(), existing);
    assert_eq!(store.submit_job(&first).await.unwrap(), existing, "the very same job again");
    assert_eq!(store.lookup_job(job_id(2)).await.unwrap(), None);
    assert_eq!(store.submit_job(&keyed_job(3, team_id(2), "same")).await.unwrap(), Submitted::New);
    assert_eq!(store.submit_job(&keyed_job(4, team_id(1), "other")).await.unwrap(), Submitted::New);

    let (claimed, _) = claim(store, 10, 20).await;
    assert_eq!(claimed.id, job_id(1));
    let again = store.submit_job(&keyed_job(5, team_id(1), "same")).await.unwrap();
    assert_eq!(again, Submitted::Existing(Box::new(claimed)), "as the job is by now");
}

async fn jobs_without_idempotency_key_are_all_new(store: &dyn JobStore) {
    for number in 1..=3 {
        assert_eq!(store.submit_job(&job(number, team_id(1))).await.unwrap(), Submitted::New);
    }
}

async fn an_id_taken_by_another_job_is_a_conflict(store: &dyn JobStore) {
    submit(store, 1).await;
    for other in [job(1, team_id(2)), keyed_job(1, team_id(2), "key")] {
        assert_eq!(store.submit_job(&other).await.unwrap_err().failure, PortFailure::Conflict);
    }
    assert_eq!(store.lookup_job(job_id(1)).await.unwrap(), Some(job(1, team_id(1))));
}

async fn of_many_submissions_at_once_one_is_new(store: Arc<dyn JobStore>) {
    let results = super::at_once(10, |number| {
        let store = Arc::clone(&store);
        async move { store.submit_job(&keyed_job(number, team_id(1), "same")).await.unwrap() }
    })
    .await;
    let winner = results.iter().position(|result| *result == Submitted::New).unwrap();
    let winner = keyed_job(winner.try_into().unwrap(), team_id(1), "same");
    let existing = Submitted::Existing(Box::new(winner));
    assert_eq!(results.iter().filter(|result| **result == existing).count(), 9, "{results:?}");
}

/// A queued job with everything set that one can have.
fn full_job(number: u32) -> Job {
    use outcrop_types::{Choice, Priority, Way};
    Job {
        priority: Priority::High,
        deadline: Some(at(1_000)),
        metadata: [("a", "b"), ("quote\"", "\u{1f980}")]
            .map(|(key, value)| (key.into(), value.into()))
            .into(),
        response: Some(super::samples::response_id(number)),
        trace: Some("00-6ace45e0b1c7d2e3f405162738495061-00f067aa0ba902b7-01".to_owned()),
        choice: Some(Choice { way: Way::Flex, reason: "it has time".to_owned() }),
        used: used(7),
        ..keyed_job(number, team_id(1), "full")
    }
}

/// So many tokens, and as much money.
fn used(much: u64) -> Used {
    use outcrop_types::{Money, TokenUsage};
    Used {
        tokens: TokenUsage { input: much, output: much * 2, ..TokenUsage::default() },
        cost: Money::from_nano_usd(much * 1_000),
        saved: Money::from_nano_usd(much),
        unpriced: 1,
    }
}

async fn submit(store: &dyn JobStore, number: u32) -> Job {
    put(store, job(number, team_id(1))).await
}

async fn put(store: &dyn JobStore, job: Job) -> Job {
    assert_eq!(store.submit_job(&job).await.unwrap(), Submitted::New);
    job
}

fn terms(now: i64, until: i64, most_per_team: usize) -> ClaimTerms {
    ClaimTerms { now: at(now), lease_until: at(until), most_per_team }
}

/// Claims the job whose turn it is: there must be one.
async fn claim(store: &dyn JobStore, now: i64, until: i64) -> (Job, LeaseToken) {
    try_claim(store, now, until).await.unwrap()
}

async fn try_claim(store: &dyn JobStore, now: i64, until: i64) -> Option<(Job, LeaseToken)> {
    store.claim_job(terms(now, until, 64)).await.unwrap()
}

/// The id of the job whose turn it is, claimed until 1,000.
async fn next(store: &dyn JobStore, now: i64) -> Option<JobId> {
    try_claim(store, now, 1_000).await.map(|(job, _)| job.id)
}

fn answered(status: u16) -> Finish {
    Finish::Answered { status, output: "jobs/output".to_owned(), used: used(5) }
}

fn gave_up() -> Finish {
    Finish::GaveUp { error: "too many attempts".to_owned(), dead: false }
}

fn set_aside() -> Finish {
    Finish::GaveUp { error: "nobody came to an end with it".to_owned(), dead: true }
}

fn retry(not_before: i64) -> Finish {
    Finish::Retry { not_before: at(not_before), used: None }
}

fn later(not_before: i64) -> Finish {
    Finish::Later { not_before: at(not_before), used: None }
}
