//! Spans, read back from what was written of them.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::SpanKind;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as Kind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span};
use prost::Message as _;

use crate::trace::SpanBytes;

/// A span that has ended.
#[derive(Debug, Clone)]
pub struct SeenSpan {
    /// What it is called.
    pub name: String,
    /// On which side of a call it is.
    pub kind: SpanKind,
    /// In hex.
    pub trace_id: String,
    /// In hex.
    pub span_id: String,
    /// In hex; zeros for a root.
    pub parent_id: String,
    /// As text, by name.
    pub attributes: BTreeMap<String, String>,
    /// Why it failed, if it did.
    pub failed: Option<String>,
    /// When it began.
    pub began: SystemTime,
    /// When it ended.
    pub ended: SystemTime,
    /// How many others it is linked to.
    pub links: usize,
}

impl SeenSpan {
    /// What it says of `name`; empty if nothing.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

/// As a collector reads it.
///
/// # Panics
/// It is no span.
#[must_use]
pub fn decoded(span: &SpanBytes<'_>) -> Span {
    let mut written = Vec::new();
    span.write(&mut written);
    assert_eq!(written.len(), span.written_len(), "it is as long as it says");
    let mut read = ScopeSpans::decode(written.as_slice()).expect("spans are written as OTLP has them");
    assert_eq!(read.encoded_len(), written.len(), "and is no longer than need be");
    read.spans.pop().expect("there is one")
}

impl From<Span> for SeenSpan {
    fn from(span: Span) -> Self {
        let at = |nanos| UNIX_EPOCH + Duration::from_nanos(nanos);
        Self {
            kind: kind(span.kind()),
            trace_id: hex(&span.trace_id),
            span_id: hex(&span.span_id),
            parent_id: if span.parent_span_id.is_empty() {
                "0".repeat(16)
            } else {
                hex(&span.parent_span_id)
            },
            failed: span.status.filter(|it| it.code() == StatusCode::Error).map(|it| it.message),
            began: at(span.start_time_unix_nano),
            ended: at(span.end_time_unix_nano),
            links: span.links.len(),
            name: span.name,
            attributes: span.attributes.into_iter().map(pair).collect(),
        }
    }
}

fn kind(it: Kind) -> SpanKind {
    match it {
        Kind::Server => SpanKind::Server,
        Kind::Client => SpanKind::Client,
        Kind::Producer => SpanKind::Producer,
        Kind::Consumer => SpanKind::Consumer,
        Kind::Internal | Kind::Unspecified => SpanKind::Internal,
    }
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn pair(it: KeyValue) -> (String, String) {
    (it.key, it.value.as_ref().map_or_else(String::new, |value| text(value, false)))
}

/// As OpenTelemetry shows values: texts in lists are quoted.
fn text(it: &AnyValue, quoted: bool) -> String {
    match &it.value {
        Some(any_value::Value::StringValue(text)) if quoted => format!("\"{text}\""),
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::BoolValue(it)) => it.to_string(),
        Some(any_value::Value::IntValue(it)) => it.to_string(),
        Some(any_value::Value::DoubleValue(it)) => it.to_string(),
        Some(any_value::Value::ArrayValue(all)) => {
            let all: Vec<_> = all.values.iter().map(|it| text(it, true)).collect();
            format!("[{}]", all.join(","))
        }
        _ => String::new(),
    }
}
