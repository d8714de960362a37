//! What is told of calls besides their records: spans below the request's, and metrics.

use std::time::Duration;

use futures::StreamExt as _;
use outcrop_config::RoutingConfig;
use outcrop_emulator::{FaultKind, FaultRule, Faults};
use outcrop_ports::IdGen as _;
use outcrop_telemetry::testing::{Recorder, SeenSpan, recorder};
use outcrop_types::{CacheRule, Rules, TeamId};
use serde_json::{Value, json};

use crate::harness::{Answer, MODEL, Setup, TestApp};

/// An app whose calls are part of one trace, and of one team that no other test has.
pub(crate) struct Told {
    pub(crate) app: TestApp,
    trace: String,
    team: TeamId,
    recorder: &'static Recorder,
}

impl Told {
    pub(crate) async fn with(setup: Setup) -> Self {
        let recorder = recorder();
        // Other tests of this process meet neither this team nor this trace.
        let ids = outcrop_embedded::SystemIdGen;
        let (team, trace) = (TeamId::new(ids.uuid()), ids.uuid().simple().to_string());
        let app = TestApp::with(Setup { team, ..setup }).await;
        Self { app, trace, team, recorder }
    }

    pub(crate) async fn send(&self, path: &str, body: &Value) -> reqwest::Response {
        let request =
            self.app.request(reqwest::Method::POST, path).header("content-type", "application/json");
        let request = request.header("traceparent", format!("00-{}-00000000000000aa-01", self.trace));
        request.body(body.to_string()).send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.send(path, body).await).await
    }

    /// The spans below the request's, once there are so many: the calls, and the attempts.
    pub(crate) async fn spans(&self, count: usize) -> (Vec<SeenSpan>, Vec<SeenSpan>) {
        let all = self.recorder.trace_of(&self.trace, count + 1).await;
        let (attempts, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|span| span.name.starts_with("Bedrock"));
        let calls: Vec<_> =
            others.into_iter().filter(|it| it.attributes.contains_key("outcrop.way")).collect();
        assert_eq!(calls.len() + attempts.len(), count, "{calls:?} {attempts:?}");
        (calls, attempts)
    }

    /// What a metric of this team came to.
    fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let team = self.team.to_string();
        let labels: Vec<_> = labels.iter().copied().chain([("outcrop.team", team.as_str())]).collect();
        self.recorder.metric(name, &labels)
    }
}

fn say(text: &str, stream: bool) -> Value {
    json!({"model": "nova-lite", "stream": stream, "messages": [{"role": "user", "content": text}]})
}

fn always(fault: FaultKind) -> Faults {
    Faults { rules: vec![FaultRule::share(fault, 1.0)], ..Faults::default() }
}

fn two_regions(first: Faults, second: Faults) -> Setup {
    let routing = RoutingConfig { backoff_ms: 1, max_backoff_ms: 5, ..RoutingConfig::default() };
    Setup { regions: vec![("us-east-1", first), ("us-west-2", second)], routing, ..Setup::default() }
}

#[track_caller]
fn says(span: &SeenSpan, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(span.get(name), *value, "{name} of {span:?}");
    }
}

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn a_chat_is_told_with_all_that_its_record_says() {
    let told = Told::with(Setup::default()).await;
    let answer = told
        .post(CHAT, &say("[[say: hi]] [[usage: input=10,output=5,cacheRead=3,cacheWrite=2]]", false))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let (calls, attempts) = told.spans(2).await;
    assert_eq!(
        (calls[0].name.as_str(), attempts[0].name.as_str()),
        ("chat nova-lite", "Bedrock Runtime.Converse")
    );
    assert_eq!(attempts[0].parent_id, calls[0].span_id);
    assert_eq!((&calls[0].failed, &attempts[0].failed), (&None, &None));
    says(
        &calls[0],
        &[
            ("gen_ai.operation.name", "chat"),
            ("gen_ai.provider.name", "aws.bedrock"),
            ("gen_ai.request.model", "nova-lite"),
            ("gen_ai.usage.input_tokens", "15"),
            ("gen_ai.usage.output_tokens", "5"),
            ("gen_ai.usage.cache_read.input_tokens", "3"),
            ("gen_ai.usage.cache_creation.input_tokens", "2"),
            ("gen_ai.response.finish_reasons", "[\"end_turn\"]"),
            ("gen_ai.request.stream", "false"),
            ("cloud.region", "us-east-1"),
            ("outcrop.outcome", "completed"),
            ("outcrop.cache", "bypass"),
            ("outcrop.guardrail", "none"),
            ("outcrop.attempt", "1"),
            ("outcrop.way", "on_demand"),
            ("outcrop.dialect", "openai"),
            ("outcrop.estimated", "false"),
        ],
    );
    let record = told.app.records(1).await.remove(0);
    let (cost, usd) = (calls[0].get("outcrop.cost_usd"), record.cost.unwrap().usd.to_string());
    assert_eq!(cost.parse::<f64>().unwrap(), usd.parse::<f64>().unwrap());
    assert_eq!(calls[0].get("gen_ai.response.model"), record.model_served);
    assert!(!calls[0].attributes.keys().any(|it| it.ends_with("messages")), "nobody has opted in");
    says(
        &attempts[0],
        &[
            ("rpc.system", "aws-api"),
            ("rpc.service", "Bedrock Runtime"),
            ("rpc.method", "Converse"),
            ("cloud.region", "us-east-1"),
            ("outcrop.attempt", "1"),
            ("outcrop.outcome", "ok"),
        ],
    );

    let model = ("gen_ai.request.model", "nova-lite");
    let outcome = ("outcrop.outcome", "completed");
    assert!(told.metric("outcrop.model.calls", &[model, outcome, ("outcrop.cache", "bypass")]) == 1.0);
    let tokens = |kind| told.metric("outcrop.tokens", &[model, ("gen_ai.token.type", kind)]);
    assert_eq!(["input", "output", "cache_read", "cache_write"].map(tokens), [10.0, 5.0, 3.0, 2.0]);
    let spent = told.metric("outcrop.cost", &[model]);
    assert!((spent - usd.parse::<f64>().unwrap()).abs() < 1e-9, "{spent} {usd}");
}

