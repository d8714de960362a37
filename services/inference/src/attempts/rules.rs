//! What is done after a failure, how long an attempt may take, and how long the pauses between them are.

use std::time::Duration;

use outcrop_config::RoutingConfig;
use outcrop_ports::{IdGen, ModelFailure};
use outcrop_types::{FailureKind, RetryClass, RouteOptions};

/// Most attempts for one call, whatever anybody says.
const MOST_ATTEMPTS: u8 = 8;

/// An attempt that has less time than a tenth of its patience left is not made; but what is the least and the most of
/// that.
const LEAST_TIME: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// What holds for the attempts of one call: what its route says, and settings where it says nothing.
#[derive(Debug, Clone)]
pub(super) struct Rules<'a> {
    options: &'a RouteOptions,
    config: &'a RoutingConfig,
}

impl<'a> Rules<'a> {
    pub(super) const fn new(options: &'a RouteOptions, config: &'a RoutingConfig) -> Self {
        Self { options, config }
    }

    /// Most attempts, the first among them.
    pub(super) fn attempts(&self) -> u8 {
        self.options.attempts.unwrap_or(self.config.attempts).clamp(1, MOST_ATTEMPTS)
    }

    /// Longest wait of one attempt: for the first event of a stream, or for a whole answer.
    pub(super) fn patience(&self, streamed: bool) -> Duration {
        let RouteOptions { first_event_ms, attempt_ms, .. } = *self.options;
        Duration::from_millis(if streamed {
            first_event_ms.unwrap_or(self.config.first_event_ms)
        } else {
            attempt_ms.unwrap_or(self.config.attempt_ms)
        })
    }

    /// The least time that another attempt is worth making with.
    pub(super) fn least(&self, streamed: bool) -> Duration {
        (self.patience(streamed) / 10).clamp(LEAST_TIME.0, LEAST_TIME.1)
    }

    /// Whether a target that did not answer within this wait is to blame. Not if a route is hastier than the settings, or
    /// little was left of the caller's time; but if nobody gave it less than the settings give the first sign of life, it
    /// is.
    pub(super) fn blames(&self, waited: Duration, streamed: bool) -> bool {
        let RoutingConfig { first_event_ms, attempt_ms, .. } = *self.config;
        let usual = Duration::from_millis(if streamed { first_event_ms } else { attempt_ms });
        let hasty = self.patience(streamed) < usual;
        // The time of the request is a little shorter than that of the attempt, where settings have one number for both.
        let least = if hasty { usual } else { usual.min(Duration::from_millis(first_event_ms)) };
        waited.as_secs_f64() >= least.as_secs_f64() * 0.9
    }

    /// What is done after a failure.
    pub(super) fn class(&self, failure: FailureKind) -> RetryClass {
        self.options.retry.get(&failure).copied().unwrap_or_else(|| usual(failure))
    }

    /// Longest pause before a target is tried again.
    pub(super) fn longest_pause(&self) -> Duration {
        Duration::from_millis(self.config.max_backoff_ms)
    }

    /// The pause before a target is tried again that has failed so often: drawn at random below a bound that doubles
    /// each time, so that those who failed together do not come back together ("full jitter").
    pub(super) fn pause(&self, failures: u8, ids: &dyn IdGen) -> Duration {
        let doublings = u32::from(failures.saturating_sub(1)).min(31);
        let bound = self.config.backoff_ms.saturating_mul(1 << doublings).min(self.config.max_backoff_ms);
        let mut random = [0; 8];
        ids.fill(&mut random);
        // The bound is at most an hour, which leaves no share of the numbers to speak of out.
        Duration::from_micros(u64::from_le_bytes(random) % (bound.saturating_mul(1_000) + 1))
    }
}

/// What is done after a failure where a route does not say otherwise. What may have been charged for is not asked of the
/// same target again: it would most likely be charged for once more.
const fn usual(failure: FailureKind) -> RetryClass {
    match failure {
        FailureKind::Invalid => RetryClass::Never,
        FailureKind::TooLong => RetryClass::OtherModel,
        FailureKind::Throttled | FailureKind::NotReady | FailureKind::Unavailable | FailureKind::Internal => {
            RetryClass::Here
        }
        FailureKind::Denied
        | FailureKind::NotFound
        | FailureKind::QuotaExceeded
        | FailureKind::TimedOut
        | FailureKind::Model
        | FailureKind::Broken => RetryClass::Elsewhere,
    }
}

