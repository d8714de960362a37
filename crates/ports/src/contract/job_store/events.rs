//! What happened to jobs.

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{Job, JobId, JobKind};

use super::super::samples::{at, job, job_id, response_id, team_id};
use super::{answered, claim, gave_up, later, put, retry, set_aside, submit};
use crate::{Finish, JobStore};

pub(super) async fn all<F, Fut>(make: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn JobStore>>,
{
    all_that_happens_to_a_call_is_told_in_order(&*make().await).await;
    ends_are_told(&*make().await).await;
    an_end_says_what_is_worth_knowing(&*make().await).await;
    a_background_response_has_its_own_words(&*make().await).await;
    what_changes_nothing_is_not_told(&*make().await).await;
    batches_and_parts_are_not_told_of_as_calls(&*make().await).await;
    events_are_read_from_any_of_them_on(&*make().await).await;
}

async fn names(store: &dyn JobStore, id: JobId) -> Vec<String> {
    let events = store.job_events(id, 0, 100).await.unwrap();
    let numbers: Vec<u32> = events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=u32::try_from(events.len()).unwrap()).collect::<Vec<_>>(), "without a gap");
    events.into_iter().map(|event| event.name).collect()
}

async fn all_that_happens_to_a_call_is_told_in_order(store: &dyn JobStore) {
    let id = submit(store, 1).await.id;
    let (_, lease) = claim(store, 10, 20).await;
    store.finish_job(id, lease, &retry(12), at(11)).await.unwrap();
    let (_, lease) = claim(store, 12, 20).await;
    store.finish_job(id, lease, &later(14), at(13)).await.unwrap();
    claim(store, 14, 20).await;
    let (_, lease) = claim(store, 20, 30).await;
    store.finish_job(id, lease, &set_aside(), at(21)).await.unwrap();
    store.redrive_job(id, at(22)).await.unwrap();
    let told =
        ["queued", "running", "retrying", "running", "queued", "running", "running", "failed", "queued"];
    assert_eq!(names(store, id).await, told.map(|name| format!("job.{name}")));
    let times = store.job_events(id, 0, 100).await.unwrap().into_iter().map(|event| event.at);
    assert_eq!(times.collect::<Vec<_>>(), [1, 10, 11, 12, 13, 14, 20, 21, 22].map(at));
}

async fn ends_are_told(store: &dyn JobStore) {
    let ends = [
        (1, answered(200), "job.succeeded"),
        (2, answered(500), "job.failed"),
        (3, gave_up(), "job.failed"),
        (4, Finish::Expired, "job.expired"),
    ];
    for (number, finish, name) in ends {
        let id = submit(store, number).await.id;
        let (_, lease) = claim(store, 10, 20).await;
        store.finish_job(id, lease, &finish, at(15)).await.unwrap();
        assert_eq!(names(store, id).await.last().map(String::as_str), Some(name), "{finish:?}");
    }
    let id = submit(store, 5).await.id;
    store.cancel_job(id, at(15)).await.unwrap();
    assert_eq!(names(store, id).await, ["job.queued", "job.cancelled"]);
}

async fn an_end_says_what_is_worth_knowing(store: &dyn JobStore) {
    let id = submit(store, 1).await.id;
    let (_, lease) = claim(store, 10, 20).await;
    store.finish_job(id, lease, &answered(200), at(15)).await.unwrap();
    let told = serde_json::json!({
        "status": "succeeded", "http_status": 200, "error": null, "cost_usd": "0.000005", "attempts": 1
    });
    assert_eq!(store.job_events(id, 2, 1).await.unwrap()[0].data, told);

    let id = submit(store, 2).await.id;
    let (_, lease) = claim(store, 10, 20).await;
    store.finish_job(id, lease, &gave_up(), at(15)).await.unwrap();
    let told = &store.job_events(id, 2, 1).await.unwrap()[0].data;
    assert_eq!((&told["status"], &told["error"]), (&"failed".into(), &"too many attempts".into()));
}

async fn a_background_response_has_its_own_words(store: &dyn JobStore) {
    let ends = [
        (1, answered(200), "response.completed"),
        (2, gave_up(), "response.failed"),
        (3, Finish::Expired, "response.failed"),
    ];
    for (number, finish, name) in ends {
        let job = Job { response: Some(response_id(number)), ..job(number, team_id(1)) };
        let id = put(store, job).await.id;
        let (_, lease) = claim(store, 10, 20).await;
        store.finish_job(id, lease, &finish, at(15)).await.unwrap();
        assert_eq!(names(store, id).await, ["response.queued", "response.running", name]);
    }
    let id = put(store, Job { response: Some(response_id(4)), ..job(4, team_id(1)) }).await.id;
    store.cancel_job(id, at(15)).await.unwrap();
    assert_eq!(names(store, id).await, ["response.queued", "response.cancelled"]);
}

async fn what_changes_nothing_is_not_told(store: &dyn JobStore) {
    let job = submit(store, 1).await;
    let _ = store.submit_job(&job).await;
    let (_, lease) = claim(store, 10, 20).await;
    store.renew_job(job.id, lease, at(30)).await.unwrap();
    store.finish_job(job.id, lease, &answered(200), at(15)).await.unwrap();
    store.finish_job(job.id, lease, &gave_up(), at(16)).await.unwrap();
    store.cancel_job(job.id, at(17)).await.unwrap();
    store.redrive_job(job.id, at(18)).await.unwrap();
    assert_eq!(names(store, job.id).await, ["job.queued", "job.running", "job.succeeded"]);
}

async fn batches_and_parts_are_not_told_of_as_calls(store: &dyn JobStore) {
    for (number, kind) in [(1, JobKind::Batch), (2, JobKind::Part)] {
        let id = put(store, Job { kind, ..job(number, team_id(1)) }).await.id;
        let (_, lease) = claim(store, 10, 20).await;
        store.finish_job(id, lease, &later(1_000), at(15)).await.unwrap();
        assert_eq!(names(store, id).await, Vec::<String>::new());
    }
}

async fn events_are_read_from_any_of_them_on(store: &dyn JobStore) {
    let id = submit(store, 1).await.id;
    let (_, lease) = claim(store, 10, 20).await;
    store.finish_job(id, lease, &answered(200), at(15)).await.unwrap();
    let seqs = async |after, limit| {
        let events = store.job_events(id, after, limit).await.unwrap();
        events.into_iter().map(|event| event.seq).collect::<Vec<_>>()
    };
    assert_eq!(seqs(0, 2).await, [1, 2]);
    assert_eq!(seqs(2, 2).await, [3]);
    assert_eq!(seqs(3, 2).await, [0_u32; 0]);
    assert_eq!(store.job_events(job_id(9), 0, 10).await.unwrap(), [], "no such job");
}
