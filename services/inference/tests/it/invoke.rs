//! `POST /model/{id}/invoke`, `/invoke-with-response-stream` and `/count-tokens`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use outcrop_config::MediaConfig;
use outcrop_types::{Outcome, Role, TokenUsage};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, MODEL, Setup, TestApp, models};

const TITAN: &str = "amazon.titan-embed-text-v2:0";

fn claude(text: &str) -> Value {
    json!({
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": text}],
    })
}

/// The events of a stream, each as its name and its payload; chunks as the JSON within them.
async fn streamed(app: &TestApp, body: &Value) -> Vec<(String, Value)> {
    let response = app.send(&format!("/model/{MODEL}/invoke-with-response-stream"), body).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/vnd.amazon.eventstream");
    assert_eq!(response.headers()["x-amzn-bedrock-content-type"], "application/json");
    let mut bytes = response.bytes().await.unwrap();
    let mut events = Vec::new();
    while !bytes.is_empty() {
        let message = aws_smithy_eventstream::frame::read_message_from(&mut bytes).unwrap();
        let name = message.headers().iter().find(|it| it.name().as_str().ends_with("-type")).unwrap();
        let name = name.value().as_string().unwrap().as_str().to_owned();
        let mut payload: Value = serde_json::from_slice(message.payload()).unwrap();
        if let Some(chunk) = payload["bytes"].as_str() {
            payload = serde_json::from_slice(&STANDARD.decode(chunk).unwrap()).unwrap();
        }
        events.push((name, payload));
    }
    events
}

#[tokio::test]
async fn the_models_own_answer_comes_with_bedrocks_counts() {
    let app = TestApp::start().await;
    let body = claude("[[say: Good day]] [[usage: input=9,output=4,cacheRead=2]]");
    let answer = app.post(&format!("/model/{MODEL}/invoke"), &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let json = answer.json();
    assert_eq!((&json["type"], &json["content"][0]["text"]), (&json!("message"), &json!("Good day")));
    for (header, value) in [
        ("content-type", "application/json"),
        ("x-amzn-bedrock-input-token-count", "9"),
        ("x-amzn-bedrock-output-token-count", "4"),
        ("x-amzn-bedrock-cache-read-input-token-count", "2"),
        ("x-amzn-bedrock-cache-write-input-token-count", "0"),
    ] {
        assert_eq!(answer.header(header), Some(value), "{header}");
    }
    assert!(answer.header("x-amzn-bedrock-invocation-latency").is_some());
    assert!(answer.header("x-amzn-requestid").is_some());
    let record = app.records(1).await.remove(0);
    assert_eq!((record.dialect.as_str(), record.operation.as_str()), ("bedrock", "invoke"));
    assert_eq!((record.tokens.input, record.tokens.cache_read, record.tokens.output), (9, 2, 4));
    assert_eq!((record.streamed, record.estimated, record.outcome), (false, false, Outcome::Completed));
}

#[tokio::test]
async fn the_body_is_not_touched() {
    let app = TestApp::start().await;
    // A member that nobody here knows is the model's to refuse.
    let mut body = claude("hi");
    body["max_tokens"] = json!("many");
    let answer = app.post(&format!("/model/{MODEL}/invoke"), &body).await;
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, Some("ValidationException")));
    assert!(answer.text.contains("max_tokens"), "{}", answer.text);
}

#[tokio::test]
async fn models_that_write_no_text_are_called_too() {
    let app = TestApp::start().await;
    let encoded = TITAN.replace(':', "%3A");
    for model in [TITAN, &encoded] {
        let body = json!({"inputText": "Good day", "dimensions": 256});
        let answer = app.post(&format!("/model/{model}/invoke"), &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json()["embedding"].as_array().unwrap().len(), 256);
        assert_ne!(answer.header("x-amzn-bedrock-input-token-count"), Some("0"));
    }
    let records = app.records(2).await;
    assert!(records.iter().all(|it| it.tokens.input > 0 && !it.estimated), "{records:?}");
}

#[tokio::test]
async fn a_stream_passes_through_and_is_metered_by_its_last_chunk() {
    let app = TestApp::start().await;
    let body = claude("[[say: one two three]] [[usage: input=9,output=4]]");
    let events = streamed(&app, &body).await;
    assert!(events.iter().all(|(name, _)| name == "chunk"), "{events:?}");
    let text: String = events.iter().filter_map(|(_, it)| it["delta"]["text"].as_str()).collect();
    assert_eq!(text, "one two three");
    let (_, last) = events.last().unwrap();
    assert_eq!(last["amazon-bedrock-invocationMetrics"]["inputTokenCount"], 9, "{last}");
    let record = app.records(1).await.remove(0);
    assert_eq!((record.tokens.input, record.tokens.output), (9, 4));
    assert_eq!((record.streamed, record.estimated, record.outcome), (true, false, Outcome::Completed));
    assert!(record.first_token_ms.is_some());
}

