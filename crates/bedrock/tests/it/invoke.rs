//! Models in their own words: InvokeModel, its stream, CountTokens.

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use outcrop_chat::{Guardrail, ServiceTier, ToolChoice};
use outcrop_emulator::{FaultKind, FaultRule};
use outcrop_ports::{InvokeCall, ModelCatalog, ModelFailure, ModelInfo, RawModel, ResolvedModel};
use serde_json::{Value, json};

use crate::emulator::{start, with_tool};
use crate::fake::{Reply, catalog, frames, model, ok, say};

fn invoke(model: &str, body: &Value) -> InvokeCall {
    let model = catalog().resolve(Some(model)).unwrap();
    InvokeCall::json(model, Bytes::from(body.to_string()), Duration::from_secs(10))
}

fn claude(text: &str) -> InvokeCall {
    let body = json!({
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": text}],
    });
    invoke("claude-haiku-4-5", &body)
}

/// What the call used, as the last chunk of a stream says.
fn metrics(chunk: &Bytes) -> Value {
    let chunk: Value = serde_json::from_slice(chunk).unwrap();
    chunk["amazon-bedrock-invocationMetrics"].clone()
}

#[tokio::test]
async fn a_whole_answer_in_the_models_own_shape() {
    let (model, _stop) = start(vec![]).await;
    let answer = model.invoke(claude("[[say: Good day]] [[usage: input=9,output=4]]")).await.unwrap();
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((&body["type"], &body["content"][0]["text"]), (&json!("message"), &json!("Good day")));
    assert_eq!(answer.content_type, "application/json");
    let usage = answer.usage.unwrap();
    assert_eq!((usage.input, usage.output), (9, 4));
}

#[tokio::test]
async fn a_model_that_makes_vectors() {
    let (model, _stop) = start(vec![]).await;
    let body = json!({"inputText": "Good day", "dimensions": 256});
    let answer = model.invoke(invoke("amazon.titan-embed-text-v2:0", &body)).await.unwrap();
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body["embedding"].as_array().unwrap().len(), 256);
    assert_eq!(answer.usage.map(|it| it.input), body["inputTextTokenCount"].as_u64());
}

#[tokio::test]
async fn a_stream_in_the_models_own_events() {
    let (model, _stop) = start(vec![]).await;
    let call = claude("[[say: one two three]] [[usage: input=9,output=4]]");
    let chunks: Vec<Bytes> = model.invoke_stream(call).await.unwrap().try_collect().await.unwrap();
    let kinds: Vec<Value> =
        chunks.iter().map(|it| serde_json::from_slice::<Value>(it).unwrap()["type"].clone()).collect();
    assert_eq!((&kinds[0], kinds.last().unwrap()), (&json!("message_start"), &json!("message_stop")));
    let metrics = metrics(chunks.last().unwrap());
    assert_eq!((&metrics["inputTokenCount"], &metrics["outputTokenCount"]), (&json!(9), &json!(4)));
}

#[tokio::test]
async fn refusals_keep_their_meaning() {
    for (fault, failure) in [
        (FaultKind::Throttling, ModelFailure::Throttled),
        (FaultKind::ServiceQuotaExceeded, ModelFailure::QuotaExceeded),
        (FaultKind::AccessDenied, ModelFailure::Denied),
        (FaultKind::ModelTimeout, ModelFailure::TimedOut),
        (FaultKind::ServiceUnavailable, ModelFailure::Unavailable),
    ] {
        let (model, _stop) = start(vec![FaultRule::next(fault, 2)]).await;
        assert_eq!(model.invoke(claude("hi")).await.unwrap_err().failure, failure, "{fault:?}");
        assert_eq!(model.invoke_stream(claude("hi")).await.err().unwrap().failure, failure, "{fault:?}");
    }
    let (model, _stop) = start(vec![]).await;
    let error = model.invoke(invoke("claude-haiku-4-5", &json!({}))).await.unwrap_err();
    assert_eq!(error.failure, ModelFailure::Invalid, "{error}");
}

