//! HTTP answers: whole ones, streams, and both at a given pace or cut short on purpose.

use crate::answer::Usage;
use crate::charges::{Call, ChargedOutcome};
use crate::counters::Counters;
use crate::errors::{Exception, Refusal};
use crate::events::{Events, Mark};
use crate::faults::{Fault, FaultKind};
use crate::frames::{Kind, frame};
use crate::runtime::Conduct;
use crate::state::State;
use actix_web::body::{BodySize, BodyStream, MessageBody, SizedStream};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};
use bytes::Bytes;
use futures::stream;
use std::io;
use std::time::Duration;

/// The header every AWS answer carries.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("application/vnd.amazon.eventstream");

/// Bytes already given to the server leave it before a connection is cut.
const FLUSH: Duration = Duration::from_millis(5);
/// A stalled stream ends after this, should the client wait for ever.
const STALL: Duration = Duration::from_secs(600);

/// A builder that carries the request id.
pub(crate) fn builder(state: &State, status: StatusCode) -> HttpResponseBuilder {
    let mut id = [0; uuid::fmt::Hyphenated::LENGTH];
    let id: &str = state.request_id().hyphenated().encode_lower(&mut id);
    let mut builder = HttpResponse::build(status);
    if let Ok(id) = HeaderValue::from_str(id) {
        builder.insert_header((REQUEST_ID, id));
    }
    builder
}

/// An error in Bedrock's shape.
pub(crate) fn refused(state: &State, refusal: &Refusal) -> HttpResponse {
    let status =
        StatusCode::from_u16(refusal.exception.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // As the service writes it; SDKs cut it at the colon.
    let error_type =
        format!("{}:http://internal.amazon.com/coral/com.amazon.bedrock/", refusal.exception.name());
    builder(state, status)
        .insert_header((CONTENT_TYPE, JSON))
        .insert_header((ERROR_TYPE, error_type))
        .body(refusal.body())
}

/// A JSON answer.
pub(crate) fn json(state: &State, body: Vec<u8>) -> HttpResponse {
    builder(state, StatusCode::OK).insert_header((CONTENT_TYPE, JSON)).body(body)
}

/// A JSON answer of any serializable value.
pub(crate) fn value(state: &State, value: &impl serde::Serialize) -> Result<HttpResponse, Refusal> {
    let body =
        serde_json::to_vec(value).map_err(|it| Refusal::new(Exception::InternalServer, it.to_string()))?;
    Ok(json(state, body))
}

/// An answer whose connection closes half way, if the fault says so.
pub(crate) fn whole(
    mut builder: HttpResponseBuilder,
    body: Vec<u8>,
    fault: Option<Fault>,
    call: &Call,
) -> HttpResponse {
    builder.insert_header((CONTENT_TYPE, JSON));
    if fault.is_none_or(|it| it.kind != FaultKind::Cut) {
        call.ends(ChargedOutcome::Answered);
        return builder.body(body);
    }
    call.ends(ChargedOutcome::Failed);
    let (size, mut body) = (body.len() as u64, Bytes::from(body));
    let half = body.split_to(body.len() / 2);
    builder.body(SizedStream::new(size, Box::pin(parts(vec![(Duration::ZERO, 0, half)], Ending::Cut, None))))
}

/// Closes the connection without a word.
pub(crate) fn disconnected(state: &State) -> HttpResponse {
    builder(state, StatusCode::OK).body(SilentCut)
}

/// A body that fails at once: the server drops the connection before the head of the answer is written out.
struct SilentCut;

impl MessageBody for SilentCut {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(1)
    }

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Bytes, io::Error>>> {
        std::task::Poll::Ready(Some(Err(cut())))
    }
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "cut on purpose")
}

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Proper,
    /// With an exception for its last event.
    Exception,
    Cut,
    Stall,
}

/// A piece of a stream: how long it is waited for, the tokens in it, and its bytes.
type Part = (Duration, u64, Bytes);

