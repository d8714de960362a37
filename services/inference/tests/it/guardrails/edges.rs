//! Where guardrails could be got round: at the edges of windows, other models, kept answers, several regions.

use std::sync::Arc;

use outcrop_types::{Policy, PolicyId, Target};
use uuid::Uuid;

use super::*;
use crate::route_store::MemoryRoutes;

#[tokio::test]
async fn nothing_slips_through_where_texts_are_cut_to_be_looked_at() {
    let stage = Stage::of(vec![of_output()]).await;
    stage.block("project falcon").await;
    for words in (60..68).chain(152..160).chain(195..201) {
        let said = format!("[[say: {}project falcon is ours and more]]", "word ".repeat(words));
        let body = json!({"model": MODEL, "stream": true, "max_tokens": 4000,
            "messages": [{"role": "user", "content": said}]});
        let answer = stage.app.post("/v1/chat/completions", &body).await;
        assert!(answer.text.contains("content_filter"), "{words}: {}", answer.text);
        assert!(!answer.text.contains("falcon"), "{words}: {}", answer.text);
    }
    let stage = Stage::of(vec![of_input()]).await;
    stage.block("project falcon").await;
    for words in 3_996..4_001 {
        let asked = format!("{}project falcon is ours", "word ".repeat(words));
        let body = json!({"model": MODEL, "messages": [{"role": "user", "content": asked}]});
        let answer = stage.app.post("/v1/chat/completions", &body).await;
        assert!(answer.text.contains(INSTEAD_OF_ASKING), "{words}: {}", answer.text);
    }
}

