//! What is counted of requests that a limit has no room for.

use outcrop_ports::Kind;
use outcrop_telemetry::metric::{self, KeyValue};
use outcrop_telemetry::names;

use super::{AdmissionControl, Exceeded};
use crate::ChatError;
use crate::chat::Caller;

impl AdmissionControl {
    /// Counts it if it is such a refusal.
    pub(super) fn counted<T>(
        &self,
        caller: Caller<'_>,
        outcome: Result<T, ChatError>,
    ) -> Result<T, ChatError> {
        if let Err(ChatError::RateLimited(exceeded)) = &outcome
            && metric::is_going()
        {
            let team = KeyValue::new(names::TEAM, self.telling.team(caller.principal.team));
            names::LIMIT_REFUSALS.add(1.0, &[team, KeyValue::new(names::REASON, reason(exceeded))]);
        }
        outcome
    }
}

/// Why, of a closed list.
pub(super) const fn reason(exceeded: &Exceeded) -> &'static str {
    match exceeded.limit.kind() {
        // Where the limiter is away, and this process counts alone, it is that which operators want to know.
        _ if exceeded.is_local => "local",
        Kind::Requests => "requests",
        Kind::Tokens => "tokens",
        Kind::Concurrency => "concurrency",
        Kind::Money => "budget",
    }
}
