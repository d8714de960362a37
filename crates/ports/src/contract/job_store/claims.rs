//! Claiming one job, and keeping the claim.

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{Choice, Job, JobState, Way};

use super::super::{
    at_once,
    samples::{at, job_id},
};
use super::{answered, claim, gave_up, later, next, retry, submit, terms, try_claim};
use crate::{Finish, JobStore};

pub(super) async fn all<F, Fut>(make: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn JobStore>>,
{
    a_claim_starts_the_job(&*make().await).await;
    a_claimed_job_is_free_when_its_lease_is_over(&*make().await).await;
    of_many_claims_at_once_one_wins(make().await).await;
    claims_at_once_get_different_jobs(make().await).await;
    what_has_ended_is_not_claimed(&*make().await).await;
    a_renewed_lease_holds_longer(&*make().await).await;
    a_choice_is_noted_by_whoever_has_the_lease(&*make().await).await;
    a_job_is_left_alone_for_as_long_as_was_said(&*make().await).await;
}

async fn a_claim_starts_the_job(store: &dyn JobStore) {
    assert_eq!(try_claim(store, 10, 20).await, None, "nothing there");
    let job = submit(store, 1).await;
    let (claimed, _) = claim(store, 10, 20).await;
    let started_at = Some(at(10));
    assert_eq!(claimed, Job { state: JobState::Running, attempts: 1, started_at, updated_at: at(10), ..job });
    assert_eq!(store.lookup_job(claimed.id).await.unwrap(), Some(claimed));
}

async fn a_claimed_job_is_free_when_its_lease_is_over(store: &dyn JobStore) {
    submit(store, 1).await;
    let (_, first) = claim(store, 10, 20).await;
    assert_eq!(try_claim(store, 19, 30).await, None);
    let (job, second) = claim(store, 20, 30).await;
    assert_eq!((job.attempts, job.started_at), (2, Some(at(10))), "it began once");
    assert!(second > first);
}

async fn of_many_claims_at_once_one_wins(store: Arc<dyn JobStore>) {
    let id = submit(&*store, 1).await.id;
    let results = at_once(10, |_| {
        let store = Arc::clone(&store);
        async move { try_claim(&*store, 10, 20).await }
    })
    .await;
    assert_eq!(results.iter().flatten().count(), 1, "{results:?}");
    assert_eq!(store.lookup_job(id).await.unwrap().unwrap().attempts, 1);
}

async fn claims_at_once_get_different_jobs(store: Arc<dyn JobStore>) {
    for number in 1..=20 {
        submit(&*store, number).await;
    }
    let results = at_once(10, |_| {
        let store = Arc::clone(&store);
        async move {
            let (first, second) = (claim(&*store, 30, 40).await, claim(&*store, 30, 40).await);
            [first.0.id, second.0.id]
        }
    })
    .await;
    let mut ids = results.concat();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20, "{results:?}");
}

async fn what_has_ended_is_not_claimed(store: &dyn JobStore) {
    for (number, finish) in [(1, answered(200)), (2, answered(400)), (3, gave_up()), (4, Finish::Expired)] {
        let id = submit(store, number).await.id;
        let (_, lease) = claim(store, 10, 20).await;
        assert!(store.finish_job(id, lease, &finish, at(15)).await.unwrap());
        assert_eq!(try_claim(store, 100, 200).await, None, "{finish:?}");
    }
    let id = submit(store, 5).await.id;
    store.cancel_job(id, at(5)).await.unwrap();
    assert_eq!(try_claim(store, 100, 200).await, None, "cancelled");
}

async fn a_renewed_lease_holds_longer(store: &dyn JobStore) {
    let id = submit(store, 1).await.id;
    let (_, first) = claim(store, 10, 20).await;
    assert!(store.renew_job(id, first, at(40)).await.unwrap());
    assert_eq!(try_claim(store, 39, 50).await, None);
    claim(store, 40, 50).await;
    assert!(!store.renew_job(id, first, at(60)).await.unwrap(), "passed to another");
    assert!(!store.renew_job(job_id(2), first, at(60)).await.unwrap(), "no such job");
}

async fn a_choice_is_noted_by_whoever_has_the_lease(store: &dyn JobStore) {
    let id = submit(store, 1).await.id;
    let (_, first) = claim(store, 10, 20).await;
    let (_, second) = claim(store, 20, 30).await;
    let flex = Choice { way: Way::Flex, reason: "it has \"time\"".to_owned() };
    assert!(!store.choose_job(id, first, &flex).await.unwrap(), "passed to another");
    assert_eq!(store.lookup_job(id).await.unwrap().unwrap().choice, None);
    assert!(store.choose_job(id, second, &flex).await.unwrap());
    assert_eq!(store.lookup_job(id).await.unwrap().unwrap().choice, Some(flex.clone()));
    store.finish_job(id, second, &retry(25), at(25)).await.unwrap();
    assert!(!store.choose_job(id, second, &flex).await.unwrap(), "given back");
    let (again, _) = store.claim_job(terms(30, 40, 64)).await.unwrap().unwrap();
    assert_eq!(again.choice, Some(flex), "it stays");
}

async fn a_job_is_left_alone_for_as_long_as_was_said(store: &dyn JobStore) {
    for (number, finish) in [(1, retry(50)), (2, later(50))] {
        let id = submit(store, number).await.id;
        let (_, lease) = claim(store, 10, 20).await;
        assert!(store.finish_job(id, lease, &finish, at(15)).await.unwrap());
        assert_eq!(next(store, 49).await, None, "{finish:?}");
        assert_eq!(store.nudge_stale_jobs(at(50), at(50), 10).await.unwrap(), [], "{finish:?}");
        let (_, lease) = claim(store, 50, 60).await;
        assert!(store.finish_job(id, lease, &answered(200), at(55)).await.unwrap());
    }
}
