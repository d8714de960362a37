//! What is told of the attempts of one call.

use std::fmt;
use std::sync::Arc;

use outcrop_ports::{Place, ResolvedModel};
use outcrop_types::FailureKind;

/// The attempts of one call, in the order they were made.
#[derive(Debug, Clone, Default)]
pub struct Attempts(Arc<Vec<Attempt>>);

#[derive(Debug, Clone)]
struct Attempt {
    place: Place,
    bedrock_id: String,
    model: String,
    failure: Option<FailureKind>,
}

impl Attempts {
    /// One more was made; `failure` is how it failed, if it did.
    pub(super) fn add(&mut self, place: &Place, model: &ResolvedModel, failure: Option<FailureKind>) {
        Arc::make_mut(&mut self.0).push(Attempt {
            place: place.clone(),
            bedrock_id: model.bedrock_id.clone(),
            model: model.info.id.clone(),
            failure,
        });
    }

    /// Whether there is something to tell: one that was answered at once is what everybody expects.
    pub(crate) fn are_told(&self) -> bool {
        self.0.len() > 1
    }
}

/// `us-east-1 throttled, batch/us-west-2 ok`; a model that is not the first one's is named beside its place.
impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.0.first().map(|it| it.model.as_str());
        for (at, Attempt { place, bedrock_id, model, failure }) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{place} ")?;
            if first != Some(model) {
                write!(f, "{bedrock_id} ")?;
            }
            f.write_str(failure.map_or("ok", name))?;
        }
        Ok(())
    }
}

/// The name of a failure, as routes spell it.
pub(super) const fn name(failure: FailureKind) -> &'static str {
    match failure {
        FailureKind::Invalid => "invalid",
        FailureKind::TooLong => "too_long",
        FailureKind::Denied => "denied",
        FailureKind::NotFound => "not_found",
        FailureKind::Throttled => "throttled",
        FailureKind::NotReady => "not_ready",
        FailureKind::QuotaExceeded => "quota_exceeded",
        FailureKind::TimedOut => "timed_out",
        FailureKind::Model => "model",
        FailureKind::Unavailable => "unavailable",
        FailureKind::Broken => "broken",
        FailureKind::Internal => "internal",
    }
}
