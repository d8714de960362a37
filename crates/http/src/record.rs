//! What is told of a request: its span, its metrics, and its one line in the log.
//!
//! All of it ends with the last byte of the answer, or when that is given up: a stream takes as long as it takes. A failure has
//! one line, which is the access line too.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::BodySize;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap, USER_AGENT};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage, HttpRequest};
use outcrop_telemetry::current::Current;
use outcrop_telemetry::metric::KeyValue;
use outcrop_telemetry::names;
use outcrop_telemetry::trace::{Span, SpanKind, TRACESTATE, TraceContext};
use outcrop_types::{ErrorCode, Principal, TeamId, without_secrets};

use crate::RequestContext;
use crate::failure::{self, Failure};
use crate::patterns::{Pattern, Patterns, RoutePattern};
use crate::telling::{Telling, method_name, status_class};
use crate::tracked::BrokenOff;

/// Most of a path that is told, bytes: strangers choose it, and spans wait for their collector with it.
const MOST_PATH: usize = 1024;

/// Most of what a client says that it is, bytes.
const MOST_USER_AGENT: usize = 200;

/// How an answer went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
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
struct Fault {
    code: ErrorCode,
    /// It and its causes.
    chain: String,
    /// Where in the request it is.
    place: Option<String>,
    /// AWS's id of the call that failed.
    aws_request_id: Option<String>,
}

/// One request. Told when it is dropped.
pub(crate) struct Record {
    telling: Arc<Telling>,
    current: Current,
    span: Span,
    method: Method,
    /// As it is told: without the query, which is the client's business.
    path: Arc<str>,
    /// As the routes have it.
    pattern: Pattern,
    /// Who knows better.
    told_pattern: RoutePattern,
    dialect: &'static str,
    arrived: Instant,
    client_ip: Option<IpAddr>,
    user_agent: Option<Arc<str>>,
    asked_bytes: Option<u64>,
    team: Option<TeamId>,
    status: Option<u16>,
    fault: Option<Fault>,
    /// What went wrong where another service has told it.
    fault_elsewhere: Option<ErrorCode>,
    first_byte: Option<Duration>,
    size: BodySize,
    sent: u64,
    outcome: Outcome,
}

impl Record {
    /// Begins with the request, as a part of the trace that it names, if that is believed.
    pub(crate) fn begin(
        telling: &Arc<Telling>,
        patterns: &Patterns,
        request: &ServiceRequest,
        context: &RequestContext,
    ) -> Self {
        let headers = request.headers();
        let method = method_name(request.method());
        let span = Span::start(SpanKind::Server, method, &parent(telling, headers));
        let current = Current::new(context.request_id.as_str(), span.context().clone());
        names::HTTP_SERVER_ACTIVE.add(1.0, &[]);
        Self {
            telling: Arc::clone(telling),
            current,
            span,
            method: request.method().clone(),
            path: shown_path(request.path()),
            // Known from the path alone, so that it is known of those, too, who do not wait for an answer.
            pattern: patterns.of(request.request()),
            told_pattern: RoutePattern::default(),
            dialect: context.dialect.name(),
            arrived: context.arrived,
            client_ip: context.client_ip,
            user_agent: telling.faces_public().then(|| user_agent(headers)).flatten(),
            asked_bytes: headers.get(CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse().ok()),
            team: None,
            status: None,
            fault: None,
            fault_elsewhere: None,
            first_byte: None,
            size: BodySize::Stream,
            sent: 0,
            // Until it has ended.
            outcome: Outcome::ClientGone,
        }
    }

    /// What the request's task works on.
    pub(crate) fn current(&self) -> Current {
        self.current.clone()
    }

    /// Where in its trace the work on it is.
    pub(crate) fn trace(&self) -> &TraceContext {
        self.span.context()
    }

    /// Where the pattern of its path may be told.
    pub(crate) fn pattern(&self) -> RoutePattern {
        self.told_pattern.clone()
    }

    /// Takes over what became known while it was worked on.
    pub(crate) fn learn(&mut self, request: &HttpRequest) {
        let extensions = request.extensions();
        self.team = extensions.get::<Principal>().map(|principal| principal.team);
        // Not the one kept: behind a service of ours it is known only once that one has been believed.
        self.client_ip = extensions.get::<RequestContext>().and_then(|context| context.client_ip);
    }

    /// It failed.
    pub(crate) fn fail(&mut self, failure: &Failure<'_>) {
        let (code, chain) = (failure.code, failure.chain.clone());
        self.fault = Some(Fault { code, chain, place: failure.place(), aws_request_id: None });
    }

    /// The head of the answer goes out.
    pub(crate) fn begun(mut self, status: StatusCode, size: BodySize) -> Self {
        self.first_byte = Some(self.arrived.elapsed());
        self.status = Some(status.as_u16());
        self.size = size;
        // Of such answers nothing more is asked for.
        if matches!(size, BodySize::None | BodySize::Sized(0)) || self.method == Method::HEAD {
            self.outcome = Outcome::Answered;
        }
        self
    }