#[tokio::test]
async fn a_stream_that_fails_says_so_and_ends() {
    let cases = [
        ("streamThrottling after 2", ModelFailure::Throttled),
        ("streamModelError after 2", ModelFailure::Model),
        ("cut after 2", ModelFailure::Broken),
        ("stall after 2", ModelFailure::TimedOut),
    ];
    for (fault, failure) in cases {
        let (model, _stop) = start(vec![]).await;
        let text = format!("[[fault: {fault}]] [[tokens: 40]] [[chunk: 1]]");
        let mut chunks = model.invoke_stream(claude(&text)).await.unwrap();
        let mut last = None;
        while let Some(chunk) = chunks.next().await {
            assert!(last.is_none(), "nothing comes after an error");
            last = chunk.err();
        }
        assert_eq!(last.map(|it| it.failure), Some(failure), "{fault}");
    }
}

#[tokio::test]
async fn a_stream_without_a_word_is_a_call_that_failed() {
    for (fault, failure) in
        [("streamThrottling after 1", ModelFailure::Throttled), ("stall after 1", ModelFailure::TimedOut)]
    {
        let (model, _stop) = start(vec![]).await;
        let call = claude(&format!("[[fault: {fault}]] [[tokens: 40]] [[chunk: 1]]"));
        assert_eq!(model.invoke_stream(call).await.err().map(|it| it.failure), Some(failure), "{fault}");
    }
}

#[tokio::test]
async fn silence_is_a_time_out() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let sdk = outcrop_aws::local_config(&url, "us-east-1");
    let model = outcrop_bedrock::BedrockModel::new(&sdk, outcrop_bedrock::BedrockOptions::default()).unwrap();
    let hurried = InvokeCall { deadline: Duration::from_millis(50), ..claude("hi") };
    assert_eq!(model.invoke(hurried.clone()).await.unwrap_err().failure, ModelFailure::TimedOut);
    assert_eq!(model.invoke_stream(hurried).await.err().unwrap().failure, ModelFailure::TimedOut);
}

