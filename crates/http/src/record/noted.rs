//! What is noted of a request, and how it is told when that is over.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use actix_web::body::BodySize;
use actix_web::http::Method;
use outcrop_telemetry::current::Current;
use outcrop_telemetry::later::{self, Tell};
use outcrop_telemetry::metric::{self, KeyValue};
use outcrop_telemetry::names;
use outcrop_telemetry::trace::Span;
use outcrop_types::{ErrorCode, TeamId, without_secrets};

use crate::failure;
use crate::patterns::Pattern;
use crate::telling::{Telling, method_name, status_class};

/// How an answer went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// To its last byte.
    Answered,
    /// Nobody took it any more.
    ClientGone,
    /// Its source gave up in the middle.
    BrokenOff,
}

impl Outcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::ClientGone => "client_gone",
            Self::BrokenOff => "broken_off",
        }
    }
}

/// What went wrong, as it is told.
pub(super) struct Fault {
    pub(super) code: ErrorCode,
    /// It and its causes.
    pub(super) chain: String,
    /// Where in the request it is.
    pub(super) place: Option<String>,
    /// AWS's id of the call that failed.
    pub(super) aws_request_id: Option<String>,
}

/// One request.
pub(crate) struct Noted {
    pub(super) telling: Arc<Telling>,
    pub(super) current: Current,
    pub(super) span: Span,
    pub(super) method: Method,
    /// As it is told: without the query, which is the client's business.
    pub(super) path: Arc<str>,
    /// As the routes have it.
    pub(super) pattern: Pattern,
    pub(super) dialect: &'static str,
    pub(super) arrived: Instant,
    pub(super) client_ip: Option<IpAddr>,
    pub(super) user_agent: Option<Arc<str>>,
    pub(super) asked_bytes: Option<u64>,
    pub(super) team: Option<TeamId>,
    pub(super) status: Option<u16>,
    pub(super) fault: Option<Fault>,
    /// What went wrong where another service has told it.
    pub(super) fault_elsewhere: Option<ErrorCode>,
    pub(super) first_byte: Option<Duration>,
    pub(super) size: BodySize,
    pub(super) sent: u64,
    pub(super) outcome: Outcome,
    /// When it was over, and how long it took.
    pub(super) ended: SystemTime,
    pub(super) took: Duration,
}

impl Noted {
    /// Whether anybody is told.
    pub(super) fn is_told(&self) -> bool {
        self.span.is_recording() || metric::is_going() || self.fault.is_some() || self.has_line()
    }

    /// Whether there is a line of it though nothing went wrong.
    fn has_line(&self) -> bool {
        self.telling.public().is_some_and(|it| it.access_log)
    }

    /// What went wrong, whoever found it.
    fn code(&self) -> Option<ErrorCode> {
        let found = self.fault.as_ref().map(|fault| fault.code).or(self.fault_elsewhere);
        found.or_else(|| self.status.filter(|it| *it >= 400).map(failure::of_status))
    }

