//! One call of ours that is several of Bedrock's.
//!
//! What a part was answered is kept while another one is asked again: made anew as a whole, the call would be charged for
//! anew as a whole. A part that fails is therefore tried again here, a few times, as long as most parts are answered.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use outcrop_ports::{InvokeAnswer, InvokeCall, ModelError, ModelFailure, RawModel, ResolvedModel, Tally};
use outcrop_types::TokenUsage;
use serde::Serialize;
use tokio::time::Instant;

use crate::BedrockModel;
use crate::errors;

/// Most parts under way at once: enough to hide the way to Bedrock, few enough to leave others their share of a quota
/// that is counted by the minute.
const AT_ONCE: usize = 8;

/// Most times that one part is asked.
const MOST_TRIES: u32 = 5;

/// Bound of the pause before a part is asked again for the first time; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Longest pause that Bedrock may ask for; where it wants more, the call has failed.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Repetitions that a call of several parts has to begin with, in tenths.
const TENTHS_AT_FIRST: u32 = 20;

/// What an answered part adds to them: in the long run every tenth part may be asked twice.
const TENTHS_PER_ANSWER: u32 = 1;

/// What all parts of a call have in common.
pub(crate) struct Parts<'a> {
    bedrock: &'a BedrockModel,
    model: ResolvedModel,
    metadata: BTreeMap<String, String>,
    until: Instant,
    tally: Tally,
    /// How often a part may be asked again, in tenths; `None` where none is, or the call has failed.
    repeats: Mutex<Option<u32>>,
}

/// One part.
pub(crate) struct Part {
    /// JSON.
    pub(crate) body: Vec<u8>,
    /// About what it will use.
    pub(crate) estimate: TokenUsage,
}

/// What a part's answer holds.
pub(crate) struct Answered<T> {
    pub(crate) value: T,
    /// What it used, where the answer tells.
    pub(crate) usage: Option<TokenUsage>,
}

impl<'a> Parts<'a> {
    pub(crate) fn new(
        bedrock: &'a BedrockModel,
        model: ResolvedModel,
        metadata: BTreeMap<String, String>,
        deadline: Duration,
        tally: Tally,
    ) -> Self {
        let repeats = Mutex::new(None);
        Self { bedrock, model, metadata, until: Instant::now() + deadline, tally, repeats }
    }

    /// The answers of all parts, in their order. The first failure that stays ends the call. Where it may be made
    /// elsewhere, what is then under way is waited for, so that it is known whether anything was charged for.
    pub(crate) async fn all<T>(
        &self,
        parts: impl ExactSizeIterator<Item = Result<Part, ModelError>>,
        read: impl Fn(usize, &InvokeAnswer) -> Result<Answered<T>, ModelError>,
    ) -> Result<Vec<T>, ModelError> {
        let count = parts.len();
        *self.repeats() = (count > 1).then_some(TENTHS_AT_FIRST);
        let mut answers: Vec<Option<T>> = (0..count).map(|_| None).collect();
        let read = &read;
        let calls = parts.enumerate().map(|(at, part)| async move {
            let answer = self.insisting(at, part?, |answer| read(at, answer)).await?;
            Ok::<_, ModelError>((at, answer))
        });
        // Taken by hand: a part that waits for its turn is not sent once another has failed.
        let mut waiting = calls;
        let mut under_way: FuturesUnordered<_> = waiting.by_ref().take(AT_ONCE).collect();
        let mut failure: Option<ModelError> = None;
        while let Some(done) = under_way.next().await {
            match done {
                Ok((at, answer)) => answers[at] = Some(answer),
                Err(error) if failure.is_none() => {
                    *self.repeats() = None;
                    if !may_pass(error.failure) {
                        return Err(error);
                    }
                    failure = Some(error);
                }
                Err(_) => {}
            }
            if failure.is_none() {
                under_way.extend(waiting.next());
            }
        }
        match failure {
            Some(error) => Err(error),
            None => Ok(answers.into_iter().flatten().collect()),
        }
    }

