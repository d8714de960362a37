//! Lost nudges, how much there is to do, and forgetting.

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{Job, JobId, JobKind};

use super::super::{
    at_once,
    samples::{at, job, job_id, team_id},
};
use super::{answered, claim, later, put, set_aside, submit};
use crate::{Backlog, JobStore, Submitted};

pub(super) async fn all<F, Fut>(make: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn JobStore>>,
{
    jobs_without_a_nudge_are_stale(&*make().await).await;
    a_stale_job_is_nudged_by_one(make().await).await;
    the_backlog_is_counted(&*make().await).await;
    live_workers_are_counted(&*make().await).await;
    ended_jobs_are_found_and_forgotten(&*make().await).await;
    leftovers_are_kept_until_they_are_struck_off(&*make().await).await;
}

/// Takes what is stale since `before`, a thousand seconds later.
async fn nudged(store: &dyn JobStore, before: i64, limit: usize) -> Vec<JobId> {
    let mut ids = store.nudge_stale_jobs(at(before), at(before + 1_000), limit).await.unwrap();
    ids.sort();
    ids
}

async fn jobs_without_a_nudge_are_stale(store: &dyn JobStore) {
    // 1 runs until 20 and 2 until 200; 3 is done; 4 is queued again since 50, and 5 since 15 but not to be claimed before
    // 60; 6 and 7 were never claimed.
    for number in 1..=5 {
        submit(store, number).await;
        let (job, lease) = claim(store, 10, if number == 2 { 200 } else { 20 }).await;
        match number {
            3 => assert!(store.finish_job(job.id, lease, &answered(200), at(15)).await.unwrap()),
            4 => assert!(store.finish_job(job.id, lease, &later(50), at(50)).await.unwrap()),
            5 => assert!(store.finish_job(job.id, lease, &later(60), at(15)).await.unwrap()),
            _ => {}
        }
    }
    for number in 6..=7 {
        submit(store, number).await;
    }
    // Each is there as soon as it is stale, and not again until its nudge is that old.
    assert_eq!(nudged(store, 1, 10).await, []);
    assert_eq!(nudged(store, 7, 10).await, [job_id(6)]);
    assert_eq!(nudged(store, 20, 10).await, [job_id(7)]);
    assert_eq!(nudged(store, 40, 10).await, [job_id(1)]);
    assert_eq!(nudged(store, 60, 10).await, [job_id(4)]);
    assert_eq!(nudged(store, 61, 10).await, [job_id(5)]);
    assert_eq!(nudged(store, 200, 10).await, []);
    // Those come first that have waited longest; 2 was never nudged but by its submission.
    assert_eq!(nudged(store, 1_050, 2).await, [2, 6].map(job_id));
    assert_eq!(nudged(store, 1_100, 3).await, [1, 4, 7].map(job_id));
    assert_eq!(nudged(store, 1_100, 3).await, [job_id(5)]);
    assert_eq!(nudged(store, 1_100, 3).await, []);
}

async fn a_stale_job_is_nudged_by_one(store: Arc<dyn JobStore>) {
    for number in 1..=20 {
        submit(&*store, number).await;
    }
    let results = at_once(10, |_| {
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

async fn the_backlog_is_counted(store: &dyn JobStore) {
    assert_eq!(store.backlog(at(10)).await.unwrap(), Backlog::default());
    // 1 runs until 20, 2 until 100, 3 is set aside, 4 waits until 30, 5 waits for its parts; 6 and the part 7 wait.
    for (number, until) in [(1, 20), (2, 100), (3, 100), (4, 100), (5, 100)] {
        let kind = if number == 5 { JobKind::Batch } else { JobKind::Call };
        put(store, Job { kind, ..job(number, team_id(number)) }).await;
        let (job, lease) = claim(store, 10, until).await;
        match number {
            3 => assert!(store.finish_job(job.id, lease, &set_aside(), at(11)).await.unwrap()),
            4 => assert!(store.finish_job(job.id, lease, &later(30), at(11)).await.unwrap()),
            5 => assert!(store.finish_job(job.id, lease, &later(1_000), at(11)).await.unwrap()),
            _ => {}
        }
    }
    submit(store, 6).await;
    put(store, Job { kind: JobKind::Part, parent: Some(job_id(5)), ..job(7, team_id(5)) }).await;
    let plain = Backlog { due: 2, later: 1, running: 2, oldest_s: 9, dead: 1 };
    assert_eq!(store.backlog(at(15)).await.unwrap(), plain);
    let expired = Backlog { due: 3, running: 1, oldest_s: 14, ..plain };
    assert_eq!(store.backlog(at(20)).await.unwrap(), expired, "the first lost its worker");
    let due = Backlog { due: 4, later: 0, oldest_s: 24, ..expired };
    assert_eq!(store.backlog(at(30)).await.unwrap(), due);
}

async fn live_workers_are_counted(store: &dyn JobStore) {
    assert_eq!(store.count_workers(at(10)).await.unwrap(), 0);
    store.note_worker("one", at(10), at(20)).await.unwrap();
    store.note_worker("two", at(10), at(15)).await.unwrap();
    store.note_worker("two", at(11), at(30)).await.unwrap();
    assert_eq!(store.count_workers(at(19)).await.unwrap(), 2);
    assert_eq!(store.count_workers(at(20)).await.unwrap(), 1);
    store.note_worker("two", at(21), at(21)).await.unwrap();
    assert_eq!(store.count_workers(at(21)).await.unwrap(), 0, "it went");
}

async fn ended_jobs_are_found_and_forgotten(store: &dyn JobStore) {
    for (number, end) in [(1, 30), (2, 20), (3, 40)] {
        submit(store, number).await;
        let (job, lease) = claim(store, 10, 100).await;
        store.finish_job(job.id, lease, &answered(200), at(end)).await.unwrap();
    }
    let open = submit(store, 4).await;
    let ended = async |before, limit| {
        let jobs = store.ended_jobs(at(before), limit).await.unwrap();
        jobs.into_iter().map(|job| job.id).collect::<Vec<_>>()
    };
    assert_eq!(ended(20, 10).await, []);
    assert_eq!(ended(40, 10).await, [2, 1].map(job_id));
    assert_eq!(ended(100, 2).await, [2, 1].map(job_id));
    for number in [2, 4, 9] {
        store.forget_job(job_id(number)).await.unwrap();
    }
    assert_eq!(store.lookup_job(job_id(2)).await.unwrap(), None);
    assert_eq!(store.job_events(job_id(2), 0, 10).await.unwrap(), []);
    assert_eq!(store.lookup_job(open.id).await.unwrap(), Some(open), "it has not ended");
    assert_eq!(store.job_events(job_id(4), 0, 10).await.unwrap().len(), 1);
    assert_eq!(ended(100, 10).await, [1, 3].map(job_id));
    assert_eq!(
        store.submit_job(&job(2, team_id(1))).await.unwrap(),
        Submitted::New,
        "as if it had never been"
    );
}

async fn leftovers_are_kept_until_they_are_struck_off(store: &dyn JobStore) {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    assert_eq!(store.leftovers("", 10).await.unwrap(), names(&[]));
    store.note_leftovers(&names(&["b", "a/1", "c\"", "b"])).await.unwrap();
    store.note_leftovers(&names(&["b", "d"])).await.unwrap();
    store.note_leftovers(&[]).await.unwrap();
    assert_eq!(store.leftovers("", 10).await.unwrap(), names(&["a/1", "b", "c\"", "d"]));
    assert_eq!(store.leftovers("b", 1).await.unwrap(), names(&["c\""]));
    store.forget_leftovers(&names(&["b", "c\"", "unknown"])).await.unwrap();
    assert_eq!(store.leftovers("", 10).await.unwrap(), names(&["a/1", "d"]));
}
