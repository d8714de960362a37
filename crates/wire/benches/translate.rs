//! How long translation takes, in and out: `cargo bench -p outcrop-wire`.
//!
//! What a request costs here is time that a caller waits for on top of the model's. Three sizes: a short chat, the
//! history of an agent at work, and a picture.
#![expect(clippy::unwrap_used, reason = "a benchmark")]

mod bodies;

use std::hint::black_box;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use outcrop_chat::{Block, BlockStart, Delta, Event, Response, StopReason};
use outcrop_types::TokenUsage;
use outcrop_wire::ToolNames;
use outcrop_wire::json::check_depth;
use outcrop_wire::openai::chat;
use outcrop_wire::openai::stream::{ChatStream, StreamHead};

/// From the request's body to the neutral conversation, and what guards it.
fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("openai chat request");
    for (name, body) in bodies::openai() {
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(format!("{name}: bounds"), |it| {
            it.iter(|| check_depth(black_box(&body), 64).unwrap())
        });
        group.bench_function(format!("{name}: to neutral"), |it| it.iter(|| neutral(black_box(&body))));
    }
    group.finish();
}

fn neutral(body: &Bytes) -> chat::Translated {
    chat::parse(body).unwrap().into_chat().unwrap()
}

/// From a model's events to chunks.
fn streams(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("openai chat stream");
    for (name, events) in [("500 words", words(500)), ("20 tool calls", calls(20))] {
        group.throughput(Throughput::Elements(events.len() as u64));
        group.bench_function(name, |it| {
            it.iter(|| {
                let head =
                    StreamHead { id: "chatcmpl-1", created: 1_760_000_000, model: "m", include_usage: true };
                let mut stream = ChatStream::new(head, ToolNames::default());
                let mut out = BytesMut::with_capacity(256 * 1024);
                for event in black_box(&events) {
                    stream.push(event, &mut out);
                }
                stream.finish(&mut out);
                out
            });
        });
    }
    group.finish();
}

/// From a model's whole answer to a body.
fn responses(criterion: &mut Criterion) {
    let text = "It is noon in Oslo, and it rains. ".repeat(120);
    let response = Response { content: vec![Block::Text(text)], ..Response::default() };
    let head = chat::Answer { id: "chatcmpl-1", created: 1_760_000_000, model: "m", functions: false };
    let mut group = criterion.benchmark_group("openai chat response");
    group.throughput(Throughput::Bytes(4_080));
    group.bench_function("4 kB", |it| {
        it.iter(|| chat::response(&head, black_box(&response), &ToolNames::default()));
    });
    group.finish();
}

/// An answer in words.
fn words(count: usize) -> Vec<Event> {
    let delta = |number| Event::Delta { index: 0, delta: Delta::Text(format!(" word{number}")) };
    let mut events = vec![Event::Start];
    events.extend((0..count).map(delta));
    end(events, StopReason::EndTurn)
}

/// An answer in tool calls, their arguments in pieces.
fn calls(count: u32) -> Vec<Event> {
    let mut events = vec![Event::Start];
    for index in 0..count {
        let start = BlockStart::ToolUse { id: format!("tooluse_{index}"), name: "read_file".into() };
        events.push(Event::BlockStart { index, start });
        for piece in ["{\"pa", "th\":\"src", "/main.rs\"", ",\"lines\":[", "1,200]}"] {
            events.push(Event::Delta { index, delta: Delta::ToolInput(piece.into()) });
        }
        events.push(Event::BlockStop { index });
    }
    end(events, StopReason::ToolUse)
}

fn end(mut events: Vec<Event>, reason: StopReason) -> Vec<Event> {
    events.push(Event::Stop(reason));
    events.push(Event::Usage(TokenUsage { input: 100, output: 500, ..TokenUsage::default() }));
    events
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = requests, streams, responses
}
criterion_main!(benches);