/// How much a failure tells the client of what to do, the most first: what passes before what does not, and of that
/// what says when. What one target finds wrong another may take (a guardrail is in one region), so that what passes
/// comes before that, too.
pub(super) const fn tells(failure: ModelFailure) -> u8 {
    match failure {
        ModelFailure::Throttled => 0,
        ModelFailure::NotReady => 1,
        ModelFailure::QuotaExceeded => 2,
        ModelFailure::Unavailable => 3,
        ModelFailure::TimedOut => 4,
        ModelFailure::Broken => 5,
        ModelFailure::Internal => 6,
        ModelFailure::Model => 7,
        ModelFailure::Invalid => 8,
        ModelFailure::TooLong => 9,
        ModelFailure::Denied => 10,
        ModelFailure::NotFound => 11,
    }
}

/// Whether it may work a little later.
pub(super) const fn may_pass(failure: ModelFailure) -> bool {
    matches!(
        failure,
        ModelFailure::Throttled
            | ModelFailure::NotReady
            | ModelFailure::QuotaExceeded
            | ModelFailure::Unavailable
    )
}

/// A failure, as routes know it.
pub(super) const fn kind(failure: ModelFailure) -> FailureKind {
    match failure {
        ModelFailure::Invalid => FailureKind::Invalid,
        ModelFailure::TooLong => FailureKind::TooLong,
        ModelFailure::Denied => FailureKind::Denied,
        ModelFailure::NotFound => FailureKind::NotFound,
        ModelFailure::Throttled => FailureKind::Throttled,
        ModelFailure::NotReady => FailureKind::NotReady,
        ModelFailure::QuotaExceeded => FailureKind::QuotaExceeded,
        ModelFailure::TimedOut => FailureKind::TimedOut,
        ModelFailure::Model => FailureKind::Model,
        ModelFailure::Unavailable => FailureKind::Unavailable,
        ModelFailure::Broken => FailureKind::Broken,
        ModelFailure::Internal => FailureKind::Internal,
    }
}

#[cfg(test)]
mod tests {
    use outcrop_embedded::SystemIdGen;

    use super::*;

    #[test]
    fn a_route_says_otherwise_for_itself() {
        let config = RoutingConfig::default();
        let usual = RouteOptions::default();
        let rules = Rules::new(&usual, &config);
        assert_eq!(rules.class(FailureKind::Invalid), RetryClass::Never);
        assert_eq!(rules.class(FailureKind::Throttled), RetryClass::Here);
        assert_eq!(rules.class(FailureKind::TimedOut), RetryClass::Elsewhere);
        assert_eq!((rules.attempts(), rules.patience(true)), (3, Duration::from_secs(30)));
        let own = RouteOptions {
            attempts: Some(1),
            first_event_ms: Some(5),
            retry: [(FailureKind::TimedOut, RetryClass::Never)].into(),
            ..RouteOptions::default()
        };
        let rules = Rules::new(&own, &config);
        assert_eq!(rules.class(FailureKind::TimedOut), RetryClass::Never);
        assert_eq!(rules.class(FailureKind::Throttled), RetryClass::Here);
        assert_eq!((rules.attempts(), rules.patience(true)), (1, Duration::from_millis(5)));
        assert_eq!(rules.patience(false), Duration::from_secs(300));
    }

    #[test]
    fn pauses_are_drawn_below_a_bound_that_doubles() {
        let config = RoutingConfig { backoff_ms: 10, max_backoff_ms: 35, ..RoutingConfig::default() };
        let usual = RouteOptions::default();
        let rules = Rules::new(&usual, &config);
        for (failures, bound) in [(1, 10), (2, 20), (3, 35), (8, 35), (u8::MAX, 35)] {
            let drawn: Vec<_> = (0..200).map(|_| rules.pause(failures, &SystemIdGen)).collect();
            assert!(drawn.iter().all(|it| *it <= Duration::from_millis(bound)), "{failures}");
            // Of two hundred, one at least is in either half.
            let half = Duration::from_millis(bound) / 2;
            assert!(drawn.iter().any(|it| *it < half) && drawn.iter().any(|it| *it > half), "{failures}");
        }
    }
}
