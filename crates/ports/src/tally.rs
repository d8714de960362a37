//! What the parts of one call have used so far.

use std::sync::{Arc, Mutex, PoisonError};

use outcrop_types::TokenUsage;

use crate::ModelFailure;

/// Filled by whoever makes a call of several parts, and read by whoever meters it: also where the call failed half way,
/// or was dropped because its client went away. Clones are one tally.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Mutex<Counts>>);

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    used: TokenUsage,
    estimated: bool,
    answered: bool,
}

impl Tally {
    /// A part that is about to be sent, and about what it will use. Dropped without a word about how it ended, it
    /// counts as that: nobody knows what Bedrock made of it.
    #[must_use]
    pub fn part(&self, estimate: TokenUsage) -> TalliedPart {
        TalliedPart { tally: self.clone(), estimate: Some(estimate) }
    }

    /// What has been used, and whether some of it is an estimate.
    #[must_use]
    pub fn read(&self) -> (TokenUsage, bool) {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (counts.used, counts.estimated)
    }

    /// Whether a part was answered: who made the call anew would be charged for that part anew.
    #[must_use]
    pub fn has_answers(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).answered
    }

    fn add(&self, usage: TokenUsage, estimated: bool) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.used += usage;
        counts.estimated |= estimated;
    }
}

/// One part of a call, under way.
#[derive(Debug)]
pub struct TalliedPart {
    tally: Tally,
    /// Taken when it is known how the part ended.
    estimate: Option<TokenUsage>,
}

impl TalliedPart {
    /// It was answered; `None` where nobody tells what it used.
    pub fn answered(mut self, usage: Option<TokenUsage>) {
        let Some(estimate) = self.estimate.take() else { return };
        self.tally.add(usage.unwrap_or(estimate), usage.is_none());
        self.tally.0.lock().unwrap_or_else(PoisonError::into_inner).answered = true;
    }

    /// It failed: nothing was used, unless the failure is one that Bedrock may charge for.
    pub fn failed(mut self, failure: ModelFailure) {
        if !failure.may_cost() {
            self.estimate = None;
        }
    }
}

impl Drop for TalliedPart {
    fn drop(&mut self) {
        if let Some(estimate) = self.estimate.take() {
            self.tally.add(estimate, true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(input: u64) -> TokenUsage {
        TokenUsage { input, ..TokenUsage::default() }
    }

    #[test]
    fn parts_count_as_they_ended() {
        let tally = Tally::default();
        tally.part(tokens(100)).answered(Some(tokens(7)));
        tally.part(tokens(100)).failed(ModelFailure::Throttled);
        assert_eq!(tally.read(), (tokens(7), false));
        assert!(tally.has_answers() && !Tally::default().has_answers());
        tally.part(tokens(10)).answered(None);
        tally.part(tokens(20)).failed(ModelFailure::TimedOut);
        drop(tally.part(tokens(40)));
        assert_eq!(tally.read(), (tokens(77), true));
    }
}
