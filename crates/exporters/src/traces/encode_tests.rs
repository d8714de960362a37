//! What is written is what the library's own types read, and what the library itself would have written.

use std::time::Duration;

use opentelemetry::trace::{TraceFlags, TraceId};
use opentelemetry::{Array, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};
use prost::Message as _;

use super::*;

fn at(nanos: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanos)
}

fn context(number: u64, flags: TraceFlags, is_remote: bool) -> SpanContext {
    let state = TraceState::from_key_value([("vendor", "words")]).unwrap();
    let state = if number.is_multiple_of(2) { state } else { TraceState::NONE };
    SpanContext::new(TraceId::from(u128::from(number)), SpanId::from(number), flags, is_remote, state)
}

/// Values of each kind, empty ones and those that are long enough to need lengths of several bytes among them.
fn attributes(long: usize) -> Vec<KeyValue> {
    let texts = ["", "é\u{0}", "x"].map(StringValue::from).to_vec();
    let ints = vec![0, -1, i64::MIN, i64::MAX, 127, 128];
    vec![
        KeyValue::new("empty", ""),
        KeyValue::new("long", "x".repeat(long)),
        KeyValue::new("yes", true),
        KeyValue::new("no", false),
        KeyValue::new("none", 0_i64),
        KeyValue::new("minus", -5_i64),
        KeyValue::new("part", 0.5),
        KeyValue::new("nothing", 0.0),
        KeyValue::new("texts", Value::Array(Array::String(texts))),
        KeyValue::new("ints", Value::Array(Array::I64(ints))),
        KeyValue::new("bools", Value::Array(Array::Bool(vec![true, false]))),
        KeyValue::new("parts", Value::Array(Array::F64(vec![]))),
    ]
}

fn example(number: u64, long: usize, kind: SpanKind, status: Status) -> SpanData {
    let mut events = SpanEvents::default();
    events.events.push(Event::new("happened", at(7), attributes(long), 3));
    events.dropped_count = 9;
    let mut links = SpanLinks::default();
    links.links.push(Link::new(context(number + 1, TraceFlags::SAMPLED, true), attributes(2), 4));
    links.dropped_count = 2;
    SpanData {
        span_context: context(number, TraceFlags::SAMPLED, false),
        parent_span_id: if number.is_multiple_of(3) { SpanId::INVALID } else { SpanId::from(number * 7) },
        parent_span_is_remote: number.is_multiple_of(2),
        span_kind: kind,
        name: format!("span {number}").into(),
        start_time: at(1_700_000_000_000_000_000 + number),
        end_time: if number == 1 { UNIX_EPOCH } else { at(u64::from(u32::MAX) * number) },
        attributes: attributes(long),
        dropped_attributes_count: u32::try_from(number).unwrap(),
        events,
        links,
        status,
        instrumentation_scope: InstrumentationScope::builder("outcrop").build(),
    }
}

fn same(spans: Vec<SpanData>) {
    let resource = Resource::builder_empty()
        .with_attributes([KeyValue::new("service.name", "outcrop"), KeyValue::new("n", 300_i64)])
        .build();
    // As it was left by a span before.
    let mut room = vec![7; 300];
    let all: Vec<u8> = spans.iter().flat_map(|it| span(it, &mut room).to_vec()).collect();
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
fn every_part_of_a_span_is_written_as_the_library_writes_it() {
    let statuses = [Status::Unset, Status::Ok, Status::error(""), Status::error("it failed")];
    let kinds =
        [SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer];
    for (number, status) in (1..).zip(statuses) {
        for kind in &kinds {
            same(vec![example(number, 3, kind.clone(), status.clone())]);
        }
    }
}

#[test]
fn lengths_of_every_width_are_right() {
    for long in [0, 1, 120, 126, 127, 128, 129, 200, 16_000, 16_383, 16_384, 16_385, 3_000_000] {
        same(vec![example(4, long, SpanKind::Server, Status::Unset)]);
    }
    same((1..600).map(|n| example(n, 30, SpanKind::Client, Status::Ok)).collect());
}