    /// The same, where it is ours to be sorry for.
    fn error_type(&self) -> Option<&'static str> {
        match self.outcome {
            Outcome::BrokenOff => Some(Outcome::BrokenOff.name()),
            _ => self.code().filter(|code| code.status() >= 500).map(ErrorCode::name),
        }
    }

    /// Who it was, if that came out before there was an answer.
    fn team(&self) -> Option<TeamId> {
        self.team.or_else(|| self.current.who()?.team.parse().ok())
    }

    fn tell_span(&mut self) {
        if !self.span.is_recording() {
            return;
        }
        let method = method_name(&self.method);
        let span = &mut self.span;
        span.rename(format!("{method} {}", self.pattern.text()));
        span.set(names::HTTP_METHOD, method);
        span.set(names::ROUTE, self.pattern.value());
        span.set(names::HTTP_PATH, &*self.path);
        span.set(names::DIALECT, self.dialect);
        span.set(names::REQUEST_ID, &*self.current.request_id);
        span.set(names::OUTCOME, self.outcome.name());
        if let Some(status) = self.status {
            span.set(names::HTTP_STATUS, i64::from(status));
            span.set(names::RESPONSE_BYTES, i64::try_from(self.sent).unwrap_or(i64::MAX));
        }
        if let Some(address) = self.client_ip.filter(|_| self.telling.faces_public()) {
            span.set(names::CLIENT_ADDRESS, address.to_string());
        }
        if let Some(text) = &self.user_agent {
            span.set(names::USER_AGENT, &**text);
        }
        if let Some(who) = self.current.who() {
            span.set(names::TEAM_ID, &*who.team);
            span.set(names::SUBJECT, &*who.subject);
        }
        if let Some(kind) = self.error_type() {
            let why = self.code().map_or("", failure::words);
            self.span.fail(kind, why);
        }
    }

    fn count(&self) {
        names::HTTP_SERVER_ACTIVE.add(-1.0, &[]);
        let method = KeyValue::new(names::HTTP_METHOD, method_name(&self.method));
        let pattern = KeyValue::new(names::ROUTE, self.pattern.value());
        let status = self.status.map(|status| KeyValue::new(names::HTTP_STATUS, i64::from(status)));
        let failed = self.error_type().map(|kind| KeyValue::new(names::ERROR_TYPE, kind));
        let took = self.took.as_secs_f64();
        let to = &names::HTTP_SERVER_DURATION;
        match (status, failed) {
            (Some(status), Some(failed)) => to.record(took, &[method, pattern, status, failed]),
            (Some(label), None) | (None, Some(label)) => to.record(took, &[method, pattern, label]),
            (None, None) => to.record(took, &[method, pattern]),
        }
        let (Some(public), Some(status)) = (self.telling.public(), self.status) else { return };
        let class = KeyValue::new(names::STATUS_CLASS, status_class(status));
        names::ANSWERS.add(1.0, std::slice::from_ref(&class));
        names::REQUESTS.add(1.0, &[KeyValue::new(names::TEAM, public.team(self.team())), class]);
        match status {
            400..=499 => names::CLIENT_ERRORS.add(1.0, &[]),
            500..=599 => names::SERVER_ERRORS.add(1.0, &[]),
            // Whatever the status says that went out before it broke off.
            _ if self.error_type().is_some() && self.code().is_some_and(|code| code.status() >= 500) => {
                names::SERVER_ERRORS.add(1.0, &[]);
            }
            _ => {}
        }
    }

    fn log(&self) {
        let who = self.current.who();
        macro_rules! line {
            ($level:ident, $target:literal, $text:literal) => {
                tracing::$level!(
                    target: $target,
                    duration_ms = millis(self.took),
                    request.id = &*self.current.request_id,
                    trace.id = self.span.context().trace_id().map(tracing::field::display),
                    team.id = who.map(|it| &*it.team),
                    subject.id = who.map(|it| &*it.subject),
                    api_key.prefix = who.and_then(|it| it.key.as_deref()),
                    http.request.method = self.method.as_str(),
                    url.path = &*self.path,
                    http.route = self.pattern.text(),
                    http.response.status_code = self.status,
                    error.code = self.code().map(ErrorCode::name),
                    error.param = self.fault.as_ref().and_then(|it| it.place.as_deref()),
                    error = self.fault.as_ref().map(|it| tracing::field::display(without_secrets(&it.chain))),
                    aws.request_id = self.fault.as_ref().and_then(|it| it.aws_request_id.as_deref()),
                    client.address = self.client_ip.map(tracing::field::display),
                    user_agent.original = self.user_agent.as_deref(),
                    http.request.body.size = self.asked_bytes,
                    http.response.body.size = self.sent,
                    first_byte_ms = self.first_byte.map(millis),
                    outcrop.dialect = self.dialect,
                    outcrop.outcome = self.outcome.name(),
                    $text
                )
            };
        }
        match &self.fault {
            Some(fault) if fault.code.status() >= 500 => line!(error, "outcrop_http", "request failed"),
            // Whoever made the mistake, the answer that had begun is lost.
            Some(_) if self.outcome == Outcome::BrokenOff => line!(warn, "outcrop_http", "request failed"),
            Some(_) => line!(info, "outcrop_http", "request failed"),
            None if !self.has_line() => {}
            None if self.status.is_none() => line!(info, "outcrop::access", "given up"),
            None => line!(info, "outcrop::access", "answered"),
        }
    }
}

impl Tell for Noted {
    fn tell(mut self: Box<Self>) {
        self.tell_span();
        self.count();
        later::at(self.ended, || self.current.clone().enter(|| self.log()));
        let Self { span, ended, .. } = *self;
        span.end_at(ended);
    }
}

/// To the microsecond: what is finer says nothing, and is long.
fn millis(time: Duration) -> f64 {
    time.as_micros() as f64 / 1_000.0
}
