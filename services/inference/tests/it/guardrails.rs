//! Guardrails that policies put over calls, in every dialect: what is asked, what is answered, whole and in pieces.
//!
//! The emulator's own guardrail blocks `bannedword` and masks `secret@example.com`.

use outcrop_emulator::{
    Charges, Counters, Emulator, EmulatorConfig, FaultKind, FaultRule, Faults, Operation,
};
use outcrop_types::{
    GuardrailMode, GuardrailRule, GuardrailState, GuardrailStream, Outcome, Rules, UsageRecord,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::harness::{Answer, MODEL, Setup, TestApp};

mod edges;

const HEADER: &str = "x-outcrop-guardrail";
const INSTEAD_OF_ASKING: &str = "Sorry, the model cannot answer this question.";
const INSTEAD_OF_ANSWERING: &str = "Sorry, the model's answer cannot be shown.";

/// A service under a policy, and the emulator it calls.
struct Stage {
    app: TestApp,
    url: String,
    counters: Counters,
    charges: Charges,
    _stop: DropGuard,
}

impl Stage {
    async fn of(guardrails: Vec<GuardrailRule>) -> Self {
        Self::with(guardrails, Vec::new()).await
    }

    async fn with(guardrails: Vec<GuardrailRule>, rules: Vec<FaultRule>) -> Self {
        let faults = Faults { rules, ..Faults::default() };
        let emulator = Emulator::bind(EmulatorConfig { faults, ..EmulatorConfig::default() }).await.unwrap();
        let (url, counters, charges) = (emulator.url(), emulator.counters(), emulator.charges());
        let stop = CancellationToken::new();
        tokio::spawn(emulator.run(stop.clone()));
        let rules = Rules { guardrails, ..Rules::default() };
        let app = TestApp::with(Setup { rules, models_at: Some(url.clone()), ..Setup::default() }).await;
        Self { app, url, counters, charges, _stop: stop.drop_guard() }
    }

    /// Has the emulator's guardrail block a term of two words, too.
    async fn block(&self, term: &str) {
        let guardrails = json!({"guardrails": [{"id": "gr1", "blocked": [term]}]});
        let client = reqwest::Client::builder().timeout(std::time::Duration::from_secs(10)).build().unwrap();
        let put = client.put(format!("{}/_emulator/guardrails", self.url));
        let put = put.header("content-type", "application/json").body(guardrails.to_string());
        assert!(put.send().await.unwrap().status().is_success());
    }

    /// How often a model was called.
    fn model_calls(&self) -> u64 {
        use Operation::{Converse, ConverseStream, InvokeModel, InvokeModelWithResponseStream};
        let all = [Converse, ConverseStream, InvokeModel, InvokeModelWithResponseStream];
        all.into_iter().map(|it| self.counters.calls(it)).sum()
    }

    /// The record of a model call.
    async fn record(&self, records: usize) -> UsageRecord {
        let records = self.app.records(records).await;
        records.into_iter().find(|it| it.operation != "guardrail").unwrap()
    }
}

fn rule(id: &str) -> GuardrailRule {
    GuardrailRule {
        id: id.to_owned(),
        version: "1".to_owned(),
        input: true,
        output: true,
        mode: GuardrailMode::Enforce,
        stream: GuardrailStream::Sync,
    }
}

fn of_input() -> GuardrailRule {
    GuardrailRule { output: false, ..rule("gr1") }
}

fn of_output() -> GuardrailRule {
    GuardrailRule { input: false, ..rule("gr1") }
}

fn beside() -> GuardrailRule {
    GuardrailRule { stream: GuardrailStream::Async, ..of_output() }
}

/// A request in each dialect, the word in it that says why an answer ended so, and whether it can be streamed there.
fn requests(text: &str) -> [(String, Value, &'static str); 7] {
    let turns = json!([{"role": "user", "content": text}]);
    [
        (
            "/v1/chat/completions".into(),
            json!({"model": MODEL, "messages": turns}),
            "\"finish_reason\":\"content_filter\"",
        ),
        ("/v1/responses".into(), json!({"model": MODEL, "input": text}), "\"reason\":\"content_filter\""),
        (
            "/v1/completions".into(),
            json!({"model": MODEL, "prompt": text}),
            "\"finish_reason\":\"content_filter\"",
        ),
        (
            "/v1/messages".into(),
            json!({"model": MODEL, "messages": turns, "max_tokens": 999}),
            "\"stop_reason\":\"refusal\"",
        ),
        (
            "/v1/messages".into(),
            json!({"model": "nova-lite", "messages": turns, "max_tokens": 999}),
            "\"stop_reason\":\"refusal\"",
        ),
        ("/generate".into(), json!({"model": MODEL, "prompt": text}), "guardrail_intervened"),
        (
            format!("/model/{MODEL}/converse"),
            json!({"messages": [{"role": "user", "content": [{"text": text}]}]}),
            "\"stopReason\":\"guardrail_intervened\"",
        ),
    ]
}

fn streamed(path: &str, mut body: Value) -> (String, Value) {
    if path.starts_with("/model/") {
        return (format!("{path}-stream"), body);
    }
    body["stream"] = json!(true);
    (path.to_owned(), body)
}

/// The answer as text, whatever its framing; SDK frames hold bytes that are none.
async fn post(stage: &Stage, path: &str, body: &Value) -> (u16, Option<String>, String) {
    let answer = stage.app.send(path, body).await;
    let header = answer.headers().get(HEADER).map(|it| it.to_str().unwrap().to_owned());
    let status = answer.status().as_u16();
    (status, header, String::from_utf8_lossy(&answer.bytes().await.unwrap()).replace("\": \"", "\":\""))
}

#[tokio::test]
async fn what_must_not_be_asked_is_answered_by_the_guardrail_in_every_dialect() {
    for (guardrail, applied) in [(rule("gr1"), false), (of_input(), true)] {
        for (path, body, why) in requests("a bannedword") {
            let stage = Stage::of(vec![guardrail.clone()]).await;
            let (status, header, text) = post(&stage, &path, &body).await;
            assert_eq!(status, 200, "{path}: {text}");
            assert!(
                text.contains(INSTEAD_OF_ASKING) && text.contains(why),
                "{path}, applied {applied}: {text}"
            );
            assert_eq!(header.as_deref(), Some("intervened; id=gr1"), "{path}, applied {applied}");
            assert!(
                !text.contains("wordPolicy") && !text.contains("\"trace\""),
                "{path}: nobody asked: {text}"
            );
            assert_eq!(stage.model_calls(), u64::from(!applied), "{path}");
            let record = stage.record(1).await;
            assert_eq!((record.guardrail, record.tokens.total()), (GuardrailState::Intervened, 0), "{path}");
            if applied {
                assert_eq!(record.tokens.guardrail_units, 2, "{path}");
            }

            let stage = Stage::of(vec![guardrail.clone()]).await;
            let (path, body) = streamed(&path, body);
            let (status, _, text) = post(&stage, &path, &body).await;
            assert_eq!(status, 200, "{path}: {text}");
            // A stream spells its text out word by word.
            assert!(text.contains("Sorry") && text.contains(why), "{path}, applied {applied}: {text}");
            assert_eq!(stage.record(1).await.guardrail, GuardrailState::Intervened, "{path}");
        }
    }
}

#[tokio::test]
async fn what_must_not_be_answered_is_replaced_in_every_dialect() {
    let said = "[[say: This is fine. This is a bannedword and more.]]";
    for (path, body, why) in requests(said) {
        let stage = Stage::of(vec![of_output()]).await;
        let (status, header, text) = post(&stage, &path, &body).await;
        assert_eq!(status, 200, "{path}: {text}");
        assert!(text.contains(INSTEAD_OF_ANSWERING) && text.contains(why), "{path}: {text}");
        assert!(!text.contains("bannedword") && !text.contains("fine"), "{path}: {text}");
        assert_eq!(header.as_deref(), Some("intervened; id=gr1"), "{path}");
        let record = stage.record(1).await;
        assert_eq!(
            (record.guardrail, record.outcome),
            (GuardrailState::Intervened, Outcome::Completed),
            "{path}"
        );
        assert!(record.tokens.output > 0 && record.tokens.guardrail_units == 2, "{path}: {record:?}");

        for guardrail in [of_output(), beside()] {
            let mode = guardrail.stream;
            let stage = Stage::of(vec![guardrail]).await;
            let (path, body) = streamed(&path, body.clone());
            let (status, _, text) = post(&stage, &path, &body).await;
            assert_eq!(status, 200, "{path}: {text}");
            assert!(text.contains(why), "{path}, {mode:?}: {text}");
            assert_eq!(text.contains("banned"), mode == GuardrailStream::Async, "{path}, {mode:?}: {text}");
            assert_eq!(text.contains(INSTEAD_OF_ANSWERING), mode == GuardrailStream::Sync, "{path}: {text}");
            let record = stage.record(1).await;
            assert_eq!(record.guardrail, GuardrailState::Intervened, "{path}, {mode:?}");
            assert!(record.tokens.output > 0 && record.tokens.guardrail_units >= 2, "{path}: {record:?}");
        }
    }
}

#[tokio::test]
async fn what_is_masked_leaves_and_arrives_masked() {
    for (path, body, why) in requests("[[say: Write to secret@example.com now.]]") {
        let stage = Stage::of(vec![of_output()]).await;
        let (status, header, text) = post(&stage, &path, &body).await;
        assert!(status == 200 && text.contains("Write to {EMAIL} now."), "{path}: {text}");
        assert!(!text.contains(why), "the answer is whole: {text}");
        assert_eq!(header.as_deref(), Some("intervened; id=gr1"), "{path}");
        let (path, body) = streamed(&path, body);
        let (status, _, text) = post(&stage, &path, &body).await;
        assert!(status == 200 && text.contains("Write to {EMAIL} now."), "{path}: {text}");
    }
    for (path, body, _) in requests("I am secret@example.com") {
        let stage = Stage::of(vec![of_input()]).await;
        let (status, _, text) = post(&stage, &path, &body).await;
        assert!(status == 200 && text.contains("I am {EMAIL}"), "the model has read it so: {path}: {text}");
    }
}

#[tokio::test]
async fn a_long_stream_is_looked_at_in_windows_and_loses_nothing() {
    let stage = Stage::of(vec![of_output()]).await;
    let body = json!({"model": MODEL, "stream": true, "max_tokens": 4000,
        "messages": [{"role": "user", "content": "[[think: hm]][[tokens: 900]]"}]});
    let answer = stage.app.post("/v1/chat/completions", &body).await;
    let text: String = answer
        .events()
        .iter()
        .filter_map(|it| it["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(text.split_whitespace().count(), 900, "{text}");
    assert!(answer.text.contains("\"finish_reason\":\"stop\""), "{}", answer.text);
    let looks = stage.counters.calls(Operation::ApplyGuardrail);
    assert!((3..20).contains(&looks), "{looks}");
    let record = stage.record(1).await;
    assert_eq!((record.guardrail, record.estimated), (GuardrailState::Passed, false));
    assert_eq!(record.tokens.guardrail_units, stage.charges.snapshot().total.tokens.guardrail_units);
}

#[tokio::test]
async fn a_call_of_a_tool_is_looked_at_when_it_is_whole() {
    let body = |stream: bool, city: &str| {
        json!({"model": MODEL, "stream": stream,
        "messages": [{"role": "user", "content": format!("[[tool: weather {{\"city\":\"{city}\"}}]]")}],
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]})
    };
    for stream in [false, true] {
        let stage = Stage::of(vec![of_output()]).await;
        let (_, _, passed) = post(&stage, "/v1/chat/completions", &body(stream, "Bern")).await;
        assert!(passed.contains("Bern") && passed.contains("\"tool_calls\""), "{passed}");
        let (_, _, masked) = post(&stage, "/v1/chat/completions", &body(stream, "secret@example.com")).await;
        assert!(masked.contains("{EMAIL}") && !masked.contains("secret@"), "{masked}");
        let (_, _, blocked) = post(&stage, "/v1/chat/completions", &body(stream, "bannedword")).await;
        assert!(blocked.contains("content_filter") && !blocked.contains("banned"), "{blocked}");
    }
}

#[tokio::test]
async fn one_that_monitors_changes_nothing_and_is_metered() {
    let monitor = GuardrailRule { mode: GuardrailMode::Monitor, ..rule("gr1") };
    for stream in [false, true] {
        let stage = Stage::of(vec![monitor.clone()]).await;
        let body = json!({"model": MODEL, "stream": stream,
            "messages": [{"role": "user", "content": "[[say: a bannedword indeed]]"}]});
        let (status, _, text) = post(&stage, "/v1/chat/completions", &body).await;
        assert_eq!(status, 200, "{text}");
        // A stream may cut the word in two.
        assert!(text.contains("banned") && text.contains("\"finish_reason\":\"stop\""), "{text}");
        let records = stage.app.records(3).await;
        let looks: Vec<_> = records.iter().filter(|it| it.operation == "guardrail").collect();
        assert_eq!(looks.len(), 2, "what is asked, and what is answered: {records:?}");
        for look in looks {
            assert_eq!(
                (look.guardrail, look.tokens.guardrail_units),
                (GuardrailState::Observed, 2),
                "{look:?}"
            );
            assert_eq!(look.tokens.total(), 0, "{look:?}");
        }
    }
}

#[tokio::test]
async fn several_look_on_at_once_and_a_client_adds_its_own() {
    let stage = Stage::of(vec![rule("gr1"), rule("gr2")]).await;
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": "hi"}],
        "guardrail": {"guardrailIdentifier": "gr3", "guardrailVersion": "1", "trace": "enabled"}});
    let answer = stage.app.post("/v1/chat/completions", &body).await;
    assert_eq!((answer.status, answer.header(HEADER)), (200, Some("passed")), "{}", answer.text);
    // One goes with the call, the others look at question and answer.
    assert_eq!(stage.counters.calls(Operation::ApplyGuardrail), 4);
    let models = stage.charges.snapshot().models;
    assert!(
        models.contains_key("gr2") && models.contains_key("gr3") && !models.contains_key("gr1"),
        "{models:?}"
    );
    let record = stage.record(1).await;
    assert_eq!(record.tokens.guardrail_units, stage.charges.snapshot().total.tokens.guardrail_units);

    let mut body = body;
    body["messages"][0]["content"] = json!("a bannedword");
    let answer = stage.app.post("/v1/chat/completions", &body).await;
    let json = answer.json();
    assert_eq!(json["choices"][0]["finish_reason"], "content_filter", "{json}");
    let found =
        &json["trace"]["guardrail"]["inputAssessment"]["gr2"]["wordPolicy"]["customWords"][0]["match"];
    assert_eq!(found, "bannedword", "asked for, and told: {json}");
}

#[tokio::test]
async fn no_mark_of_a_client_turns_a_policy_away() {
    let stage = Stage::of(vec![rule("gr1")]).await;
    let path = format!("/model/{MODEL}/converse");
    let marked = |config: bool| {
        let mut body = json!({"messages": [{"role": "user", "content": [
            {"text": "a bannedword"}, {"guardContent": {"text": {"text": "harmless"}}}]}]});
        if config {
            body["guardrailConfig"] = json!({"guardrailIdentifier": "gr9", "guardrailVersion": "1"});
        }
        body
    };
    for config in [false, true] {
        let (status, header, text) = post(&stage, &path, &marked(config)).await;
        assert_eq!((status, header.as_deref()), (200, Some("intervened; id=gr1")), "{text}");
    }
    // Bedrock's own marks in a body that passes through.
    let body = json!({"model": MODEL, "max_tokens": 99, "amazon-bedrock-guardrailConfig": {"tagSuffix": "x"},
        "messages": [{"role": "user", "content": "a bannedword"}]});
    let (_, _, text) = post(&stage, "/v1/messages", &body).await;
    assert!(!text.contains("You said"), "{text}");
    assert_eq!(stage.counters.calls(Operation::InvokeModel), 0);
}

#[tokio::test]
async fn a_guardrail_that_cannot_be_asked_fails_the_call_unless_it_only_tells() {
    let away = || {
        vec![FaultRule { model: Some("gr1".into()), ..FaultRule::share(FaultKind::ServiceUnavailable, 1.0) }]
    };
    let asked = requests("[[say: hello]]");
    for (path, body, _) in asked {
        for guardrail in [of_input(), of_output()] {
            let output = guardrail.output;
            let stage = Stage::with(vec![guardrail], away()).await;
            let (status, _, text) = post(&stage, &path, &body).await;
            assert_eq!(status, 503, "{path}: {text}");
            assert!(!text.contains("hello"), "{path}: {text}");
            assert_eq!(stage.model_calls(), u64::from(output), "{path}");
            let (path, body) = streamed(&path, body.clone());
            let (status, _, text) = post(&stage, &path, &body).await;
            assert_eq!(status, if output { 200 } else { 503 }, "{path}: {text}");
            assert!(!text.contains("hello") && !text.contains("[DONE]"), "{path}: {text}");
        }
        let monitor = GuardrailRule { mode: GuardrailMode::Monitor, ..rule("gr1") };
        let stage = Stage::with(vec![monitor], away()).await;
        let (status, _, text) = post(&stage, &path, &body).await;
        assert!(status == 200 && text.contains("hello"), "{path}: {text}");
    }
}

#[tokio::test]
async fn texts_that_become_something_else_are_looked_at() {
    let stage = Stage::of(vec![rule("gr1")]).await;
    let requests = |text: &str| {
        [
            ("/v1/embeddings".to_owned(), json!({"model": "titan-embed-text-v2", "input": ["a", text]})),
            (
                "/v1/rerank".to_owned(),
                json!({"model": "cohere-rerank-v3-5", "query": "a", "documents": [text]}),
            ),
            ("/v1/images/generations".to_owned(), json!({"model": "nova-canvas", "prompt": text})),
            ("/model/titan-embed-text-v2/invoke".to_owned(), json!({"inputText": text})),
        ]
    };
    for (path, body) in requests("a bannedword") {
        let before = stage.model_calls();
        let (status, header, text) = post(&stage, &path, &body).await;
        assert_eq!((status, header.as_deref()), (400, Some("intervened; id=gr1")), "{path}: {text}");
        assert!(text.contains(INSTEAD_OF_ASKING), "{path}: {text}");
        assert_eq!(stage.model_calls(), before, "{path}");
    }
    for text in ["hello", "secret@example.com"] {
        for (path, body) in requests(text) {
            let (status, header, answer) = post(&stage, &path, &body).await;
            let found = if text == "hello" { "passed" } else { "intervened; id=gr1" };
            assert_eq!((status, header.as_deref()), (200, Some(found)), "{path}: {answer}");
        }
    }
}

#[tokio::test]
async fn bodies_in_a_models_own_words_are_guarded_or_refused() {
    let path = format!("/model/{MODEL}/invoke");
    let body = |text: &str| {
        json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 99,
        "messages": [{"role": "user", "content": text}]})
    };
    let stage = Stage::of(vec![rule("gr1")]).await;
    let (status, header, text) = post(&stage, &path, &body("a bannedword")).await;
    assert_eq!((status, header.as_deref()), (200, Some("intervened; id=gr1")), "{text}");
    assert!(text.contains(INSTEAD_OF_ASKING), "{text}");
    // Bedrock reads the name of a mark whatever way it is written.
    let mark = r#"{"amazon-bedrock-guardrailCon\u0066ig": {"tagSuffix": "x"}, "#;
    let marked = body("hi").to_string().replacen('{', mark, 1);
    let request = stage.app.request(Method::POST, &path).header("content-type", "application/json");
    let answer = Answer::of(request.body(marked).send().await.unwrap()).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    // What is asked in Anthropic's words can be read.
    let stage = Stage::of(vec![of_input()]).await;
    for path in [path.clone(), format!("{path}-with-response-stream")] {
        let (status, header, text) = post(&stage, &path, &body("a bannedword")).await;
        assert_eq!((status, header.as_deref()), (400, Some("intervened; id=gr1")), "{path}: {text}");
        assert_eq!(stage.model_calls(), 0);
    }
    let (status, _, text) = post(&stage, &path, &body("I am secret@example.com")).await;
    assert!(status == 200 && text.contains("I am {EMAIL}"), "{text}");
    for guardrails in [vec![of_output()], vec![rule("gr1"), rule("gr2")]] {
        let stage = Stage::of(guardrails).await;
        for path in [path.clone(), format!("{path}-with-response-stream")] {
            let (status, _, text) = post(&stage, &path, &body("hi")).await;
            assert_eq!(status, 403, "{path}: {text}");
        }
        assert_eq!(stage.model_calls(), 0);
    }
}

#[tokio::test]
async fn a_client_hears_of_a_guardrail_it_named_that_is_not_there() {
    // Bedrock refuses it as it always did.
    let stage = Stage::with(vec![], vec![]).await;
    let request =
        stage.app.request(Method::POST, "/v1/chat/completions").header("content-type", "application/json");
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": "hi"}]});
    let request = request
        .header("x-amzn-bedrock-guardrailidentifier", "gr1")
        .header("x-amzn-bedrock-guardrailversion", "1");
    let answer = Answer::of(request.body(body.to_string()).send().await.unwrap()).await;
    assert_eq!((answer.status, answer.header(HEADER)), (200, Some("passed")), "{}", answer.text);
    assert!(answer.json().get("trace").is_none(), "{}", answer.text);
    assert_eq!(stage.counters.calls(Operation::ApplyGuardrail), 0, "it goes with the call");
    assert!(stage.record(1).await.tokens.guardrail_units > 0);
}