    /// So many bytes more of it went out.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
        if matches!(self.size, BodySize::Sized(all) if self.sent >= all) {
            self.outcome = Outcome::Answered;
        }
    }

    /// These were the last.
    pub(crate) fn ended(&mut self, bytes: usize) {
        self.sent += bytes as u64;
        if self.outcome != Outcome::BrokenOff {
            self.outcome = Outcome::Answered;
        }
    }

    /// What is sent now tells the client itself that the answer is not whole.
    pub(crate) fn told_failure(&mut self, failure: BrokenOff) {
        self.outcome = Outcome::BrokenOff;
        let BrokenOff { code, chain, aws_request_id } = failure;
        let chain = format!("the answer broke off: {chain}");
        self.fault.get_or_insert(Fault { code, chain, place: None, aws_request_id });
    }

    /// The same where another service made the answer: why it is not whole stands in the line of that one.
    pub(crate) fn passed_on_broken(&mut self, code: ErrorCode) {
        self.outcome = Outcome::BrokenOff;
        self.fault_elsewhere.get_or_insert(code);
    }

    /// There is no more of it, and it is not whole.
    pub(crate) fn broke_off(&mut self, error: &dyn StdError) {
        self.outcome = Outcome::BrokenOff;
        let code = ErrorCode::Upstream;
        let chain = format!("the answer broke off: {}", failure::log_text(code, error));
        self.fault.get_or_insert(Fault { code, chain, place: None, aws_request_id: None });
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

    fn end_span(&mut self) {
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

    fn count(&self, took: Duration) {
        names::HTTP_SERVER_ACTIVE.add(-1.0, &[]);
        let method = KeyValue::new(names::HTTP_METHOD, method_name(&self.method));
        let pattern = KeyValue::new(names::ROUTE, self.pattern.value());
        let status = self.status.map(|status| KeyValue::new(names::HTTP_STATUS, i64::from(status)));
        let failed = self.error_type().map(|kind| KeyValue::new(names::ERROR_TYPE, kind));
        let took = took.as_secs_f64();
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

    fn log(&self, took: Duration) {
        let who = self.current.who();
        macro_rules! line {
            ($level:ident, $target:literal, $text:literal) => {
                tracing::$level!(
                    target: $target,
                    duration_ms = millis(took),
                    request.id = &*self.current.request_id,
                    trace.id = self.trace().trace_id().map(tracing::field::display),
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
            None if self.telling.public().is_none_or(|it| !it.access_log) => {}
            None if self.status.is_none() => line!(info, "outcrop::access", "given up"),
            None => line!(info, "outcrop::access", "answered"),
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let took = self.arrived.elapsed();
        if let Some(told) = self.told_pattern.told() {
            self.pattern = told;
        }
        self.end_span();
        self.count(took);
        self.current().enter(|| self.log(took));
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("path", &self.path).finish_non_exhaustive()
    }
}

/// To the microsecond: what is finer says nothing, and is long.
fn millis(time: Duration) -> f64 {
    time.as_micros() as f64 / 1_000.0
}

/// The trace that a request is a part of.
fn parent(telling: &Telling, headers: &HeaderMap) -> TraceContext {
    if telling.public().is_some_and(|public| !public.follow_clients) {
        return TraceContext::none();
    }
    let trace = TraceContext::extract(|name| said(headers, name));
    // A client may name its trace; whether it is exported is not for strangers to say.
    if telling.faces_public() { trace.undecided() } else { trace }
}

/// What a header of a trace says. `tracestate` may come in several lines; of two parents neither is believed, as W3C asks for.
fn said<'a>(headers: &'a HeaderMap, name: &str) -> Option<Cow<'a, str>> {
    let mut lines = headers.get_all(name).map(|line| line.to_str().ok());
    let first = lines.next()??;
    match lines.next() {
        None => Some(first.into()),
        Some(second) if name == TRACESTATE => {
            let more = lines.map_while(|line| line);
            Some([first, second?].into_iter().chain(more).collect::<Vec<_>>().join(",").into())
        }
        Some(_) => None,
    }
}

/// A path as far as it is told. Secrets go first: cut in two, a key is no longer known for one.
fn shown_path(path: &str) -> Arc<str> {
    let shown = without_secrets(path);
    let end = (0..=MOST_PATH.min(shown.len())).rev().find(|at| shown.is_char_boundary(*at));
    shown[..end.unwrap_or_default()].into()
}

/// What a client says that it is, as far as that is worth keeping.
fn user_agent(headers: &HeaderMap) -> Option<Arc<str>> {
    let text = headers.get(USER_AGENT)?.to_str().ok()?;
    // `to_str` lets ASCII through alone, so every byte is a place to cut.
    let text = text.get(..MOST_USER_AGENT).unwrap_or(text);
    Some(without_secrets(text).into())
}
