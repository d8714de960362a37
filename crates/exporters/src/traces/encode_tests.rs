//! A request is what the library's own types read, and what the library itself would have written.

use std::time::{Duration, UNIX_EPOCH};

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use outcrop_telemetry::trace::SpanBytes;
use prost::Message as _;

use super::*;

fn example(number: u64, long: usize) -> SpanData {
    let (trace, span) = (TraceId::from(u128::from(number)), SpanId::from(number));
    SpanData {
        span_context: SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::NONE),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Server,
        name: "x".repeat(long).into(),
        start_time: UNIX_EPOCH + Duration::from_secs(number),
        end_time: UNIX_EPOCH + Duration::from_secs(number + 1),
        attributes: vec![KeyValue::new("n", 1)],
        dropped_attributes_count: u32::try_from(number).unwrap(),
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("outcrop").build(),
    }
}

/// As it comes from whoever records it.
fn write(span: &SpanData, out: &mut Vec<u8>) {
    let mut span = Span::from(span.clone());
    let dropped = std::mem::take(&mut span.dropped_attributes_count);
    let flags = std::mem::take(&mut span.flags);
    let fields = &span.encode_to_vec();
    SpanBytes { content: &[], contents: 0, fields, dropped, flags }.write(out);
}

fn same(spans: Vec<SpanData>) {
    let resource = Resource::builder_empty()
        .with_attributes([KeyValue::new("service.name", "outcrop"), KeyValue::new("n", 300_i64)])
        .build();
    let mut all = Vec::new();
    spans.iter().for_each(|span| write(span, &mut all));
    let written = Envelope::new(&resource, "outcrop").around(&all);
    let read = ExportTraceServiceRequest::decode(written.as_slice()).expect("it can be read");
    let theirs = ExportTraceServiceRequest {
        resource_spans: group_spans_by_resource_and_scope(
            spans,
            &ResourceAttributesWithSchema::from(&resource),
        ),
    };
    assert_eq!(read, theirs);
    assert_eq!(written.len(), theirs.encoded_len(), "and is no longer than need be");
}

#[test]
fn a_request_is_written_as_the_library_writes_it() {
    for long in [0, 1, 100, 126, 127, 128, 129, 200, 16_000, 16_383, 16_384, 16_385, 3_000_000] {
        same(vec![example(4, long)]);
    }
    same((1..600).map(|n| example(n, 30)).collect());
}
