//! What every [`BatchStore`] keeps, together with the jobs and files of the same database.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

mod ends;
mod lines;
mod states;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use outcrop_types::{
    Batch, BatchCounts, BatchId, BatchPart, BatchStatus, Choice, Job, JobId, JobKind, JobState, KeptLine,
    LeaseToken, Money, TokenUsage, Used, Way,
};

use super::samples::{at, file_id, job, job_id, team_id};
use crate::{BatchBegun, BatchStore, ClaimTerms, FileStore, JobStore, SubmittedBatch};

/// What batches lie across: their own tables, jobs and files.
pub trait BatchTables: BatchStore + JobStore + FileStore {}

impl<S: BatchStore + JobStore + FileStore> BatchTables for S {}

/// Runs the suite. `make` gives an empty store each time.
pub async fn batch_store<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn BatchTables>>,
{
    states::all(&make).await;
    lines::all(&make).await;
    ends::all(&make).await;
}

/// When leases of this suite end.
fn lease_end() -> DateTime<Utc> {
    at(10_000)
}

/// A batch that was just asked for, and its job.
fn batch(number: u32) -> (Job, Batch) {
    let plain = job(number, team_id(1));
    let trace = Some("00-6ace45e0b1c7d2e3f405162738495061-00f067aa0ba902b7-01".to_owned());
    let job = Job { kind: JobKind::Batch, deadline: Some(at(5_000)), trace, ..plain };
    let batch = Batch {
        id: BatchId::new(job.id.uuid()),
        team: team_id(1),
        endpoint: job.path.clone(),
        input_file: file_id(number),
        completion_window: "24h".to_owned(),
        metadata: BTreeMap::from([("project".to_owned(), "atlas".to_owned())]),
        output_expires_after_s: Some(3_600),
        status: BatchStatus::Validating,
        errors: Vec::new(),
        model: None,
        output_file: None,
        error_file: None,
        counts: BatchCounts::default(),
        bedrock: None,
        created_at: job.created_at,
        in_progress_at: None,
        expires_at: at(5_000),
        finalizing_at: None,
        completed_at: None,
        failed_at: None,
        expired_at: None,
        cancelling_at: None,
        cancelled_at: None,
    };
    (job, batch)
}

/// A part of two lines.
fn part(number: u32) -> BatchPart {
    let first_line = u64::from(number) * 2 + 1;
    BatchPart {
        job: job_id(1_000 + number),
        number,
        first_line,
        lines: 2,
        from_byte: u64::from(number) * 100,
        to_byte: u64::from(number) * 100 + 100,
        state: JobState::Queued,
        completed: 0,
        failed: 0,
        used: Used::default(),
        output: None,
        errors: None,
    }
}

fn choice() -> Choice {
    Choice { way: Way::Flex, reason: "there is time".to_owned() }
}

fn used(tokens: u64) -> Used {
    let tokens = TokenUsage { input: tokens, ..TokenUsage::default() };
    Used { tokens, cost: Money::from_nano_usd(tokens.input), ..Used::default() }
}

fn kept(line: u64, ok: bool) -> KeptLine {
    KeptLine { line, ok, text: format!(r#"{{"line":{line},"q":"'\\u0000"}}"#), blob: None, used: used(line) }
}

/// Submits a batch, and claims its job.
async fn submitted(store: &dyn BatchTables, number: u32) -> (BatchId, LeaseToken) {
    let (job, batch) = batch(number);
    assert_eq!(store.submit_batch(&job, &batch).await.unwrap(), SubmittedBatch::New);
    (batch.id, claim(store, 100, job.id).await)
}

/// The same, begun with so many parts.
async fn begun(store: &dyn BatchTables, parts: u32) -> BatchId {
    let (id, lease) = submitted(store, 1).await;
    let begun = begin(parts, at(5_000));
    assert!(store.begin_batch(id, lease, &begun, at(101)).await.unwrap());
    id
}

fn begin(parts: u32, look_at: DateTime<Utc>) -> BatchBegun {
    BatchBegun {
        model: Some("haiku".to_owned()),
        total: u64::from(parts) * 2,
        choice: choice(),
        parts: (0..parts).map(part).collect(),
        look_at,
    }
}

/// Claims the job whose turn it is, which must be this one.
async fn claim(store: &dyn BatchTables, second: i64, id: JobId) -> LeaseToken {
    let (job, lease) = try_claim(store, second).await.unwrap();
    assert_eq!(job.id, id);
    lease
}

async fn try_claim(store: &dyn BatchTables, second: i64) -> Option<(Job, LeaseToken)> {
    let terms = ClaimTerms { now: at(second), lease_until: lease_end(), most_per_team: 100 };
    store.claim_job(terms).await.unwrap()
}

async fn get(store: &dyn BatchTables, id: BatchId) -> Batch {
    store.lookup_batch(id).await.unwrap().unwrap()
}

async fn job_of(store: &dyn BatchTables, id: BatchId) -> Job {
    store.lookup_job(JobId::new(id.uuid())).await.unwrap().unwrap()
}

/// What happened to a batch, in order.
async fn events(store: &dyn BatchTables, id: BatchId) -> Vec<String> {
    let events = store.job_events(JobId::new(id.uuid()), 0, 100).await.unwrap();
    events.into_iter().map(|event| event.name).collect()
}
