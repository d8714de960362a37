//! Which spans are handed on, and which are left out.

use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

use opentelemetry::trace::{SpanBuilder, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use super::super::sampler::Ratio;
use super::*;

#[derive(Debug, Clone, Default)]
struct Next(Arc<Mutex<Vec<SpanData>>>);

impl SpanProcessor for Next {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl Next {
    fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|span| span.name.to_string()).collect()
    }
}

struct World {
    next: Next,
    tracer: SdkTracer,
}

fn world(percent: u8, queue: usize) -> World {
    let next = Next::default();
    let keeper = Keeper::new(next.clone(), Duration::from_secs(5), queue);
    let provider = SdkTracerProvider::builder()
        .with_sampler(Ratio::percent(percent))
        .with_span_processor(keeper)
        .build();
    World { next, tracer: provider.tracer("test") }
}

impl World {
    fn start(&self, name: &'static str, parent: Option<&Span>) -> Span {
        let above = parent.map_or_else(Context::new, |span| {
            Context::new().with_remote_span_context(span.span_context().clone())
        });
        self.tracer.build_with_context(SpanBuilder::from_name(name), &above)
    }
}

#[test]
fn what_is_sampled_goes_on_at_once() {
    let world = world(100, 10);
    let root = world.start("root", None);
    drop(world.start("child", Some(&root)));
    assert_eq!(world.next.names(), ["child"]);
    drop(root);
    assert_eq!(world.next.names(), ["child", "root"]);
}

#[test]
fn an_unsampled_trace_that_goes_well_is_left_out() {
    let world = world(0, 10);
    let root = world.start("root", None);
    drop(world.start("child", Some(&root)));
    drop(root);
    assert!(world.next.names().is_empty());
}

#[test]
fn a_failure_brings_the_whole_trace() {
    let world = world(0, 10);
    let root = world.start("root", None);
    drop(world.start("well", Some(&root)));
    let mut bad = world.start("bad", Some(&root));
    bad.set_status(Status::error("it broke"));
    drop(bad);
    assert_eq!(world.next.names(), ["well", "bad"], "known as soon as it is");
    drop(world.start("after", Some(&root)));
    drop(root);
    assert_eq!(world.next.names(), ["well", "bad", "after", "root"]);
    let spans = world.next.0.lock().unwrap();
    assert!(spans.iter().all(|span| span.span_context.is_sampled()), "collectors go by the flag");
    drop(spans);
    drop(world.start("another trace", None));
    assert_eq!(world.next.names().len(), 4);
}

#[test]
fn a_slow_root_brings_the_whole_trace() {
    let world = world(0, 10);
    let mut root = world.start("root", None);
    drop(world.start("child", Some(&root)));
    let began: SystemTime = root.exported_data().unwrap().start_time;
    root.end_with_timestamp(began + Duration::from_millis(5_001));
    assert_eq!(world.next.names(), ["child", "root"]);
    let mut quick = world.start("quick", None);
    quick.end_with_timestamp(quick.exported_data().unwrap().start_time + Duration::from_millis(4_999));
    assert_eq!(world.next.names().len(), 2);
}

#[test]
fn a_trace_is_over_when_none_of_its_spans_is_open() {
    let world = world(0, 10);
    let root = world.start("root", None);
    let mut outlives = world.start("outlives", Some(&root));
    drop(root);
    outlives.set_status(Status::error("it broke later"));
    drop(outlives);
    assert_eq!(world.next.names(), ["root", "outlives"]);
}

#[test]
fn what_is_kept_is_bounded() {
    let world = world(0, 100_000);
    let root = world.start("root", None);
    for _ in 0..100_000 {
        drop(world.start("one of many", Some(&root)));
    }
    let mut bad = world.start("bad", Some(&root));
    bad.set_status(Status::error("it broke"));
    drop(bad);
    assert_eq!(world.next.names().len(), PER_TRACE + 1);
    drop(root);
    assert_eq!(world.next.names().last().map(String::as_str), Some("root"));
}

#[test]
fn the_oldest_traces_are_given_up_for_new_ones() {
    let world = world(0, 100_000);
    let open: Vec<_> = (0..SHARDS * TRACES * 2)
        .map(|_| {
            let root = world.start("root", None);
            drop(world.start("child", Some(&root)));
            root
        })
        .collect();
    let mut open = open.into_iter();
    let mut oldest = open.next().unwrap();
    oldest.set_status(Status::error("it broke"));
    drop(oldest);
    assert_eq!(world.next.names(), ["root"], "its child was given up, itself is told");
    let mut newest = open.next_back().unwrap();
    newest.set_status(Status::error("it broke"));
    drop(newest);
    assert_eq!(world.next.names(), ["root", "child", "root"]);
    drop(open);
    assert_eq!(world.next.names().len(), 3);
}

#[test]
fn a_shards_books_hold() {
    let world = world(0, 1_000);
    let next = Next::default();
    let keeper = Keeper::new(next, Duration::from_secs(5), 10);
    let mut shard = keeper.shards[0].lock().unwrap();
    let root = world.start("root", None).exported_data().unwrap();
    for trace in 0..5_000_u128 {
        let trace = TraceId::from(trace + 1);
        let mut span = root.clone();
        span.span_context = SpanContext::new(
            trace,
            span.span_context.span_id(),
            TraceFlags::default(),
            false,
            opentelemetry::trace::TraceState::default(),
        );
        shard.begin(trace);
        shard.begin(trace);
        shard.end(span.clone(), false);
        if u128::from_be_bytes(trace.to_bytes()).is_multiple_of(3) {
            shard.end(span, false);
        }
        let kept: usize = shard.traces.values().map(|it| it.spans.len()).sum();
        assert_eq!(shard.spans, kept);
        let text = shard.traces.values().flat_map(|it| &it.spans).map(weight::of).sum::<usize>();
        assert_eq!((shard.bytes, shard.traces.values().map(|it| it.bytes).sum::<usize>()), (text, text));
        assert!(kept <= PER_TRACE && shard.traces.len() <= TRACES && shard.ages.len() <= 2 * TRACES);
    }
}

const LONG: usize = 100_000;

impl World {
    fn lengthy(&self, parent: Option<&Span>, key: &'static str) {
        let mut span = self.start("long", parent);
        span.set_attribute(opentelemetry::KeyValue::new(key, "x".repeat(LONG)));
        span.set_attribute(opentelemetry::KeyValue::new("small", "x"));
    }

    fn text(&self) -> usize {
        self.next.0.lock().unwrap().iter().map(weight::of).sum()
    }
}

#[test]
fn what_is_kept_is_bounded_in_bytes_too() {
    let world = world(0, 8_192);
    let mut root = world.start("root", None);
    for _ in 0..PER_TRACE {
        world.lengthy(Some(&root), outcrop_telemetry::names::GEN_AI_INPUT_MESSAGES);
    }
    root.set_status(Status::error("it broke"));
    drop(root);
    assert_eq!(world.next.names().len(), PER_TRACE + 1, "the words go, the calls are told");
    assert!(world.text() < weight::most(8_192) / SHARDS, "{}", world.text());

    let before = world.next.names().len();
    let mut root = world.start("root", None);
    for _ in 0..PER_TRACE {
        world.lengthy(Some(&root), "url.path");
    }
    root.set_status(Status::error("it broke"));
    drop(root);
    assert_eq!(world.next.names().len(), before + 1, "too long a trace is given up, its root is told");
}