/// An event stream. At full speed it is one write; paced, each event comes at its time.
pub(crate) fn events(
    mut builder: HttpResponseBuilder,
    events: Events,
    conduct: &Conduct<'_>,
    usage: Usage,
    counters: &Counters,
) -> HttpResponse {
    builder.insert_header((CONTENT_TYPE, EVENT_STREAM));
    let bytes = Bytes::from(events.bytes);
    let Some(marks) = events.marks else {
        conduct.call.made(usage);
        conduct.call.ends(ChargedOutcome::Answered);
        return builder.body(BodyStream::new(stream::once(std::future::ready(Ok::<_, io::Error>(bytes)))));
    };
    let (bytes, marks, ending) = apply(conduct.fault, bytes, marks);
    let mut joined: Vec<Part> = Vec::with_capacity(marks.len());
    let mut start = 0;
    for mark in marks {
        let wait = conduct.pace.per_token * mark.tokens;
        let length = mark.end - start;
        start = mark.end;
        match joined.last_mut() {
            // What needs no waiting leaves together with what came before.
            Some((_, tokens, part)) if wait.is_zero() => {
                *tokens += u64::from(mark.tokens);
                *part = bytes.slice(mark.end - length - part.len()..mark.end);
            }
            _ => joined.push((wait, mark.tokens.into(), bytes.slice(mark.end - length..mark.end))),
        }
    }
    let open = Open { counters: counters.clone(), call: Some(conduct.call.clone()), usage, ended: false };
    builder.body(BodyStream::new(Box::pin(parts(joined, ending, Some(open)))))
}

/// An event stream that is made as it goes.
pub(crate) fn live(
    mut builder: HttpResponseBuilder,
    events: impl stream::Stream<Item = Result<Bytes, io::Error>> + 'static,
) -> HttpResponse {
    builder.insert_header((CONTENT_TYPE, EVENT_STREAM));
    builder.body(BodyStream::new(Box::pin(events)))
}

/// Shortens a stream as its fault says.
fn apply(fault: Option<Fault>, bytes: Bytes, mut marks: Vec<Mark>) -> (Bytes, Vec<Mark>, Ending) {
    let Some(fault) = fault else { return (bytes, marks, Ending::Proper) };
    let keep = fault.after_events.min(marks.len());
    let end = keep.checked_sub(1).map_or(0, |it| marks[it].end);
    if let Some((exception, message)) = fault.kind.in_stream() {
        let mut out = bytes[..end].to_vec();
        marks.truncate(keep);
        let body = Refusal::new(exception, message).body();
        frame(&mut out, &Kind::exception(exception.stream_member()), |out| out.extend_from_slice(&body));
        marks.push(Mark { end: out.len(), tokens: 0 });
        return (Bytes::from(out), marks, Ending::Exception);
    }
    match fault.kind {
        FaultKind::Cut => {
            // Half of the next frame too: a cut rarely falls between two.
            let next = marks.get(keep).map_or(end, |it| end + (it.end - end) / 2);
            marks.truncate(keep);
            marks.push(Mark { end: next, tokens: 0 });
            (bytes, marks, Ending::Cut)
        }
        FaultKind::Stall => {
            marks.truncate(keep);
            (bytes, marks, Ending::Stall)
        }
        _ => (bytes, marks, Ending::Proper),
    }
}

/// A stream under way; dropped before its end, its client went away.
struct Open {
    counters: Counters,
    /// Until its end has been told.
    call: Option<Call>,
    /// What its end tells.
    usage: Usage,
    ended: bool,
}

impl Open {
    /// A piece leaves, with so many tokens; with the last one of a proper stream its end is told.
    fn leaves(&mut self, tokens: u64, last: bool, ending: Ending) {
        let Some(call) = &self.call else { return };
        call.wrote(tokens);
        match ending {
            Ending::Stall => return,
            _ if !last => return,
            Ending::Proper => {
                call.made(self.usage);
                call.ends(ChargedOutcome::Answered);
            }
            Ending::Exception | Ending::Cut => call.ends(ChargedOutcome::Failed),
        }
        self.call = None;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.ended {
            self.counters.abandoned();
        }
    }
}

fn parts(
    parts: Vec<Part>,
    ending: Ending,
    open: Option<Open>,
) -> impl stream::Stream<Item = Result<Bytes, io::Error>> {
    stream::unfold((parts.into_iter(), ending, open), |(mut parts, ending, mut open)| async move {
        if let Some((wait, tokens, part)) = parts.next() {
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            if let Some(open) = &mut open {
                open.leaves(tokens, parts.as_slice().is_empty(), ending);
            }
            return Some((Ok(part), (parts, ending, open)));
        }
        if ending == Ending::Stall {
            tokio::time::sleep(STALL).await;
        }
        if let Some(open) = &mut open {
            open.ended = true;
        }
        if ending != Ending::Cut {
            return None;
        }
        tokio::time::sleep(FLUSH).await;
        Some((Err(cut()), (parts, Ending::Proper, open)))
    })
}
