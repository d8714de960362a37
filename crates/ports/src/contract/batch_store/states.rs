//! How a batch comes in and begins.

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{
    BatchCounts, BatchError, BatchStatus, BedrockBatch, Choice, Job, JobId, JobKind, JobState, LeaseToken,
    Way,
};

use super::super::samples::{at, file_id, job, job_id, team_id};
use super::{
    BatchTables, batch, begin, begun, choice, claim, events, get, job_of, part, submitted, try_claim, used,
};
use crate::{PortFailure, SubmittedBatch};

pub(super) async fn all<F, Fut>(make: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn BatchTables>>,
{
    a_batch_is_found_as_it_was_submitted(&*make().await).await;
    an_idempotency_key_names_one_batch(&*make().await).await;
    the_key_of_another_job_is_a_conflict(&*make().await).await;
    batches_are_listed_newest_first(&*make().await).await;
    a_batch_begins_with_its_parts(&*make().await).await;
    a_bad_file_ends_a_batch(&*make().await).await;
    an_old_lease_changes_nothing(&*make().await).await;
    a_file_is_in_use_until_its_batch_has_ended(&*make().await).await;
    what_bedrock_does_is_noted(&*make().await).await;
    a_batch_takes_parts_late(&*make().await).await;
}

async fn a_batch_is_found_as_it_was_submitted(store: &dyn BatchTables) {
    let (job, batch) = batch(1);
    store.submit_batch(&job, &batch).await.unwrap();
    assert_eq!(get(store, batch.id).await, batch);
    assert_eq!(job_of(store, batch.id).await, job);
    assert_eq!(events(store, batch.id).await, ["batch.validating"]);
    assert_eq!(store.lookup_batch(super::batch(2).1.id).await.unwrap(), None);
}

async fn an_idempotency_key_names_one_batch(store: &dyn BatchTables) {
    let keyed = |number| {
        let (job, batch) = batch(number);
        (Job { idempotency_key: Some("order-66".parse().unwrap()), ..job }, batch)
    };
    let ((first_job, first), (second_job, second)) = (keyed(1), keyed(2));
    assert_eq!(store.submit_batch(&first_job, &first).await.unwrap(), SubmittedBatch::New);
    let again = store.submit_batch(&second_job, &second).await.unwrap();
    assert_eq!(again, SubmittedBatch::Existing(Box::new(first_job), Box::new(first)));
    assert_eq!(store.lookup_batch(second.id).await.unwrap(), None, "nothing of the second is written");
}

async fn the_key_of_another_job_is_a_conflict(store: &dyn BatchTables) {
    let key = Some("order-66".parse().unwrap());
    let call = Job { idempotency_key: key.clone(), ..job(5, team_id(1)) };
    store.submit_job(&call).await.unwrap();
    let (job, batch) = batch(1);
    let refused = store.submit_batch(&Job { idempotency_key: key, ..job }, &batch).await.unwrap_err();
    assert_eq!(refused.failure, PortFailure::Conflict);
}

async fn batches_are_listed_newest_first(store: &dyn BatchTables) {
    for number in 1..=3 {
        let (job, batch) = batch(number);
        store.submit_batch(&job, &batch).await.unwrap();
    }
    let page = store.list_batches(team_id(1), None, 2).await.unwrap();
    let ids: Vec<_> = page.items.iter().map(|batch| batch.id).collect();
    assert_eq!((ids, page.has_more), (vec![batch(3).1.id, batch(2).1.id], true));
    let rest = store.list_batches(team_id(1), Some(batch(2).1.id), 2).await.unwrap();
    assert_eq!((rest.items.len(), rest.has_more), (1, false));
    assert!(store.list_batches(team_id(2), None, 2).await.unwrap().items.is_empty());
}

async fn a_batch_begins_with_its_parts(store: &dyn BatchTables) {
    let id = begun(store, 2).await;
    let batch = get(store, id).await;
    assert_eq!((batch.status, batch.in_progress_at), (BatchStatus::InProgress, Some(at(101))));
    assert_eq!((batch.model.as_deref(), batch.counts.total), (Some("haiku"), 4));
    let whole = job_of(store, id).await;
    assert_eq!((whole.state, whole.attempts, whole.choice), (JobState::Queued, 0, Some(choice())));
    assert_eq!(store.batch_parts(id).await.unwrap(), [part(0), part(1)]);
    let (job, _) = try_claim(store, 102).await.unwrap();
    let (batch_job, _) = super::batch(1);
    let expected = Job {
        id: part(0).job,
        kind: JobKind::Part,
        parent: Some(whole.id),
        priority: whole.priority,
        principal: whole.principal,
        path: whole.path,
        input: whole.input,
        deadline: whole.deadline,
        choice: Some(choice()),
        // All of it is one trace.
        trace: batch_job.trace,
        ..job.clone()
    };
    assert_eq!(job, expected, "the batch's own job waits for later");
    assert_eq!(
        store.lookup_part(job.id).await.unwrap().map(|(batch, part)| (batch, part.number)),
        Some((id, 0))
    );
    assert_eq!(store.lookup_part(job_id(77)).await.unwrap(), None);
    assert_eq!(events(store, id).await, ["batch.validating", "batch.in_progress"]);
}

async fn a_bad_file_ends_a_batch(store: &dyn BatchTables) {
    let (id, lease) = submitted(store, 1).await;
    let error = BatchError {
        code: "invalid_json_line".to_owned(),
        message: "no JSON".to_owned(),
        param: None,
        line: Some(3),
    };
    assert!(store.reject_batch(id, lease, std::slice::from_ref(&error), at(101)).await.unwrap());
    let batch = get(store, id).await;
    assert_eq!(
        (batch.status, batch.failed_at, batch.errors),
        (BatchStatus::Failed, Some(at(101)), vec![error])
    );
    let job = job_of(store, id).await;
    assert_eq!(
        (job.state, job.ended_at, job.error.as_deref()),
        (JobState::Failed, Some(at(101)), Some("no JSON"))
    );
    assert_eq!(events(store, id).await, ["batch.validating", "batch.failed"]);
    assert!(!store.begin_batch(id, lease, &begin(1, at(5_000)), at(102)).await.unwrap());
}

async fn an_old_lease_changes_nothing(store: &dyn BatchTables) {
    let (id, lease) = submitted(store, 1).await;
    let old = LeaseToken(lease.0 - 1);
    assert!(!store.begin_batch(id, old, &begin(1, at(5_000)), at(101)).await.unwrap());
    assert!(!store.reject_batch(id, old, &[], at(101)).await.unwrap());
    assert!(!store.bedrock_batch(id, old, None, &choice()).await.unwrap());
    assert!(!store.finalize_batch(id, old, at(101)).await.unwrap());
    assert!(!store.stop_parts(id, old, at(101)).await.unwrap());
    assert!(!store.add_batch_use(id, old, used(1)).await.unwrap());
    assert_eq!(get(store, id).await, batch(1).1);
    assert!(store.begin_batch(id, lease, &begin(1, at(5_000)), at(101)).await.unwrap());
    assert!(
        !store.begin_batch(id, lease, &begin(1, at(5_000)), at(101)).await.unwrap(),
        "the lease was given back"
    );
    assert!(!store.add_parts(id, lease, &[part(5)], at(101)).await.unwrap());
}

async fn a_file_is_in_use_until_its_batch_has_ended(store: &dyn BatchTables) {
    let (id, lease) = submitted(store, 1).await;
    assert!(store.is_file_in_use(file_id(1)).await.unwrap());
    assert!(!store.is_file_in_use(file_id(2)).await.unwrap());
    store.reject_batch(id, lease, &[], at(101)).await.unwrap();
    assert!(!store.is_file_in_use(file_id(1)).await.unwrap());
}

async fn what_bedrock_does_is_noted(store: &dyn BatchTables) {
    let (id, lease) = submitted(store, 1).await;
    assert!(store.begin_batch(id, lease, &begin(0, at(101)), at(101)).await.unwrap());
    let lease = claim(store, 102, JobId::new(id.uuid())).await;
    let bedrock = BedrockBatch {
        arn: "arn:aws:bedrock:us-east-1:1:model-invocation-job/x".to_owned(),
        region: "us-east-1".to_owned(),
        model: "haiku".to_owned(),
        input: "in".to_owned(),
        output: "out".to_owned(),
        records: 200,
        submitted_at: at(102),
    };
    let choice = Choice { way: Way::Batch, reason: "half the price".to_owned() };
    assert!(store.bedrock_batch(id, lease, Some(&bedrock), &choice).await.unwrap());
    assert_eq!(get(store, id).await.bedrock, Some(bedrock));
    assert_eq!(job_of(store, id).await.choice, Some(choice.clone()));
    assert!(store.add_batch_use(id, lease, used(7)).await.unwrap());
    assert!(store.add_batch_use(id, lease, used(5)).await.unwrap());
    assert_eq!(job_of(store, id).await.used, used(12));
    assert!(store.bedrock_batch(id, lease, None, &choice).await.unwrap());
    assert_eq!(get(store, id).await.bedrock, None);
}

async fn a_batch_takes_parts_late(store: &dyn BatchTables) {
    let (id, lease) = submitted(store, 1).await;
    let without = crate::BatchBegun { total: 2, ..begin(0, at(101)) };
    assert!(store.begin_batch(id, lease, &without, at(101)).await.unwrap());
    let lease = claim(store, 102, JobId::new(id.uuid())).await;
    assert!(store.add_parts(id, lease, &[part(0)], at(103)).await.unwrap());
    claim(store, 104, part(0).job).await;
    let expected = BatchCounts { total: 2, ..BatchCounts::default() };
    assert_eq!(get(store, id).await.counts, expected);
}
