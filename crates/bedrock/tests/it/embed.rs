//! Vectors: what each family is asked, and the emulator as the far end.

use std::time::Duration;

use outcrop_emulator::{FaultKind, FaultRule};
use outcrop_ports::{EmbedCall, EmbedPurpose, Embedder, ModelCatalog, ModelError, ModelFailure, Tally};
use outcrop_types::TokenUsage;
use serde_json::{Value, json};

use crate::emulator::start;
use crate::fake::{catalog, model, ok};

fn embed(name: &str, inputs: &[&str]) -> EmbedCall {
    EmbedCall {
        model: catalog().resolve(Some(name)).unwrap(),
        inputs: inputs.iter().map(|it| (*it).to_owned()).collect(),
        dimensions: None,
        purpose: EmbedPurpose::Document,
        metadata: [("user".to_owned(), "u-1".to_owned())].into(),
        deadline: Duration::from_secs(20),
        tally: Tally::default(),
    }
}

/// The body that is sent for one text, and what becomes of the answer.
async fn sent(call: EmbedCall, answer: Value) -> (Value, Result<Vec<Vec<f32>>, ModelError>) {
    let (model, sent) = model(ok(&answer.to_string()));
    let vectors = model.embed(call).await;
    let sent = sent.lock().unwrap();
    assert_eq!(sent.len(), 1);
    assert!(sent[0].uri.ends_with("/invoke"), "{}", sent[0].uri);
    (serde_json::from_str(&sent[0].body).unwrap(), vectors)
}

#[tokio::test]
async fn each_family_is_asked_in_its_own_words() {
    let titan = json!({"embedding": [0.5, 1]});
    let by_type = json!({"embeddings": {"float": [[0.5, 1]]}});
    let nova = json!({"embeddings": [{"embeddingType": "TEXT", "embedding": [0.5, 1]}]});
    let nova_asked = |purpose: &str| {
        json!({"schemaVersion": "nova-multimodal-embed-v1", "taskType": "SINGLE_EMBEDDING",
            "singleEmbeddingParams": {"embeddingPurpose": purpose,
                "text": {"truncationMode": "NONE", "value": "a cat"}}})
    };
    let cohere = |input_type: &str| json!({"texts": ["a cat"], "input_type": input_type, "truncate": "NONE"});
    let cohere_v4 = json!({"texts": ["a cat"], "input_type": "classification", "truncate": "NONE",
        "embedding_types": ["float"]});
    use EmbedPurpose::{Classification, Clustering, Document, Query};
    let cases = [
        ("titan-embed-text-v1", Query, titan.clone(), json!({"inputText": "a cat"})),
        ("titan-embed-g1-text-02", Document, titan.clone(), json!({"inputText": "a cat"})),
        ("titan-embed-text-v2", Document, titan.clone(), json!({"inputText": "a cat", "normalize": true})),
        ("titan-embed-image-v1", Document, titan, json!({"inputText": "a cat"})),
        ("cohere-embed-english-v3", Document, json!({"embeddings": [[0.5, 1]]}), cohere("search_document")),
        ("cohere-embed-multilingual-v3", Query, json!({"embeddings": [[0.5, 1]]}), cohere("search_query")),
        ("cohere-embed-v4", Classification, by_type, cohere_v4),
        ("nova-2-multimodal-embeddings", Document, nova.clone(), nova_asked("GENERIC_INDEX")),
        ("nova-2-multimodal-embeddings", Query, nova.clone(), nova_asked("GENERIC_RETRIEVAL")),
        ("nova-2-multimodal-embeddings", Clustering, nova, nova_asked("CLUSTERING")),
    ];
    for (name, purpose, answer, expected) in cases {
        let (body, vectors) = sent(EmbedCall { purpose, ..embed(name, &["a cat"]) }, answer).await;
        assert_eq!(body, expected, "{name}");
        assert_eq!(vectors.unwrap(), [[0.5, 1.0]], "{name}");
    }
}

#[tokio::test]
async fn lengths_stand_where_each_family_has_them() {
    let cases = [
        ("titan-embed-text-v2", "/dimensions"),
        ("titan-embed-image-v1", "/embeddingConfig/outputEmbeddingLength"),
        ("cohere-embed-v4", "/output_dimension"),
        ("nova-2-multimodal-embeddings", "/singleEmbeddingParams/embeddingDimension"),
    ];
    for (name, place) in cases {
        let call = EmbedCall { dimensions: Some(256), ..embed(name, &["a cat"]) };
        let (body, vectors) = sent(call, json!({"embedding": [1], "embeddings": {"float": [[1]]}})).await;
        assert_eq!(body.pointer(place), Some(&json!(256)), "{name}: {body}");
        // A vector of another length would be compared with those of this one.
        assert_eq!(vectors.unwrap_err().failure, ModelFailure::Model, "{name}");
    }
}

