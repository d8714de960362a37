//! A batch as it is shown.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use outcrop_types::{Batch, BatchError, BatchId, Choice, FileId, JobId, Money, Used};
use serde::Serialize;

use crate::error::to_vec;

/// A batch, and what its job knows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchFacts {
    /// The batch.
    pub batch: Batch,
    /// How it is done, once that is decided.
    pub choice: Option<Choice>,
    /// What it used so far.
    pub used: Used,
}

#[derive(Serialize)]
struct View<'a> {
    id: BatchId,
    object: &'static str,
    endpoint: &'a str,
    model: Option<&'a str>,
    errors: Option<Errors<'a>>,
    input_file_id: FileId,
    completion_window: &'a str,
    status: &'static str,
    output_file_id: Option<FileId>,
    error_file_id: Option<FileId>,
    created_at: i64,
    in_progress_at: Option<i64>,
    expires_at: i64,
    finalizing_at: Option<i64>,
    completed_at: Option<i64>,
    failed_at: Option<i64>,
    expired_at: Option<i64>,
    cancelling_at: Option<i64>,
    cancelled_at: Option<i64>,
    request_counts: Counts,
    usage: Usage,
    metadata: Option<&'a BTreeMap<String, String>>,
    outcrop: Own<'a>,
}

#[derive(Serialize)]
struct Errors<'a> {
    object: &'static str,
    data: &'a [BatchError],
}

#[derive(Serialize)]
struct Counts {
    total: u64,
    completed: u64,
    failed: u64,
}

#[derive(Serialize)]
struct Usage {
    input_tokens: u64,
    input_tokens_details: InputDetails,
    output_tokens: u64,
    output_tokens_details: OutputDetails,
    total_tokens: u64,
}

#[derive(Serialize)]
struct InputDetails {
    cached_tokens: u64,
}

#[derive(Serialize)]
struct OutputDetails {
    reasoning_tokens: u64,
}

/// What OpenAI does not have.
#[derive(Serialize)]
struct Own<'a> {
    job_id: JobId,
    way: Option<&'static str>,
    reason: Option<&'a str>,
    cost_usd: Money,
    saved_usd: Money,
    /// Calls without a known price, which `cost_usd` leaves out.
    unpriced_calls: u64,
}

#[derive(Serialize)]
struct Page<'a> {
    object: &'static str,
    data: Vec<View<'a>>,
    first_id: Option<BatchId>,
    last_id: Option<BatchId>,
    has_more: bool,
}

/// One batch.
#[must_use]
pub fn show(facts: &BatchFacts) -> Vec<u8> {
    to_vec(&view(facts))
}

/// A page of batches.
#[must_use]
pub fn show_list(page: &[BatchFacts], has_more: bool) -> Vec<u8> {
    to_vec(&Page {
        object: "list",
        data: page.iter().map(view).collect(),
        first_id: page.first().map(|facts| facts.batch.id),
        last_id: page.last().map(|facts| facts.batch.id),
        has_more,
    })
}

fn view(facts: &BatchFacts) -> View<'_> {
    let BatchFacts { batch, choice, used } = facts;
    View {
        id: batch.id,
        object: "batch",
        endpoint: &batch.endpoint,
        model: batch.model.as_deref(),
        errors: (!batch.errors.is_empty()).then_some(Errors { object: "list", data: &batch.errors }),
        input_file_id: batch.input_file,
        completion_window: &batch.completion_window,
        status: batch.status.name(),
        output_file_id: batch.output_file,
        error_file_id: batch.error_file,
        created_at: batch.created_at.timestamp(),
        in_progress_at: seconds(batch.in_progress_at),
        expires_at: batch.expires_at.timestamp(),
        finalizing_at: seconds(batch.finalizing_at),
        completed_at: seconds(batch.completed_at),
        failed_at: seconds(batch.failed_at),
        expired_at: seconds(batch.expired_at),
        cancelling_at: seconds(batch.cancelling_at),
        cancelled_at: seconds(batch.cancelled_at),
        request_counts: Counts {
            total: batch.counts.total,
            completed: batch.counts.completed,
            failed: batch.counts.failed,
        },
        usage: usage(used),
        metadata: (!batch.metadata.is_empty()).then_some(&batch.metadata),
        outcrop: Own {
            job_id: JobId::new(batch.id.uuid()),
            way: choice.as_ref().map(|choice| choice.way.name()),
            reason: choice.as_ref().map(|choice| choice.reason.as_str()),
            cost_usd: used.cost,
            saved_usd: used.saved,
            unpriced_calls: used.unpriced,
        },
    }
}

fn usage(used: &Used) -> Usage {
    let tokens = &used.tokens;
    Usage {
        input_tokens: tokens.total_input(),
        input_tokens_details: InputDetails { cached_tokens: tokens.cache_read },
        output_tokens: tokens.output,
        output_tokens_details: OutputDetails { reasoning_tokens: tokens.reasoning },
        total_tokens: tokens.total(),
    }
}

fn seconds(time: Option<DateTime<Utc>>) -> Option<i64> {
    time.map(|time| time.timestamp())
}
