//! Calls that batch inference makes, and work that can wait.

use std::sync::Arc;
use std::time::Duration;

use outcrop_client::HttpInference;
use outcrop_config::ServerConfig;
use outcrop_embedded::{SystemClock, SystemIdGen};
use outcrop_http::{Health, Server, ServerParts, internal_identity};
use outcrop_inference::{LocalInference, routes};
use outcrop_lifecycle::InFlight;
use outcrop_ports::{BatchRecord, Inference as _, InferenceAnswer, InferenceCall, RecordOutput, Recorded};
use outcrop_token::{InternalSigner, InternalVerifier};
use outcrop_types::{
    Money, Outcome, Policy, PolicyId, PriceTier, Principal, RequestId, Role, Rules, Target, Way,
};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::harness::{MODEL, Setup, TestApp, principal};
use crate::route_store::MemoryRoutes;

const CHAT: &str = "/v1/chat/completions";

fn call(path: &str, body: &Value, caller: Principal, way: Way) -> InferenceCall {
    InferenceCall {
        principal: caller,
        path: path.into(),
        body: body.to_string().into(),
        request_id: RequestId::parse("batch_1-7").unwrap(),
        deadline: Duration::from_secs(10),
        way,
        response: None,
    }
}

fn by_batch(path: &str, body: &Value) -> InferenceCall {
    call(path, body, principal(Role::Developer), Way::Batch)
}

async fn record(app: &TestApp, call: InferenceCall) -> Recorded {
    LocalInference::new(app.service.clone()).record(call).await.unwrap()
}

/// Of a call that is fit.
async fn written(app: &TestApp, call: InferenceCall) -> BatchRecord {
    match record(app, call).await {
        Recorded::Record(record) => record,
        other => panic!("{other:?}"),
    }
}

fn hello() -> Value {
    json!({"model": MODEL, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 50})
}

/// What Bedrock writes for a record.
fn output(text: &str) -> RecordOutput {
    let output = json!({
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 1_000, "outputTokens": 200, "totalTokens": 1_200},
        "metrics": {"latencyMs": 5},
    });
    RecordOutput::Output(output.to_string().into())
}

fn json_of(answer: &InferenceAnswer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test]
async fn a_call_becomes_the_body_of_converse() {
    let app = TestApp::start().await;
    let made = written(&app, by_batch(CHAT, &hello())).await;
    assert!(made.model.contains("anthropic.claude-haiku-4-5"), "{made:?}");
    assert_eq!(made.region, "us-east-1");
    let input: Value = serde_json::from_slice(&made.input).unwrap();
    assert_eq!(input["messages"], json!([{"role": "user", "content": [{"text": "hello"}]}]), "{input}");
    assert_eq!((&input["inferenceConfig"]["maxTokens"], input.get("serviceTier")), (&json!(50), None));
    assert!(app.ledger.records.lock().unwrap().is_empty(), "no model was called");
}

