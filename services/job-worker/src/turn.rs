//! One turn of a job as it is seen from outside: its span, who its log lines speak of, and how long it took.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use chrono::{DateTime, Utc};
use outcrop_ports::{Finish, InferenceCall};
use outcrop_telemetry::current::{self, Current, Who};
use outcrop_telemetry::metric::KeyValue;
use outcrop_telemetry::names;
use outcrop_telemetry::trace::{Span, SpanKind, TraceContext};
use outcrop_types::{BatchId, Job, JobId, JobKind, Principal, TeamId};
use tokio::time::Instant;

use crate::nudge::QueueName;

/// What a worker does of a job in one go. Clones are the same turn.
///
/// A batch as a whole is looked at every few seconds for a day: its turn becomes a span only where there is something to do.
#[derive(Clone)]
pub(crate) struct Turn(Arc<Inner>);

struct Inner {
    job: JobId,
    kind: JobKind,
    batch: Option<BatchId>,
    team: TeamId,
    attempt: u32,
    queue: QueueName,
    /// Where the job was submitted.
    parent: TraceContext,
    /// Where the message was sent that a worker came by.
    sent: TraceContext,
    began: Instant,
    context: OnceLock<TraceContext>,
    span: Mutex<Option<Span>>,
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TurnEnd {
    /// So it is written down.
    Finished {
        /// In a word.
        outcome: &'static str,
        /// The HTTP status of the answer.
        status: Option<u16>,
        /// `error.type`, where it failed.
        error: Option<&'static str>,
    },
    /// A batch or a part came a step forward.
    Stepped,
    /// Another has the job by now, or nobody wants it any more.
    Lost,
    /// How it ended could not be written down.
    Unwritten,
}

impl From<&Finish> for TurnEnd {
    fn from(finish: &Finish) -> Self {
        let (outcome, status, error) = match finish {
            Finish::Answered { status, .. } if *status < 400 => ("answered", Some(*status), None),
            // What was asked for was wrong: that is no failure of ours.
            Finish::Answered { status, .. } if *status < 500 => ("refused", Some(*status), None),
            Finish::Answered { status, .. } => ("failed", Some(*status), Some("server_error")),
            Finish::GaveUp { dead: true, .. } => ("dead", None, Some("dead")),
            Finish::GaveUp { dead: false, .. } => ("gave_up", None, Some("gave_up")),
            Finish::Expired => ("expired", None, Some("expired")),
            Finish::Retry { .. } => ("retried", None, Some("attempt_failed")),
            Finish::Later { .. } => ("put_off", None, None),
        };
        Self::Finished { outcome, status, error }
    }
}

impl TurnEnd {
    /// The one line about the end of a job. What was said of it is the client's.
    pub(crate) fn log(self, job: &Job) {
        let Self::Finished { outcome, status, error } = self else { return };
        tracing::info!(
            job.id = %job.id,
            outcrop.attempt = job.attempts,
            outcrop.outcome = outcome,
            http.response.status_code = status,
            "error.type" = error,
            "job finished"
        );
    }
}

impl Turn {
    /// Begins with the claim, which was at `claimed_at`.
    pub(crate) fn begin(
        job: &Job,
        queue: &QueueName,
        sent: &TraceContext,
        claimed_at: DateTime<Utc>,
    ) -> Self {
        // Claimed before, it has waited no longer: stores keep microseconds.
        if job.started_at.is_some_and(|at| at.timestamp_micros() == claimed_at.timestamp_micros()) {
            let waited = (claimed_at - job.created_at).to_std().unwrap_or_default();
            names::JOB_WAIT.record(waited.as_secs_f64(), &[KeyValue::new(names::JOB_KIND, job.kind.name())]);
        }
        let batch = match job.kind {
            JobKind::Call => None,
            JobKind::Batch => Some(job.id),
            JobKind::Part => job.parent,
        };
        Self(Arc::new(Inner {
            job: job.id,
            kind: job.kind,
            batch: batch.map(|id| BatchId::new(id.uuid())),
            team: job.principal.team,
            attempt: job.attempts,
            queue: queue.clone(),
            parent: trace_of(job),
            sent: sent.clone(),
            began: Instant::now(),
            context: OnceLock::new(),
            span: Mutex::new(None),
        }))
    }

