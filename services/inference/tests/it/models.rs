//! `GET /v1/models`.

use crate::harness::{MODEL, TestApp};

#[tokio::test]
async fn models_are_listed_and_found_by_any_name() {
    let app = TestApp::start().await;
    let list = app.get("/v1/models").await.json();
    assert_eq!(list["object"], "list");
    let ids: Vec<_> = list["data"].as_array().unwrap().iter().filter_map(|it| it["id"].as_str()).collect();
    assert!(ids.contains(&MODEL), "{ids:?}");

    let profile = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
    let encoded = profile.replace(':', "%3A");
    let arn = format!("arn:aws:bedrock:us-east-1:123456789012:inference-profile/{profile}");
    let encoded_arn = arn.replace(':', "%3A").replace('/', "%2F");
    for name in [MODEL, profile, &encoded, &arn, &encoded_arn] {
        for base in ["/v1", "/api/v1"] {
            let answer = app.get(&format!("{base}/models/{name}")).await;
            assert_eq!(answer.status, 200, "{base} {name}: {}", answer.text);
            assert_eq!(answer.json()["object"], "model", "{name}");
            assert_eq!(answer.json()["id"], MODEL, "{name}");
        }
    }
    let answer = app.get("/v1/models/nonesuch").await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (404, &"model_not_found".into()));
}
