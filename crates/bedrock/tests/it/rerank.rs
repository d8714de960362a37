//! Sorting by relevance: what each family is asked, and the emulator as the far end.

use std::time::Duration;

use outcrop_ports::{ModelCatalog, ModelFailure, RerankCall, Reranker, Tally};
use outcrop_types::TokenUsage;
use serde_json::{Value, json};

use crate::emulator::start;
use crate::fake::{catalog, model, ok};

fn rerank(name: &str, documents: &[&str]) -> RerankCall {
    RerankCall {
        model: catalog().resolve(Some(name)).unwrap(),
        query: "where is the cat".to_owned(),
        documents: documents.iter().map(|it| (*it).to_owned()).collect(),
        top_n: None,
        deadline: Duration::from_secs(10),
        tally: Tally::default(),
    }
}

#[tokio::test]
async fn each_family_is_asked_in_its_own_words() {
    let answer = r#"{"results":[{"index":0,"relevance_score":0.5}]}"#;
    let cases = [
        (
            "cohere-rerank-v3-5",
            json!({"query": "where is the cat", "documents": ["a"], "top_n": 1, "api_version": 2}),
        ),
        ("amazon-rerank-v1", json!({"query": "where is the cat", "documents": ["a"], "top_n": 1})),
    ];
    for (name, expected) in cases {
        let (model, sent) = model(ok(answer));
        let ranking = model.rerank(RerankCall { top_n: Some(1), ..rerank(name, &["a"]) }).await.unwrap();
        assert_eq!((ranking[0].index, ranking[0].score), (0, 0.5));
        let body: Value = serde_json::from_str(&sent.lock().unwrap()[0].body).unwrap();
        assert_eq!(body, expected);
    }
}

#[tokio::test]
async fn the_best_come_first_and_queries_are_counted_by_the_hundred() {
    let (model, _stop) = start(vec![]).await;
    for (count, queries) in [(1, 1), (100, 1), (101, 2), (1000, 10)] {
        let mut documents = vec!["stock prices fell"; count];
        documents[count - 1] = "the cat is here";
        for name in ["cohere-rerank-v3-5", "amazon-rerank-v1"] {
            let call = rerank(name, &documents);
            let tally = call.tally.clone();
            let ranking = model.rerank(call).await.unwrap();
            assert_eq!((ranking.len(), ranking[0].index), (count, count - 1), "{name}");
            assert_eq!(tally.read(), (TokenUsage { queries, ..TokenUsage::default() }, false));
        }
    }
}

#[tokio::test]
async fn failures_cost_nothing_and_what_does_not_rank_is_not_asked() {
    let (model, _stop) = start(vec![]).await;
    let call = rerank("cohere-rerank-v3-5", &[]);
    let tally = call.tally.clone();
    assert_eq!(model.rerank(call).await.unwrap_err().failure, ModelFailure::Invalid);
    assert_eq!(tally.read(), (TokenUsage::default(), false));
    assert_eq!(model.rerank(rerank("nova-lite", &["a"])).await.unwrap_err().failure, ModelFailure::Invalid);
}
