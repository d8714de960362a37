//! What is told of a request: its span, its metrics, and its one line in the log.
//!
//! All of it ends with the last byte of the answer, or when that is given up: a stream takes as long as it takes. A failure has
//! one line, which is the access line too. [`noted`] is what is known by then, and tells it.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_web::body::BodySize;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap, USER_AGENT};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage, HttpRequest};
use outcrop_telemetry::current::Current;
use outcrop_telemetry::later::{self, Of};
use outcrop_telemetry::names;
use outcrop_telemetry::trace::{Span, SpanKind, TRACESTATE, TraceContext, now};
use outcrop_types::{ErrorCode, Principal, without_secrets};

use crate::RequestContext;
use crate::failure::{self, Failure};
use crate::patterns::{Patterns, RoutePattern};
use crate::telling::{Telling, method_name};
use crate::tracked::BrokenOff;

mod noted;

use self::noted::{Fault, Noted, Outcome};

/// Most of a path that is told, bytes: strangers choose it, and spans wait for their collector with it.
const MOST_PATH: usize = 1024;

/// Most of what a client says that it is, bytes.
const MOST_USER_AGENT: usize = 200;

/// One request. Over when it is dropped; told of soon after.
pub(crate) struct Record {
    /// Until the drop.
    noted: Option<Box<Noted>>,
    /// Who knows the pattern better.
    told_pattern: RoutePattern,
}

#[expect(clippy::expect_used, reason = "nobody but the drop takes it")]
impl Deref for Record {
    type Target = Noted;

    fn deref(&self) -> &Noted {
        self.noted.as_deref().expect("it is there until the drop")
    }
}

#[expect(clippy::expect_used, reason = "nobody but the drop takes it")]
impl DerefMut for Record {
    fn deref_mut(&mut self) -> &mut Noted {
        self.noted.as_deref_mut().expect("it is there until the drop")
    }
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
        let noted = Noted {
            telling: Arc::clone(telling),
            current,
            span,
            method: request.method().clone(),
            path: shown_path(request.path()),
            // Known from the path alone, so that it is known of those, too, who do not wait for an answer.
            pattern: patterns.of(request.request()),
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
            ended: SystemTime::UNIX_EPOCH,
            took: Duration::ZERO,
        };
        Self { noted: Some(Box::new(noted)), told_pattern: RoutePattern::default() }
    }

    /// What the request's task works on.
    pub(crate) fn current(&self) -> Current {
        self.current.clone()
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
}

impl Drop for Record {
    fn drop(&mut self) {
        let Some(mut noted) = self.noted.take() else { return };
        if let Some(told) = self.told_pattern.told() {
            noted.pattern = told;
        }
        if noted.is_told() {
            (noted.ended, noted.took) = (now(), noted.arrived.elapsed());
            later::tell(Of::Request, noted);
        }
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("path", &self.path).finish_non_exhaustive()
    }
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
