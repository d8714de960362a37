//! How long it takes from a client's body to the body that Bedrock is sent: `cargo bench -p outcrop-bedrock`.
//! (The parts of the way: `cargo bench -p outcrop-wire`.)
#![expect(clippy::unwrap_used, reason = "a benchmark")]

#[path = "../../wire/benches/bodies/mod.rs"]
mod bodies;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use outcrop_bedrock::converse_body;
use outcrop_chat::Request;
use outcrop_ports::{Modality, ModelInfo, ResolvedModel};
use outcrop_wire::openai::chat;

fn requests(criterion: &mut Criterion) {
    let input = vec![Modality::Text, Modality::Image];
    let info = ModelInfo { id: "m".into(), bedrock_id: "vendor.m".into(), input, ..ModelInfo::default() };
    let model = ResolvedModel { bedrock_id: "vendor.m".into(), info: Arc::new(info) };
    let mut group = criterion.benchmark_group("openai chat to Converse");
    for (name, body) in bodies::openai() {
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(format!("{name}: whole way"), |it| {
            it.iter(|| converse_body(model.clone(), &neutral(black_box(&body))).unwrap());
        });
        let request = neutral(&body);
        group.bench_function(format!("{name}: writing"), |it| {
            it.iter(|| converse_body(model.clone(), black_box(&request)).unwrap());
        });
    }
    group.finish();
}

fn neutral(body: &Bytes) -> Request {
    chat::parse(body).unwrap().into_chat().unwrap().request
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = requests
}
criterion_main!(benches);
