//! Looking for jobs.

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{IdempotencyKey, Job, JobId, JobKind, JobState, TeamId};

use super::super::samples::{at, job, job_id, team_id};
use super::{answered, claim, later, put, set_aside, submit, used};
use crate::{JobFilter, JobStore};

pub(super) async fn all<F, Fut>(make: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn JobStore>>,
{
    jobs_are_listed_newest_first(&*make().await).await;
    a_batch_runs_from_its_beginning_to_its_end(&*make().await).await;
    what_was_submitted_is_found_by_its_key(&*make().await).await;
    lists_are_narrowed(&*make().await).await;
    metadata_is_compared_to_the_letter(&*make().await).await;
    what_parts_use_is_seen_in_their_batch(&*make().await).await;
    open_jobs_are_counted(&*make().await).await;
}

fn of_team(number: u32) -> JobFilter {
    JobFilter { team: Some(team_id(number)), ..JobFilter::default() }
}

/// The ids of all pages, one after the other.
async fn pages(store: &dyn JobStore, filter: &JobFilter, limit: usize) -> Vec<JobId> {
    let mut ids: Vec<JobId> = Vec::new();
    loop {
        let page = store.list_jobs(filter, ids.last().copied(), limit).await.unwrap();
        assert!(page.items.len() <= limit);
        assert!(!page.has_more || page.items.len() == limit, "only a full page has more after it");
        ids.extend(page.items.into_iter().map(|job| job.id));
        if !page.has_more {
            return ids;
        }
    }
}

async fn jobs_are_listed_newest_first(store: &dyn JobStore) {
    for number in [3, 1, 5, 2, 4] {
        put(store, job(number, team_id(number % 2))).await;
    }
    assert_eq!(pages(store, &of_team(1), 2).await, [5, 3, 1].map(job_id));
    assert_eq!(pages(store, &of_team(1), 3).await, [5, 3, 1].map(job_id), "a page filled to the brim");
    assert_eq!(pages(store, &of_team(0), 10).await, [4, 2].map(job_id));
    assert_eq!(pages(store, &of_team(9), 10).await, []);
    assert_eq!(pages(store, &JobFilter::default(), 2).await, [5, 4, 3, 2, 1].map(job_id), "of all teams");
}

async fn lists_are_narrowed(store: &dyn JobStore) {
    let plain = |number| job(number, team_id(1));
    put(store, plain(1)).await;
    let (_, lease) = claim(store, 10, 20).await;
    store.finish_job(job_id(1), lease, &answered(200), at(15)).await.unwrap();
    put(store, plain(2)).await;
    let (_, lease) = claim(store, 10, 20).await;
    store.finish_job(job_id(2), lease, &set_aside(), at(15)).await.unwrap();
    let batch = put(store, Job { kind: JobKind::Batch, ..plain(3) }).await;
    put(store, Job { kind: JobKind::Part, parent: Some(batch.id), ..plain(4) }).await;
    put(store, Job { path: "/v1/embeddings".to_owned(), ..plain(5) }).await;
    put(store, Job { metadata: [("a".to_owned(), "b".to_owned())].into(), ..plain(6) }).await;

    let all = of_team(1);
    let metadata = |key: &str, value: &str| Some((key.to_owned(), value.to_owned()));
    let cases = [
        (all.clone(), vec![6, 5, 3, 2, 1]),
        (JobFilter { state: Some(JobState::Queued), ..all.clone() }, vec![6, 5, 3]),
        (JobFilter { state: Some(JobState::Succeeded), ..all.clone() }, vec![1]),
        (JobFilter { kind: Some(JobKind::Batch), ..all.clone() }, vec![3]),
        (JobFilter { kind: Some(JobKind::Call), ..all.clone() }, vec![6, 5, 2, 1]),
        (JobFilter { path: Some("/v1/embeddings".to_owned()), ..all.clone() }, vec![5]),
        (JobFilter { dead: true, ..all.clone() }, vec![2]),
        (JobFilter { metadata: metadata("a", "b"), ..all.clone() }, vec![6]),
        (JobFilter { metadata: metadata("a", "c"), ..all.clone() }, vec![]),
        (JobFilter { metadata: metadata("\0", "\0"), ..all.clone() }, vec![]),
        (JobFilter { metadata: metadata("a", "b"), state: Some(JobState::Failed), ..all }, vec![]),
        (JobFilter { dead: true, ..of_team(2) }, vec![]),
    ];
    for (filter, expected) in cases {
        let expected: Vec<_> = expected.into_iter().map(job_id).collect();
        assert_eq!(pages(store, &filter, 2).await, expected, "{filter:?}");
    }
}

async fn a_batch_runs_from_its_beginning_to_its_end(store: &dyn JobStore) {
    let path = "/v1/embeddings".to_owned();
    put(store, Job { kind: JobKind::Batch, path: path.clone(), ..job(1, team_id(1)) }).await;
    let standing = |state| JobFilter { state: Some(state), ..of_team(1) };
    assert_eq!(pages(store, &standing(JobState::Queued), 2).await, [job_id(1)]);
    assert_eq!(pages(store, &standing(JobState::Running), 2).await, []);
    // Its parts are done, and nobody holds it meanwhile.
    let (_, lease) = claim(store, 10, 20).await;
    store.finish_job(job_id(1), lease, &later(100), at(15)).await.unwrap();
    put(store, job(2, team_id(1))).await;
    let (_, lease) = claim(store, 30, 40).await;
    store.finish_job(job_id(2), lease, &later(100), at(35)).await.unwrap();
    assert_eq!(
        pages(store, &standing(JobState::Queued), 2).await,
        [job_id(2)],
        "a call that waits does not run"
    );
    assert_eq!(pages(store, &standing(JobState::Running), 2).await, [job_id(1)]);
    assert_eq!(pages(store, &JobFilter { path: Some(path), ..of_team(1) }, 2).await, [job_id(1)]);
}

async fn what_was_submitted_is_found_by_its_key(store: &dyn JobStore) {
    let key: IdempotencyKey = "mine".parse().unwrap();
    put(store, Job { idempotency_key: Some(key.clone()), ..job(1, team_id(1)) }).await;
    put(store, job(2, team_id(1))).await;
    let found = store.lookup_submitted(team_id(1), &key).await.unwrap();
    assert_eq!(found.map(|job| job.id), Some(job_id(1)));
    assert_eq!(store.lookup_submitted(team_id(2), &key).await.unwrap(), None, "each team has its own");
    assert_eq!(store.lookup_submitted(team_id(1), &"other".parse().unwrap()).await.unwrap(), None);
}

async fn metadata_is_compared_to_the_letter(store: &dyn JobStore) {
    let odd = [("a.b", "1"), ("A", "B"), ("$[0]\"", "%_'\\"), ("x", "\u{0}"), ("n", "1")];
    for (number, (key, value)) in (1..).zip(odd) {
        let metadata = [(key.to_owned(), value.to_owned())].into();
        put(store, Job { metadata, ..job(number, team_id(1)) }).await;
    }
    let found = async |key: &str, value: &str| {
        let metadata = Some((key.to_owned(), value.to_owned()));
        pages(store, &JobFilter { metadata, ..of_team(1) }, 10).await
    };
    assert_eq!(found("a.b", "1").await, [job_id(1)]);
    assert_eq!(found("A", "B").await, [job_id(2)]);
    assert_eq!(found("a", "b").await, []);
    assert_eq!(found("$[0]\"", "%_'\\").await, [job_id(3)]);
    assert_eq!(found("n", "1").await, [job_id(5)]);
}

async fn what_parts_use_is_seen_in_their_batch(store: &dyn JobStore) {
    let batch = put(store, Job { kind: JobKind::Batch, used: used(1), ..job(1, team_id(1)) }).await;
    for number in [2, 3] {
        let part = Job { kind: JobKind::Part, parent: Some(batch.id), ..job(number, team_id(1)) };
        put(store, Job { used: used(10), ..part }).await;
    }
    let mut sum = used(21);
    sum.unpriced = 3;
    assert_eq!(store.lookup_job(batch.id).await.unwrap().unwrap().used, sum);
    let listed: TeamId = team_id(1);
    let page = store.list_jobs(&JobFilter { team: Some(listed), ..JobFilter::default() }, None, 10).await;
    assert_eq!(page.unwrap().items[0].used, sum);
}

async fn open_jobs_are_counted(store: &dyn JobStore) {
    for number in 1..=4 {
        submit(store, number).await;
    }
    put(store, job(5, team_id(2))).await;
    put(store, Job { kind: JobKind::Part, ..job(6, team_id(1)) }).await;
    // 1 runs, 2 is done and 3 cancelled; parts do not count.
    let first = store.claim_job(super::terms(10, 20, 64)).await.unwrap().unwrap();
    store.cancel_job(job_id(3), at(15)).await.unwrap();
    assert_eq!(store.count_open_jobs(team_id(1), 10).await.unwrap(), 3);
    store.finish_job(first.0.id, first.1, &answered(200), at(15)).await.unwrap();
    let ended = u32::from(first.0.principal.team == team_id(1));
    assert_eq!(store.count_open_jobs(team_id(1), 10).await.unwrap(), 3 - ended as usize);
    assert_eq!(store.count_open_jobs(team_id(1), 1).await.unwrap(), 1);
    assert_eq!(store.count_open_jobs(team_id(3), 10).await.unwrap(), 0);
}
