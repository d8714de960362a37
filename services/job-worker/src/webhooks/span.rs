//! One try to tell an endpoint as it is seen from outside. Where it is stays with its team: addresses may be secrets.

use outcrop_ports::Told;
use outcrop_telemetry::metric::KeyValue;
use outcrop_telemetry::names;
use outcrop_telemetry::trace::{self, Span, SpanKind, TraceContext};
use outcrop_types::{DeliveryState, JobId, WebhookDelivery};
use serde::Deserialize;
use uuid::Uuid;

use crate::JobWorker;
use crate::turn::trace_of;

impl JobWorker {
    /// Begins below the work that the delivery tells of, if that is known.
    pub(super) async fn delivering(&self, delivery: &WebhookDelivery) -> Span {
        if !trace::is_on() {
            return Span::none(TraceContext::none());
        }
        let parent = match job_told_of(&delivery.payload) {
            Some(id) => self.ports.jobs.lookup_job(id).await.ok().flatten(),
            None => None,
        };
        let parent = parent.filter(|job| job.principal.team == delivery.team);
        let parent = parent.as_ref().map(trace_of).unwrap_or_default();
        let mut span = Span::start(SpanKind::Client, "deliver", &parent);
        span.set(names::WEBHOOK_ID, delivery.webhook.to_string());
        span.set(names::DELIVERY_ID, delivery.id.to_string());
        span.set(names::TEAM_ID, delivery.team.to_string());
        span.set(names::ATTEMPT, i64::from(delivery.attempts) + 1);
        span
    }
}

/// Notes how it went.
pub(super) fn end(mut span: Span, told: &Told) {
    let outcome = match told.state {
        DeliveryState::Delivered => "delivered",
        DeliveryState::Pending => "again",
        DeliveryState::Failed => "given_up",
    };
    names::WEBHOOK_DELIVERIES.add(1.0, &[KeyValue::new(names::OUTCOME, outcome)]);
    span.set(names::OUTCOME, outcome);
    if let Some(status) = told.status {
        span.set(names::HTTP_STATUS, i64::from(status));
    }
    if told.state != DeliveryState::Delivered {
        let kind = if told.status.is_some() { "status" } else { "no_answer" };
        span.fail(kind, "the endpoint was not told");
    }
}

/// The job of what a delivery tells of: batches and background responses have the UUID of theirs.
fn job_told_of(payload: &str) -> Option<JobId> {
    #[derive(Deserialize)]
    struct Event {
        data: Subject,
    }
    #[derive(Deserialize)]
    struct Subject {
        id: String,
    }
    let event: Event = serde_json::from_str(payload).ok()?;
    let (_, uuid) = event.data.id.rsplit_once('_')?;
    Uuid::try_parse(uuid).ok().map(JobId::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_job_is_found_behind_whatever_is_told_of() {
        let uuid = Uuid::from_u128(7);
        for prefix in ["job", "batch", "resp"] {
            let payload = format!(r#"{{"id":"evt_1","data":{{"id":"{prefix}_{}"}}}}"#, uuid.as_simple());
            assert_eq!(job_told_of(&payload), Some(JobId::new(uuid)), "{prefix}");
        }
        for other in ["", "{}", r#"{"data":{"id":"whatever"}}"#] {
            assert_eq!(job_told_of(other), None, "{other}");
        }
    }
}
