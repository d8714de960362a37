//! How batches end.

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{
    BatchCounts, BatchId, BatchStatus, FileId, JobId, JobState, KeptLine, LeaseToken, StoredFile,
};

use super::super::samples::{at, file, file_id, team_id};
use super::{BatchTables, begin, begun, claim, events, get, job_of, kept, part, submitted, try_claim, used};
use crate::{BatchEnd, Finish, LinesKept, PartEnded};

pub(super) async fn all<F, Fut>(make: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn BatchTables>>,
{
    the_end_is_one_step(&*make().await).await;
    each_step_forward_counts_attempts_anew(&*make().await).await;
    a_cancelled_batch_stops_its_parts_and_is_due(&*make().await).await;
    a_batch_that_is_further_is_not_cancelled(&*make().await).await;
    a_batch_is_cancelled_before_it_begins(&*make().await).await;
    a_batch_whose_time_is_over_stops_its_parts(&*make().await).await;
    a_batch_whose_time_is_over_before_it_begins_expires(&*make().await).await;
    a_part_that_was_set_aside_is_not_waited_for(&*make().await).await;
    a_batch_that_was_set_aside_can_be_cancelled(&*make().await).await;
}

fn output(number: u32) -> StoredFile {
    StoredFile { id: file_id(number), ..file(number, team_id(1)) }
}

fn end(status: BatchStatus) -> BatchEnd {
    let leftovers = vec!["bedrock".to_owned()];
    BatchEnd {
        status,
        output: Some(output(50)),
        errors: Some(output(51)),
        completed: 3,
        failed: 1,
        leftovers,
    }
}

/// A batch whose parts are done, and the lease of its job.
async fn done(store: &dyn BatchTables) -> (BatchId, LeaseToken) {
    let id = begun(store, 2).await;
    for number in 0..2 {
        let job = part(number).job;
        let lease = claim(store, 102, job).await;
        let line = u64::from(number) * 2 + 1;
        store.keep_lines(job, lease, &[kept(line, true), kept(line + 1, number == 0)]).await.unwrap();
        store.finish_part(job, lease, Some("out"), None, at(103)).await.unwrap();
    }
    (id, claim(store, 104, JobId::new(id.uuid())).await)
}

async fn found(store: &dyn BatchTables, id: FileId) -> bool {
    store.lookup_file(id, at(0)).await.unwrap().is_some()
}

async fn the_end_is_one_step(store: &dyn BatchTables) {
    let (id, lease) = done(store).await;
    assert!(store.finalize_batch(id, lease, at(105)).await.unwrap());
    assert!(store.finalize_batch(id, lease, at(106)).await.unwrap(), "as who follows a dead worker does");
    let batch = get(store, id).await;
    assert_eq!((batch.status, batch.finalizing_at), (BatchStatus::Finalizing, Some(at(105))));
    let old = LeaseToken(lease.0 - 1);
    assert!(!store.finish_batch(id, old, &end(BatchStatus::Completed), at(106)).await.unwrap());
    assert!(!found(store, file_id(50)).await, "not with an old lease");
    assert!(store.finish_batch(id, lease, &end(BatchStatus::Completed), at(107)).await.unwrap());
    let batch = get(store, id).await;
    assert_eq!((batch.status, batch.completed_at), (BatchStatus::Completed, Some(at(107))));
    assert_eq!((batch.expired_at, batch.cancelled_at), (None, None));
    assert_eq!((batch.output_file, batch.error_file), (Some(file_id(50)), Some(file_id(51))));
    assert_eq!(batch.counts, BatchCounts { total: 4, completed: 3, failed: 1 });
    assert!(found(store, file_id(50)).await && found(store, file_id(51)).await);
    assert!(store.batch_parts(id).await.unwrap().is_empty());
    assert_eq!(
        store.leftovers("", 9).await.unwrap(),
        ["bedrock", "out"],
        "nobody needs them, and nobody forgets them"
    );
    assert_eq!(store.lookup_job(part(0).job).await.unwrap(), None, "its parts are forgotten");
    let job = job_of(store, id).await;
    assert_eq!((job.state, job.ended_at, job.used), (JobState::Succeeded, Some(at(107)), used(10)));
    let names = ["batch.validating", "batch.in_progress", "batch.finalizing", "batch.completed"];
    assert_eq!(events(store, id).await, names);
    assert!(!store.finish_batch(id, lease, &end(BatchStatus::Expired), at(108)).await.unwrap());
    assert!(try_claim(store, 20_000).await.is_none());
}

async fn a_cancelled_batch_stops_its_parts_and_is_due(store: &dyn BatchTables) {
    let id = begun(store, 2).await;
    let running = part(0).job;
    let lease = claim(store, 102, running).await;
    store.keep_lines(running, lease, &[kept(1, true)]).await.unwrap();
    let cancelled = store.cancel_batch(id, at(103)).await.unwrap().unwrap();
    assert_eq!((cancelled.status, cancelled.cancelling_at), (BatchStatus::Cancelling, Some(at(103))));
    assert!(!store.renew_job(running, lease, at(9_000)).await.unwrap(), "its worker is told");
    assert_eq!(store.keep_lines(running, lease, &[kept(2, true)]).await.unwrap(), LinesKept::Lost);
    assert_eq!(store.kept_numbers(running).await.unwrap(), [1], "what was kept stays");
    let whole = claim(store, 104, JobId::new(id.uuid())).await;
    assert!(try_claim(store, 104).await.is_none(), "no part is begun any more");
    assert!(store.finalize_batch(id, whole, at(105)).await.unwrap());
    assert_eq!(get(store, id).await.status, BatchStatus::Cancelling);
    assert!(store.finish_batch(id, whole, &end(BatchStatus::Cancelled), at(106)).await.unwrap());
    let batch = get(store, id).await;
    assert_eq!((batch.status, batch.cancelled_at), (BatchStatus::Cancelled, Some(at(106))));
    let job = job_of(store, id).await;
    assert_eq!((job.state, job.used), (JobState::Cancelled, used(1)), "also of parts that never ended");
    assert!(store.kept_numbers(running).await.unwrap().is_empty());
    assert_eq!(events(store, id).await.last().unwrap(), "batch.cancelled");
}

async fn a_batch_that_is_further_is_not_cancelled(store: &dyn BatchTables) {
    let (id, lease) = done(store).await;
    store.finalize_batch(id, lease, at(105)).await.unwrap();
    let batch = store.cancel_batch(id, at(106)).await.unwrap().unwrap();
    assert_eq!((batch.status, batch.cancelling_at), (BatchStatus::Finalizing, None));
    store.finish_batch(id, lease, &end(BatchStatus::Completed), at(107)).await.unwrap();
    assert_eq!(store.cancel_batch(id, at(108)).await.unwrap().unwrap().status, BatchStatus::Completed);
    assert_eq!(store.cancel_batch(super::batch(9).1.id, at(108)).await.unwrap(), None);
}

async fn a_batch_is_cancelled_before_it_begins(store: &dyn BatchTables) {
    let (id, lease) = submitted(store, 1).await;
    store.cancel_batch(id, at(101)).await.unwrap();
    assert!(!store.begin_batch(id, lease, &super::begin(1, at(5_000)), at(102)).await.unwrap());
    assert!(
        store.renew_job(JobId::new(id.uuid()), lease, at(9_000)).await.unwrap(),
        "who has it sees to its end"
    );
    let end = BatchEnd { output: None, errors: None, ..end(BatchStatus::Cancelled) };
    assert!(store.finish_batch(id, lease, &end, at(103)).await.unwrap());
}

async fn a_batch_whose_time_is_over_before_it_begins_expires(store: &dyn BatchTables) {
    let (id, lease) = submitted(store, 1).await;
    assert!(store.stop_parts(id, lease, at(6_000)).await.unwrap());
    assert!(store.finalize_batch(id, lease, at(6_000)).await.unwrap());
    let end = BatchEnd { output: None, errors: None, ..end(BatchStatus::Expired) };
    assert!(store.finish_batch(id, lease, &end, at(6_001)).await.unwrap());
    assert_eq!(get(store, id).await.expired_at, Some(at(6_001)));
}

async fn a_batch_that_was_set_aside_can_be_cancelled(store: &dyn BatchTables) {
    let id = begun(store, 1).await;
    let whole = JobId::new(id.uuid());
    claim(store, 102, part(0).job).await;
    let lease = claim(store, 6_000, whole).await;
    let dead = Finish::GaveUp { error: "it panics".to_owned(), dead: true };
    assert!(store.finish_job(whole, lease, &dead, at(6_001)).await.unwrap());
    assert_eq!(get(store, id).await.status, BatchStatus::Failed);
    let cancelled = store.cancel_batch(id, at(6_002)).await.unwrap().unwrap();
    assert_eq!((cancelled.status, cancelled.failed_at), (BatchStatus::Cancelling, None));
    assert_eq!(
        store.batch_parts(id).await.unwrap()[0].state,
        JobState::Cancelled,
        "its parts call no further"
    );
    claim(store, 6_003, whole).await;
}

async fn a_part_that_was_set_aside_is_not_waited_for(store: &dyn BatchTables) {
    let id = begun(store, 2).await;
    let lease = claim(store, 102, part(0).job).await;
    let dead = Finish::GaveUp { error: "it panics".to_owned(), dead: true };
    assert!(store.finish_job(part(0).job, lease, &dead, at(103)).await.unwrap());
    let lease = claim(store, 104, part(1).job).await;
    let long = KeptLine { blob: Some("long".to_owned()), ..kept(3, true) };
    store.keep_lines(part(1).job, lease, &[long, kept(4, true)]).await.unwrap();
    let ended = store.finish_part(part(1).job, lease, Some("out"), None, at(105)).await.unwrap();
    assert_eq!(ended, PartEnded::WasLast);
    assert_eq!(store.leftovers("", 9).await.unwrap(), ["long"]);
    claim(store, 106, JobId::new(id.uuid())).await;
}

async fn a_batch_whose_time_is_over_stops_its_parts(store: &dyn BatchTables) {
    let id = begun(store, 2).await;
    let running = part(0).job;
    let lease = claim(store, 102, running).await;
    claim(store, 102, part(1).job).await;
    let whole = claim(store, 6_000, JobId::new(id.uuid())).await;
    assert!(store.stop_parts(id, whole, at(6_000)).await.unwrap());
    assert_eq!(get(store, id).await.status, BatchStatus::InProgress);
    let states: Vec<_> = store.batch_parts(id).await.unwrap().iter().map(|part| part.state).collect();
    assert_eq!(states, [JobState::Expired, JobState::Expired]);
    assert_eq!(store.keep_lines(running, lease, &[kept(2, true)]).await.unwrap(), LinesKept::Lost);
    assert!(store.finalize_batch(id, whole, at(6_001)).await.unwrap());
    assert!(store.finish_batch(id, whole, &end(BatchStatus::Expired), at(6_002)).await.unwrap());
    let batch = get(store, id).await;
    assert_eq!((batch.status, batch.expired_at), (BatchStatus::Expired, Some(at(6_002))));
    assert_eq!(job_of(store, id).await.state, JobState::Expired);
}

async fn each_step_forward_counts_attempts_anew(store: &dyn BatchTables) {
    let (id, _) = submitted(store, 1).await;
    let whole = JobId::new(id.uuid());
    // A worker dies over it before it has begun, and one that puts it together.
    let lease = claim(store, 10_001, whole).await;
    assert_eq!(job_of(store, id).await.attempts, 2);
    assert!(store.begin_batch(id, lease, &begin(0, at(10_100)), at(10_002)).await.unwrap());
    assert_eq!(job_of(store, id).await.attempts, 0);
    claim(store, 10_101, whole).await;
    let lease = claim(store, 10_102, whole).await;
    for _ in 0..2 {
        assert!(store.finalize_batch(id, lease, at(10_103)).await.unwrap());
        assert_eq!(job_of(store, id).await.attempts, 1);
    }
}
