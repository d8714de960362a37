//! One call of ours that is several of Bedrock's.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use outcrop_ports::{InvokeAnswer, InvokeCall, ModelError, RawModel, ResolvedModel, Tally};
use outcrop_types::TokenUsage;
use serde::Serialize;
use tokio::time::Instant;

use crate::BedrockModel;
use crate::errors;

/// Most parts under way at once: enough to hide the way to Bedrock, few enough to leave others their share of a quota
/// that is counted by the minute.
const AT_ONCE: usize = 8;

/// What all parts of a call have in common.
pub(crate) struct Parts<'a> {
    bedrock: &'a BedrockModel,
    model: ResolvedModel,
    metadata: BTreeMap<String, String>,
    until: Instant,
    tally: Tally,
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
        Self { bedrock, model, metadata, until: Instant::now() + deadline, tally }
    }

    /// The answers of all parts, in their order. The first failure ends the call; what is then under way is given up.
    pub(crate) async fn all<T>(
        &self,
        parts: impl ExactSizeIterator<Item = Result<Part, ModelError>>,
        read: impl Fn(usize, &InvokeAnswer) -> Result<Answered<T>, ModelError>,
    ) -> Result<Vec<T>, ModelError> {
        let mut answers: Vec<Option<T>> = (0..parts.len()).map(|_| None).collect();
        let read = &read;
        let calls = parts.enumerate().map(|(at, part)| async move {
            let answer = self.one(part?, |answer| read(at, answer)).await?;
            Ok((at, answer))
        });
        let mut under_way = stream::iter(calls).buffer_unordered(AT_ONCE);
        while let Some(done) = under_way.next().await {
            let (at, answer) = done?;
            answers[at] = Some(answer);
        }
        Ok(answers.into_iter().flatten().collect())
    }

    /// The answer of one part.
    pub(crate) async fn one<T>(
        &self,
        Part { body, estimate }: Part,
        read: impl FnOnce(&InvokeAnswer) -> Result<Answered<T>, ModelError>,
    ) -> Result<T, ModelError> {
        let left = self.until.saturating_duration_since(Instant::now());
        let mut call = InvokeCall::json(self.model.clone(), Bytes::from(body), left);
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
