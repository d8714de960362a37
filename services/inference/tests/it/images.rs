//! `POST /v1/images/generations`.

use std::collections::BTreeSet;

use base64::Engine as _;
use outcrop_types::{Outcome, TokenUsage};
use serde_json::{Value, json};

use crate::harness::{MODEL, TestApp};

const PATH: &str = "/v1/images/generations";

fn ask(model: &str, more: &Value) -> Value {
    let mut body = json!({"model": model, "prompt": "a cat"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn every_family_makes_as_many_pictures_as_were_asked_for() {
    let app = TestApp::start().await;
    let families = [
        ("nova-canvas", "1280x720"),
        ("titan-image-generator-v2", "768x768"),
        ("stable-image-core", "1024x1536"),
        ("stable-image-ultra", "auto"),
        ("sd3-5-large", "1920x1080"),
    ];
    for (at, (model, size)) in families.into_iter().enumerate() {
        let path = if at == 0 { "/api/v1/images/generations" } else { PATH };
        let count = at as u64 * 2 + 1;
        let answer = app.post(path, &ask(model, &json!({"n": count, "size": size}))).await;
        assert_eq!(answer.status, 200, "{model}: {}", answer.text);
        let body = answer.json();
        assert!(body["created"].as_i64().unwrap() > 0);
        let images: BTreeSet<_> =
            body["data"].as_array().unwrap().iter().map(|it| it["b64_json"].as_str().unwrap()).collect();
        assert_eq!(images.len() as u64, count, "{model}: as many, and all different");
        for image in images {
            let file = base64::engine::general_purpose::STANDARD.decode(image).unwrap();
            assert!(file.starts_with(b"\x89PNG\r\n\x1a\n"));
        }
        assert_eq!(answer.header("x-outcrop-dropped"), None);

        let record = app.records(at + 1).await.pop().unwrap();
        let expected = TokenUsage { images: count, ..TokenUsage::default() };
        assert_eq!((record.tokens, record.estimated, record.outcome), (expected, false, Outcome::Completed));
        assert_eq!(record.operation, "images");
    }
}

#[tokio::test]
async fn a_seed_makes_the_same_picture_again_and_none_another() {
    let app = TestApp::start().await;
    for model in ["nova-canvas", "sd3-5-large"] {
        let ask = |seed: Value| ask(model, &json!({"seed": seed}));
        let first = app.post(PATH, &ask(json!(7))).await.json()["data"].clone();
        assert_eq!(app.post(PATH, &ask(json!(7))).await.json()["data"], first, "{model}");
        assert_ne!(app.post(PATH, &ask(json!(null))).await.json()["data"], first, "{model}");
        let any = app.post(PATH, &ask(json!(null))).await.json()["data"].clone();
        assert_ne!(app.post(PATH, &ask(json!(null))).await.json()["data"], any, "{model}");
    }
}

#[tokio::test]
async fn what_has_no_place_is_named() {
    let app = TestApp::start().await;
    let more = json!({"style": "vivid", "quality": "hd", "cfg_scale": 5});
    let answer = app.post(PATH, &ask("nova-canvas", &more)).await;
    assert_eq!((answer.status, answer.header("x-outcrop-dropped")), (200, Some("style")), "{}", answer.text);
    let answer = app.post(PATH, &ask("stable-image-core", &more)).await;
    let dropped = Some("style, quality, cfg_scale");
    assert_eq!((answer.status, answer.header("x-outcrop-dropped")), (200, dropped), "{}", answer.text);
}

#[tokio::test]
async fn what_a_filter_holds_back_is_a_violation_of_policy() {
    let app = TestApp::start().await;
    for (at, model) in ["nova-canvas", "stable-image-ultra"].into_iter().enumerate() {
        let refused = app.post(PATH, &ask(model, &json!({"prompt": "[[stop: content_filtered]]"}))).await;
        let error = refused.json()["error"].clone();
        assert_eq!((refused.status, &error["param"]), (400, &json!("prompt")), "{}", refused.text);
        assert_eq!(error["code"], "content_policy_violation", "{}", refused.text);
        let record = app.records(at + 1).await.pop().unwrap();
        assert_eq!((record.outcome, record.tokens), (Outcome::Failed, TokenUsage::default()));
    }
}

#[tokio::test]
async fn what_cannot_be_done_names_its_field() {
    let app = TestApp::start().await;
    let cases = [
        (ask(MODEL, &json!({})), 400, "model"),
        (ask("no-such-model", &json!({})), 404, "model"),
        (ask("", &json!({})), 400, "model"),
        (ask("nova-canvas", &json!({"model": null})), 400, "model"),
        (ask("nova-canvas", &json!({"response_format": "url"})), 400, "response_format"),
        (ask("nova-canvas", &json!({"stream": true})), 400, "stream"),
        (ask("nova-canvas", &json!({"prompt": "x".repeat(1_025)})), 400, "prompt"),
        (ask("sd3-5-large", &json!({"size": "1792x1024"})), 400, "size"),
    ];
    for (body, status, param) in cases {
        let refused = app.post(PATH, &body).await;
        assert_eq!(
            (refused.status, &refused.json()["error"]["param"]),
            (status, &json!(param)),
            "{}",
            refused.text
        );
    }
    assert!(app.ledger.records.lock().unwrap().is_empty());
    for path in ["/v1/images/edits", "/v1/images/variations", "/v1/images"] {
        assert_eq!(app.post(path, &ask("nova-canvas", &json!({}))).await.status, 404, "{path}");
    }
}
