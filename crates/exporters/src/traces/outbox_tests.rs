//! What waits is what there is room for.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1;
use opentelemetry_sdk::Resource;
use outcrop_telemetry::trace::{Span, TraceContext};
use prost::Message as _;

use super::super::encode::Envelope;
use super::super::keep::Keeper;
use super::super::sampler::Ratio;
use super::super::waiting::Batch;
use super::super::weight;
use super::*;

const LONG: usize = 100_000;

struct World {
    gate: Arc<Gate>,
    waiting: Arc<Waiting>,
    keeper: &'static Keeper<Outbox>,
}

fn world(queue: usize) -> World {
    let gate = Arc::new(Gate::new(queue));
    let waiting = Arc::new(Waiting::new(usize::MAX, Duration::ZERO));
    let outbox = Outbox::new(Arc::clone(&gate), Arc::clone(&waiting));
    let keeper = Keeper::new(outbox, Ratio::percent(100), Duration::from_secs(5), queue);
    World { gate, waiting, keeper: Box::leak(Box::new(keeper)) }
}

impl World {
    fn start(&self, name: &'static str) -> Span {
        Span::start_for(self.keeper, name, &TraceContext::none())
    }

    fn lengthy(&self, key: &'static str) {
        let mut span = self.start("long");
        span.set(key, "x".repeat(LONG));
        span.set("small", "x");
    }

    /// Takes what waits out of it; how many bytes that was.
    fn take(&self) -> (Vec<v1::Span>, usize) {
        let envelope = Envelope::new(&Resource::builder_empty().build(), "test");
        let (mut spans, mut length, mut left) = (Vec::new(), 0, self.gate.waiting());
        while left > 0 {
            let Some(Batch { spans: some, bytes }) = self.waiting.take(None) else {
                panic!("not at its end")
            };
            let request = ExportTraceServiceRequest::decode(envelope.around(&bytes).as_slice()).unwrap();
            spans.extend(request.resource_spans[0].scope_spans[0].spans.clone());
            (left, length) = (left - some, length + bytes.len());
        }
        (spans, length)
    }
}

#[test]
fn what_does_not_fit_the_queue_is_dropped() {
    let world = world(3);
    for _ in 0..5 {
        world.start("span").end();
    }
    assert_eq!((world.gate.waiting(), world.gate.lost()), (3, 2));
    let (spans, bytes) = world.take();
    assert_eq!((spans.len(), bytes), (3, world.gate.bytes()));
    world.gate.taken(3, bytes, 0);
    world.start("span").end();
    assert_eq!((world.gate.waiting(), world.gate.lost()), (1, 0));
}

#[test]
fn what_waits_is_bounded_in_bytes_too() {
    let world = world(8_192);
    let most = weight::most(8_192);
    for _ in 0..1_000 {
        world.lengthy(outcrop_telemetry::names::GEN_AI_INPUT_MESSAGES);
    }
    assert_eq!((world.gate.waiting(), world.gate.lost()), (1_000, 0), "the words go, the call is told");
    let few = world.gate.bytes();
    assert!(few > most / 2 - LONG * 2 && few < most / 2 + 1_000 * 200, "{few}");
    for _ in 0..1_000 {
        world.lengthy("url.path");
    }
    assert!(world.gate.bytes() <= most, "{}", world.gate.bytes());
    assert!(world.gate.lost() > 0);
    assert_eq!(world.gate.lost() + world.gate.waiting() as u64, 2_000, "what is dropped is counted");

    let (spans, bytes) = world.take();
    assert_eq!(
        (spans.len(), bytes),
        (world.gate.waiting(), world.gate.bytes()),
        "the bound is of what is there"
    );
    let (whole, cut) = (&spans[0], &spans[999]);
    assert_eq!((whole.attributes.len(), whole.dropped_attributes_count), (2, 0));
    assert_eq!((cut.attributes.len(), cut.dropped_attributes_count), (1, 1));
    world.gate.taken(spans.len(), bytes, 0);
    assert_eq!((world.gate.waiting(), world.gate.bytes()), (0, 0));
}

/// A thread's last span may end when most of what it had is gone already.
#[test]
fn a_span_may_end_with_its_thread() {
    thread_local! {
        static LAST: std::cell::RefCell<Option<Span>> = const { std::cell::RefCell::new(None) };
    }
    let world = world(10);
    let keeper = world.keeper;
    std::thread::spawn(move || {
        let start = |name| Span::start_for(keeper, name, &TraceContext::none());
        LAST.with(|last| *last.borrow_mut() = Some(start("last")));
        start("before").end();
    })
    .join()
    .unwrap();
    let names: Vec<_> = world.take().0.into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["before", "last"]);
}