#[tokio::test]
async fn a_stream_is_told_when_it_has_ended() {
    let told = Told::with(Setup::default()).await;
    let answer = told.post(CHAT, &say("[[say: one two three]]", true)).await;
    assert!(answer.text.contains("[DONE]"), "{}", answer.text);
    let (calls, attempts) = told.spans(2).await;
    assert_eq!(attempts[0].name, "Bedrock Runtime.ConverseStream");
    assert!(attempts[0].ended <= calls[0].ended, "an attempt ends when the stream begins");
    says(&calls[0], &[("gen_ai.request.stream", "true"), ("outcrop.outcome", "completed")]);
    let first: f64 = calls[0].get("gen_ai.response.time_to_first_chunk").parse().unwrap();
    let took = calls[0].ended.duration_since(calls[0].began).unwrap().as_secs_f64();
    assert!((0.0..=took + 0.05).contains(&first), "{first} of {took}");
}

#[tokio::test]
async fn whoever_goes_away_has_not_failed() {
    let told = Told::with(Setup::default()).await;
    let answer = told.send(CHAT, &say("[[tokens: 200]] [[chunk: 1]] [[rate: 50]]", true)).await;
    let mut pieces = answer.bytes_stream();
    pieces.next().await.unwrap().unwrap();
    drop(pieces);
    let (calls, _) = told.spans(2).await;
    says(&calls[0], &[("outcrop.outcome", "cancelled"), ("outcrop.estimated", "true")]);
    assert_eq!(calls[0].failed, None);
    assert_eq!(told.metric("outcrop.model.calls", &[("outcrop.outcome", "cancelled")]), 1.0);
}

#[tokio::test]
async fn an_attempt_that_is_given_up_says_so() {
    let told = Told::with(Setup::default()).await;
    let body = say("[[latency: 60000]]", false);
    let given_up = tokio::time::timeout(Duration::from_millis(500), told.send(CHAT, &body)).await;
    assert!(given_up.is_err(), "it was answered");
    let (calls, attempts) = told.spans(2).await;
    says(&calls[0], &[("outcrop.outcome", "cancelled")]);
    says(&attempts[0], &[("outcrop.outcome", "cancelled")]);
    assert_eq!(attempts[0].failed, None);
}

#[tokio::test]
async fn each_attempt_has_a_span_below_the_one_of_its_call() {
    let told = Told::with(two_regions(always(FaultKind::Throttling), Faults::default())).await;
    let failovers = || recorder().metric("outcrop.model.failovers", &[("outcrop.reason", "throttled")]);
    let throttles = || recorder().metric("outcrop.model.throttles", &[("cloud.region", "us-east-1")]);
    let before = (failovers(), throttles());
    assert_eq!(told.post(CHAT, &say("[[say: hi]]", false)).await.status, 200);
    let (calls, attempts) = told.spans(3).await;
    assert!(attempts.iter().all(|it| it.parent_id == calls[0].span_id), "{attempts:?}");
    says(
        &attempts[0],
        &[("outcrop.outcome", "throttled"), ("error.type", "throttled"), ("cloud.region", "us-east-1")],
    );
    assert!(attempts[0].failed.is_some() && !attempts[0].get("aws.request_id").is_empty());
    says(&attempts[1], &[("outcrop.outcome", "ok"), ("outcrop.attempt", "2"), ("cloud.region", "us-west-2")]);
    says(
        &calls[0],
        &[("outcrop.attempt", "2"), ("cloud.region", "us-west-2"), ("outcrop.outcome", "completed")],
    );
    assert_eq!(calls[0].failed, None);
    assert!(failovers() > before.0 && throttles() > before.1);
}

