//! What a span has told so far. Attributes, events and links are written as they are told; what may still change is written at
//! its end.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind};

use super::ended::{Ended, SpanBytes, flags};
use crate::names;
use crate::otlp::protobuf::{
    BYTES, FIXED32, FIXED64, VARINT, bytes, fixed64, head, number, number_len, tag, text, text_len,
};
use crate::otlp::{Written, attributes};

/// So many attributes, events and links are kept of a span, and attributes of an event: the bounds that OpenTelemetry has
/// (<https://opentelemetry.io/docs/specs/otel/trace/sdk/#span-limits>). Further ones are counted.
const MOST: u32 = 128;
/// Room for what most spans tell, bytes: else it grows step by step.
const USUAL: usize = 1_024;
/// More room than that is not kept for spans that come, bytes.
const MOST_ROOM: usize = 4 * 1_024;

/// What was asked and answered.
const CONTENT: [&str; 3] =
    [names::GEN_AI_INPUT_MESSAGES, names::GEN_AI_OUTPUT_MESSAGES, names::GEN_AI_SYSTEM];

const ATTRIBUTE: u8 = tag(9, BYTES);

/// What is known of a span from its beginning, and what may still change.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) name: Cow<'static, str>,
    kind: SpanKind,
    parent: Option<(SpanId, bool)>,
    at: u64,
    /// Why it failed, if it did.
    pub(super) failed: Option<Cow<'static, str>>,
    /// Whether the trace is worth a look for that.
    pub(super) tells: bool,
}

impl Begun {
    pub(super) fn new(
        kind: SpanKind,
        name: Cow<'static, str>,
        parent: Option<&SpanContext>,
        at: SystemTime,
    ) -> Self {
        let parent = parent.map(|it| (it.span_id(), it.is_remote()));
        Self { name, kind, parent, at: nanos(at), failed: None, tells: false }
    }
}

/// What one span tells, from its first word to its end; then cleared, for another one.
#[derive(Debug, Default)]
pub(super) struct Recording {
    fields: Vec<u8>,
    content: Vec<u8>,
    contents: u32,
    attributes: Count,
    events: Count,
    links: Count,
}

/// How many there are.
#[derive(Debug, Default)]
struct Count {
    kept: u32,
    dropped: u32,
}

impl Count {
    /// Whether there is a place for one more, which it takes.
    const fn one_more(&mut self) -> bool {
        let has_place = self.kept < MOST;
        if has_place {
            self.kept += 1;
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
        has_place
    }
}

impl Recording {
    /// Has room for what most spans tell.
    pub(super) fn reserve(&mut self) {
        self.fields.reserve(USUAL);
    }

    pub(super) fn set(&mut self, key: &str, value: &(impl Written + ?Sized)) {
        if let Some(out) = self.place_of(key) {
            attributes::write(out, ATTRIBUTE, key, value);
        }
    }

    /// Where one more attribute is written.
    fn place_of(&mut self, key: &str) -> Option<&mut Vec<u8>> {
        if !self.attributes.one_more() {
            return None;
        }
        if CONTENT.contains(&key) {
            self.contents += 1;
            return Some(&mut self.content);
        }
        Some(&mut self.fields)
    }

    pub(super) fn event(&mut self, name: &str, at: SystemTime, about: &[KeyValue]) {
        if !self.events.one_more() {
            return;
        }
        let kept = about.get(..MOST as usize).unwrap_or(about);
        let (at, dropped) = (nanos(at), (about.len() - kept.len()) as u64);
        let time = if at == 0 { 0 } else { 9 };
        let length = time + text_len(name) + attributes::all_len(kept) + number_len(dropped);
        let out = &mut self.fields;
        head(out, tag(11, BYTES), length);
        fixed64(out, tag(1, FIXED64), at);
        text(out, tag(2, BYTES), name);
        attributes::write_all(out, tag(3, BYTES), kept);
        number(out, tag(4, VARINT), dropped);
    }

    pub(super) fn link(&mut self, to: &SpanContext) {
        if !self.links.one_more() {
            return;
        }
        // Two ids, and the flags: what vendors say is not told to collectors.
        const LENGTH: usize = 18 + 10 + 5;
        let out = &mut self.fields;
        head(out, tag(13, BYTES), LENGTH);
        ids(out, to);
        out.push(tag(6, FIXED32));
        out.extend_from_slice(&flags(to.trace_flags(), to.is_remote()).to_le_bytes());
    }

    /// Nothing is told after this.
    pub(super) fn end(&mut self, begun: &Begun, of: &SpanContext, at: SystemTime) -> Ended<'_> {
        let at = nanos(at);
        self.write_rest(begun, of, at);
        let is_remote = begun.parent.is_some_and(|(_, is_remote)| is_remote);
        Ended {
            trace: of.trace_id(),
            tells: begun.tells,
            took: Duration::from_nanos(at.saturating_sub(begun.at)),
            bytes: SpanBytes {
                content: &self.content,
                contents: self.contents,
                fields: &self.fields,
                dropped: self.attributes.dropped,
                flags: flags(of.trace_flags(), is_remote),
            },
        }
    }

    /// As in protocol buffers, what is empty or 0 is left out; the order of fields is free.
    fn write_rest(&mut self, begun: &Begun, of: &SpanContext, ended: u64) {
        let out = &mut self.fields;
        ids(out, of);
        if let Some((parent, _)) = begun.parent {
            bytes(out, tag(4, BYTES), &parent.to_bytes());
        }
        text(out, tag(5, BYTES), &begun.name);
        out.extend_from_slice(&[tag(6, VARINT), kind(&begun.kind)]);
        fixed64(out, tag(7, FIXED64), begun.at);
        fixed64(out, tag(8, FIXED64), ended);
        number(out, tag(12, VARINT), self.events.dropped.into());
        number(out, tag(14, VARINT), self.links.dropped.into());
        status(out, begun.failed.as_deref());
    }

    /// As new, but for the room that it has.
    pub(super) fn clear(&mut self) {
        let (fields, content) = (std::mem::take(&mut self.fields), std::mem::take(&mut self.content));
        *self = Self { fields: cleared(fields), content: cleared(content), ..Self::default() };
    }
}

fn cleared(mut room: Vec<u8>) -> Vec<u8> {
    if room.capacity() > MOST_ROOM {
        return Vec::new();
    }
    room.clear();
    room
}

/// A trace and a span in it, in fields that spans and links have alike.
fn ids(out: &mut Vec<u8>, of: &SpanContext) {
    bytes(out, tag(1, BYTES), &of.trace_id().to_bytes());
    bytes(out, tag(2, BYTES), &of.span_id().to_bytes());
}

fn status(out: &mut Vec<u8>, failed: Option<&str>) {
    let status = tag(15, BYTES);
    let Some(why) = failed else { return head(out, status, 0) };
    head(out, status, text_len(why) + 2);
    text(out, tag(2, BYTES), why);
    out.extend_from_slice(&[tag(3, VARINT), 2]);
}

const fn kind(it: &SpanKind) -> u8 {
    match it {
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
#[path = "recording_tests.rs"]
mod tests;
