//! Credentials that are good for some models only.

use outcrop_config::LimitsConfig;
use outcrop_types::{Permission, Scope};
use serde_json::{Value, json};

use crate::harness::{Answer, MODEL, Setup, TestApp, models};

const PROFILE_ARN: &str = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6";

async fn scoped(patterns: &[&str]) -> TestApp {
    TestApp::with(Setup { scope: models(patterns), allow_arns: true, ..Setup::default() }).await
}

async fn chat(app: &TestApp, model: &str) -> Answer {
    let messages = json!([{"role": "user", "content": "[[say: hi]]"}]);
    app.post("/v1/chat/completions", &json!({"model": model, "messages": messages})).await
}

#[tokio::test]
async fn a_model_out_of_scope_is_refused_in_every_dialect() {
    let app = scoped(&["nova-*"]).await;
    let messages = json!([{"role": "user", "content": "hi"}]);
    let turn = json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}]});
    let named = |stream: bool| json!({"model": MODEL, "messages": messages, "stream": stream});
    let cases = [
        ("/v1/chat/completions", named(false), "/error/param"),
        ("/v1/chat/completions", named(true), "/error/param"),
        ("/v1/chat/completions", json!({"messages": messages}), "/error/param"),
        ("/generate", json!({"model": MODEL, "prompt": "hi"}), "/param"),
        ("/generate", json!({"prompt": "hi", "stream": true}), "/param"),
        (&format!("/model/{MODEL}/converse"), turn.clone(), ""),
        (&format!("/model/{MODEL}/converse-stream"), turn, ""),
    ];
    for (path, body, param) in cases {
        let answer = app.post(path, &body).await;
        assert_eq!(answer.status, 403, "{path}: {}", answer.text);
        let body = answer.json();
        match param {
            "" => assert_eq!(answer.header("x-amzn-errortype"), Some("AccessDeniedException")),
            _ => assert_eq!(body.pointer(param), Some(&json!("model")), "{path}: {body}"),
        }
        assert!(answer.text.contains(MODEL), "{path}: {}", answer.text);
        assert!(!answer.text.contains("nova"), "what is in scope is not told: {}", answer.text);
    }
    assert_eq!(chat(&app, "nova-lite").await.status, 200);
    assert_eq!(app.records(1).await.len(), 1, "the others called no model");
}

#[tokio::test]
async fn a_refusal_counts_against_no_limit() {
    let limits = LimitsConfig { requests_per_minute_per_team: Some(1), ..LimitsConfig::default() };
    let app = TestApp::with(Setup { limits, scope: models(&["nova-*"]), ..Setup::default() }).await;
    for _ in 0..3 {
        assert_eq!(chat(&app, MODEL).await.status, 403);
    }
    assert_eq!(chat(&app, "nova-lite").await.status, 200);
    assert_eq!(chat(&app, "nova-lite").await.status, 429);
}

#[tokio::test]
async fn every_name_of_a_model_in_scope_will_do_but_an_arn() {
    let app = scoped(&["nova-*"]).await;
    let arn = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0";
    for (model, status) in [
        ("nova-lite", 200),
        ("amazon.nova-lite-v1:0", 200),
        ("us.amazon.nova-lite-v1:0", 200),
        (arn, 403),
        (PROFILE_ARN, 403),
        ("nova-nonesuch", 404),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", 403),
        ("default", 403),
    ] {
        let answer = chat(&app, model).await;
        assert_eq!(answer.status, status, "{model}: {}", answer.text);
    }
    let app = scoped(&["arn:aws:bedrock:*:123456789012:application-inference-profile/*"]).await;
    for (model, status) in [(PROFILE_ARN, 200), (arn, 403), ("nova-lite", 403)] {
        let answer = chat(&app, model).await;
        assert_eq!(answer.status, status, "{model}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_scope_by_bedrocks_ids_keeps_calls_in_a_geography() {
    let app = scoped(&["us.*"]).await;
    let profile = |geography: &str| format!("{geography}.anthropic.claude-haiku-4-5-20251001-v1:0");
    assert_eq!(chat(&app, MODEL).await.status, 200, "it is served from there");
    assert_eq!(chat(&app, &profile("us")).await.status, 200);
    assert_eq!(chat(&app, &profile("global")).await.status, 403);
}

#[tokio::test]
async fn only_models_in_scope_are_there_to_be_seen() {
    let app = scoped(&["nova-l*"]).await;
    let list = app.get("/v1/models").await.json();
    let ids: Vec<_> = list["data"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
    assert_eq!(ids, [&json!("nova-lite")], "{list}");
    assert_eq!(app.get("/v1/models/us.amazon.nova-lite-v1:0").await.json()["id"], "nova-lite");
    for model in [MODEL, "nova-pro", "default"] {
        let answer = app.get(&format!("/v1/models/{model}")).await;
        let code = answer.json()["error"]["code"].clone();
        assert_eq!((answer.status, code), (404, json!("model_not_found")), "{model}");
    }
    let all = TestApp::start().await.get("/v1/models").await.json();
    assert!(all["data"].as_array().unwrap().len() > 10);
}

#[tokio::test]
async fn a_credential_without_the_permission_calls_no_model() {
    let scope = Scope { permissions: Some(vec![Permission::ReadModels]), ..Scope::default() };
    let app = TestApp::with(Setup { scope, ..Setup::default() }).await;
    let refused: [(&str, Value); 3] = [
        ("/v1/chat/completions", json!({"messages": [{"role": "user", "content": "hi"}]})),
        ("/generate", json!({"prompt": "hi"})),
        ("/model/nova-lite/converse", json!({"messages": []})),
    ];
    for (path, body) in refused {
        assert_eq!(app.post(path, &body).await.status, 403, "{path}");
    }
    assert_eq!(app.get("/v1/models").await.status, 200);
}