#[tokio::test]
async fn what_holds_for_one_model_of_a_route_holds_for_the_route() {
    let table = json!({"routes": [{"alias": "smart", "groups": [
        {"targets": [{"model": MODEL, "region": "us-east-1"}]},
        {"targets": [{"model": "nova-lite", "region": "us-west-2"}]}]}]});
    let policy = Policy {
        id: PolicyId::new(Uuid::from_u128(7)),
        target: Target::Platform,
        model: Some("nova-lite".parse().unwrap()),
        rules: Rules { guardrails: vec![rule("gr1")], ..Rules::default() },
        created_at: chrono::DateTime::UNIX_EPOCH,
        updated_at: chrono::DateTime::UNIX_EPOCH,
        revision: 1,
    };
    let rules = vec![FaultRule {
        model: Some("anthropic.claude".into()),
        ..FaultRule::share(FaultKind::Throttling, 1.0)
    }];
    let app = TestApp::with(Setup {
        regions: vec![("us-east-1", Faults { rules, ..Faults::default() }), ("us-west-2", Faults::default())],
        routes: Arc::new(MemoryRoutes::of(serde_json::from_value(table).unwrap())),
        policies: vec![policy],
        ..Setup::default()
    })
    .await;
    for stream in [false, true] {
        let body = |text: &str| json!({"model": "smart", "stream": stream, "messages": [{"role": "user", "content": text}]});
        let answer = app.post("/v1/chat/completions", &body("a bannedword")).await;
        assert_eq!(
            (answer.status, answer.header(HEADER)),
            (200, Some("intervened; id=gr1")),
            "{}",
            answer.text
        );
        assert!(!answer.text.contains("You said"), "{}", answer.text);
        let answer = app.post("/v1/chat/completions", &body("hello")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(answer.header("x-outcrop-model").unwrap().contains("nova-lite"));
    }
}

#[tokio::test]
async fn answers_that_other_guardrails_let_pass_are_not_given() {
    let guarded = |alias: &str, guardrails: Value| {
        json!({"alias": alias, "groups": [{"targets": [{"model": MODEL}]}],
            "options": {"cache": {"ttl_s": 60}, "guardrails": guardrails}})
    };
    let one = |id: &str| json!([{"id": id, "version": "1", "input": false}]);
    let table = json!({"routes":
        [guarded("none", json!([])), guarded("one", one("gr1")), guarded("other", one("gr2"))]});
    let routes = Arc::new(MemoryRoutes::of(serde_json::from_value(table).unwrap()));
    let app = TestApp::with(Setup { routes, ..Setup::default() }).await;
    for said in ["hello", "a bannedword"] {
        let body = |alias: &str| json!({"model": alias, "messages": [{"role": "user", "content": format!("[[say: {said}]]")}]});
        for alias in ["none", "one", "other"] {
            let first = app.post("/v1/chat/completions", &body(alias)).await;
            assert_eq!(first.header("x-outcrop-cache"), Some("miss"), "{alias}: {}", first.text);
            assert_eq!(first.text.contains("banned"), alias == "none" && said != "hello", "{}", first.text);
            let again = app.post("/v1/chat/completions", &body(alias)).await;
            let kept = alias == "none" || said == "hello";
            assert_eq!(again.header("x-outcrop-cache"), Some(if kept { "hit" } else { "miss" }), "{alias}");
        }
    }
}

#[tokio::test]
async fn a_client_names_one_for_texts_that_become_something_else() {
    let stage = Stage::of(vec![]).await;
    let requests = [
        ("/v1/embeddings", json!({"model": "titan-embed-text-v2", "input": ["a", "a bannedword"]})),
        ("/v1/rerank", json!({"model": "cohere-rerank-v3-5", "query": "a", "documents": ["a bannedword"]})),
        ("/v1/images/generations", json!({"model": "nova-canvas", "prompt": "a bannedword"})),
    ];
    for (path, body) in requests {
        assert_eq!(stage.app.post(path, &body).await.status, 200, "{path}");
        let before = stage.model_calls();
        let request = stage.app.request(Method::POST, path).header("content-type", "application/json");
        let request = request
            .header("x-amzn-bedrock-guardrailidentifier", "gr1")
            .header("x-amzn-bedrock-guardrailversion", "1");
        let answer = Answer::of(request.body(body.to_string()).send().await.unwrap()).await;
        assert_eq!(
            (answer.status, answer.header(HEADER)),
            (400, Some("intervened; id=gr1")),
            "{}",
            answer.text
        );
        assert_eq!(stage.model_calls(), before, "{path}");
    }
}

#[tokio::test]
async fn a_question_is_looked_at_once_however_many_answers_it_has() {
    let monitor = GuardrailRule { mode: GuardrailMode::Monitor, output: false, ..rule("gr2") };
    let stage = Stage::of(vec![of_input(), monitor]).await;
    let body =
        json!({"model": MODEL, "n": 4, "messages": [{"role": "user", "content": "I am secret@example.com"}]});
    let answer = stage.app.post("/v1/chat/completions", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    for choice in answer.json()["choices"].as_array().unwrap() {
        assert!(choice["message"]["content"].as_str().unwrap().contains("{EMAIL}"), "{choice}");
    }
    let records = stage.app.records(5).await;
    let units: u64 = records.iter().map(|it| it.tokens.guardrail_units).sum();
    assert_eq!(stage.counters.calls(Operation::ApplyGuardrail), 2);
    assert_eq!(units, stage.charges.snapshot().total.tokens.guardrail_units);
}

#[tokio::test]
async fn one_that_monitors_sees_what_a_model_streams_in_its_own_words() {
    let stage = Stage::of(vec![GuardrailRule { mode: GuardrailMode::Monitor, ..of_output() }]).await;
    let body = json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 99,
        "messages": [{"role": "user", "content": "[[say: a bannedword indeed]]"}]});
    let path = format!("/model/{MODEL}/invoke-with-response-stream");
    let (status, _, text) = post(&stage, &path, &body).await;
    assert_eq!(status, 200, "{text}");
    let records = stage.app.records(2).await;
    let look = records.iter().find(|it| it.operation == "guardrail").unwrap();
    assert_eq!(look.guardrail, GuardrailState::Observed, "{look:?}");
}

#[tokio::test]
async fn all_are_named_that_stepped_in() {
    let stage = Stage::of(vec![of_output(), GuardrailRule { input: false, ..rule("gr2") }]).await;
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": "[[say: a bannedword]]"}]});
    let answer = stage.app.post("/v1/chat/completions", &body).await;
    assert_eq!(answer.header(HEADER), Some("intervened; id=gr1,gr2"), "{}", answer.text);
}

#[tokio::test]
async fn what_only_bedrock_can_look_at_goes_with_the_call_to_any_region() {
    let regions = vec![("us-east-1", Faults::default()), ("us-west-2", Faults::default())];
    let app = TestApp::with(Setup { regions, ..Setup::default() }).await;
    let looks = || app.counters.iter().map(|it| it.calls(Operation::ApplyGuardrail)).sum::<u64>();
    let body = |content: Value| {
        json!({"guardrailConfig": {"guardrailIdentifier": "gr1", "guardrailVersion": "1"},
            "messages": [{"role": "user", "content": content}]})
    };
    let path = format!("/model/{MODEL}/converse");
    let grounded = json!([{"guardContent": {"text": {"text": "a fact", "qualifiers": ["grounding_source"]}}},
        {"text": "hi"}]);
    for (content, looked) in [(grounded, 0), (json!([{"text": "hi"}]), 2)] {
        let answer = app.post(&path, &body(content)).await;
        assert_eq!((answer.status, answer.header(HEADER)), (200, Some("passed")), "{}", answer.text);
        assert_eq!(looks(), looked);
    }
}
