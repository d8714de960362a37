//! What Bedrock would charge for: every model call, how it ended and what it used, as its client was told.
//!
//! A ledger is held against this, so it is kept apart from anything a client counts. An answer that is not streamed is
//! charged whole as soon as it is made, whether its client waits for it or not, as Bedrock goes on generating; a stream is
//! charged for what was written when its client went away.

use crate::answer::Usage;
use crate::counters::Operation;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::ops::AddAssign;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Ended calls that are remembered one by one; the oldest is forgotten first.
const CALLS: usize = 50_000;
/// Longest id of a call that is kept, bytes.
const ID: usize = 128;

/// A handle on what an emulator charged; cloning it is cheap and all clones show the same.
#[derive(Clone, Debug)]
pub struct Charges {
    started: Instant,
    book: Arc<Mutex<Book>>,
}

/// Everything since the start, or since it was last cleared; the body of `GET /_emulator/usage`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChargesSnapshot {
    /// All models together.
    pub total: Charged,
    /// By the id in the call's path: a model, a profile, or an ARN.
    pub models: BTreeMap<String, Charged>,
    /// Calls that have begun and not ended.
    pub under_way: u64,
    /// The most there ever were of them at a time.
    pub most_under_way: u64,
    /// What of it all was records of batch jobs.
    pub batch: Charged,
    /// The calls that ended, one by one, oldest first.
    pub calls: Vec<ChargedCall>,
    /// How many more there were, which are forgotten: their sums are kept.
    pub forgotten: u64,
}

/// Calls by how they ended, and what they used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Charged {
    /// Answered to the end.
    pub answered: u64,
    /// Broken off by the client.
    pub cancelled: u64,
    /// Broken off by a fault.
    pub failed: u64,
    /// Answered with an error, and not charged for.
    pub refused: u64,
    /// What all of them used.
    #[serde(flatten)]
    pub tokens: ChargedTokens,
}

/// What calls used, in disjoint buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChargedTokens {
    /// Input tokens neither read from nor written to the prompt cache.
    pub input: u64,
    /// Read from it.
    pub cache_read: u64,
    /// Written to it for five minutes.
    pub cache_write_5m: u64,
    /// Written to it for an hour.
    pub cache_write_1h: u64,
    /// Written, reasoning included.
    pub output: u64,
    /// Pictures made.
    pub images: u64,
    /// Queries of a reranker: one for each started hundred of documents.
    pub queries: u64,
    /// Units of text that guardrails looked at.
    pub guardrail_units: u64,
}

/// One call that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChargedCall {
    /// What its prompt says with `[[id: …]]`, else the header `x-request-id` or `amz-sdk-invocation-id`.
    pub id: Option<String>,
    /// The trace it is part of, as the header `x-amzn-trace-id` says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// The id in its path.
    pub model: String,
    /// The operation's name in the AWS API.
    pub operation: &'static str,
    /// How it ended.
    pub outcome: ChargedOutcome,
    /// At what price.
    pub tier: ChargedTier,
    /// When it began, milliseconds since the emulator did.
    pub began_ms: u64,
    /// When it ended.
    pub ended_ms: u64,
    /// What it used.
    #[serde(flatten)]
    pub tokens: ChargedTokens,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ChargedOutcome {
    /// Answered to the end.
    Answered,
    /// Its client went away.
    Cancelled,
    /// A fault broke it off.
    Failed,
    /// Answered with an error.
    Refused,
}

/// What a call is charged at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ChargedTier {
    /// On demand.
    #[default]
    Standard,
    /// A record of a batch job.
    Batch,
}

#[derive(Debug, Default)]
struct Book {
    batch: Charged,
    models: BTreeMap<String, Charged>,
    calls: VecDeque<ChargedCall>,
    forgotten: u64,
    under_way: u64,
    most_under_way: u64,
}

/// A call under way; it ends when its last clone goes, by default because its client did.
#[derive(Clone, Debug)]
pub(crate) struct Call(Arc<Open>);

#[derive(Debug)]
struct Open {
    charges: Charges,
    call: Mutex<ChargedCall>,
}

impl Default for Charges {
    fn default() -> Self {
        Self { started: Instant::now(), book: Arc::default() }
    }
}

