//! `POST /v1/embeddings`.

use base64::Engine as _;
use outcrop_types::{Outcome, TokenUsage};
use serde_json::{Value, json};

use crate::harness::{Answer, MODEL, Setup, TestApp, models};

const PATH: &str = "/v1/embeddings";
const TITAN: &str = "titan-embed-text-v2";
/// Every family, and the length of its vectors.
const FAMILIES: [(&str, usize); 8] = [
    ("titan-embed-text-v1", 1536),
    ("titan-embed-g1-text-02", 1536),
    (TITAN, 1024),
    ("titan-embed-image-v1", 1024),
    ("cohere-embed-english-v3", 1024),
    ("cohere-embed-multilingual-v3", 1024),
    ("cohere-embed-v4", 1536),
    ("nova-2-multimodal-embeddings", 3072),
];

fn vectors(answer: &Answer) -> Vec<Vec<f32>> {
    let body = answer.json();
    assert_eq!(answer.status, 200, "{}", answer.text);
    let data = body["data"].as_array().unwrap();
    for (at, entry) in data.iter().enumerate() {
        assert_eq!((&entry["object"], &entry["index"]), (&json!("embedding"), &json!(at)));
    }
    data.iter().map(|it| decoded(&it["embedding"])).collect()
}

/// Floats as numbers, or as base64 of their bytes.
fn decoded(embedding: &Value) -> Vec<f32> {
    let Some(text) = embedding.as_str() else { return serde_json::from_value(embedding.clone()).unwrap() };
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    bytes.chunks_exact(4).map(|it| f32::from_le_bytes(it.try_into().unwrap())).collect()
}

fn tokens(input: u64) -> TokenUsage {
    TokenUsage { input, ..TokenUsage::default() }
}

#[tokio::test]
async fn every_family_answers_in_openais_shape() {
    let app = TestApp::start().await;
    for (at, (model, length)) in FAMILIES.into_iter().enumerate() {
        let path = if at % 2 == 0 { PATH } else { "/api/v1/embeddings" };
        let answer = app.post(path, &json!({"model": model, "input": ["the cat sat", "a dog"]})).await;
        let made = vectors(&answer);
        assert_eq!(made.iter().map(Vec::len).collect::<Vec<_>>(), [length, length], "{model}");
        let body = answer.json();
        assert_eq!((&body["object"], &body["model"]), (&json!("list"), &json!(model)));
        assert_eq!(body["usage"], json!({"prompt_tokens": 5, "total_tokens": 5}), "{model}");
        assert!(answer.header("x-outcrop-model").is_some() && answer.header("x-outcrop-dropped").is_none());
        assert_eq!(answer.header("x-outcrop-region"), Some("us-east-1"));

        let record = app.records(at + 1).await.pop().unwrap();
        assert_eq!((record.operation.as_str(), record.model_asked.as_str()), ("embeddings", model));
        assert_eq!((record.tokens, record.estimated), (tokens(5), false), "{model}");
        assert_eq!((record.outcome, record.streamed), (Outcome::Completed, false));
    }
}

#[tokio::test]
async fn base64_holds_the_same_vectors() {
    let app = TestApp::start().await;
    for (model, _) in FAMILIES {
        let ask = |format: &str| json!({"model": model, "input": "the cat sat", "encoding_format": format});
        let (floats, base64) = (app.post(PATH, &ask("float")).await, app.post(PATH, &ask("base64")).await);
        assert!(base64.json()["data"][0]["embedding"].is_string());
        assert_eq!(vectors(&floats), vectors(&base64), "{model}");
    }
}

#[tokio::test]
async fn three_hundred_texts_keep_their_order() {
    let app = TestApp::start().await;
    let texts: Vec<String> = (0..300).map(|at| format!("number{at}")).collect();
    for (at, model) in [TITAN, "cohere-embed-v4"].into_iter().enumerate() {
        let all = app.post(PATH, &json!({"model": model, "input": texts})).await;
        let made = vectors(&all);
        assert_eq!(made.len(), 300);
        let expected: u64 = texts.iter().map(|it| it.len().div_ceil(8) as u64).sum();
        assert_eq!(all.json()["usage"]["prompt_tokens"], expected);
        for one in [0, 95, 96, 150, 299] {
            let alone = app.post(PATH, &json!({"model": model, "input": texts[one]})).await;
            assert_eq!(vectors(&alone)[0], made[one], "{model} {one}");
        }
        let records = app.records(6 * (at + 1)).await;
        let whole = records.iter().filter(|it| it.tokens == tokens(expected)).count();
        assert_eq!(whole, at + 1, "one record for all parts of a call");
    }
}

#[tokio::test]
async fn tokens_are_as_good_as_texts() {
    let app = TestApp::start().await;
    let ask = |input: Value| json!({"model": TITAN, "input": input});
    let texts = vectors(&app.post(PATH, &ask(json!(["hello world", "hello"]))).await);
    let lists = vectors(&app.post(PATH, &ask(json!([[15339, 1917], [15339]]))).await);
    assert_eq!(texts, lists);
    let one = vectors(&app.post(PATH, &ask(json!([15339, 1917]))).await);
    assert_eq!(one, texts[..1]);
    for (input, param) in [(json!([[15339], [4_000_000]]), "input[1]"), (json!([220]), "input")] {
        let refused = app.post(PATH, &ask(input)).await;
        assert_eq!(
            (refused.status, &refused.json()["error"]["param"]),
            (400, &json!(param)),
            "{}",
            refused.text
        );
    }
}