#[tokio::test]
async fn headers_are_sent_and_the_body_is_not_touched() {
    let reply = Reply {
        headers: vec![
            ("content-type", "text/weird"),
            ("x-amzn-bedrock-input-token-count", "3"),
            ("x-amzn-bedrock-output-token-count", "5"),
            ("x-amzn-bedrock-cache-read-input-token-count", "7"),
            ("x-amzn-bedrock-service-tier", "flex"),
        ],
        ..ok("not json")
    };
    let (model, sent) = model(reply);
    let odd = "{ \"b\": 1.50, \"a\":\t2 }";
    let guardrail = Guardrail {
        id: "gr1".into(),
        version: "DRAFT".into(),
        trace: Some("enabled_full".into()),
        stream_mode: None,
    };
    let call = InvokeCall {
        body: Bytes::from_static(odd.as_bytes()),
        content_type: Some("application/x".into()),
        accept: Some("*/*".into()),
        guardrail: Some(guardrail),
        service_tier: Some(ServiceTier::Flex),
        optimized_latency: true,
        metadata: [("team".to_owned(), "blü".to_owned())].into(),
        ..claude("")
    };
    let answer = model.invoke(call).await.unwrap();
    assert_eq!((&answer.body[..], answer.content_type.as_str()), (&b"not json"[..], "text/weird"));
    assert_eq!(answer.service_tier, Some(ServiceTier::Flex));
    let usage = answer.usage.unwrap();
    assert_eq!((usage.input, usage.output, usage.cache_read), (3, 5, 7));

    let sent = sent.lock().unwrap().remove(0);
    assert!(sent.uri.ends_with("/invoke"), "{}", sent.uri);
    assert_eq!((sent.body.as_str(), sent.content_length.as_deref()), (odd, Some("21")));
    let header = |name: &str| sent.headers.iter().find(|it| it.0 == name).map(|it| it.1.as_str());
    for (name, value) in [
        ("content-type", "application/x"),
        ("accept", "*/*"),
        ("x-amzn-bedrock-guardrailidentifier", "gr1"),
        ("x-amzn-bedrock-guardrailversion", "DRAFT"),
        ("x-amzn-bedrock-trace", "ENABLED_FULL"),
        ("x-amzn-bedrock-performanceconfig-latency", "optimized"),
        ("x-amzn-bedrock-service-tier", "flex"),
        ("x-amzn-bedrock-request-metadata", r#"{"team":"bl\u00fc"}"#),
    ] {
        assert_eq!(header(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn what_cannot_stand_in_a_header_is_named() {
    let (model, sent) = model(ok("{}"));
    let call = InvokeCall { accept: Some("a\nb".into()), ..claude("") };
    let error = model.invoke(call).await.unwrap_err();
    assert_eq!(error.failure, ModelFailure::Invalid);
    assert!(error.message.contains("`accept`"), "{error}");
    assert!(sent.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_answer_without_counts_has_no_usage() {
    let (model, _) = model(ok("{}"));
    assert_eq!(model.invoke(claude("")).await.unwrap().usage, None);
}

#[tokio::test]
async fn how_the_connection_ends_behind_the_last_chunk_is_of_no_interest() {
    // {"type":"message_stop","amazon-bedrock-invocationMetrics":{}}
    let last = "eyJ0eXBlIjoibWVzc2FnZV9zdG9wIiwiYW1hem9uLWJlZHJvY2staW52b2NhdGlvbk1ldHJpY3MiOnt9fQ==";
    let payload: &'static str = Box::leak(format!(r#"{{"bytes":"{last}"}}"#).into_boxed_str());
    let (model, _) = model(frames(&[("chunk", payload), ("!throttlingException", r#"{"message":"late"}"#)]));
    let chunks: Vec<Bytes> = model.invoke_stream(claude("")).await.unwrap().try_collect().await.unwrap();
    assert_eq!(chunks.len(), 1);
}

#[tokio::test]
async fn tokens_are_counted_for_the_model_behind_a_profile() {
    let (model, _stop) = start(vec![]).await;
    let resolve = |name| catalog().resolve(Some(name)).unwrap();
    let wait = Duration::from_secs(10);
    let few = model.count_tokens(resolve("claude-haiku-4-5"), say("Good day"), wait).await.unwrap();
    let profile = resolve("us.anthropic.claude-haiku-4-5-20251001-v1:0");
    assert_eq!(model.count_tokens(profile, say("Good day"), wait).await.unwrap(), few);
    let asked = with_tool("Good day", ToolChoice::Auto);
    let more = model.count_tokens(resolve("claude-haiku-4-5"), asked, wait).await.unwrap();
    assert!(0 < few && few < more, "{few} {more}");

    let error = model.count_tokens(resolve("nova-lite"), say("hi"), wait).await.unwrap_err();
    assert_eq!(error.failure, ModelFailure::Invalid, "{error}");
}

#[tokio::test]
async fn tokens_are_counted_by_the_model_behind_a_profile() {
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123";
    let base = "anthropic.claude-haiku-4-5-20251001-v1:0";
    let info = ModelInfo { bedrock_id: arn.into(), base_id: base.into(), ..ModelInfo::default() };
    let resolved = ResolvedModel { bedrock_id: arn.into(), info: info.into() };
    let (model, sent) = model(ok(r#"{"inputTokens":7}"#));
    let wait = Duration::from_secs(10);
    assert_eq!(model.count_tokens(resolved.clone(), say("hi"), wait).await.unwrap(), 7);
    assert_eq!(model.count_invoke_tokens(resolved, Bytes::from_static(b"{}"), wait).await.unwrap(), 7);
    let uris: Vec<_> = sent.lock().unwrap().iter().map(|it| it.uri.replace("%3A", ":")).collect();
    assert!(uris.iter().all(|it| it.contains(&format!("/model/{base}/count-tokens"))), "{uris:?}");
    assert_eq!(uris.len(), 2);
}

#[tokio::test]
async fn tokens_of_a_body_are_counted_too() {
    let (model, _stop) = start(vec![]).await;
    let haiku = catalog().resolve(Some("claude-haiku-4-5")).unwrap();
    let InvokeCall { body, deadline, .. } = claude("Good day");
    let few = model.count_invoke_tokens(haiku.clone(), body, deadline).await.unwrap();
    let InvokeCall { body, .. } = claude(&"Good day ".repeat(50));
    let more = model.count_invoke_tokens(haiku, body, deadline).await.unwrap();
    assert!(0 < few && few < more, "{few} {more}");
}