#[tokio::test]
async fn many_texts_come_back_in_their_order() {
    let (model, _stop) = start(vec![]).await;
    for (name, count) in
        [("titan-embed-text-v2", 300), ("cohere-embed-english-v3", 200), ("cohere-embed-v4", 97)]
    {
        let texts: Vec<String> = (0..count).map(|at| format!("word{at} number{}", at * 7)).collect();
        let borrowed: Vec<&str> = texts.iter().map(String::as_str).collect();
        let call = embed(name, &borrowed);
        let tally = call.tally.clone();
        let vectors = model.embed(call).await.unwrap();
        assert_eq!(vectors.len(), count, "{name}");
        for at in [0, 1, 7, 8, 95, 96, count - 1] {
            let alone = model.embed(embed(name, &borrowed[at..=at])).await.unwrap();
            assert_eq!(vectors[at], alone[0], "{name} {at}");
        }
        // As the emulator counts: a token for each started eight bytes of a word.
        let expected: u64 =
            texts.iter().flat_map(|it| it.split(' ')).map(|it| it.len().div_ceil(8) as u64).sum();
        assert_eq!(tally.read(), (TokenUsage { input: expected, ..TokenUsage::default() }, false), "{name}");
    }
}

#[tokio::test]
async fn a_failed_part_fails_all_and_what_was_used_is_known() {
    let rule = |kind| FaultRule::next(kind, 1);
    let texts: Vec<&str> = vec!["one two three"; 40];
    // More parts fail than can be meant; others were answered or under way, and how those ended is known, too.
    let (model, _stop) = start(vec![FaultRule::next(FaultKind::Throttling, 7)]).await;
    let call = embed("titan-embed-text-v2", &texts);
    let tally = call.tally.clone();
    let error = model.embed(call).await.unwrap_err();
    assert_eq!(error.failure, ModelFailure::Throttled);
    let (used, estimated) = tally.read();
    assert!(used.input > 0 && used.input < 40 * 4 && !estimated, "{used:?}");

    // Nobody was answered: the call may be made elsewhere at no loss.
    let (model, _stop) = start(vec![FaultRule::share(FaultKind::Throttling, 1.0)]).await;
    let call = embed("titan-embed-text-v2", &texts);
    let tally = call.tally.clone();
    assert_eq!(model.embed(call).await.unwrap_err().failure, ModelFailure::Throttled);
    assert_eq!(tally.read(), (TokenUsage::default(), false));

    // The only part fails at no cost, and at some.
    for (kind, cost) in [(FaultKind::Throttling, 0), (FaultKind::ModelError, 4)] {
        let (model, _stop) = start(vec![rule(kind)]).await;
        let call = embed("cohere-embed-v4", &["one two three"]);
        let tally = call.tally.clone();
        model.embed(call).await.unwrap_err();
        assert_eq!(tally.read(), (TokenUsage { input: cost, ..TokenUsage::default() }, cost > 0), "{kind:?}");
    }
}

#[tokio::test]
async fn a_part_is_asked_again_and_the_answers_of_others_are_kept() {
    let texts: Vec<String> = (0..60).map(|at| format!("word{at}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (sound, _stop) = start(vec![]).await;
    let expected = sound.embed(embed("titan-embed-text-v2", &texts)).await.unwrap();
    for fault in [FaultKind::Throttling, FaultKind::ServiceUnavailable] {
        let (model, _stop) = start(vec![FaultRule::next(fault, 2)]).await;
        let call = embed("titan-embed-text-v2", &texts);
        let tally = call.tally.clone();
        assert_eq!(model.embed(call).await.unwrap(), expected, "{fault:?}");
        assert_eq!(tally.read(), (TokenUsage { input: 60, ..TokenUsage::default() }, false), "{fault:?}");
    }
}

#[tokio::test]
async fn the_deadline_holds_for_all_parts_together() {
    let (model, _stop) = start(vec![]).await;
    let slow = ["[[latency: 200]] x"; 40];
    let call = EmbedCall { deadline: Duration::from_millis(500), ..embed("titan-embed-text-v2", &slow) };
    let tally = call.tally.clone();
    let begun = std::time::Instant::now();
    assert_eq!(model.embed(call).await.unwrap_err().failure, ModelFailure::TimedOut);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    let (used, estimated) = tally.read();
    assert!(estimated && used.input > 0, "what was answered and what was under way: {used:?}");
}

#[tokio::test]
async fn what_makes_no_vectors_is_not_asked() {
    let (model, sent) = model(ok("{}"));
    let error = model.embed(embed("nova-lite", &["x"])).await.unwrap_err();
    assert_eq!((error.failure, sent.lock().unwrap().len()), (ModelFailure::Invalid, 0));
}

#[tokio::test]
async fn fewer_vectors_than_texts_are_no_answer() {
    let (model, _) = model(ok(r#"{"embeddings":[[1,2]]}"#));
    let call = embed("cohere-embed-english-v3", &["a", "b"]);
    assert_eq!(model.embed(call).await.unwrap_err().failure, ModelFailure::Model);
}
