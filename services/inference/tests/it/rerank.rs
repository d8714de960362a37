//! `POST /v1/rerank`.

use outcrop_types::{Outcome, TokenUsage};
use serde_json::{Value, json};

use crate::harness::{MODEL, TestApp};

const PATH: &str = "/v1/rerank";

fn ask(model: &str, more: &Value) -> Value {
    let documents = json!(["stock prices fell", "the cat sat on the mat", {"text": "a cat and a dog"}]);
    let mut body = json!({"model": model, "query": "where is the cat", "documents": documents});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn both_families_answer_in_coheres_shape() {
    let app = TestApp::start().await;
    let asked = [
        ("cohere-rerank-v3-5", PATH),
        ("amazon-rerank-v1", "/api/v1/rerank"),
        ("cohere-rerank-v3-5", "/v2/rerank"),
    ];
    for (at, (model, path)) in asked.into_iter().enumerate() {
        let answer = app.post(path, &ask(model, &json!({}))).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let body = answer.json();
        let results = body["results"].as_array().unwrap();
        let order: Vec<_> = results.iter().map(|it| it["index"].as_u64().unwrap()).collect();
        assert_eq!(order, [1, 2, 0], "{model}");
        let scores: Vec<_> = results.iter().map(|it| it["relevance_score"].as_f64().unwrap()).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b) && scores[0] <= 1.0, "{scores:?}");
        assert!(results[0].get("document").is_none());
        assert_eq!(body["meta"]["billed_units"], json!({"search_units": 1}));
        assert!(!body["id"].as_str().unwrap().is_empty());
        assert!(answer.header("x-outcrop-model").unwrap().contains("rerank"));

        let record = app.records(at + 1).await.pop().unwrap();
        let expected = TokenUsage { queries: 1, ..TokenUsage::default() };
        assert_eq!((record.tokens, record.estimated, record.outcome), (expected, false, Outcome::Completed));
        assert_eq!(record.operation, "rerank");
    }
}

#[tokio::test]
async fn the_best_few_with_their_texts() {
    let app = TestApp::start().await;
    let more = json!({"top_n": 1, "return_documents": true, "max_tokens_per_doc": 100});
    let answer = app.post(PATH, &ask("cohere-rerank-v3-5", &more)).await;
    let results = answer.json()["results"].clone();
    assert_eq!(results.as_array().unwrap().len(), 1, "{}", answer.text);
    assert_eq!(results[0]["document"], json!({"text": "the cat sat on the mat"}));
    assert_eq!(answer.header("x-outcrop-dropped"), Some("max_tokens_per_doc"));
    let all = app.post(PATH, &ask("amazon-rerank-v1", &json!({"top_k": 50}))).await;
    assert_eq!(all.json()["results"].as_array().unwrap().len(), 3, "more than there are means all");
}

#[tokio::test]
async fn queries_are_counted_by_the_hundred() {
    let app = TestApp::start().await;
    let body = json!({"model": "amazon-rerank-v1", "query": "q", "documents": vec!["d"; 201]});
    let answer = app.post(PATH, &body).await;
    assert_eq!(answer.json()["meta"]["billed_units"]["search_units"], 3, "{}", answer.text);
    assert_eq!(app.records(1).await[0].tokens, TokenUsage { queries: 3, ..TokenUsage::default() });
    let usage = app.get("/v1/usage").await.json();
    assert_eq!(usage["data"][0]["tokens"]["queries"], 3, "{usage}");
}

#[tokio::test]
async fn what_cannot_be_done_names_its_field() {
    let app = TestApp::start().await;
    let cases = [
        (ask(MODEL, &json!({})), 400, "model"),
        (ask("titan-embed-text-v2", &json!({})), 400, "model"),
        (ask("no-such-model", &json!({})), 404, "model"),
        (ask("", &json!({})), 400, "model"),
        (ask("nova-canvas", &json!({"model": null})), 400, "model"),
        (ask("cohere-rerank-v3-5", &json!({"rank_fields": ["title"]})), 400, "rank_fields"),
        (ask("cohere-rerank-v3-5", &json!({"documents": [""]})), 400, "documents[0]"),
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
    let failed =
        app.post(PATH, &ask("cohere-rerank-v3-5", &json!({"query": "[[fault: modelTimeout]]"}))).await;
    assert_eq!(failed.status, 504, "{}", failed.text);
    let record = app.records(1).await.pop().unwrap();
    assert_eq!((record.outcome, record.tokens.queries, record.estimated), (Outcome::Failed, 1, true));
}
