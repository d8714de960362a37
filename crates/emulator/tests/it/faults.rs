//! Faults, from the configuration, at run time, and from the prompt.

use crate::{Running, ask};
use outcrop_emulator::{EmulatorConfig, FaultKind, FaultRule, Faults};
use serde_json::json;
use std::time::{Duration, Instant};

const NOVA: &str = "/model/amazon.nova-lite-v1:0/converse";
const STREAM: &str = "/model/amazon.nova-lite-v1:0/converse-stream";

fn config(rules: Vec<FaultRule>) -> EmulatorConfig {
    EmulatorConfig { faults: Faults { rules, ..Faults::default() }, ..EmulatorConfig::default() }
}

#[tokio::test]
async fn the_next_requests_are_struck() {
    let kinds = [
        (FaultKind::Throttling, 429, "ThrottlingException"),
        (FaultKind::ModelNotReady, 429, "ModelNotReadyException"),
        (FaultKind::InternalServer, 500, "InternalServerException"),
        (FaultKind::ServiceUnavailable, 503, "ServiceUnavailableException"),
        (FaultKind::ModelTimeout, 408, "ModelTimeoutException"),
        (FaultKind::ModelError, 424, "ModelErrorException"),
        (FaultKind::Validation, 400, "ValidationException"),
    ];
    let emulator = Running::with(config(kinds.iter().map(|it| FaultRule::next(it.0, 1)).collect())).await;
    for (_, status, name) in kinds {
        let (found, error, _) = emulator.post(NOVA, &ask("hi")).await;
        assert_eq!((found, error.split(':').next()), (status, Some(name)));
    }
    assert_eq!(emulator.post(NOVA, &ask("hi")).await.0, 200);
    assert_eq!(emulator.counters.faults(), 7);
}

#[tokio::test]
async fn faults_change_at_run_time() {
    let emulator = Running::start().await;
    let url = format!("{}/_emulator/faults", emulator.url);
    let http = crate::http();
    let faults = json!({"rules": [{"fault": "throttling", "share": 1.0}]});
    assert_eq!(http.post(&url).json(&faults).send().await.unwrap().status().as_u16(), 200);
    assert_eq!(emulator.post(NOVA, &ask("hi")).await.0, 429);
    assert_eq!(emulator.get("/_emulator/faults").await["rules"][0]["fault"], "throttling");
    assert!(
        emulator.get("/foundation-models").await["modelSummaries"].is_array(),
        "only invocations are struck"
    );
    http.delete(&url).send().await.unwrap();
    assert_eq!(emulator.post(NOVA, &ask("hi")).await.0, 200);
    assert_eq!(http.post(&url).json(&json!({"nonsense": 1})).send().await.unwrap().status().as_u16(), 400);
}

#[tokio::test]
async fn a_prompt_may_ask_for_its_own() {
    let emulator = Running::start().await;
    assert_eq!(emulator.post(NOVA, &ask("[[fault: serviceUnavailable]]")).await.0, 503);
    assert_eq!(emulator.post(NOVA, &ask("hi")).await.0, 200);
}

/// Names of the events of a stream, and whether it ended as it should.
async fn events(emulator: &Running, text: &str) -> (Vec<String>, bool) {
    let mut response = emulator.client(STREAM).body(ask(text).to_string()).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    let mut bytes = bytes::BytesMut::new();
    let ended = loop {
        match response.chunk().await {
            Ok(Some(more)) => bytes.extend_from_slice(&more),
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    let mut bytes = bytes.freeze();
    let mut names = Vec::new();
    while let Ok(frame) = aws_smithy_eventstream::frame::read_message_from(&mut bytes) {
        let header = frame.headers().iter().find(|it| {
            it.name().as_str().ends_with("-type")
                && !it.name().as_str().starts_with(":content")
                && !it.name().as_str().starts_with(":message")
        });
        names.push(header.unwrap().value().as_string().unwrap().as_str().to_owned());
    }
    (names, ended)
}

#[tokio::test]
async fn streams_break_in_the_middle() {
    let emulator = Running::start().await;
    let (names, ended) = events(&emulator, "[[tokens: 5]][[fault: streamThrottling after 3]]").await;
    assert_eq!(names, ["messageStart", "contentBlockDelta", "contentBlockDelta", "throttlingException"]);
    assert!(ended);
    let (names, ended) = events(&emulator, "[[tokens: 5]][[fault: cut after 2]]").await;
    assert_eq!(names, ["messageStart", "contentBlockDelta"]);
    assert!(!ended, "no proper end");
    let (names, ended) = events(&emulator, "[[tokens: 5]]").await;
    assert_eq!((names.len(), ended), (9, true));
}

#[tokio::test]
async fn connections_are_cut() {
    let emulator = Running::with(config(vec![
        FaultRule::next(FaultKind::Disconnect, 1),
        FaultRule::next(FaultKind::Cut, 1),
    ]))
    .await;
    assert!(emulator.client(NOVA).body(ask("hi").to_string()).send().await.is_err(), "no answer at all");
    let half = emulator.client(NOVA).body(ask("hi").to_string()).send().await.unwrap();
    assert_eq!(half.status().as_u16(), 200);
    assert!(half.bytes().await.is_err(), "half an answer");
    assert_eq!(emulator.post(NOVA, &ask("hi")).await.0, 200);
}

#[tokio::test]
async fn answers_keep_the_pace() {
    let emulator = Running::start().await;
    let started = Instant::now();
    let (names, _) = events(&emulator, "[[tokens: 10]][[rate: 100]][[latency: 50]]").await;
    assert_eq!(names.len(), 14);
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(140), "50 ms and ten tokens of 10 ms, not {took:?}");
    let started = Instant::now();
    emulator.post(NOVA, &ask("[[fault: slow 80]]")).await;
    assert!(started.elapsed() >= Duration::from_millis(80));
}
