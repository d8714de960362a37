//! Spans as OTLP has them, in protocol buffers
//! (<https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto>).
//!
//! Written from the spans themselves: of the library's own way, which first makes a tree of copies, the copies were what an
//! exported span cost most. That both say the same is tested against its types.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{Event, Link, SpanContext, SpanId, SpanKind, Status, TraceState};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;

use super::attributes;
use super::protobuf::{
    BYTES, FIXED32, FIXED64, VARINT, bytes, field_len, fixed64, head, number, number_len, tag, text,
    text_len, varint_bytes,
};

/// It is known whether the parent is in another process,
const HAS_IS_REMOTE: u32 = 0x100;
/// and it is.
const IS_REMOTE: u32 = 0x200;
/// The flags of a span, a field beyond 15: two bytes, and four of flags.
const SPAN_FLAGS: [u8; 2] = [0x85, 0x01];
/// The bytes that a span's tag and length take at most.
const ROOM: usize = 11;

/// All of an `ExportTraceServiceRequest` but the spans. They are of one scope: this process has one tracer.
#[derive(Debug)]
pub(super) struct Envelope {
    resource: Vec<u8>,
    scope: Vec<u8>,
    schema: Vec<u8>,
}

impl Envelope {
    pub(super) fn new(of: &Resource, name: &str) -> Self {
        let mut inner = Vec::new();
        for (key, value) in of {
            attributes::write(&mut inner, tag(1, BYTES), key.as_str(), value);
        }
        let [mut resource, mut scope, mut schema] = [const { Vec::new() }; 3];
        bytes(&mut resource, tag(1, BYTES), &inner);
        head(&mut scope, tag(1, BYTES), text_len(name));
        text(&mut scope, tag(1, BYTES), name);
        text(&mut schema, tag(3, BYTES), of.schema_url().unwrap_or_default());
        Self { resource, scope, schema }
    }

    /// The request with these spans in it, one behind the other as [`span`] writes them.
    pub(super) fn around(&self, spans: &[u8]) -> Vec<u8> {
        let of_scope = self.scope.len() + spans.len();
        let of_resource = self.resource.len() + field_len(of_scope) + self.schema.len();
        let mut out = Vec::with_capacity(field_len(of_resource));
        head(&mut out, tag(1, BYTES), of_resource);
        out.extend_from_slice(&self.resource);
        head(&mut out, tag(2, BYTES), of_scope);
        out.extend_from_slice(&self.scope);
        out.extend_from_slice(spans);
        out.extend_from_slice(&self.schema);
        out
    }
}

/// Writes a span into `room`, which may hold anything; what is written is the answer.
pub(super) fn span<'a>(span: &SpanData, room: &'a mut Vec<u8>) -> &'a [u8] {
    room.clear();
    // How long the span is is known behind it, and stands before it.
    room.extend_from_slice(&[0; ROOM]);
    fields(span, room);
    let (length, wide) = varint_bytes((room.len() - ROOM) as u64);
    let start = ROOM - wide - 1;
    if let (Some(place), Some(length)) = (room.get_mut(start..ROOM), length.get(..wide))
        && let [first, rest @ ..] = place
    {
        *first = tag(2, BYTES);
        rest.copy_from_slice(length);
    }
    room.get(start..).unwrap_or_default()
}

/// As in protocol buffers, what is empty or 0 is left out.
fn fields(span: &SpanData, out: &mut Vec<u8>) {
    ids(out, &span.span_context);
    if span.parent_span_id != SpanId::INVALID {
        bytes(out, tag(4, BYTES), &span.parent_span_id.to_bytes());
    }
    text(out, tag(5, BYTES), &span.name);
    out.extend_from_slice(&[tag(6, VARINT), kind(&span.span_kind)]);
    fixed64(out, tag(7, FIXED64), nanos(span.start_time));
    fixed64(out, tag(8, FIXED64), nanos(span.end_time));
    attributes::write_all(out, tag(9, BYTES), &span.attributes);
    number(out, tag(10, VARINT), u64::from(span.dropped_attributes_count));
    for it in span.events.iter() {
        event(out, it);
    }
    number(out, tag(12, VARINT), u64::from(span.events.dropped_count));
    for it in span.links.iter() {
        link(out, it);
    }
    number(out, tag(14, VARINT), u64::from(span.links.dropped_count));
    status(out, &span.status);
    out.extend_from_slice(&SPAN_FLAGS);
    out.extend_from_slice(&flags(&span.span_context, span.parent_span_is_remote));
}

/// A span's trace and itself, and what vendors say, in fields that spans and links have alike.
fn ids(out: &mut Vec<u8>, of: &SpanContext) {
    bytes(out, tag(1, BYTES), &of.trace_id().to_bytes());
    bytes(out, tag(2, BYTES), &of.span_id().to_bytes());
    if *of.trace_state() != TraceState::NONE {
        text(out, tag(3, BYTES), &of.trace_state().header());
    }
}

fn event(out: &mut Vec<u8>, it: &Event) {
    let (at, dropped) = (nanos(it.timestamp), u64::from(it.dropped_attributes_count));
    let fixed = if at == 0 { 0 } else { 9 };
    let length = fixed + text_len(&it.name) + attributes::all_len(&it.attributes) + number_len(dropped);
    head(out, tag(11, BYTES), length);
    fixed64(out, tag(1, FIXED64), at);
    text(out, tag(2, BYTES), &it.name);
    attributes::write_all(out, tag(3, BYTES), &it.attributes);
    number(out, tag(4, VARINT), dropped);
}

fn link(out: &mut Vec<u8>, it: &Link) {
    // Spans have few links, most of them none: this is made aside.
    let mut inner = Vec::with_capacity(64);
    let to = &it.span_context;
    ids(&mut inner, to);
    attributes::write_all(&mut inner, tag(4, BYTES), &it.attributes);
    number(&mut inner, tag(5, VARINT), u64::from(it.dropped_attributes_count));
    inner.push(tag(6, FIXED32));
    inner.extend_from_slice(&flags(to, to.is_remote()));
    bytes(out, tag(13, BYTES), &inner);
}

fn status(out: &mut Vec<u8>, it: &Status) {
    let status = tag(15, BYTES);
    match it {
        Status::Unset => head(out, status, 0),
        Status::Ok => out.extend_from_slice(&[status, 2, tag(3, VARINT), 1]),
        Status::Error { description } => {
            head(out, status, text_len(description) + 2);
            text(out, tag(2, BYTES), description);
            out.extend_from_slice(&[tag(3, VARINT), 2]);
        }
    }
}

fn flags(of: &SpanContext, is_remote: bool) -> [u8; 4] {
    let remote = if is_remote { IS_REMOTE } else { 0 };
    (u32::from(of.trace_flags().to_u8()) | HAS_IS_REMOTE | remote).to_le_bytes()
}

const fn kind(kind: &SpanKind) -> u8 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(since.subsec_nanos()))
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