impl Charges {
    /// The time as calls have it: milliseconds since the emulator began.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// All of it.
    pub fn snapshot(&self) -> ChargesSnapshot {
        let book = self.book();
        let mut total = Charged::default();
        for charged in book.models.values() {
            total += *charged;
        }
        ChargesSnapshot {
            total,
            models: book.models.clone(),
            batch: book.batch,
            under_way: book.under_way,
            most_under_way: book.most_under_way,
            calls: book.calls.iter().cloned().collect(),
            forgotten: book.forgotten,
        }
    }

    /// Starts anew. Calls under way stay so, and are charged when they end.
    pub fn clear(&self) {
        let mut book = self.book();
        let under_way = book.under_way;
        *book = Book { under_way, most_under_way: under_way, ..Book::default() };
    }

    pub(crate) fn begin(&self, operation: Operation, model: &str, id: Option<&str>) -> Call {
        let mut book = self.book();
        book.under_way += 1;
        book.most_under_way = book.most_under_way.max(book.under_way);
        let call = ChargedCall {
            id: id.map(clip),
            trace: None,
            model: model.to_owned(),
            operation: operation.name(),
            outcome: ChargedOutcome::Cancelled,
            tier: ChargedTier::Standard,
            began_ms: self.now_ms(),
            ended_ms: 0,
            tokens: ChargedTokens::default(),
        };
        Call(Arc::new(Open { charges: self.clone(), call: Mutex::new(call) }))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// The id the prompt gives it.
    pub(crate) fn named(&self, id: &str) {
        self.open().id = Some(clip(id));
    }

    /// The trace its request names.
    pub(crate) fn part_of(&self, trace: Option<&str>) {
        self.open().trace = trace.map(clip);
    }

    /// What it used so far.
    pub(crate) fn tokens(&self) -> ChargedTokens {
        self.open().tokens
    }

    /// It is a record of a batch job.
    pub(crate) fn is_batch(&self) {
        self.open().tier = ChargedTier::Batch;
    }

    /// A whole answer is made: it costs this, come what may.
    pub(crate) fn made(&self, usage: Usage) {
        self.used(ChargedTokens::from(usage));
    }

    /// A stream begins: its input is read, and nothing is written yet.
    pub(crate) fn read(&self, usage: Usage) {
        self.used(ChargedTokens { output: 0, ..usage.into() });
    }

    /// A stream has written so many more tokens.
    pub(crate) fn wrote(&self, tokens: u64) {
        self.open().tokens.output += tokens;
    }

    /// What a model used; guardrails are counted apart.
    pub(crate) fn used(&self, tokens: ChargedTokens) {
        let mut open = self.open();
        open.tokens = ChargedTokens { guardrail_units: open.tokens.guardrail_units, ..tokens };
    }

    /// A guardrail has looked at so many more units of text.
    pub(crate) fn guarded(&self, units: u64) {
        self.open().tokens.guardrail_units += units;
    }

    /// How it is going to end.
    pub(crate) fn ends(&self, outcome: ChargedOutcome) {
        self.open().outcome = outcome;
    }

    /// Answered with an error, which costs nothing.
    pub(crate) fn refused(&self) {
        self.open().tokens = ChargedTokens::default();
        self.ends(ChargedOutcome::Refused);
    }

    fn open(&self) -> MutexGuard<'_, ChargedCall> {
        self.0.call.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut call = self.call.get_mut().unwrap_or_else(PoisonError::into_inner).clone();
        call.ended_ms = self.charges.now_ms();
        let mut book = self.charges.book();
        book.under_way -= 1;
        if call.tier == ChargedTier::Batch {
            book.batch.add(&call);
        }
        book.models.entry(call.model.clone()).or_default().add(&call);
        if book.calls.len() == CALLS {
            book.calls.pop_front();
            book.forgotten += 1;
        }
        book.calls.push_back(call);
    }
}

impl Charged {
    fn add(&mut self, call: &ChargedCall) {
        *match call.outcome {
            ChargedOutcome::Answered => &mut self.answered,
            ChargedOutcome::Cancelled => &mut self.cancelled,
            ChargedOutcome::Failed => &mut self.failed,
            ChargedOutcome::Refused => &mut self.refused,
        } += 1;
        self.tokens += call.tokens;
    }
}