    /// Does the work of the turn: its lines and calls know whose it is.
    pub(crate) fn scope<F: Future>(&self, job: &Job, work: F) -> impl Future<Output = F::Output> {
        let trace = match self.0.kind {
            JobKind::Batch => &self.0.parent,
            JobKind::Call | JobKind::Part => self.context(),
        };
        let current = Current::new(self.0.job.to_string(), trace.clone());
        current.know(|| who(&job.principal));
        current.scope(work)
    }

    /// Does a part of it that is worth a span, whatever the rest was.
    pub(crate) fn below<F: Future>(&self, work: F) -> impl Future<Output = F::Output> {
        current::below(self.context(), work)
    }

    /// Notes how it ended.
    pub(crate) fn end(&self, end: TurnEnd) {
        let (outcome, status, error) = match end {
            TurnEnd::Finished { outcome, status, error } => (outcome, status, error),
            TurnEnd::Stepped => ("stepped", None, None),
            TurnEnd::Lost => ("lost", None, None),
            TurnEnd::Unwritten => ("unwritten", None, Some("unwritten")),
        };
        let labels =
            [KeyValue::new(names::JOB_KIND, self.0.kind.name()), KeyValue::new(names::OUTCOME, outcome)];
        names::JOB_DURATION.record(self.0.began.elapsed().as_secs_f64(), &labels);
        if error.is_some() {
            self.context();
        }
        // From here on nothing begins it.
        self.0.context.get_or_init(|| self.0.parent.clone());
        let span = self.0.span.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut span) = span {
            span.set(names::OUTCOME, outcome);
            if let Some(status) = status {
                span.set(names::HTTP_STATUS, i64::from(status));
            }
            if let Some(error) = error {
                span.fail(error, outcome);
            }
        }
    }

    /// Where what it does begins.
    pub(crate) fn context(&self) -> &TraceContext {
        self.0.context.get_or_init(|| {
            let span = self.0.start();
            let context = span.context().clone();
            *self.0.span.lock().unwrap_or_else(PoisonError::into_inner) = Some(span);
            context
        })
    }
}

impl Inner {
    fn start(&self) -> Span {
        let name = match self.kind {
            JobKind::Call => "process call",
            JobKind::Batch => "process batch",
            JobKind::Part => "process part",
        };
        let parent = if self.parent.is_some() { &self.parent } else { &self.sent };
        let links = if self.sent == *parent { &[][..] } else { std::slice::from_ref(&self.sent) };
        let mut span = Span::start_linked(SpanKind::Consumer, name, parent, links);
        if span.is_recording() {
            self.queue.mark(&mut span, "process");
            span.set(names::JOB_ID, self.job.to_string());
            span.set(names::JOB_KIND, self.kind.name());
            span.set(names::TEAM_ID, self.team.to_string());
            span.set(names::ATTEMPT, i64::from(self.attempt));
            if let Some(batch) = self.batch {
                span.set(names::BATCH_ID, batch.to_string());
            }
        }
        span
    }
}

/// Where in a trace a job was submitted.
pub(crate) fn trace_of(job: &Job) -> TraceContext {
    job.trace.as_deref().map(TraceContext::from_line).unwrap_or_default()
}

/// Whose call of a model it is, where this task is in its trace.
pub(crate) fn current_of(call: &InferenceCall) -> Current {
    let current = Current::new(call.request_id.to_string(), current::trace());
    current.know(|| who(&call.principal));
    current
}

fn who(principal: &Principal) -> Who {
    Who {
        team: principal.team.to_string().into(),
        subject: principal.subject.to_string().into(),
        key: principal.key.as_ref().map(|key| key.prefix().into()),
    }
}
