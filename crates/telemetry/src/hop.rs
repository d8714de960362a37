//! A call of another service of ours: its span, and how long its answer took to begin.

use std::borrow::Cow;
use std::time::Instant;

use crate::metric::KeyValue;
use crate::names;
use crate::trace::{self, Span, SpanKind, TraceContext};

/// What a call is said to be that nobody waits for any more.
const GIVEN_UP: &str = "cancelled";

/// A call under way. One that is dropped was given up by who made it, which is nobody's failure.
#[derive(Debug)]
pub struct Hop {
    ended: bool,
    span: Span,
    peer: &'static str,
    method: &'static str,
    began: Instant,
}

impl Hop {
    /// Calls `peer` now, below `parent`. Both names are of closed lists.
    #[must_use]
    pub fn begin(method: &'static str, peer: &'static str, parent: &TraceContext) -> Self {
        let mut span = Span::start(SpanKind::Client, name(method, peer), parent);
        span.set(names::HTTP_METHOD, method);
        span.set(names::PEER, peer);
        Self { ended: false, span, peer, method, began: Instant::now() }
    }

    /// What the peer is to be told.
    #[must_use]
    pub const fn context(&self) -> &TraceContext {
        self.span.context()
    }

    /// The head of its answer is there.
    pub fn answered(mut self, status: u16) {
        self.span.set(names::HTTP_STATUS, i64::from(status));
        let status_label = KeyValue::new(names::HTTP_STATUS, i64::from(status));
        match failure(status) {
            Some(kind) => {
                self.span.fail(kind, "the service failed");
                self.record(&[status_label, KeyValue::new(names::ERROR_TYPE, kind)]);
            }
            None => self.record(&[status_label]),
        }
    }

    /// There is no answer; `kind` is of a closed list.
    pub fn failed(mut self, kind: &'static str) {
        self.span.fail(kind, "there was no answer");
        self.record(&[KeyValue::new(names::ERROR_TYPE, kind)]);
    }

    fn record(&mut self, ended: &[KeyValue]) {
        self.ended = true;
        let (peer, method) =
            (KeyValue::new(names::PEER, self.peer), KeyValue::new(names::HTTP_METHOD, self.method));
        let (took, to) = (self.began.elapsed().as_secs_f64(), &names::HTTP_CLIENT_DURATION);
        match ended {
            [one] => to.record(took, &[peer, method, one.clone()]),
            [one, other] => to.record(took, &[peer, method, one.clone(), other.clone()]),
            _ => to.record(took, &[peer, method]),
        }
    }
}

impl Drop for Hop {
    fn drop(&mut self) {
        if !self.ended {
            self.span.set(names::OUTCOME, GIVEN_UP);
        }
    }
}

/// Made once for the calls that there are most of.
fn name(method: &'static str, peer: &'static str) -> Cow<'static, str> {
    let known = match (method, peer) {
        _ if !trace::is_on() => method,
        ("GET", "auth") => "GET auth",
        ("POST", "auth") => "POST auth",
        ("GET", "inference") => "GET inference",
        ("POST", "inference") => "POST inference",
        ("GET", "jobs") => "GET jobs",
        ("POST", "jobs") => "POST jobs",
        _ => return format!("{method} {peer}").into(),
    };
    known.into()
}

/// The statuses of a service that is to blame.
const fn failure(status: u16) -> Option<&'static str> {
    match status {
        0..=499 => None,
        500 => Some("500"),
        502 => Some("502"),
        503 => Some("503"),
        504 => Some("504"),
        _ => Some("5xx"),
    }
}
