//! What every [`JobStore`] keeps.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{Job, JobId, JobState, LeaseToken, TeamId};

use super::samples::{at, job, job_id, keyed_job, team_id};
use crate::{Claim, Finish, JobStore, PortFailure, Submitted};

/// Runs the suite. `make` gives an empty store each time.
pub async fn job_store<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn JobStore>>,
{
    submitting(&make).await;
    claiming(&make).await;
    ending(&make).await;
    jobs_are_listed_newest_first(&*make().await).await;
    open_jobs_are_counted(&*make().await).await;
    jobs_without_a_nudge_are_stale(&*make().await).await;
    a_stale_job_is_nudged_by_one(make().await).await;
}

async fn submitting<F, Fut>(make: &F)
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
}

async fn claiming<F, Fut>(make: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn JobStore>>,
{
    a_claim_starts_the_job(&*make().await).await;
    a_claimed_job_is_free_when_its_lease_is_over(&*make().await).await;
    of_many_claims_at_once_one_wins(make().await).await;
    nothing_else_can_be_claimed(&*make().await).await;
    a_renewed_lease_holds_longer(&*make().await).await;
}

async fn ending<F, Fut>(make: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn JobStore>>,
{
    an_answer_ends_a_job(&*make().await).await;
    giving_up_ends_a_job(&*make().await).await;
    a_retried_job_is_queued_again(&*make().await).await;
    a_job_for_later_counts_no_attempt(&*make().await).await;
    a_job_is_left_alone_for_as_long_as_was_said(&*make().await).await;
    a_lost_lease_ends_nothing(&*make().await).await;
    a_job_ends_once(&*make().await).await;
    a_cancelled_job_stays_cancelled(&*make().await).await;
    a_final_job_is_not_cancelled(&*make().await).await;
    finishing_and_cancelling_at_once_agree(make().await).await;
}

async fn a_job_is_found_as_it_was_submitted(store: &dyn JobStore) {
    for job in [job(1, team_id(1)), keyed_job(2, team_id(1), "order-66")] {
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

    let (claimed, _) = taken(store, job_id(1), 10, 20).await;
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

async fn a_claim_starts_the_job(store: &dyn JobStore) {
    let job = submit(store, 1).await;
    let (claimed, _) = taken(store, job.id, 10, 20).await;
    assert_eq!(claimed, Job { state: JobState::Running, attempts: 1, updated_at: at(10), ..job });
    assert_eq!(store.lookup_job(claimed.id).await.unwrap(), Some(claimed));
}

async fn a_claimed_job_is_free_when_its_lease_is_over(store: &dyn JobStore) {
    let id = submit(store, 1).await.id;
    let first = claim(store, id, 10, 20).await;
    let busy = Claim::Busy { until: at(20) };
    assert_eq!(store.claim_job(id, at(19), at(30)).await.unwrap(), busy);
    let (job, second) = taken(store, id, 20, 30).await;
    assert_eq!(job.attempts, 2);
    assert!(second > first);
}

async fn of_many_claims_at_once_one_wins(store: Arc<dyn JobStore>) {
    let id = submit(&*store, 1).await.id;
    let results = super::at_once(10, |_| {
        let store = Arc::clone(&store);
        async move { store.claim_job(id, at(10), at(20)).await.unwrap() }
    })
    .await;
    let (taken, others): (Vec<_>, Vec<_>) =
        results.into_iter().partition(|it| matches!(it, Claim::Taken(..)));
    assert_eq!(taken.len(), 1);
    assert!(others.iter().all(|it| *it == Claim::Busy { until: at(20) }), "{others:?}");
    assert_eq!(store.lookup_job(id).await.unwrap().unwrap().attempts, 1);
}

async fn nothing_else_can_be_claimed(store: &dyn JobStore) {
    assert_eq!(store.claim_job(job_id(1), at(10), at(20)).await.unwrap(), Claim::Done, "no such job");
    for (number, finish) in [(1, answered(200)), (2, answered(400)), (3, gave_up())] {
        let id = submit(store, number).await.id;
        let lease = claim(store, id, 10, 20).await;
        assert!(store.finish_job(id, lease, &finish, at(15)).await.unwrap());
        assert_eq!(store.claim_job(id, at(100), at(200)).await.unwrap(), Claim::Done, "{finish:?}");
    }
    let id = submit(store, 4).await.id;
    store.cancel_job(id, at(5)).await.unwrap();
    assert_eq!(store.claim_job(id, at(100), at(200)).await.unwrap(), Claim::Done, "cancelled");
}

async fn a_renewed_lease_holds_longer(store: &dyn JobStore) {
    let id = submit(store, 1).await.id;
    let first = claim(store, id, 10, 20).await;
    assert!(store.renew_job(id, first, at(40)).await.unwrap());
    assert_eq!(store.claim_job(id, at(39), at(50)).await.unwrap(), Claim::Busy { until: at(40) });
    claim(store, id, 40, 50).await;
    assert!(!store.renew_job(id, first, at(60)).await.unwrap(), "passed to another");
    assert!(!store.renew_job(job_id(2), first, at(60)).await.unwrap(), "no such job");
}

async fn an_answer_ends_a_job(store: &dyn JobStore) {
    for (number, status, state) in
        [(1, 200, JobState::Succeeded), (2, 399, JobState::Succeeded), (3, 400, JobState::Failed)]
    {
        let job = submit(store, number).await;
        let lease = claim(store, job.id, 10, 20).await;
        assert!(store.finish_job(job.id, lease, &answered(status), at(15)).await.unwrap());
        let ended = Job {
            state,
            attempts: 1,
            status: Some(status),
            output: Some("jobs/output".to_owned()),
            updated_at: at(15),
            ..job
        };
        assert_eq!(store.lookup_job(ended.id).await.unwrap(), Some(ended));
    }
}

async fn giving_up_ends_a_job(store: &dyn JobStore) {
    let job = submit(store, 1).await;
    let lease = claim(store, job.id, 10, 20).await;
    assert!(store.finish_job(job.id, lease, &gave_up(), at(15)).await.unwrap());
    let error = Some("too many attempts".to_owned());
    let ended = Job { state: JobState::Failed, attempts: 1, error, updated_at: at(15), ..job };
    assert_eq!(store.lookup_job(ended.id).await.unwrap(), Some(ended));
}

async fn a_retried_job_is_queued_again(store: &dyn JobStore) {
    let job = submit(store, 1).await;
    let first = claim(store, job.id, 10, 20).await;
    assert!(store.finish_job(job.id, first, &retry(15), at(15)).await.unwrap());
    let queued = Job { attempts: 1, updated_at: at(15), ..job };
    assert_eq!(store.lookup_job(queued.id).await.unwrap().as_ref(), Some(&queued));
    assert!(!store.renew_job(queued.id, first, at(60)).await.unwrap(), "the lease is gone");
    assert!(claim(store, queued.id, 16, 30).await > first, "before the old lease would have been over");
}

async fn a_job_for_later_counts_no_attempt(store: &dyn JobStore) {
    let job = submit(store, 1).await;
    let first = claim(store, job.id, 10, 20).await;
    let later = Finish::Later { not_before: at(15) };
    assert!(store.finish_job(job.id, first, &later, at(15)).await.unwrap());
    let queued = Job { updated_at: at(15), ..job };
    assert_eq!(store.lookup_job(queued.id).await.unwrap().as_ref(), Some(&queued));
    assert!(!store.renew_job(queued.id, first, at(60)).await.unwrap(), "the lease is gone");
    let (again, second) = taken(store, queued.id, 15, 30).await;
    assert_eq!(again.attempts, 1);
    assert!(second > first, "though the attempt was given back");
}

async fn a_job_is_left_alone_for_as_long_as_was_said(store: &dyn JobStore) {
    for (number, finish) in [(1, retry(50)), (2, Finish::Later { not_before: at(50) })] {
        let id = submit(store, number).await.id;
        let lease = claim(store, id, 10, 20).await;
        assert!(store.finish_job(id, lease, &finish, at(15)).await.unwrap());
        let busy = Claim::Busy { until: at(50) };
        assert_eq!(store.claim_job(id, at(49), at(60)).await.unwrap(), busy, "{finish:?}");
        assert_eq!(store.nudge_stale_jobs(at(50), at(50), 10).await.unwrap(), [], "{finish:?}");
        let lease = claim(store, id, 50, 60).await;
        assert!(store.finish_job(id, lease, &answered(200), at(55)).await.unwrap());
    }
}

async fn a_lost_lease_ends_nothing(store: &dyn JobStore) {
    let id = submit(store, 1).await.id;
    let first = claim(store, id, 10, 20).await;
    let second = claim(store, id, 20, 30).await;
    for finish in [answered(200), gave_up(), retry(25)] {
        assert!(!store.finish_job(id, first, &finish, at(25)).await.unwrap(), "{finish:?}");
    }
    assert_eq!(store.lookup_job(id).await.unwrap().unwrap().state, JobState::Running);
    assert!(store.finish_job(id, second, &answered(200), at(25)).await.unwrap());
    assert!(!store.finish_job(job_id(2), first, &gave_up(), at(25)).await.unwrap(), "no such job");
}

async fn a_job_ends_once(store: &dyn JobStore) {
    let id = submit(store, 1).await.id;
    let lease = claim(store, id, 10, 20).await;
    assert!(store.finish_job(id, lease, &answered(200), at(15)).await.unwrap());
    let ended = store.lookup_job(id).await.unwrap();
    for finish in [answered(500), gave_up(), retry(25)] {
        assert!(!store.finish_job(id, lease, &finish, at(16)).await.unwrap(), "{finish:?}");
    }
    assert!(!store.renew_job(id, lease, at(60)).await.unwrap());
    assert_eq!(store.lookup_job(id).await.unwrap(), ended);
}

async fn a_cancelled_job_stays_cancelled(store: &dyn JobStore) {
    assert_eq!(store.cancel_job(job_id(9), at(5)).await.unwrap(), None, "no such job");
    let queued = submit(store, 1).await;
    let cancelled = Job { state: JobState::Cancelled, updated_at: at(5), ..queued };
    assert_eq!(store.cancel_job(cancelled.id, at(5)).await.unwrap().as_ref(), Some(&cancelled));
    assert_eq!(store.cancel_job(cancelled.id, at(6)).await.unwrap(), Some(cancelled), "the first time stays");

    let running = submit(store, 2).await.id;
    let lease = claim(store, running, 10, 20).await;
    assert_eq!(store.cancel_job(running, at(12)).await.unwrap().unwrap().state, JobState::Cancelled);
    assert!(!store.renew_job(running, lease, at(60)).await.unwrap());
    assert!(!store.finish_job(running, lease, &answered(200), at(13)).await.unwrap());
    assert_eq!(store.lookup_job(running).await.unwrap().unwrap().state, JobState::Cancelled);
}

async fn a_final_job_is_not_cancelled(store: &dyn JobStore) {
    let id = submit(store, 1).await.id;
    let lease = claim(store, id, 10, 20).await;
    store.finish_job(id, lease, &answered(200), at(15)).await.unwrap();
    let ended = store.lookup_job(id).await.unwrap();
    assert_eq!(store.cancel_job(id, at(16)).await.unwrap(), ended, "given as it is");
    assert_eq!(store.lookup_job(id).await.unwrap(), ended);
}

async fn finishing_and_cancelling_at_once_agree(store: Arc<dyn JobStore>) {
    for number in 1..=10 {
        let id = submit(&*store, number).await.id;
        let lease = claim(&*store, id, 10, 20).await;
        let (finish, other) = (answered(200), Arc::clone(&store));
        let cancelling = tokio::spawn(async move { other.cancel_job(id, at(15)).await.unwrap().unwrap() });
        let finished = store.finish_job(id, lease, &finish, at(15)).await.unwrap();
        let seen = cancelling.await.unwrap();
        let expected = if finished { JobState::Succeeded } else { JobState::Cancelled };
        assert_eq!(seen.state, expected);
        assert_eq!(store.lookup_job(id).await.unwrap(), Some(seen));
    }
}

async fn jobs_are_listed_newest_first(store: &dyn JobStore) {
    for number in [3, 1, 5, 2, 4] {
        store.submit_job(&job(number, team_id(number % 2))).await.unwrap();
    }
    assert_eq!(pages(store, team_id(1), 2).await, [5, 3, 1].map(job_id));
    assert_eq!(pages(store, team_id(1), 3).await, [5, 3, 1].map(job_id), "a page filled to the brim");
    assert_eq!(pages(store, team_id(0), 10).await, [4, 2].map(job_id));
    assert!(pages(store, team_id(9), 10).await.is_empty());
}

async fn open_jobs_are_counted(store: &dyn JobStore) {
    for number in 1..=4 {
        submit(store, number).await;
    }
    store.submit_job(&job(5, team_id(2))).await.unwrap();
    // 1 runs, 2 is done and 3 cancelled.
    claim(store, job_id(1), 10, 20).await;
    let lease = claim(store, job_id(2), 10, 20).await;
    store.finish_job(job_id(2), lease, &answered(200), at(15)).await.unwrap();
    store.cancel_job(job_id(3), at(15)).await.unwrap();
    assert_eq!(store.count_open_jobs(team_id(1), 10).await.unwrap(), 2);
    assert_eq!(store.count_open_jobs(team_id(1), 1).await.unwrap(), 1);
    assert_eq!(store.count_open_jobs(team_id(2), 10).await.unwrap(), 1);
    assert_eq!(store.count_open_jobs(team_id(3), 10).await.unwrap(), 0);
}

async fn jobs_without_a_nudge_are_stale(store: &dyn JobStore) {
    for number in 1..=7 {
        submit(store, number).await;
    }
    // 1 and 2 stay queued; 3 runs until 20 and 4 until 200; 5 is done; 6 is queued again since 50, and 7 since
    // 15 but not to be claimed before 60.
    claim(store, job_id(3), 10, 20).await;
    claim(store, job_id(4), 10, 200).await;
    let lease = claim(store, job_id(5), 10, 20).await;
    store.finish_job(job_id(5), lease, &answered(200), at(15)).await.unwrap();
    let lease = claim(store, job_id(6), 10, 20).await;
    store.finish_job(job_id(6), lease, &retry(50), at(50)).await.unwrap();
    let lease = claim(store, job_id(7), 10, 20).await;
    store.finish_job(job_id(7), lease, &retry(60), at(15)).await.unwrap();

    // Each is there as soon as it is stale, and not again until its nudge is that old.
    assert_eq!(nudged(store, 1, 10).await, []);
    assert_eq!(nudged(store, 2, 10).await, [job_id(1)]);
    assert_eq!(nudged(store, 20, 10).await, [job_id(2)]);
    assert_eq!(nudged(store, 40, 10).await, [job_id(3)]);
    assert_eq!(nudged(store, 60, 10).await, [job_id(6)]);
    assert_eq!(nudged(store, 61, 10).await, [job_id(7)]);
    assert_eq!(nudged(store, 200, 10).await, []);
    // Those come first that have waited longest; 4 was never nudged but by its submission.
    assert_eq!(nudged(store, 1_050, 2).await, [1, 4].map(job_id));
    assert_eq!(nudged(store, 1_100, 3).await, [2, 3, 6].map(job_id));
    assert_eq!(nudged(store, 1_100, 3).await, [job_id(7)]);
    assert_eq!(nudged(store, 1_100, 3).await, []);
}

async fn a_stale_job_is_nudged_by_one(store: Arc<dyn JobStore>) {
    for number in 1..=20 {
        submit(&*store, number).await;
    }
    let results = super::at_once(10, |_| {
        let store = Arc::clone(&store);
        async move { nudged(&*store, 100, 4).await }
    })
    .await;
    let mut all = results.concat();
    all.sort();
    // Fewer, if some found all that they could have taken in another's hands.
    all.dedup();
    assert_eq!(all.len(), results.concat().len(), "{results:?}");
    assert!(all.len() >= 4, "{results:?}");
}

/// Takes what is stale since `before`, a thousand seconds later.
async fn nudged(store: &dyn JobStore, before: i64, limit: usize) -> Vec<JobId> {
    let mut ids = store.nudge_stale_jobs(at(before), at(before + 1_000), limit).await.unwrap();
    ids.sort();
    ids
}

fn answered(status: u16) -> Finish {
    Finish::Answered { status, output: "jobs/output".to_owned() }
}

fn gave_up() -> Finish {
    Finish::GaveUp { error: "too many attempts".to_owned() }
}

async fn submit(store: &dyn JobStore, number: u32) -> Job {
    let job = job(number, team_id(1));
    assert_eq!(store.submit_job(&job).await.unwrap(), Submitted::New);
    job
}

async fn claim(store: &dyn JobStore, id: JobId, now: i64, until: i64) -> LeaseToken {
    taken(store, id, now, until).await.1
}

async fn taken(store: &dyn JobStore, id: JobId, now: i64, until: i64) -> (Job, LeaseToken) {
    match store.claim_job(id, at(now), at(until)).await.unwrap() {
        Claim::Taken(job, lease) => (*job, lease),
        other => panic!("{other:?}"),
    }
}

fn retry(not_before: i64) -> Finish {
    Finish::Retry { not_before: at(not_before) }
}

/// The ids of all pages, one after the other.
async fn pages(store: &dyn JobStore, team: TeamId, limit: usize) -> Vec<JobId> {
    let mut ids: Vec<JobId> = Vec::new();
    loop {
        let page = store.list_jobs(team, ids.last().copied(), limit).await.unwrap();
        assert!(page.items.len() <= limit);
        assert!(!page.has_more || page.items.len() == limit, "only a full page has more after it");
        ids.extend(page.items.into_iter().map(|job| job.id));
        if !page.has_more {
            return ids;
        }
    }
}
