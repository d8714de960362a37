//! Spans that have ended, as they are written.

use std::time::Duration;

use opentelemetry::trace::{TraceFlags, TraceId};

use crate::otlp::protobuf::{BYTES, VARINT, field_len, head, number, number_len, tag};

/// Its trace is exported whatever happens in it.
const SAMPLED: u32 = 0x1;
/// It is known whether the parent is in another process,
const HAS_IS_REMOTE: u32 = 0x100;
/// and it is.
const IS_REMOTE: u32 = 0x200;
/// The flags of a span, a field beyond 15: two bytes, and four of flags.
const FLAGS: [u8; 2] = [0x85, 0x01];
const FLAGS_LEN: usize = 6;
/// Attributes that were dropped.
const DROPPED: u8 = tag(10, VARINT);
/// A span is a field of `ScopeSpans`.
const SPAN: u8 = tag(2, BYTES);

/// What a recorder is told of a span. It is gone when that returns: whoever wants it later takes a copy.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// Its trace.
    pub trace: TraceId,
    /// Whether it failed in a way that its trace is worth a look for.
    pub tells: bool,
    /// How long it took.
    pub took: Duration,
    /// All that it told.
    pub bytes: SpanBytes<'a>,
}

/// A span in the parts that its field of OTLP is put together from, as some of it may change once it is known where it goes.
#[derive(Debug, Clone, Copy)]
pub struct SpanBytes<'a> {
    /// What was asked and answered: attributes that go first where there is no room for all.
    pub content: &'a [u8],
    /// How many attributes these are.
    pub contents: u32,
    /// Everything else but the two numbers below.
    pub fields: &'a [u8],
    /// How many attributes were dropped.
    pub dropped: u32,
    /// OTLP's flags; the lowest says whether it is sampled.
    pub flags: u32,
}

impl SpanBytes<'_> {
    /// How long it is, written.
    #[must_use]
    pub const fn written_len(&self) -> usize {
        field_len(self.inner_len())
    }

    /// Writes so many bytes: a field of `ScopeSpans`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let before = out.len();
        out.reserve(self.written_len());
        head(out, SPAN, self.inner_len());
        out.extend_from_slice(self.content);
        out.extend_from_slice(self.fields);
        number(out, DROPPED, self.dropped.into());
        out.extend_from_slice(&FLAGS);
        out.extend_from_slice(&self.flags.to_le_bytes());
        // Room is reckoned by this.
        debug_assert_eq!(out.len() - before, self.written_len());
    }

    /// Whether there is anything in it of what was asked and answered.
    #[must_use]
    pub const fn has_content(&self) -> bool {
        self.contents > 0
    }

    /// The same without that, which is told as attributes that were dropped.
    #[must_use]
    pub const fn without_content(self) -> Self {
        Self { content: &[], contents: 0, dropped: self.dropped.saturating_add(self.contents), ..self }
    }

    /// Whether its trace is exported whatever happens in it.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The same as part of such a trace: collectors that sample by the flag keep it.
    #[must_use]
    pub const fn sampled(self) -> Self {
        Self { flags: self.flags | SAMPLED, ..self }
    }

    const fn inner_len(&self) -> usize {
        self.content.len() + self.fields.len() + number_len(self.dropped as u64) + FLAGS_LEN
    }
}

/// The flags of a span or of a link.
pub(super) fn flags(of: TraceFlags, is_remote: bool) -> u32 {
    let remote = if is_remote { IS_REMOTE } else { 0 };
    u32::from(of.to_u8()) | HAS_IS_REMOTE | remote
}
