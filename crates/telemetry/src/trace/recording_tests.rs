//! What is written is what OpenTelemetry's own types read, and what it would have written itself.

use opentelemetry::trace::{Event, Link, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{Array, InstrumentationScope, StringValue, Value};
use opentelemetry_proto::tonic::trace::v1;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use proptest::prelude::*;

use super::*;
use crate::testing::decoded;

fn at(nanos: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanos)
}

fn context(number: u64, flags: TraceFlags, is_remote: bool) -> SpanContext {
    let (trace, span) = (TraceId::from(u128::from(number)), SpanId::from(number));
    SpanContext::new(trace, span, flags, is_remote, TraceState::NONE)
}

fn begun() -> Begun {
    Begun::new(SpanKind::Internal, "span".into(), None, at(1))
}

/// Values of each kind, empty ones and those that are long enough to need lengths of several bytes among them.
fn attributes(long: usize) -> Vec<KeyValue> {
    let texts = ["", "é\u{0}", "x"].map(StringValue::from).to_vec();
    let ints = vec![0, -1, i64::MIN, i64::MAX, 127, 128];
    vec![
        KeyValue::new("empty", ""),
        KeyValue::new("", "without a name"),
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

/// As the SDK would hold it.
fn example(number: u64, long: usize, kind: SpanKind, status: Status) -> SpanData {
    let mut events = SpanEvents::default();
    let about = [attributes(long), vec![KeyValue::new("a", 1); usize::try_from(number).unwrap()]].concat();
    events.events.push(Event::new("happened", at(7 * (number % 2)), about, 0));
    let mut links = SpanLinks::default();
    let flags = if number.is_multiple_of(2) { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    links.links.push(Link::new(context(number + 1, flags, number.is_multiple_of(3)), vec![], 0));
    let is_root = number.is_multiple_of(3);
    SpanData {
        span_context: context(number, TraceFlags::SAMPLED, false),
        parent_span_id: if is_root { SpanId::INVALID } else { SpanId::from(number * 7) },
        parent_span_is_remote: !is_root && number.is_multiple_of(2),
        span_kind: kind,
        name: format!("span {number}").into(),
        start_time: at(1_700_000_000_000_000_000 + number),
        end_time: if number == 1 { UNIX_EPOCH } else { at(u64::from(u32::MAX) * number) },
        attributes: attributes(long),
        dropped_attributes_count: 0,
        events,
        links,
        status,
        instrumentation_scope: InstrumentationScope::builder("outcrop").build(),
    }
}

/// The same, told one after the other.
fn told(recording: &mut Recording, it: &SpanData) -> Begun {
    let (trace, remote) = (TraceId::from(1_u128), it.parent_span_is_remote);
    let parent = SpanContext::new(trace, it.parent_span_id, TraceFlags::SAMPLED, remote, TraceState::NONE);
    let parent = Some(&parent).filter(|it| it.is_valid());
    let mut begun = Begun::new(it.span_kind.clone(), it.name.clone(), parent, it.start_time);
    it.links.iter().for_each(|link| recording.link(&link.span_context));
    for event in it.events.iter() {
        recording.event(&event.name, event.timestamp, &event.attributes);
    }
    it.attributes.iter().for_each(|it| recording.set(it.key.as_str(), &it.value));
    if let Status::Error { description } = &it.status {
        (begun.failed, begun.tells) = (Some(description.clone()), true);
    }
    begun
}

fn same(recording: &mut Recording, it: SpanData) {
    recording.clear();
    let begun = told(recording, &it);
    let ended = recording.end(&begun, &it.span_context, it.end_time);
    assert_eq!(ended.trace, it.span_context.trace_id());
    assert_eq!(ended.tells, begun.tells);
    assert_eq!(ended.took, it.end_time.duration_since(it.start_time).unwrap_or_default());
    assert_eq!(decoded(&ended.bytes), v1::Span::from(it));
}

#[test]
fn every_part_of_a_span_is_written_as_opentelemetry_writes_it() {
    let statuses = [Status::Unset, Status::error(""), Status::error("it failed")];
    let kinds =
        [SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer];
    let mut recording = Recording::default();
    for (number, status) in (1..).zip(statuses) {
        for kind in &kinds {
            same(&mut recording, example(number, 3, kind.clone(), status.clone()));
        }
    }
}

#[test]
fn lengths_of_every_width_are_right() {
    let mut recording = Recording::default();
    // A length within is a few bytes less than one around it.
    for long in (0..140).chain(16_360..16_390).chain([3_000_000]) {
        same(&mut recording, example(4, long, SpanKind::Server, Status::Unset));
    }
}

proptest! {
    #[test]
    fn texts_of_every_length_are_written_as_opentelemetry_writes_them(key in ".{0,150}", value in ".{0,300}", n: i64) {
        let mut recording = Recording::default();
        let mut it = example(2, 0, SpanKind::Client, Status::Unset);
        it.attributes = vec![KeyValue::new(key.clone(), value), KeyValue::new(key, n)];
        same(&mut recording, it);
    }
}

#[test]
fn borrowed_texts_are_written_as_owned_ones() {
    let text = String::from("text");
    let mut recording = Recording::default();
    recording.set("a", &text.as_str());
    recording.set("a", &text);
    recording.set("a", &std::sync::Arc::<str>::from("text"));
    recording.set("a", &Value::from("text"));
    recording.set("b", &["x", "y"].as_slice());
    recording.set("b", &Value::Array(vec![StringValue::from("x"), "y".into()].into()));
    let span = decoded(&recording.end(&begun(), &context(1, TraceFlags::SAMPLED, false), at(1)).bytes);
    let values: Vec<_> = span.attributes.iter().map(|it| it.value.clone()).collect();
    assert!(values[..4].iter().all(|it| *it == values[0]) && values[4] == values[5], "{values:?}");
    assert_eq!(values.len(), 6);
}

#[test]
fn what_is_beyond_the_bounds_is_counted() {
    const MORE: u32 = 5;
    let mut recording = Recording::default();
    let about: Vec<_> = (0..MOST + 2).map(|n| KeyValue::new("n", i64::from(n))).collect();
    for n in 0..MOST + MORE {
        recording.set("n", &i64::from(n));
        recording.event("n", at(1), &about);
        recording.link(&context(n.into(), TraceFlags::SAMPLED, true));
    }
    let span = decoded(&recording.end(&begun(), &context(1, TraceFlags::SAMPLED, false), at(1)).bytes);
    let counts = (span.attributes.len(), span.events.len(), span.links.len());
    assert_eq!(counts, (MOST as usize, MOST as usize, MOST as usize));
    let dropped = (span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count);
    assert_eq!(dropped, (MORE, MORE, MORE));
    let event = &span.events[0];
    assert_eq!((event.attributes.len(), event.dropped_attributes_count), (MOST as usize, 2));
}

#[test]
fn content_can_be_left_out_and_the_flag_be_set() {
    let mut recording = Recording::default();
    recording.set("before", &1);
    recording.set(names::GEN_AI_INPUT_MESSAGES, &"what was asked");
    recording.set("after", &1);
    recording.set(names::GEN_AI_OUTPUT_MESSAGES, &"what was answered");
    let ended = recording.end(&begun(), &context(1, TraceFlags::NOT_SAMPLED, false), at(1));
    let keys = |span: &v1::Span| span.attributes.iter().map(|it| it.key.clone()).collect::<Vec<_>>();
    let (whole, rest) = (decoded(&ended.bytes), decoded(&ended.bytes.without_content().sampled()));
    assert_eq!((whole.attributes.len(), whole.dropped_attributes_count, whole.flags & 1), (4, 0, 0));
    assert_eq!(
        (keys(&rest), rest.dropped_attributes_count, rest.flags & 1),
        (vec!["before".into(), "after".into()], 2, 1)
    );
    assert!(ended.bytes.has_content() && !ended.bytes.without_content().has_content());
}

#[test]
fn nothing_is_left_of_a_span_but_room() {
    let mut recording = Recording::default();
    recording.reserve();
    told(&mut recording, &example(2, 3, SpanKind::Server, Status::error("it failed")));
    recording.set(names::GEN_AI_SYSTEM, &"instructions");
    recording.clear();
    assert!(recording.fields.capacity() >= USUAL, "which the next one has");
    let (of, mut new) = (context(1, TraceFlags::SAMPLED, false), Recording::default());
    let of_both = [&mut recording, &mut new].map(|it| decoded(&it.end(&begun(), &of, at(2)).bytes));
    assert_eq!(of_both[0], of_both[1]);

    recording.set("long", &"x".repeat(MOST_ROOM));
    recording.clear();
    assert_eq!(recording.fields.capacity(), 0, "and not more of it than is good");
}
