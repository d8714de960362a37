//! The same operations without HTTP.

use std::sync::Arc;
use std::time::Duration;

use outcrop_config::LimitsConfig;
use outcrop_inference::LocalInference;
use outcrop_ports::{Inference, InferenceAnswer, InferenceCall};
use outcrop_types::{Principal, RequestId, Role, Rules};
use serde_json::{Value, json};

use crate::harness::{Setup, TestApp, models, principal};

async fn call(app: &TestApp, caller: Principal, path: &str, body: &Value) -> (u16, Value) {
    let InferenceAnswer { status, body, .. } = answer(app, caller, path, body).await;
    (status, serde_json::from_slice(&body).unwrap())
}

async fn answer(app: &TestApp, caller: Principal, path: &str, body: &Value) -> InferenceAnswer {
    let call = InferenceCall {
        way: outcrop_types::Way::OnDemand,
        response: None,
        principal: caller,
        path: path.into(),
        body: body.to_string().into(),
        request_id: RequestId::parse("job-1").unwrap(),
        deadline: Duration::from_secs(10),
    };
    LocalInference::new(app.service.clone()).call(call).await.unwrap()
}

#[tokio::test]
async fn a_reached_limit_says_when_to_come_back() {
    let limits = LimitsConfig { requests_per_minute_per_team: Some(1), ..LimitsConfig::default() };
    let app = TestApp::with(Setup { limits, ..Setup::default() }).await;
    let prompt = json!({"prompt": "[[say: hi]]"});
    let first = answer(&app, principal(Role::Service), "/generate", &prompt).await;
    assert_eq!((first.status, first.retry_after), (200, None));
    let refused = answer(&app, principal(Role::Service), "/generate", &prompt).await;
    assert_eq!(refused.status, 429);
    assert!(refused.retry_after.unwrap() > Duration::ZERO);
}

#[tokio::test]
async fn a_limit_that_a_request_never_fits_in_is_not_waited_for() {
    let rules = Rules { tokens_per_minute: Some(100), ..Rules::default() };
    let app = TestApp::with(Setup { rules, ..Setup::default() }).await;
    let large = json!({"prompt": "[[say: hi]]", "max_tokens": 5000});
    let refused = answer(&app, principal(Role::Service), "/generate", &large).await;
    let body: Value = serde_json::from_slice(&refused.body).unwrap();
    assert_eq!((refused.status, refused.retry_after), (400, None), "{body}");
    assert!(
        body["detail"].as_str().unwrap().contains("more than the limit of 100 tokens per minute"),
        "{body}"
    );
    assert_eq!(body["kind"], "tokens", "as over HTTP: {body}");
    assert_eq!(app.post("/generate", &large).await.status, 429);
}

#[tokio::test]
async fn a_spent_budget_says_when_it_begins_anew() {
    let budget = json!({"budgets": [{"usd": "0.012", "period": "day"}]});
    let rules = serde_json::from_value(budget).unwrap();
    let app = TestApp::with(Setup { rules, ..Setup::default() }).await;
    let ask = json!({"prompt": "[[tokens: 1500]]", "max_tokens": 1500});
    let first = answer(&app, principal(Role::Service), "/generate", &ask).await;
    assert_eq!(first.status, 200, "{:?}", first.body);
    app.records(1).await;
    let refused = answer(&app, principal(Role::Service), "/generate", &ask).await;
    assert_eq!(refused.status, 429, "{:?}", refused.body);
    assert!(refused.retry_after.unwrap() <= Duration::from_secs(24 * 60 * 60), "{:?}", refused.retry_after);
}

#[tokio::test]
async fn vectors_scores_and_pictures_can_be_had_as_jobs() {
    let app = TestApp::start().await;
    let cases = [
        ("/v1/embeddings", json!({"model": "titan-embed-text-v2", "input": "x"}), "/data/0/embedding/0"),
        (
            "/api/v1/rerank",
            json!({"model": "amazon-rerank-v1", "query": "q", "documents": ["d"]}),
            "/results/0/index",
        ),
        ("/v1/images/generations", json!({"model": "nova-canvas", "prompt": "a cat"}), "/data/0/b64_json"),
    ];
    for (path, body, place) in cases {
        let (status, answer) = call(&app, principal(Role::Service), path, &body).await;
        assert_eq!(status, 200, "{path}: {answer}");
        assert!(answer.pointer(place).is_some(), "{path}: {answer}");
    }
    let held = json!({"model": "nova-canvas", "prompt": "[[stop: content_filtered]]"});
    let (status, answer) = call(&app, principal(Role::Service), "/v1/images/generations", &held).await;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!("content_policy_violation")), "{answer}");
}

#[tokio::test]
async fn answers_are_those_of_the_paths() {
    let app = TestApp::start().await;
    let chat = json!({"messages": [{"role": "user", "content": "[[say: hi]]"}]});
    let (status, body) = call(&app, principal(Role::Service), "/v1/chat/completions", &chat).await;
    assert_eq!((status, &body["choices"][0]["message"]["content"]), (200, &json!("hi")));
    let (status, body) =
        call(&app, principal(Role::Service), "/generate", &json!({"prompt": "[[say: hi]]"})).await;
    assert_eq!((status, &body["text"]), (200, &json!("hi")));
    let records = app.records(2).await;
    assert!(records.iter().all(|it| it.request_id.as_str() == "job-1"));
}

#[tokio::test]
async fn failures_are_answers_in_the_paths_dialect() {
    let app = TestApp::start().await;
    let chat = json!({"messages": [{"role": "user", "content": "hi"}], "stream": true});
    let (status, body) = call(&app, principal(Role::Developer), "/v1/chat/completions", &chat).await;
    assert_eq!((status, &body["error"]["param"]), (400, &json!("stream")));
    let (status, body) = call(&app, principal(Role::Viewer), "/generate", &json!({"prompt": "hi"})).await;
    assert_eq!((status, &body["code"]), (403, &json!("forbidden")));
    let (status, _) = call(&app, principal(Role::Developer), "/v1/files", &json!({})).await;
    assert_eq!(status, 404);
    assert!(app.ledger.records.lock().unwrap().is_empty(), "no model was called");
}

#[tokio::test]
async fn a_job_is_no_way_around_a_scope() {
    let app = TestApp::start().await;
    let scope = models(&["nova-*"]);
    let caller = Principal { scope: Some(Arc::new(scope)), ..principal(Role::Developer) };
    let prompt = json!({"prompt": "[[say: hi]]", "model": "nova-lite"});
    let (status, body) = call(&app, caller.clone(), "/generate", &prompt).await;
    assert_eq!((status, &body["text"]), (200, &json!("hi")));
    let (status, body) = call(&app, caller, "/generate", &json!({"prompt": "hi"})).await;
    assert_eq!((status, &body["code"], &body["param"]), (403, &json!("forbidden"), &json!("model")));
}
