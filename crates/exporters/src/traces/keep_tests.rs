//! Which spans are handed on, and which are left out.

use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry_proto::tonic::trace::v1;
use outcrop_telemetry::testing::decoded;
use outcrop_telemetry::trace::{Span, TraceContext};
use prost::Message as _;

use super::super::shard::{PER_TRACE, TRACES};
use super::super::weight;
use super::*;

#[derive(Debug, Clone, Default)]
struct Seen(Arc<Mutex<Vec<v1::Span>>>);

impl Next for Seen {
    fn put(&self, span: SpanBytes<'_>) {
        self.0.lock().unwrap().push(decoded(&span));
    }

    fn stop(&self, _: Duration) -> bool {
        true
    }
}

impl Seen {
    fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|span| span.name.clone()).collect()
    }
}

struct World {
    next: Seen,
    keeper: &'static Keeper<Seen>,
}

fn world(percent: u8, queue: usize) -> World {
    let next = Seen::default();
    let keeper = Keeper::new(next.clone(), Ratio::percent(percent), Duration::from_secs(5), queue);
    World { next, keeper: Box::leak(Box::new(keeper)) }
}

impl World {
    fn start(&self, name: &'static str, parent: Option<&Span>) -> Span {
        let none = TraceContext::none();
        Span::start_for(self.keeper, name, parent.map_or(&none, Span::context))
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
    bad.fail("broken", "it broke");
    drop(bad);
    assert_eq!(world.next.names(), ["well", "bad"], "known as soon as it is");
    drop(world.start("after", Some(&root)));
    drop(root);
    assert_eq!(world.next.names(), ["well", "bad", "after", "root"]);
    let spans = world.next.0.lock().unwrap();
    assert!(spans.iter().all(|span| span.flags & 1 == 1), "collectors go by the flag");
    drop(spans);
    drop(world.start("another trace", None));
    assert_eq!(world.next.names().len(), 4);
}

#[test]
fn a_failure_that_is_made_good_brings_nothing() {
    let world = world(0, 10);
    let root = world.start("root", None);
    let mut attempt = world.start("attempt", Some(&root));
    attempt.fail_within("throttled", "another one went well");
    drop((attempt, root));
    assert!(world.next.names().is_empty());
    // Who is exported all the same says that it failed.
    let sampled = self::world(100, 10);
    let mut attempt = sampled.start("attempt", None);
    attempt.fail_within("throttled", "another one went well");
    drop(attempt);
    let spans = sampled.next.0.lock().unwrap();
    assert_eq!(spans[0].status.as_ref().unwrap().message, "another one went well");
}

#[test]
fn a_slow_root_brings_the_whole_trace() {
    let world = world(0, 10);
    let now = || -> SystemTime { opentelemetry::time::now() };
    let root = world.start("root", None);
    drop(world.start("child", Some(&root)));
    root.end_at(now() + Duration::from_millis(5_001));
    assert_eq!(world.next.names(), ["child", "root"]);
    // It begins no earlier than this.
    let before = now();
    let quick = world.start("quick", None);
    quick.end_at(before + Duration::from_secs(5));
    assert_eq!(world.next.names().len(), 2);
}

#[test]
fn a_trace_is_over_when_none_of_its_spans_is_open() {
    let world = world(0, 10);
    let root = world.start("root", None);
    let mut outlives = world.start("outlives", Some(&root));
    drop(root);
    outlives.fail("broken", "it broke later");
    drop(outlives);
    assert_eq!(world.next.names(), ["root", "outlives"]);
}

#[test]
fn nothing_is_recorded_after_the_end() {
    for percent in [0, 100] {
        let world = world(percent, 10);
        let mut open = world.start("open", None);
        drop(world.start("child", Some(&open)));
        open.fail("broken", "it broke");
        let before = world.next.names().len();
        assert!(world.keeper.stop(Duration::ZERO));
        let late = world.start("late", Some(&open));
        assert!(!late.is_recording() && late.context() == open.context());
        drop((open, late));
        assert_eq!(world.next.names().len(), before);
    }
}

#[test]
fn what_is_kept_is_bounded() {
    let world = world(0, 100_000);
    let root = world.start("root", None);
    for _ in 0..100_000 {
        drop(world.start("one of many", Some(&root)));
    }
    let mut bad = world.start("bad", Some(&root));
    bad.fail("broken", "it broke");
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
    oldest.fail("broken", "it broke");
    drop(oldest);
    assert_eq!(world.next.names(), ["root"], "its child was given up, itself is told");
    let mut newest = open.next_back().unwrap();
    newest.fail("broken", "it broke");
    drop(newest);
    assert_eq!(world.next.names(), ["root", "child", "root"]);
    drop(open);
    assert_eq!(world.next.names().len(), 3);
}

const LONG: usize = 100_000;

impl World {
    fn lengthy(&self, parent: Option<&Span>, key: &'static str) {
        let mut span = self.start("long", parent);
        span.set(key, "x".repeat(LONG));
        span.set("small", "x");
    }

    fn bytes(&self) -> usize {
        self.next.0.lock().unwrap().iter().map(v1::Span::encoded_len).sum()
    }
}

#[test]
fn what_is_kept_is_bounded_in_bytes_too() {
    let world = world(0, 8_192);
    let mut root = world.start("root", None);
    for _ in 0..PER_TRACE {
        world.lengthy(Some(&root), outcrop_telemetry::names::GEN_AI_INPUT_MESSAGES);
    }
    root.fail("broken", "it broke");
    drop(root);
    assert_eq!(world.next.names().len(), PER_TRACE + 1, "the words go, the calls are told");
    assert!(world.bytes() < weight::most(8_192) / SHARDS, "{}", world.bytes());
    let spans = std::mem::take(&mut *world.next.0.lock().unwrap());
    let (whole, cut) = (&spans[0], &spans[PER_TRACE - 1]);
    assert_eq!((whole.attributes.len(), whole.dropped_attributes_count), (2, 0));
    assert_eq!((cut.attributes.len(), cut.dropped_attributes_count), (1, 1));

    let mut root = world.start("root", None);
    for _ in 0..PER_TRACE {
        world.lengthy(Some(&root), "url.path");
    }
    root.fail("broken", "it broke");
    drop(root);
    assert_eq!(world.next.names(), ["root"], "too long a trace is given up, its root is told");
}
