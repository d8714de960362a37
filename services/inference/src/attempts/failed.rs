//! What is said of attempts that failed: to the client, and in the log.

use std::time::Duration;

use outcrop_http::log_text;
use outcrop_ports::{ModelError, ModelFailure, UnknownPlace};
use outcrop_types::{Classify as _, FailureKind};

use super::{Attempts, rules, told};
use crate::ChatError;
use crate::routing::Candidate;

/// Of two failures the one that tells the client most of what to do, with the least time to wait.
pub(super) fn telling(one: Option<ModelError>, other: ModelError) -> ModelError {
    let Some(one) = one else { return other };
    let rank = |it: &ModelError| rules::tells(it.failure);
    let wait = one.retry_after.into_iter().chain(other.retry_after).min();
    // Of two that tell as much the later one.
    let kept = if rank(&one) < rank(&other) { one } else { other };
    ModelError { retry_after: wait.filter(|_| rules::may_pass(kept.failure)), ..kept }
}

/// The failure, with when to come back where that is known: no target may be called before.
pub(super) fn back_in(error: ModelError, rest: Option<Duration>) -> ModelError {
    let rest = rest.filter(|_| rules::may_pass(error.failure));
    ModelError { retry_after: error.retry_after.into_iter().chain(rest).min(), ..error }
}

/// A place that settings do not know any more, or cannot be called: another one may.
pub(super) fn nowhere(error: UnknownPlace) -> ModelError {
    ModelError { source: Some(Box::new(error)), ..unavailable("The model cannot be called there.") }
}

/// No target is left that the request can be put to.
pub(super) fn no_target() -> ModelError {
    unavailable("No target of this model can be asked this now.")
}

fn unavailable(message: &str) -> ModelError {
    ModelError {
        failure: ModelFailure::Unavailable,
        message: message.to_owned(),
        bedrock_request_id: None,
        retry_after: None,
        source: None,
    }
}

pub(super) fn failed(error: ModelError, attempts: &Attempts) -> ChatError {
    ChatError::from(error).after(attempts.clone())
}

/// The failure of an attempt that another one follows. The last one's is the request's own, and logged as that.
pub(super) fn retried(target: &Candidate, attempt: u8, kind: FailureKind, error: &ModelError) {
    tracing::info!(
        outcrop.attempt = attempt,
        cloud.region = target.place.region.as_str(),
        gen_ai.request.model = target.model.bedrock_id,
        outcrop.outcome = told::name(kind),
        error = log_text(error.code(), error),
        aws.request_id = error.bedrock_request_id,
        "an attempt failed, and another is made"
    );
}
