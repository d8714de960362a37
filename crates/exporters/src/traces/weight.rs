//! How much text a span holds. Their number alone bounds nothing: a path is as long as a stranger makes it, and content of calls
//! is long by nature.

use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;
use outcrop_telemetry::names;

/// Most bytes of spans in one place: as they are written of those that wait for the collector, of text of those whose fate is not
/// known yet.
const MOST: usize = 32 * 1024 * 1024;
/// Whoever lets more spans wait than that is enough for gets so much for each, bytes.
const EACH: usize = 1_024;

/// The content of a call, which goes first.
const CONTENT: [&str; 3] =
    [names::GEN_AI_INPUT_MESSAGES, names::GEN_AI_OUTPUT_MESSAGES, names::GEN_AI_SYSTEM];

/// Most bytes of text that so many spans may hold.
pub(super) const fn most(spans: usize) -> usize {
    let each = spans.saturating_mul(EACH);
    if each > MOST { each } else { MOST }
}

/// Bytes of text, of attributes and of what happened in between.
pub(super) fn of(span: &SpanData) -> usize {
    let events = span.events.iter().flat_map(|event| &event.attributes);
    span.name.len() + span.attributes.iter().chain(events).map(|it| length(&it.value)).sum::<usize>()
}

/// Takes the content out of it, which is told as attributes that were dropped.
pub(super) fn without_content(span: &mut SpanData) {
    let before = span.attributes.len();
    span.attributes.retain(|it| !is_content(it));
    let gone = before - span.attributes.len();
    // Else their places are held still.
    span.attributes.shrink_to_fit();
    span.dropped_attributes_count =
        span.dropped_attributes_count.saturating_add(u32::try_from(gone).unwrap_or(u32::MAX));
}

/// Whether there is any content in it.
pub(super) fn has_content(span: &SpanData) -> bool {
    span.attributes.iter().any(is_content)
}

fn is_content(it: &KeyValue) -> bool {
    CONTENT.contains(&it.key.as_str())
}

fn length(value: &Value) -> usize {
    match value {
        Value::String(text) => text.as_str().len(),
        Value::Array(Array::String(texts)) => texts.iter().map(|text| text.as_str().len()).sum(),
        _ => 0,
    }
}
