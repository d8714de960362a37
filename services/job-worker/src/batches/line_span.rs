//! A line as it is seen from outside: its span and its count.

use outcrop_ports::PortError;
use outcrop_telemetry::metric::KeyValue;
use outcrop_telemetry::trace::{Span, SpanKind};
use outcrop_telemetry::{current, names};
use outcrop_types::{KeptLine, Way};

use super::line::{LineCall, LineEnd, PartCalls};

/// Most characters of a line's own name that are told.
const LONGEST_NAME: usize = 64;

/// All tries of a line in one turn.
pub(super) struct LineSpan {
    span: Span,
    way: Way,
}

impl LineSpan {
    pub(super) fn start(calls: &PartCalls, line: &LineCall) -> Self {
        let mut span = Span::start(SpanKind::Internal, "line", &current::trace());
        let way = if line.made.is_some() { Way::Batch } else { calls.way };
        if span.is_recording() {
            span.set(names::BATCH_ID, calls.batch.to_string());
            span.set(names::JOB_ID, calls.part.to_string());
            span.set(names::BATCH_LINE, line.custom_id.chars().take(LONGEST_NAME).collect::<String>());
            span.set(names::WAY, way.name());
        }
        Self { span, way }
    }

    /// Does its work.
    pub(super) fn below<F: Future>(&self, work: F) -> impl Future<Output = F::Output> {
        current::below(self.span.context(), work)
    }

    pub(super) fn end(self, ended: &Result<LineEnd, PortError>) {
        match ended {
            Ok(LineEnd::Keep(kept)) => self.kept(&kept.line),
            Ok(LineEnd::PutOff(_)) => self.put_off(),
            Err(_) => self.broken(),
        }
    }

    /// There is an answer, whatever it says.
    pub(super) fn kept(mut self, line: &KeptLine) {
        let outcome = if line.ok { "completed" } else { "failed" };
        let labels = [KeyValue::new(names::WAY, self.way.name()), KeyValue::new(names::OUTCOME, outcome)];
        names::BATCH_LINES.add(1.0, &labels);
        self.span.set(names::OUTCOME, outcome);
        if !line.ok {
            self.span.fail("line_failed", "the line ended with an error");
        }
    }

    /// It is done later.
    pub(super) fn put_off(mut self) {
        self.span.set(names::OUTCOME, "put_off");
    }

    /// What it needs failed.
    pub(super) fn broken(mut self) {
        self.span.fail("interrupted", "a store or a service failed");
    }
}