    /// The answer of one of several parts, which is asked again where the failure may pass.
    async fn insisting<T>(
        &self,
        at: usize,
        part: Part,
        read: impl Fn(&InvokeAnswer) -> Result<Answered<T>, ModelError>,
    ) -> Result<T, ModelError> {
        let Part { body, estimate } = part;
        let body = Bytes::from(body);
        let mut tries = 1;
        loop {
            let error = match self.send(body.clone(), estimate, &read).await {
                Ok(answer) => {
                    self.repeats().iter_mut().for_each(|tenths| *tenths += TENTHS_PER_ANSWER);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let pause = error.retry_after.unwrap_or_default().max(pause(tries, at, &error));
            let left = self.until.saturating_duration_since(Instant::now());
            let worth_it = may_pass(error.failure) && tries < MOST_TRIES && pause <= LONGEST_PAUSE.min(left);
            if !worth_it || !self.may_repeat() {
                return Err(error);
            }
            tries += 1;
            tokio::time::sleep(pause).await;
            if self.repeats().is_none() {
                // Another part has failed for good meanwhile.
                return Err(error);
            }
        }
    }

    /// Takes one repetition, if there is one.
    fn may_repeat(&self) -> bool {
        let mut repeats = self.repeats();
        let left = repeats.and_then(|it| it.checked_sub(10));
        if left.is_some() {
            *repeats = left;
        }
        left.is_some()
    }

    fn repeats(&self) -> MutexGuard<'_, Option<u32>> {
        self.repeats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer of one part.
    pub(crate) async fn one<T>(
        &self,
        Part { body, estimate }: Part,
        read: impl Fn(&InvokeAnswer) -> Result<Answered<T>, ModelError>,
    ) -> Result<T, ModelError> {
        self.send(Bytes::from(body), estimate, &read).await
    }

    async fn send<T>(
        &self,
        body: Bytes,
        estimate: TokenUsage,
        read: &impl Fn(&InvokeAnswer) -> Result<Answered<T>, ModelError>,
    ) -> Result<T, ModelError> {
        let left = self.until.saturating_duration_since(Instant::now());
        let mut call = InvokeCall::json(self.model.clone(), body, left);
        call.metadata.clone_from(&self.metadata);
        let tallied = self.tally.part(estimate);
        let answer = match self.bedrock.invoke(call).await {
            Ok(answer) => answer,
            Err(error) => {
                tallied.failed(error.failure);
                return Err(error);
            }
        };
        match read(&answer) {
            Ok(Answered { value, usage }) => {
                tallied.answered(usage.or(answer.usage));
                Ok(value)
            }
            Err(error) => {
                // It was answered, and so it is charged for, whatever the answer is worth.
                tallied.answered(answer.usage);
                Err(error)
            }
        }
    }
}

/// Whether a part that failed like this is worth another try, here or elsewhere: nothing was charged for it.
const fn may_pass(failure: ModelFailure) -> bool {
    matches!(
        failure,
        ModelFailure::Throttled | ModelFailure::NotReady | ModelFailure::Unavailable | ModelFailure::Internal
    )
}

/// The pause before a part is asked again: below a bound that doubles. The id that Bedrock gave to the refusal is as good as
/// drawn at random, so that parts which failed together do not come back together.
fn pause(tries: u32, at: usize, error: &ModelError) -> Duration {
    let mut hasher = DefaultHasher::new();
    (tries, at, &error.bedrock_request_id).hash(&mut hasher);
    let bound = FIRST_PAUSE * 2_u32.pow(tries.min(5));
    bound / 2 * u32::try_from(hasher.finish() % 1_000).unwrap_or_default() / 1_000
}

/// The JSON of a part.
pub(crate) fn body(value: &impl Serialize) -> Result<Vec<u8>, ModelError> {
    serde_json::to_vec(value).map_err(|error| {
        let failed =
            errors::failed(outcrop_ports::ModelFailure::Internal, "the request could not be written");
        ModelError { source: Some(Box::new(error)), ..failed }
    })
}

/// An answer that is not what the model's documentation says.
pub(crate) fn unreadable(error: serde_json::Error) -> ModelError {
    let failed = errors::malformed("the model's answer could not be read");
    ModelError { source: Some(Box::new(error)), ..failed }
}