#[tokio::test]
async fn lengths_and_purposes_are_the_models_own() {
    let app = TestApp::start().await;
    for (model, length) in [
        (TITAN, 256),
        (TITAN, 512),
        ("titan-embed-text-v1", 1536),
        ("titan-embed-image-v1", 384),
        ("cohere-embed-english-v3", 1024),
        ("cohere-embed-v4", 512),
        ("nova-2-multimodal-embeddings", 384),
    ] {
        for input_type in ["search_document", "search_query", "classification", "clustering"] {
            let body = json!({"model": model, "input": "x", "dimensions": length, "input_type": input_type});
            let answer = app.post(PATH, &body).await;
            assert_eq!(vectors(&answer)[0].len(), length, "{model}");
            let named = model.starts_with("titan").then_some("input_type");
            assert_eq!(answer.header("x-outcrop-dropped"), named, "{model} {input_type}");
        }
        let refused = app.post(PATH, &json!({"model": model, "input": "x", "dimensions": 300})).await;
        assert_eq!(
            (refused.status, &refused.json()["error"]["param"]),
            (400, &json!("dimensions")),
            "{model}"
        );
        assert!(refused.text.contains(&length.to_string()), "{}", refused.text);
    }
}

#[tokio::test]
async fn what_cannot_be_done_names_its_field() {
    let app = TestApp::start().await;
    let long = "x".repeat(2_049);
    let cases = [
        (json!({"model": TITAN, "input": ["a", "b", "c", " "]}), 400, "input[3]"),
        (json!({"model": MODEL, "input": "x"}), 400, "model"),
        (json!({"model": "amazon-rerank-v1", "input": "x"}), 400, "model"),
        (json!({"model": "no-such-model", "input": "x"}), 404, "model"),
        (json!({"model": "cohere-embed-english-v3", "input": ["a", long]}), 400, "input[1]"),
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
    // And the other way round: a chat needs a model that writes.
    let body = json!({"model": TITAN, "messages": [{"role": "user", "content": "hi"}]});
    let refused = app.post("/v1/chat/completions", &body).await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["param"]),
        (400, &json!("model")),
        "{}",
        refused.text
    );
    assert!(app.ledger.records.lock().unwrap().is_empty(), "nothing was asked of Bedrock");
}

#[tokio::test]
async fn a_credential_reaches_only_its_models() {
    let app = TestApp::with(Setup { scope: models(&[TITAN]), ..Setup::default() }).await;
    assert_eq!(app.post(PATH, &json!({"model": TITAN, "input": "x"})).await.status, 200);
    assert_eq!(app.post(PATH, &json!({"model": "cohere-embed-v4", "input": "x"})).await.status, 403);
}

#[tokio::test]
async fn what_has_no_place_is_named_or_on_demand_refused() {
    let app = TestApp::start().await;
    let body = json!({"model": TITAN, "input": "x", "user": "日本", "some_future_field": 1});
    let answer = app.post(PATH, &body).await;
    assert_eq!((answer.status, answer.header("x-outcrop-dropped")), (200, Some("user, some_future_field")));
    let purpose = json!({"model": TITAN, "input": "x", "input_type": "search_query"});
    for (body, param) in [
        (json!({"model": TITAN, "input": "x", "user": "日本"}), "user"),
        (body, "some_future_field"),
        (purpose, "input_type"),
    ] {
        let strict = app.request(reqwest::Method::POST, PATH).header("x-outcrop-strict", "true");
        let refused = Answer::of(strict.body(body.to_string()).send().await.unwrap()).await;
        assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!(param)));
    }
}

#[tokio::test]
async fn failures_are_recorded_with_what_they_cost() {
    let app = TestApp::start().await;
    // Refused by Bedrock before it read anything: nothing to record.
    let throttled = app.post(PATH, &json!({"model": TITAN, "input": "[[fault: throttling]]"})).await;
    assert_eq!((throttled.status, &throttled.json()["error"]["type"]), (429, &json!("rate_limit_error")));
    // The model failed: it may have been charged for.
    let failed = app.post(PATH, &json!({"model": TITAN, "input": "[[fault: modelError]]"})).await;
    assert_eq!(failed.status, 502, "{}", failed.text);
    let record = app.records(1).await.pop().unwrap();
    assert_eq!((record.outcome, record.error.as_deref()), (Outcome::Failed, Some("upstream")));
    assert_eq!((record.tokens, record.estimated), (tokens(6), true));

    // The last of many parts fails: what the others used is recorded.
    let mut texts = vec!["one two three"; 40];
    texts.push("[[latency: 400]] [[fault: throttling]]");
    let refused = app.post(PATH, &json!({"model": TITAN, "input": texts})).await;
    assert_eq!(refused.status, 429, "{}", refused.text);
    let record = app.records(2).await.pop().unwrap();
    assert_eq!((record.outcome, record.error.as_deref()), (Outcome::Failed, Some("rate_limited")));
    // The last one is not sent before all others are: three tokens of each, or four where it had to be estimated.
    assert!(record.tokens.input >= 120, "{record:?}");
}

#[tokio::test]
async fn a_client_that_goes_away_pays_for_what_was_sent() {
    let app = TestApp::start().await;
    let texts = vec!["[[latency: 5000]] x"; 40];
    let body = json!({"model": TITAN, "input": texts});
    let waiting = tokio::time::timeout(std::time::Duration::from_millis(700), app.send(PATH, &body));
    assert!(waiting.await.is_err(), "answered before the client could go away");
    let record = app.records(1).await.pop().unwrap();
    assert_eq!((record.outcome, record.estimated), (Outcome::Cancelled, true));
    // Eight parts were under way, of about five tokens each.
    assert_eq!(record.tokens, tokens(40), "{record:?}");
}
