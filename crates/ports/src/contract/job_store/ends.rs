//! How claims end.

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{Job, JobKind, JobState};

use super::super::samples::{at, job, job_id, team_id};
use super::{answered, claim, gave_up, later, next, put, retry, set_aside, submit, try_claim, used};
use crate::{Finish, JobFilter, JobStore};

pub(super) async fn all<F, Fut>(make: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn JobStore>>,
{
    an_answer_ends_a_job(&*make().await).await;
    giving_up_ends_a_job(&*make().await).await;
    a_job_that_is_too_late_has_expired(&*make().await).await;
    a_retried_job_is_queued_again(&*make().await).await;
    a_job_for_later_counts_no_attempt(&*make().await).await;
    a_lost_lease_ends_nothing(&*make().await).await;
    a_job_ends_once(&*make().await).await;
    a_cancelled_job_stays_cancelled(&*make().await).await;
    a_final_job_is_not_cancelled(&*make().await).await;
    only_calls_are_cancelled(&*make().await).await;
    finishing_and_cancelling_at_once_agree(make().await).await;
    what_was_set_aside_can_be_sent_back(&*make().await).await;
    a_part_that_was_set_aside_is_of_use_while_its_batch_is(&*make().await).await;
    the_last_part_that_ends_wakes_its_batch(&*make().await).await;
}

async fn an_answer_ends_a_job(store: &dyn JobStore) {
    for (number, status, state) in
        [(1, 200, JobState::Succeeded), (2, 399, JobState::Succeeded), (3, 400, JobState::Failed)]
    {
        let job = submit(store, number).await;
        let (_, lease) = claim(store, 10, 20).await;
        assert!(store.finish_job(job.id, lease, &answered(status), at(15)).await.unwrap());
        let ended = Job {
            state,
            attempts: 1,
            status: Some(status),
            output: Some("jobs/output".to_owned()),
            used: used(5),
            started_at: Some(at(10)),
            ended_at: Some(at(15)),
            updated_at: at(15),
            ..job
        };
        assert_eq!(store.lookup_job(ended.id).await.unwrap(), Some(ended));
    }
}

async fn giving_up_ends_a_job(store: &dyn JobStore) {
    for (number, finish, dead) in [(1, gave_up(), false), (2, set_aside(), true)] {
        let job = submit(store, number).await;
        let (claimed, lease) = claim(store, 10, 20).await;
        assert!(store.finish_job(job.id, lease, &finish, at(15)).await.unwrap());
        let Finish::GaveUp { error, .. } = finish else { unreachable!() };
        let (error, ended_at) = (Some(error), Some(at(15)));
        let ended = Job { state: JobState::Failed, error, dead, ended_at, updated_at: at(15), ..claimed };
        assert_eq!(store.lookup_job(ended.id).await.unwrap(), Some(ended));
    }
}

async fn a_job_that_is_too_late_has_expired(store: &dyn JobStore) {
    let job = put(store, Job { deadline: Some(at(12)), ..job(1, team_id(1)) }).await;
    let (claimed, lease) = claim(store, 15, 20).await;
    assert_eq!(claimed.deadline, Some(at(12)), "whoever claims it sees that");
    assert!(store.finish_job(job.id, lease, &Finish::Expired, at(15)).await.unwrap());
    let ended = Job { state: JobState::Expired, ended_at: Some(at(15)), updated_at: at(15), ..claimed };
    assert_eq!(store.lookup_job(job.id).await.unwrap(), Some(ended));
}

async fn a_retried_job_is_queued_again(store: &dyn JobStore) {
    let job = submit(store, 1).await;
    let (_, first) = claim(store, 10, 20).await;
    assert!(store.finish_job(job.id, first, &retry(15), at(15)).await.unwrap());
    let queued = Job { attempts: 1, started_at: Some(at(10)), updated_at: at(15), ..job };
    assert_eq!(store.lookup_job(queued.id).await.unwrap().as_ref(), Some(&queued));
    assert!(!store.renew_job(queued.id, first, at(60)).await.unwrap(), "the lease is gone");
    assert!(claim(store, 16, 30).await.1 > first, "before the old lease would have been over");
}

async fn a_job_for_later_counts_no_attempt(store: &dyn JobStore) {
    let job = submit(store, 1).await;
    let (_, first) = claim(store, 10, 20).await;
    assert!(store.finish_job(job.id, first, &later(15), at(15)).await.unwrap());
    let queued = Job { started_at: Some(at(10)), updated_at: at(15), ..job };
    assert_eq!(store.lookup_job(queued.id).await.unwrap().as_ref(), Some(&queued));
    assert!(!store.renew_job(queued.id, first, at(60)).await.unwrap(), "the lease is gone");
    let (again, second) = claim(store, 15, 30).await;
    assert_eq!(again.attempts, 1);
    assert!(second > first, "though the attempt was given back");
}

async fn a_lost_lease_ends_nothing(store: &dyn JobStore) {
    let id = submit(store, 1).await.id;
    let (_, first) = claim(store, 10, 20).await;
    let (_, second) = claim(store, 20, 30).await;
    for finish in [answered(200), gave_up(), retry(25), later(25), Finish::Expired] {
        assert!(!store.finish_job(id, first, &finish, at(25)).await.unwrap(), "{finish:?}");
    }
    assert_eq!(store.lookup_job(id).await.unwrap().unwrap().state, JobState::Running);
    assert!(store.finish_job(id, second, &answered(200), at(25)).await.unwrap());
    assert!(!store.finish_job(job_id(2), first, &gave_up(), at(25)).await.unwrap(), "no such job");
}

async fn a_job_ends_once(store: &dyn JobStore) {
    let id = submit(store, 1).await.id;
    let (_, lease) = claim(store, 10, 20).await;
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
    let cancelled = Job { state: JobState::Cancelled, ended_at: Some(at(5)), updated_at: at(5), ..queued };
    assert_eq!(store.cancel_job(cancelled.id, at(5)).await.unwrap().as_ref(), Some(&cancelled));
    assert_eq!(store.cancel_job(cancelled.id, at(6)).await.unwrap(), Some(cancelled), "the first time stays");

    let running = submit(store, 2).await.id;
    let (_, lease) = claim(store, 10, 20).await;
    assert_eq!(store.cancel_job(running, at(12)).await.unwrap().unwrap().state, JobState::Cancelled);
    assert!(!store.renew_job(running, lease, at(60)).await.unwrap());
    assert!(!store.finish_job(running, lease, &answered(200), at(13)).await.unwrap());
    assert_eq!(store.lookup_job(running).await.unwrap().unwrap().state, JobState::Cancelled);
}

async fn a_final_job_is_not_cancelled(store: &dyn JobStore) {
    let id = submit(store, 1).await.id;
    let (_, lease) = claim(store, 10, 20).await;
    store.finish_job(id, lease, &answered(200), at(15)).await.unwrap();
    let ended = store.lookup_job(id).await.unwrap();
    assert_eq!(store.cancel_job(id, at(16)).await.unwrap(), ended, "given as it is");
    assert_eq!(store.lookup_job(id).await.unwrap(), ended);
}

async fn only_calls_are_cancelled(store: &dyn JobStore) {
    for (number, kind) in [(1, JobKind::Batch), (2, JobKind::Part)] {
        let job = put(store, Job { kind, ..job(number, team_id(1)) }).await;
        assert_eq!(store.cancel_job(job.id, at(5)).await.unwrap(), None);
        assert_eq!(store.lookup_job(job.id).await.unwrap(), Some(job));
    }
}

async fn finishing_and_cancelling_at_once_agree(store: Arc<dyn JobStore>) {
    for number in 1..=10 {
        let id = submit(&*store, number).await.id;
        let (_, lease) = claim(&*store, 10, 20).await;
        let (finish, other) = (answered(200), Arc::clone(&store));
        let cancelling = tokio::spawn(async move { other.cancel_job(id, at(15)).await.unwrap().unwrap() });
        let finished = store.finish_job(id, lease, &finish, at(15)).await.unwrap();
        let seen = cancelling.await.unwrap();
        let expected = if finished { JobState::Succeeded } else { JobState::Cancelled };
        assert_eq!(seen.state, expected);
        assert_eq!(store.lookup_job(id).await.unwrap(), Some(seen));
    }
}

async fn what_was_set_aside_can_be_sent_back(store: &dyn JobStore) {
    assert_eq!(store.redrive_job(job_id(9), at(5)).await.unwrap(), None, "no such job");
    let job = submit(store, 1).await;
    assert_eq!(store.redrive_job(job.id, at(5)).await.unwrap(), None, "it waits");
    let (_, lease) = claim(store, 10, 20).await;
    assert!(store.finish_job(job.id, lease, &set_aside(), at(15)).await.unwrap());
    let back = store.redrive_job(job.id, at(30)).await.unwrap().unwrap();
    assert_eq!(back, Job { started_at: Some(at(10)), updated_at: at(30), ..job });
    assert_eq!(store.lookup_job(back.id).await.unwrap().as_ref(), Some(&back));
    assert_eq!(store.redrive_job(back.id, at(31)).await.unwrap(), None, "once is enough");
    let (again, second) = claim(store, 31, 40).await;
    assert_eq!(again.attempts, 1);
    assert!(second > lease);
    assert!(store.finish_job(again.id, second, &gave_up(), at(35)).await.unwrap());
    assert_eq!(store.redrive_job(again.id, at(40)).await.unwrap(), None, "given up for good");
}

fn part(number: u32, batch: &Job) -> Job {
    Job { kind: JobKind::Part, parent: Some(batch.id), ..job(number, team_id(1)) }
}

async fn a_part_that_was_set_aside_is_of_use_while_its_batch_is(store: &dyn JobStore) {
    let batch = put(store, Job { kind: JobKind::Batch, ..job(1, team_id(1)) }).await;
    let (_, batch_lease) = claim(store, 10, 1_000).await;
    let part = put(store, part(2, &batch)).await;
    for now in [10, 20] {
        let (claimed, lease) = claim(store, now, now + 5).await;
        assert_eq!(claimed.id, part.id);
        assert!(store.finish_job(part.id, lease, &set_aside(), at(now + 1)).await.unwrap());
        let dead = JobFilter { dead: true, ..JobFilter::default() };
        let listed = store.list_jobs(&dead, None, 10).await.unwrap().items;
        assert_eq!(listed.iter().map(|job| job.id).collect::<Vec<_>>(), [part.id]);
        if now == 10 {
            assert!(store.redrive_job(part.id, at(15)).await.unwrap().is_some(), "the batch runs");
        }
    }
    assert!(store.finish_job(batch.id, batch_lease, &gave_up(), at(25)).await.unwrap());
    assert_eq!(store.redrive_job(part.id, at(30)).await.unwrap(), None, "the batch has ended");
}

async fn the_last_part_that_ends_wakes_its_batch(store: &dyn JobStore) {
    let batch = put(store, Job { kind: JobKind::Batch, ..job(1, team_id(1)) }).await;
    let (_, lease) = claim(store, 10, 20).await;
    assert!(store.finish_job(batch.id, lease, &later(1_000), at(11)).await.unwrap());
    for number in [2, 3] {
        put(store, part(number, &batch)).await;
    }
    let (first, lease) = claim(store, 12, 20).await;
    assert!(store.finish_job(first.id, lease, &set_aside(), at(13)).await.unwrap());
    let (second, lease) = claim(store, 14, 20).await;
    assert_eq!((first.id, second.id), (job_id(2), job_id(3)), "the batch waits for the other part");
    assert_eq!(try_claim(store, 15, 20).await, None);
    assert!(store.finish_job(second.id, lease, &set_aside(), at(16)).await.unwrap());
    assert_eq!(next(store, 16).await, Some(batch.id));
}