#[tokio::test]
async fn a_stream_that_is_left_is_estimated() {
    let app = TestApp::start().await;
    let body = claude("[[tokens: 90]] [[rate: 100]]");
    let mut response = app.send(&format!("/model/{MODEL}/invoke-with-response-stream"), &body).await;
    response.chunk().await.unwrap().unwrap();
    drop(response);
    let record = app.records(1).await.remove(0);
    assert_eq!((record.outcome, record.estimated), (Outcome::Cancelled, true));
    assert!(record.tokens.input > 0, "{record:?}");
}

#[tokio::test]
async fn failures_keep_their_names() {
    let app = TestApp::start().await;
    for (fault, status, exception) in [
        ("throttling", 429, "ThrottlingException"),
        ("accessDenied", 403, "AccessDeniedException"),
        ("internalServer", 500, "InternalServerException"),
        ("modelError", 424, "ModelErrorException"),
        ("modelTimeout", 408, "ModelTimeoutException"),
        ("modelNotReady", 429, "ModelNotReadyException"),
        ("serviceQuotaExceeded", 400, "ServiceQuotaExceededException"),
    ] {
        for operation in ["invoke", "invoke-with-response-stream"] {
            let body = claude(&format!("[[fault: {fault}]]"));
            let answer = app.post(&format!("/model/{MODEL}/{operation}"), &body).await;
            assert_eq!(answer.status, status, "{fault}: {}", answer.text);
            assert_eq!(answer.header("x-amzn-errortype"), Some(exception), "{fault}");
        }
    }
    for (fault, exception) in
        [("streamThrottling after 4", "throttlingException"), ("cut after 4", "serviceUnavailableException")]
    {
        let body = claude(&format!("[[fault: {fault}]] [[tokens: 40]] [[chunk: 1]]"));
        let events = streamed(&app, &body).await;
        let (name, payload) = events.last().unwrap();
        assert_eq!(name, exception, "{fault}");
        assert!(payload["message"].is_string(), "{payload}");
    }
}

#[tokio::test]
async fn headers_are_read_and_unknown_ones_refused() {
    let app = TestApp::start().await;
    let send = async |operation: &str, name: &str, value: &str| {
        let request = app.request(Method::POST, &format!("/model/{MODEL}/{operation}"));
        let request = request.header("content-type", "application/json").header(name, value);
        Answer::of(request.body(claude("hi").to_string()).send().await.unwrap()).await
    };
    for (operation, name, value) in [
        ("invoke", "x-amzn-bedrock-service-tier", "flex"),
        ("invoke", "x-amzn-bedrock-performanceconfig-latency", "standard"),
        ("invoke", "x-amzn-bedrock-request-metadata", r#"{"team":"search"}"#),
        ("invoke", "accept", "*/*"),
        ("invoke-with-response-stream", "x-amzn-bedrock-accept", "application/json"),
    ] {
        let answer = send(operation, name, value).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
    }
    for (name, value) in [
        ("x-amzn-bedrock-service-tier", "gold"),
        ("x-amzn-bedrock-trace", "on"),
        ("x-amzn-bedrock-request-metadata", "{"),
        ("x-amzn-bedrock-something-new", "1"),
    ] {
        let answer = send("invoke", name, value).await;
        assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, Some("ValidationException")));
        assert!(answer.text.contains(name), "{}", answer.text);
    }
}

#[tokio::test]
async fn scope_and_role_hold() {
    let app = TestApp::with(Setup { scope: models(&["nova-*"]), ..Setup::default() }).await;
    for operation in ["invoke", "invoke-with-response-stream"] {
        let answer = app.post(&format!("/model/{MODEL}/{operation}"), &claude("hi")).await;
        assert_eq!((answer.status, answer.header("x-amzn-errortype")), (403, Some("AccessDeniedException")));
    }
    let count = json!({"input": {"converse": {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}}});
    let answer = app.post(&format!("/model/{MODEL}/count-tokens"), &count).await;
    assert_eq!(answer.status, 403);
    let app = TestApp::with(Setup { role: Role::Viewer, ..Setup::default() }).await;
    for operation in ["invoke", "invoke-with-response-stream", "count-tokens"] {
        assert_eq!(app.post(&format!("/model/{MODEL}/{operation}"), &claude("hi")).await.status, 403);
    }
    let answer = app.post("/model/nonesuch/invoke", &claude("hi")).await;
    assert_eq!(answer.status, 403, "what a viewer may not do comes first");
}

