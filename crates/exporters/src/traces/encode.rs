//! Spans as OTLP has them, in protocol buffers
//! (<https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto>).
//!
//! Written from the spans themselves into one buffer: of the library's own way, which first makes a tree of copies, the copies
//! were what an exported span cost most. That both say the same is tested against its types.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{Event, Link, SpanId, SpanKind, Status};
use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;

/// It is known whether the parent is in another process,
const HAS_IS_REMOTE: u32 = 0x100;
/// and it is.
const IS_REMOTE: u32 = 0x200;

/// An `ExportTraceServiceRequest`. All spans are of one scope: this process has one tracer.
pub(super) fn request(resource: &Resource, spans: &[SpanData]) -> Vec<u8> {
    // About what a span of a model call takes; more is asked for when it is needed.
    let mut out = Buffer(Vec::with_capacity(256 + spans.len() * 1_024));
    out.nested(1, |out| {
        out.nested(1, |out| {
            for (key, value) in resource {
                out.attribute(1, key.as_str(), value);
            }
        });
        out.nested(2, |out| {
            if let Some(first) = spans.first() {
                out.nested(1, |out| out.text(1, first.instrumentation_scope.name()));
            }
            for span in spans {
                out.nested(2, |out| out.span(span));
            }
        });
        out.text(3, resource.schema_url().unwrap_or_default());
    });
    out.0
}

/// What is written, field by field. As in protocol buffers, what is empty or 0 is left out.
struct Buffer(Vec<u8>);

impl Buffer {
    fn span(&mut self, span: &SpanData) {
        let context = &span.span_context;
        self.bytes(1, &context.trace_id().to_bytes());
        self.bytes(2, &context.span_id().to_bytes());
        self.text(3, &context.trace_state().header());
        if span.parent_span_id != SpanId::INVALID {
            self.bytes(4, &span.parent_span_id.to_bytes());
        }
        self.text(5, &span.name);
        self.number(6, kind(&span.span_kind));
        self.fixed64(7, nanos(span.start_time));
        self.fixed64(8, nanos(span.end_time));
        self.attributes(9, &span.attributes);
        self.number(10, u64::from(span.dropped_attributes_count));
        for event in span.events.iter() {
            self.nested(11, |out| out.event(event));
        }
        self.number(12, u64::from(span.events.dropped_count));
        for link in span.links.iter() {
            self.nested(13, |out| out.link(link));
        }
        self.number(14, u64::from(span.links.dropped_count));
        self.nested(15, |out| match &span.status {
            Status::Unset => {}
            Status::Ok => out.number(3, 1),
            Status::Error { description } => {
                out.text(2, description);
                out.number(3, 2);
            }
        });
        self.flags(16, context.trace_flags().to_u8(), span.parent_span_is_remote);
    }

    fn event(&mut self, event: &Event) {
        self.fixed64(1, nanos(event.timestamp));
        self.text(2, &event.name);
        self.attributes(3, &event.attributes);
        self.number(4, u64::from(event.dropped_attributes_count));
    }

    fn link(&mut self, link: &Link) {
        let to = &link.span_context;
        self.bytes(1, &to.trace_id().to_bytes());
        self.bytes(2, &to.span_id().to_bytes());
        self.text(3, &to.trace_state().header());
        self.attributes(4, &link.attributes);
        self.number(5, u64::from(link.dropped_attributes_count));
        self.flags(6, to.trace_flags().to_u8(), to.is_remote());
    }

    fn flags(&mut self, field: u32, trace_flags: u8, is_remote: bool) {
        let remote = if is_remote { IS_REMOTE } else { 0 };
        self.tag(field, 5);
        self.0.extend_from_slice(&(u32::from(trace_flags) | HAS_IS_REMOTE | remote).to_le_bytes());
    }

    fn attributes(&mut self, field: u32, all: &[KeyValue]) {
        for KeyValue { key, value, .. } in all {
            self.attribute(field, key.as_str(), value);
        }
    }

    fn attribute(&mut self, field: u32, key: &str, value: &Value) {
        self.nested(field, |out| {
            out.text(1, key);
            out.nested(2, |out| out.value(value));
        });
    }

    /// One of several kinds: which one it is is said also where it is empty or 0.
    fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.bytes(1, text.as_str().as_bytes()),
            Value::Bool(it) => self.bool(*it),
            Value::I64(it) => self.int(*it),
            Value::F64(it) => self.double(*it),
            Value::Array(all) => self.nested(5, |out| match all {
                Array::String(all) => out.each(all, |out, it| out.bytes(1, it.as_str().as_bytes())),
                Array::Bool(all) => out.each(all, |out, it| out.bool(*it)),
                Array::I64(all) => out.each(all, |out, it| out.int(*it)),
                Array::F64(all) => out.each(all, |out, it| out.double(*it)),
                // Nobody here makes any other.
                _ => {}
            }),
            _ => {}
        }
    }

    fn each<T>(&mut self, all: &[T], write: impl Fn(&mut Self, &T)) {
        for it in all {
            self.nested(1, |out| write(out, it));
        }
    }

    fn bool(&mut self, it: bool) {
        self.tag(2, 0);
        self.0.push(u8::from(it));
    }

    fn int(&mut self, it: i64) {
        self.tag(3, 0);
        // Negative ones take all ten bytes.
        self.varint(it.cast_unsigned());
    }

    fn double(&mut self, it: f64) {
        self.tag(4, 1);
        self.0.extend_from_slice(&it.to_le_bytes());
    }

    fn fixed64(&mut self, field: u32, it: u64) {
        if it != 0 {
            self.tag(field, 1);
            self.0.extend_from_slice(&it.to_le_bytes());
        }
    }

    fn number(&mut self, field: u32, it: u64) {
        if it != 0 {
            self.tag(field, 0);
            self.varint(it);
        }
    }

    fn text(&mut self, field: u32, text: &str) {
        if !text.is_empty() {
            self.bytes(field, text.as_bytes());
        }
    }

    fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.tag(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// A message within the message. How long it is stands before it and is known behind it: most are short, and their length
    /// has one byte; others are moved.
    fn nested(&mut self, field: u32, write: impl FnOnce(&mut Self)) {
        self.tag(field, 2);
        let at = self.0.len();
        self.0.push(0);
        write(self);
        let length = self.0.len() - at - 1;
        if let (Ok(short @ 0..=0x7f), Some(place)) = (u8::try_from(length), self.0.get_mut(at)) {
            *place = short;
            return;
        }
        let end = self.0.len();
        self.varint(length as u64);
        let wide = self.0.len() - end;
        // Its last bytes become its first, in the place that was kept and the room behind it.
        self.0.get_mut(at + 1..).unwrap_or_default().rotate_right(wide);
        self.0.remove(at);
    }

    fn tag(&mut self, field: u32, wire_type: u32) {
        self.varint(u64::from(field << 3 | wire_type));
    }

    fn varint(&mut self, mut it: u64) {
        while it > 0x7f {
            self.0.push((it & 0x7f) as u8 | 0x80);
            it >>= 7;
        }
        self.0.push(it as u8);
    }
}

const fn kind(kind: &SpanKind) -> u64 {
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
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