#[tokio::test]
async fn a_call_that_no_target_answers_has_failed_though_it_has_no_record() {
    let faults = always(FaultKind::Throttling);
    let told = Told::with(two_regions(faults.clone(), faults)).await;
    assert_eq!(told.post(CHAT, &say("hi", false)).await.status, 429);
    // The request's, its call's and two attempts'; a target may be tried once more.
    let spans = recorder().trace_of(&told.trace, 4).await;
    let attempts: Vec<_> = spans.iter().filter(|it| it.name.starts_with("Bedrock")).collect();
    let calls: Vec<_> = spans.iter().filter(|it| it.name == "chat nova-lite").collect();
    assert!(attempts.len() >= 2 && attempts.iter().all(|it| it.failed.is_some()), "{attempts:?}");
    says(
        calls[0],
        &[("outcrop.outcome", "failed"), ("error.type", "rate_limited"), ("gen_ai.usage.input_tokens", "0")],
    );
    assert_eq!((calls.len(), calls[0].failed.is_some()), (1, true));
    assert_eq!(told.metric("outcrop.model.calls", &[("outcrop.outcome", "failed")]), 1.0);
}

#[tokio::test]
async fn other_operations_are_told_by_their_names() {
    let asked = [
        (
            "/v1/embeddings",
            json!({"model": "titan-embed-text-v2", "input": "hi"}),
            "embeddings titan-embed-text-v2",
        ),
        (
            "/v1/rerank",
            json!({"model": "cohere-rerank-v3-5", "query": "cat", "documents": ["a", "cat"]}),
            "rerank cohere-rerank-v3-5",
        ),
        ("/model/titan-embed-text-v2/invoke", json!({"inputText": "hi"}), "invoke titan-embed-text-v2"),
        (
            "/v1/messages",
            json!({"model": MODEL, "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}),
            "chat claude-haiku-4-5",
        ),
    ];
    for (path, body, name) in asked {
        let told = Told::with(Setup::default()).await;
        let answer = told.post(path, &body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        let (calls, attempts) = told.spans(2).await;
        assert_eq!(calls[0].name, name);
        assert_eq!(
            (attempts[0].name.as_str(), &attempts[0].parent_id),
            ("Bedrock Runtime.InvokeModel", &calls[0].span_id)
        );
        assert_eq!(told.metric("outcrop.model.calls", &[]), 1.0, "{path}");
    }
}

#[tokio::test]
async fn counting_tokens_is_not_measured_as_a_call_of_a_model() {
    let told = Told::with(Setup::default()).await;
    let attempts = || recorder().metric("outcrop.model.attempts", &[("gen_ai.request.model", MODEL)]);
    let (before, of_calls) = (attempts(), [("gen_ai.operation.name", "count_tokens")]);
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": "hi"}]});
    let answer = told.post("/v1/messages/count_tokens", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(attempts() > before);
    assert_eq!(recorder().metric("gen_ai.client.operation.duration", &of_calls), 0.0);
}

#[tokio::test]
async fn an_answer_that_was_there_is_a_call_without_attempts() {
    let rules = Rules { cache: Some(CacheRule::default()), ..Rules::default() };
    let told = Told::with(Setup { rules, ..Setup::default() }).await;
    for state in ["miss", "hit"] {
        let answer = told.post(CHAT, &say("[[say: hi]]", false)).await;
        assert_eq!(answer.header("x-outcrop-cache"), Some(state), "{}", answer.text);
    }
    // Two requests, two calls, one attempt.
    let spans = recorder().trace_of(&told.trace, 5).await;
    let calls: Vec<_> = spans.iter().filter(|it| it.name == "chat nova-lite").collect();
    assert_eq!((calls.len(), spans.iter().filter(|it| it.name.starts_with("Bedrock")).count()), (2, 1));
    says(calls[0], &[("outcrop.cache", "miss")]);
    says(calls[1], &[("outcrop.cache", "hit"), ("gen_ai.usage.input_tokens", "0")]);
    assert!(calls[1].get("outcrop.saved_usd").parse::<f64>().unwrap() > 0.0);
    assert_eq!(told.metric("outcrop.model.calls", &[("outcrop.cache", "hit")]), 1.0);
    assert!(told.metric("outcrop.saved", &[("outcrop.reason", "cache")]) > 0.0);
}

#[tokio::test]
async fn what_a_model_has_no_room_for_is_named() {
    let told = Told::with(Setup::default()).await;
    let dropped = || recorder().metric("outcrop.fields.dropped", &[("outcrop.dialect", "openai")]);
    let (before, mut body) = (dropped(), say("[[say: hi]]", false));
    body["seed"] = json!(7);
    let answer = told.post(CHAT, &body).await;
    assert_eq!(answer.header("x-outcrop-dropped"), Some("seed"), "{}", answer.text);
    let (calls, _) = told.spans(2).await;
    says(&calls[0], &[("outcrop.dropped_fields", "[\"seed\"]")]);
    assert!(dropped() > before);
}