#[tokio::test]
async fn tokens_are_counted_and_cost_nothing() {
    let app = TestApp::start().await;
    let count = async |input: Value| {
        let answer = app.post(&format!("/model/{MODEL}/count-tokens"), &json!({"input": input})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["inputTokens"].as_u64().unwrap()
    };
    let converse =
        |text: &str| json!({"converse": {"messages": [{"role": "user", "content": [{"text": text}]}]}});
    let (few, more) = (count(converse("Hello")).await, count(converse(&"Hello ".repeat(50))).await);
    assert!(0 < few && few < more, "{few} {more}");
    let body = STANDARD.encode(claude("Hello").to_string());
    assert!(count(json!({"invokeModel": {"body": body}})).await > 0);

    let answer = app.post("/model/nova-lite/count-tokens", &json!({"input": converse("Hello")})).await;
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, Some("ValidationException")));
    let answer = app.post(&format!("/model/{MODEL}/count-tokens"), &json!({"input": {}})).await;
    assert!(answer.text.contains("input"), "{}", answer.text);
    assert!(app.ledger.records.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_is_not_served_says_so() {
    let app = TestApp::start().await;
    let bidirectional = format!("/model/{MODEL}/invoke-with-bidirectional-stream");
    let others = ["/async-invoke", "/guardrail/gr1/version/1/apply", "/guardrail-checks/invoke"];
    for path in others.into_iter().chain([bidirectional.as_str()]) {
        let answer = app.post(path, &json!({})).await;
        let told = (answer.status, answer.header("x-amzn-errortype"));
        assert_eq!(told, (404, Some("UnknownOperationException")), "{path}");
        assert!(answer.json()["message"].is_string(), "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_model_reads_only_what_the_operator_lets_it_read_in_s3() {
    const NOVA: &str = "amazon.nova-2-multimodal-embeddings-v1:0";
    let s3 = |uri: &str| {
        let image = json!({"format": "png", "source": {"s3Location": {"uri": uri}}});
        let params = json!({"embeddingPurpose": "GENERIC_INDEX", "image": image});
        json!({"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": params})
    };
    let counted = |body: &str| json!({"input": {"invokeModel": {"body": STANDARD.encode(body)}}});
    let param = "singleEmbeddingParams.image.source.s3Location.uri";
    let app = TestApp::start().await;
    let body = s3("s3://open/a.png");
    for operation in ["invoke", "invoke-with-response-stream"] {
        let answer = app.post(&format!("/model/{NOVA}/{operation}"), &body).await;
        assert_eq!(answer.status, 400, "{operation}");
        assert!(answer.text.contains(param), "{operation}: {}", answer.text);
    }
    let escaped =
        body.to_string().replace("s3Location", "\\u00733Location").replace("s3:/", "\\u0073\\u0033:\\/");
    let answer = app.post(&format!("/model/{NOVA}/count-tokens"), &counted(&escaped)).await;
    assert!(answer.status == 400 && answer.text.contains(param), "{}", answer.text);
    let more = json!({"a": {"s3Uri": "s3://open/a.png"}});
    let turns = json!([{"role": "user", "content": [{"text": "hi"}]}]);
    let converse = json!({"messages": turns, "additionalModelRequestFields": more});
    let answer = app.post("/model/nova-lite/converse", &converse).await;
    assert!(answer.text.contains("additionalModelRequestFields.a.s3Uri"), "{}", answer.text);
    let mut claude = claude("hi");
    claude["messages"][0]["content"] =
        json!([{"type": "video", "source": {"type": "s3", "uri": "s3://open/a.mp4"}}]);
    claude["model"] = json!(MODEL);
    for path in ["/v1/messages", "/v1/messages/count_tokens"] {
        let answer = app.post(path, &claude).await;
        assert!(answer.status == 400 && answer.text.contains("s3:// URLs"), "{path}: {}", answer.text);
    }
    assert!(app.ledger.records.lock().unwrap().is_empty());

    let media = MediaConfig { s3_allow: Some("s3://open/*".into()), ..MediaConfig::default() };
    let app = TestApp::with(Setup { media: (&media).into(), ..Setup::default() }).await;
    for (uri, status) in [("s3://open/a.png", 200), ("s3://closed/a.png", 400)] {
        let answer = app.post(&format!("/model/{NOVA}/invoke"), &s3(uri)).await;
        assert_eq!(answer.status, status, "{uri}: {}", answer.text);
    }
}

#[tokio::test]
async fn what_is_sold_by_the_piece_is_counted() {
    let app = TestApp::start().await;
    let canvas = json!({
        "taskType": "TEXT_IMAGE",
        "textToImageParams": {"text": "a cat"},
        "imageGenerationConfig": {"numberOfImages": 3},
    });
    let documents = vec!["a cat"; 101];
    let pictures = |images| TokenUsage { images, ..TokenUsage::default() };
    let queries = |queries| TokenUsage { queries, ..TokenUsage::default() };
    let cases = [
        ("amazon.nova-canvas-v1:0", canvas, pictures(3)),
        ("stability.stable-image-core-v1:1", json!({"prompt": "a cat"}), pictures(1)),
        (
            "cohere.rerank-v3-5:0",
            json!({"query": "a cat", "documents": documents, "api_version": 2, "top_n": 1}),
            queries(2),
        ),
        ("amazon.rerank-v1:0", json!({"query": "a cat", "documents": ["a cat"]}), queries(1)),
    ];
    for (at, (model, body, used)) in cases.into_iter().enumerate() {
        let answer = app.post(&format!("/model/{model}/invoke"), &body).await;
        assert_eq!(answer.status, 200, "{model}: {}", answer.text);
        let record = app.records(at + 1).await.pop().unwrap();
        assert_eq!((record.tokens, record.estimated), (used, false), "{model}");
        assert_eq!((record.operation.as_str(), record.outcome), ("invoke", Outcome::Completed));
    }
}