impl AddAssign for Charged {
    fn add_assign(&mut self, other: Self) {
        self.answered += other.answered;
        self.cancelled += other.cancelled;
        self.failed += other.failed;
        self.refused += other.refused;
        self.tokens += other.tokens;
    }
}

impl AddAssign for ChargedTokens {
    fn add_assign(&mut self, other: Self) {
        self.input += other.input;
        self.cache_read += other.cache_read;
        self.cache_write_5m += other.cache_write_5m;
        self.cache_write_1h += other.cache_write_1h;
        self.output += other.output;
        self.images += other.images;
        self.queries += other.queries;
        self.guardrail_units += other.guardrail_units;
    }
}

impl From<Usage> for ChargedTokens {
    fn from(usage: Usage) -> Self {
        Self {
            input: usage.input,
            cache_read: usage.cache_read,
            // `[[usage: cacheWrite=…]]` may say less than was written for an hour.
            cache_write_5m: usage.cache_write.saturating_sub(usage.cache_write_1h),
            cache_write_1h: usage.cache_write_1h.min(usage.cache_write),
            output: usage.output,
            ..Self::default()
        }
    }
}

fn clip(id: &str) -> String {
    id[..id.floor_char_boundary(ID)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str = "amazon.nova-lite-v1:0";

    fn usage(input: u64, output: u64) -> Usage {
        Usage { input, output, ..Usage::default() }
    }

    #[test]
    fn a_call_counts_when_its_last_holder_goes() {
        let charges = Charges::default();
        let call = charges.begin(Operation::ConverseStream, MODEL, Some("a"));
        call.read(usage(7, 5));
        let body = call.clone();
        drop(call);
        body.wrote(2);
        assert_eq!((charges.snapshot().under_way, charges.snapshot().total), (1, Charged::default()));
        drop(body);
        let found = charges.snapshot();
        let tokens = ChargedTokens { input: 7, output: 2, ..ChargedTokens::default() };
        assert_eq!(found.total, Charged { cancelled: 1, tokens, ..Charged::default() });
        assert_eq!((found.under_way, found.most_under_way), (0, 1));
        assert_eq!((found.calls[0].id.as_deref(), found.calls[0].tokens), (Some("a"), tokens));
    }

    #[test]
    fn what_was_made_is_charged_whoever_waits_and_a_refusal_is_not() {
        let charges = Charges::default();
        charges.begin(Operation::Converse, MODEL, None).made(usage(7, 5));
        let refused = charges.begin(Operation::Converse, MODEL, None);
        refused.made(usage(100, 100));
        refused.refused();
        drop(refused);
        let total = charges.snapshot().total;
        assert_eq!((total.cancelled, total.refused, total.tokens.input, total.tokens.output), (1, 1, 7, 5));
    }

    #[test]
    fn an_hour_is_told_from_five_minutes() {
        let usage = Usage { cache_write: 10, cache_write_1h: 4, ..Usage::default() };
        let tokens = ChargedTokens::from(usage);
        assert_eq!((tokens.cache_write_5m, tokens.cache_write_1h), (6, 4));
        let fewer = ChargedTokens::from(Usage { cache_write: 2, cache_write_1h: 4, ..Usage::default() });
        assert_eq!((fewer.cache_write_5m, fewer.cache_write_1h), (0, 2), "their sum is what was reported");
    }

    #[test]
    fn single_calls_are_forgotten_and_sums_are_not() {
        let charges = Charges::default();
        for _ in 0..CALLS + 3 {
            let call = charges.begin(Operation::Converse, MODEL, None);
            call.made(usage(1, 1));
            call.ends(ChargedOutcome::Answered);
        }
        let found = charges.snapshot();
        assert_eq!((found.calls.len(), found.forgotten, found.total.answered), (CALLS, 3, CALLS as u64 + 3));
        let open = charges.begin(Operation::Converse, MODEL, None);
        charges.clear();
        let found = charges.snapshot();
        assert_eq!((found.calls.len(), found.total, found.under_way), (0, Charged::default(), 1));
        drop(open);
        assert_eq!(charges.snapshot().under_way, 0);
    }
}
