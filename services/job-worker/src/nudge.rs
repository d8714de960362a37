//! Telling workers that there is work, and what the queue is called that they are told by.

use std::sync::Arc;

use outcrop_config::QueueConfig;
use outcrop_telemetry::trace::{Span, SpanKind, TraceContext};
use outcrop_telemetry::{current, names};
use outcrop_types::JobId;

use crate::JobWorker;

/// The name of SQS, as the conventions have it.
const SQS: &str = "aws_sqs";
/// The name of the queue in the store.
const EMBEDDED: &str = "outcrop";
const EMBEDDED_QUEUE: &str = "jobs";

/// Which queue it is, for those who read traces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueName {
    system: &'static str,
    destination: Arc<str>,
}

impl Default for QueueName {
    fn default() -> Self {
        Self { system: EMBEDDED, destination: EMBEDDED_QUEUE.into() }
    }
}

impl From<&QueueConfig> for QueueName {
    fn from(config: &QueueConfig) -> Self {
        let url = &config.url;
        if url.starts_with("embedded:") {
            return Self::default();
        }
        // Its account says nothing that the region and the name do not.
        let destination = url.rsplit('/').next().unwrap_or_default();
        Self { system: SQS, destination: destination.into() }
    }
}

impl QueueName {
    /// Notes on a span what is done with it.
    pub(crate) fn mark(&self, span: &mut Span, operation: &'static str) {
        span.set(names::MESSAGING_SYSTEM, self.system);
        span.set(names::MESSAGING_OPERATION, operation);
        span.set(names::MESSAGING_DESTINATION, self.destination.to_string());
    }
}

impl JobWorker {
    /// Tells a worker to look at the job. The row is there: should this fail, the sweep nudges again.
    pub(crate) async fn nudge(&self, id: JobId) {
        let mut span = self.sending(&[id]);
        let context = span.context().clone();
        if let Err(error) = current::below(&context, self.ports.queue.send(id.to_string())).await {
            span.fail("queue", "the message was not sent");
            tracing::warn!(job.id = %id, error = error.chain(), "could not queue a job; the sweep will");
        }
    }

    /// Tells workers to look at jobs. The rows are there: should this fail, a later sweep nudges again.
    pub(crate) async fn nudge_all(&self, ids: &[JobId]) {
        if ids.is_empty() {
            return;
        }
        let mut span = self.sending(ids);
        let context = span.context().clone();
        let bodies = ids.iter().map(ToString::to_string).collect();
        match current::below(&context, self.ports.queue.send_all(bodies)).await {
            Ok(refused) if refused.is_empty() => {}
            Ok(refused) => {
                span.fail("queue", "not all messages were sent");
                tracing::warn!(jobs = refused.len(), "could not queue all jobs; the sweep will");
            }
            Err(error) => {
                span.fail("queue", "the messages were not sent");
                tracing::warn!(
                    jobs = ids.len(),
                    error = error.chain(),
                    "could not queue jobs; the sweep will"
                );
            }
        }
    }

    /// The span of sending, for what somebody wants done: upkeep is nobody's trace.
    fn sending(&self, ids: &[JobId]) -> Span {
        let above = current::trace();
        if !above.is_some() {
            return Span::none(TraceContext::none());
        }
        let mut span = Span::start(SpanKind::Producer, "send jobs", &above);
        if span.is_recording() {
            self.options.queue.mark(&mut span, "send");
            match ids {
                [id] => span.set(names::JOB_ID, id.to_string()),
                more => span.set(names::MESSAGING_COUNT, i64::try_from(more.len()).unwrap_or(i64::MAX)),
            }
        }
        span
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_called_by_its_name() {
        let name = |url: &str| {
            let name = QueueName::from(&QueueConfig { url: url.to_owned(), ..QueueConfig::default() });
            (name.system, name.destination.to_string())
        };
        assert_eq!(name("embedded://"), ("outcrop", "jobs".to_owned()));
        assert_eq!(name("sqs://outcrop-jobs"), ("aws_sqs", "outcrop-jobs".to_owned()));
        let url = "https://sqs.eu-west-1.amazonaws.com/123456789012/work";
        assert_eq!(name(url), ("aws_sqs", "work".to_owned()));
    }
}