#[tokio::test]
async fn an_answer_is_in_the_calls_dialect_and_recorded_once() {
    let app = TestApp::start().await;
    let local = LocalInference::new(app.service.clone());
    let messages =
        json!({"model": MODEL, "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]});
    let made = written(&app, by_batch("/v1/messages", &messages)).await;
    let answered = || local.recorded(by_batch("/v1/messages", &messages), made.clone(), output("good day"));
    let answer = answered().await.unwrap();
    let body = json_of(&answer);
    assert_eq!((answer.status, &body["content"][0]["text"]), (200, &json!("good day")), "{body}");
    assert_eq!(
        (&body["usage"]["input_tokens"], &body["usage"]["output_tokens"]),
        (&json!(1_000), &json!(200))
    );
    // A dollar for a million tokens that are read, five for those that are written; in us. profiles a tenth more.
    let on_demand = Money::from_nano_usd(2_200_000);
    assert_eq!((answer.used.cost + answer.used.saved, answer.used.unpriced), (on_demand, 0));
    assert_eq!(answer.used.cost, Money::from_nano_usd(1_100_000), "half of it");
    assert_eq!(answer.used.tokens.input, 1_000);

    assert_eq!(answered().await.unwrap().used, answer.used);
    let mut next = by_batch("/v1/messages", &messages);
    next.request_id = RequestId::parse("batch_1-8").unwrap();
    local.recorded(next, made.clone(), output("good night")).await.unwrap();
    let records = app.records(2).await;
    let ids: Vec<_> = records.iter().map(|it| it.request_id.as_str()).collect();
    assert_eq!(ids, ["batch_1-7", "batch_1-8"], "each once");
    assert_eq!(records[0].at.timestamp_millis(), made.at.timestamp_millis());
    assert_eq!((records[0].tier, records[0].outcome), (PriceTier::Batch, Outcome::Completed));
    assert_eq!(records[0].model_served, made.model);
}

#[tokio::test]
async fn what_bedrock_refused_reads_like_any_refusal_and_costs_nothing() {
    let app = TestApp::start().await;
    let made = written(&app, by_batch(CHAT, &hello())).await;
    let output = RecordOutput::Error { code: 400, message: "The prompt is odd.".to_owned() };
    let local = LocalInference::new(app.service.clone());
    let answer = local.recorded(by_batch(CHAT, &hello()), made, output).await.unwrap();
    assert_eq!((answer.status, answer.is_final), (400, true));
    assert_eq!(json_of(&answer)["error"]["message"], "The prompt is odd.");
    assert_eq!(answer.used.cost, Money::ZERO);
    assert!(app.ledger.records.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_batch_inference_cannot_do_is_unfit_and_says_why() {
    let app = TestApp::start().await;
    let with = |field: &str, value: Value| {
        let mut body = hello();
        body[field] = value;
        body
    };
    let link = json!([{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]}]);
    let tools = json!([{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]);
    let cases = [
        ("/v1/embeddings", json!({"model": "titan-embed-text-v2", "input": "x"}), "does not do"),
        (CHAT, with("n", json!(2)), "several answers"),
        (CHAT, with("service_tier", json!("priority")), "service tier"),
        (CHAT, with("model", json!("claude-opus-4-1")), "has batch inference"),
        (CHAT, with("messages", link), "links"),
        (CHAT, with("tools", tools), "tools"),
    ];
    for (path, body, words) in cases {
        match record(&app, by_batch(path, &body)).await {
            Recorded::Unfit(why) => assert!(why.contains(words), "{why}"),
            other => panic!("{body}: {other:?}"),
        }
    }
    let guarded = serde_json::from_value(json!({"guardrails": [{"id": "gr1", "version": "1"}]})).unwrap();
    let app = TestApp::with(Setup { rules: guarded, ..Setup::default() }).await;
    let found = record(&app, by_batch(CHAT, &hello())).await;
    assert!(matches!(&found, Recorded::Unfit(why) if why.contains("guardrail")), "{found:?}");
}

#[tokio::test]
async fn what_would_be_refused_anyway_is_refused() {
    let app = TestApp::start().await;
    let absent = json!({"model": "nothing", "messages": [{"role": "user", "content": "x"}]});
    for (body, caller, status) in [
        (absent, Role::Developer, 404),
        (hello(), Role::Viewer, 403),
        (json!({"model": MODEL}), Role::Developer, 400),
    ] {
        match record(&app, call(CHAT, &body, principal(caller), Way::Batch)).await {
            Recorded::Refused(answer) => assert_eq!((answer.status, answer.is_final), (status, true)),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn rates_are_no_matter_of_batches_and_budgets_are() {
    let rules = json!({"requests_per_minute": 1, "budgets": [{"usd": "0.001", "period": "day"}]});
    let rules: Rules = serde_json::from_value(rules).unwrap();
    let app = TestApp::with(Setup { rules, ..Setup::default() }).await;
    let mut made = None;
    for _ in 0..3 {
        made = Some(written(&app, by_batch(CHAT, &hello())).await);
    }
    let local = LocalInference::new(app.service.clone());
    let made = made.unwrap();
    let answer = local.recorded(by_batch(CHAT, &hello()), made.clone(), output("x")).await.unwrap();
    assert_eq!(answer.status, 200, "it is paid for, whatever is left");
    let gone = call(CHAT, &hello(), principal(Role::Viewer), Way::Batch);
    let answer = local.recorded(gone, made, output("x")).await.unwrap();
    assert_eq!(answer.status, 200, "whoever may not call any more: {answer:?}");
    for _ in 0..500 {
        if let Recorded::Refused(answer) = record(&app, by_batch(CHAT, &hello())).await {
            assert_eq!((answer.status, answer.is_final), (429, false), "{:?}", answer.body);
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("what batch inference used does not count");
}

#[tokio::test]
async fn what_can_wait_goes_to_the_flex_tier_where_there_is_one() {
    let app = TestApp::start().await;
    let local = LocalInference::new(app.service.clone());
    let ask = |model: &str| {
        let body = json!({"model": model, "messages": [{"role": "user", "content": "[[say: hi]]"}]});
        local.call(call(CHAT, &body, principal(Role::Developer), Way::Flex))
    };
    let (with, without) = (ask("nova-pro").await.unwrap(), ask(MODEL).await.unwrap());
    assert_eq!((with.status, without.status), (200, 200));
    assert!(with.used.saved > Money::ZERO && with.used.saved == with.used.cost, "{:?}", with.used);
    assert_eq!(without.used.saved, Money::ZERO);
    let records = app.records(2).await;
    let tiers: Vec<_> = records.iter().map(|it| it.tier).collect();
    assert_eq!(tiers, [PriceTier::Flex, PriceTier::Standard]);
}

#[tokio::test]
async fn a_tier_that_nobody_asked_for_is_not_told() {
    let app = TestApp::start().await;
    let local = LocalInference::new(app.service.clone());
    let mut body = json!({"model": "nova-pro", "messages": [{"role": "user", "content": "[[say: hi]]"}]});
    let ask = |body: &Value| local.call(call(CHAT, body, principal(Role::Developer), Way::Flex));
    let quiet = json_of(&ask(&body).await.unwrap());
    body["service_tier"] = json!("flex");
    let told = json_of(&ask(&body).await.unwrap());
    assert_eq!((quiet.get("service_tier"), &told["service_tier"]), (None, &json!("flex")));
    let tiers: Vec<_> = app.records(2).await.iter().map(|it| it.tier).collect();
    assert_eq!(tiers, [PriceTier::Flex, PriceTier::Flex]);
}

/// A policy that lets a model be called on demand alone.
fn on_demand_only(pattern: &str) -> Policy {
    let at = chrono::DateTime::UNIX_EPOCH;
    Policy {
        id: PolicyId::new(uuid::Uuid::from_u128(7)),
        target: Target::Platform,
        model: Some(pattern.parse().unwrap()),
        rules: Rules { ways: Some([Way::OnDemand].into()), ..Rules::default() },
        created_at: at,
        updated_at: at,
        revision: 1,
    }
}

#[tokio::test]
async fn what_policies_say_of_ways_holds_by_every_name_of_a_model() {
    let asked = ["nova-pro", "amazon.nova-pro-v1:0", "us.amazon.nova-pro-v1:0", "my-nova"];
    for pattern in ["nova-pro", "amazon.nova-pro-v1:0", "amazon.nova-pro*"] {
        let table =
            json!({"routes": [{"alias": "my-nova", "groups": [{"targets": [{"model": "nova-pro"}]}]}]});
        let app = TestApp::with(Setup {
            policies: vec![on_demand_only(pattern)],
            routes: Arc::new(MemoryRoutes::of(serde_json::from_value(table).unwrap())),
            ..Setup::default()
        })
        .await;
        let local = LocalInference::new(app.service.clone());
        for model in asked {
            let body = json!({"model": model, "messages": [{"role": "user", "content": "[[say: hi]]"}]});
            let flex = call(CHAT, &body, principal(Role::Developer), Way::Flex);
            let answer = local.call(flex).await.unwrap();
            assert_eq!((answer.status, answer.used.saved), (200, Money::ZERO), "{pattern} {model}");
            match record(&app, by_batch(CHAT, &body)).await {
                Recorded::Unfit(why) => assert!(why.contains("policy of the platform"), "{why}"),
                other => panic!("{pattern} {model}: {other:?}"),
            }
        }
        let tiers: Vec<_> = app.records(asked.len()).await.iter().map(|it| it.tier).collect();
        assert_eq!(tiers, [PriceTier::Standard; 4], "{pattern}");
    }
}

#[tokio::test]
async fn a_client_is_told_what_a_whole_answer_cost() {
    let app = TestApp::start().await;
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": "[[say: hi]]"}], "n": 2});
    let answer = app.post(CHAT, &body).await;
    let sum: Money = app.records(2).await.iter().filter_map(|it| Some(it.cost.as_ref()?.usd)).sum();
    assert_eq!(answer.header("x-outcrop-cost-usd"), Some(sum.to_string().as_str()));
    assert_eq!(answer.header("x-outcrop-used"), None, "that is for our own services");
    let streamed = json!({"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "stream": true});
    assert_eq!(app.post(CHAT, &streamed).await.header("x-outcrop-cost-usd"), None);
}

#[tokio::test]
async fn records_are_written_for_our_own_services_only() {
    let app = TestApp::start().await;
    let asked = json!({"path": CHAT, "body": hello().to_string()});
    for path in ["/internal/records", "/internal/records/answers"] {
        assert_eq!(app.post(path, &asked).await.status, 404, "{path}");
    }
}

/// The service as a process of its own, as the job worker asks it.
fn apart(app: &TestApp) -> (HttpInference, DropGuard) {
    let secret = "a secret for tests, 32 bytes long".to_owned();
    let clock = Arc::new(SystemClock::default());
    let verifier = Arc::new(InternalVerifier::new(&secret.clone().into()).unwrap());
    let parts = ServerParts {
        in_flight: InFlight::default(),
        ids: Arc::new(SystemIdGen),
        layer: internal_identity(verifier, clock.clone()),
        health: Health::new(Vec::new()),
    };
    let config = ServerConfig { port: 0, workers: 1, drain_ms: 100, ..ServerConfig::default() };
    let server = Server::bind(&config, parts, routes(app.service.clone())).unwrap();
    let (url, stop) = (format!("http://{}", server.addr()), CancellationToken::new());
    tokio::spawn(server.run(stop.clone()));
    let signer = InternalSigner::new("tests", &secret.into(), Duration::from_secs(60)).unwrap();
    let client = HttpInference::new(&url, Duration::from_secs(1), Arc::new(signer), clock).unwrap();
    (client, stop.drop_guard())
}

#[tokio::test]
async fn apart_it_is_the_same() {
    let app = TestApp::start().await;
    let (remote, _stop) = apart(&app);
    let local = LocalInference::new(app.service.clone());
    let Recorded::Record(made) = remote.record(by_batch(CHAT, &hello())).await.unwrap() else {
        panic!("it is fit");
    };
    let here = written(&app, by_batch(CHAT, &hello())).await;
    assert_eq!((&made.model, &made.region, &made.input), (&here.model, &here.region, &here.input));
    let there = remote.recorded(by_batch(CHAT, &hello()), made.clone(), output("good day")).await.unwrap();
    let here = local.recorded(by_batch(CHAT, &hello()), made.clone(), output("good day")).await.unwrap();
    assert_eq!((there.status, there.used), (200, here.used));
    assert_eq!(json_of(&there)["choices"], json_of(&here)["choices"]);
    let refused = RecordOutput::Error { code: 400, message: "no".to_owned() };
    let refused = remote.recorded(by_batch(CHAT, &hello()), made, refused).await.unwrap();
    assert_eq!((refused.status, refused.is_final), (400, true));
    let unfit = by_batch("/v1/embeddings", &json!({"model": "titan-embed-text-v2", "input": "x"}));
    assert!(matches!(remote.record(unfit).await.unwrap(), Recorded::Unfit(_)));
    let absent = json!({"model": "nothing", "messages": [{"role": "user", "content": "x"}]});
    let found = remote.record(by_batch(CHAT, &absent)).await.unwrap();
    assert!(
        matches!(&found, Recorded::Refused(answer) if answer.status == 404 && answer.is_final),
        "{found:?}"
    );
}

#[tokio::test]
async fn apart_a_call_is_done_the_way_it_asks_for_and_says_what_it_used() {
    let app = TestApp::start().await;
    let (remote, _stop) = apart(&app);
    let body = json!({"model": "nova-pro", "messages": [{"role": "user", "content": "[[say: hi]]"}]});
    let answer = remote.call(call(CHAT, &body, principal(Role::Developer), Way::Flex)).await.unwrap();
    let record = app.records(1).await.remove(0);
    assert_eq!(record.tier, PriceTier::Flex);
    let cost = record.cost.unwrap().usd;
    assert_eq!((answer.used.tokens, answer.used.cost, answer.used.saved), (record.tokens, cost, cost));
    let absent = json!({"model": "nothing", "messages": [{"role": "user", "content": "x"}]});
    let refused = remote.call(call(CHAT, &absent, principal(Role::Developer), Way::OnDemand)).await.unwrap();
    assert_eq!((refused.status, refused.is_final), (404, true));
}
