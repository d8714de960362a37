//! The AWS SDK for Rust as a client: our own adapter, which calls with it, pointed at the service itself.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use outcrop_bedrock::{BedrockModel, BedrockOptions, Catalog, CatalogOptions};
use outcrop_chat::{
    Block, CacheTtl, Document, DocumentFormat, DocumentSource, Event, Message, Request, Role, ServiceTier,
    Source, StopReason,
};
use outcrop_ports::{ChatModel, InvokeCall, ModelCall, ModelCatalog, ModelFailure, RawModel, ResolvedModel};
use serde_json::{Value, json};

use crate::harness::{MODEL, TestApp};

const WAIT: Duration = Duration::from_secs(20);

fn client(app: &TestApp) -> BedrockModel {
    let sdk = outcrop_aws::local_config(app.url(), "us-east-1");
    BedrockModel::new(&sdk, BedrockOptions::default()).unwrap()
}

fn resolved(name: &str) -> ResolvedModel {
    let options = CatalogOptions { default_model: MODEL, region: "us-east-1", ..CatalogOptions::default() };
    Catalog::load(&options).unwrap().resolve(Some(name)).unwrap()
}

fn call(content: Vec<Block>) -> ModelCall {
    let messages = vec![Message { role: Role::User, content }];
    let request = Request { messages, ..Request::default() };
    ModelCall { model: resolved(MODEL), request: request.into(), deadline: WAIT }
}

fn said(text: &str) -> Vec<Block> {
    vec![Block::Text(text.to_owned())]
}

fn claude(text: &str) -> InvokeCall {
    let body = json!({
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": text}],
    });
    InvokeCall::json(resolved(MODEL), Bytes::from(body.to_string()), WAIT)
}

#[tokio::test]
async fn a_conversation_with_a_document_a_cache_point_and_a_tier() {
    let app = TestApp::start().await;
    let client = client(&app);
    let document = Document {
        format: Some(DocumentFormat::Pdf),
        name: "Report".into(),
        source: DocumentSource::File(Source::Bytes(Bytes::from_static(b"%PDF-1.4\n"))),
        context: None,
        citations: true,
    };
    let content = vec![
        Block::Document(document),
        Block::Text("word ".repeat(6000)),
        Block::CachePoint(CacheTtl::OneHour),
        Block::Text("[[say: read]]".into()),
    ];
    let mut asked = call(content);
    Arc::make_mut(&mut asked.request).service_tier = Some(ServiceTier::Flex);
    let answer = client.chat(asked.clone()).await.unwrap();
    assert_eq!(answer.content, said("read"));
    assert_eq!(answer.extra.service_tier, Some(ServiceTier::Flex));
    assert!(answer.usage.cache_write_1h > 1000, "{:?}", answer.usage);

    let events: Vec<Event> = client.stream(asked).await.unwrap().try_collect().await.unwrap();
    assert!(events.contains(&Event::Stop(StopReason::EndTurn)), "{events:?}");
    let Some(Event::Usage(usage)) = events.last() else { panic!("{events:?}") };
    assert_eq!(usage.cache_read, answer.usage.cache_write_1h);
}

#[tokio::test]
async fn a_model_in_its_own_words() {
    let app = TestApp::start().await;
    let client = client(&app);
    let asked = claude("[[say: Good day]] [[usage: input=9,output=4]]");
    let answer =
        client.invoke(InvokeCall { service_tier: Some(ServiceTier::Flex), ..asked.clone() }).await.unwrap();
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body["content"][0]["text"], "Good day");
    let usage = answer.usage.unwrap();
    assert_eq!((usage.input, usage.output), (9, 4));

    let chunks: Vec<Bytes> = client.invoke_stream(asked).await.unwrap().try_collect().await.unwrap();
    let last: Value = serde_json::from_slice(chunks.last().unwrap()).unwrap();
    assert_eq!(last["amazon-bedrock-invocationMetrics"]["inputTokenCount"], 9);

    let body = Bytes::from(json!({"inputText": "Good day"}).to_string());
    let vector = InvokeCall::json(resolved("amazon.titan-embed-text-v2:0"), body, WAIT);
    let vector: Value = serde_json::from_slice(&client.invoke(vector).await.unwrap().body).unwrap();
    assert_eq!(vector["embedding"].as_array().unwrap().len(), 1024);
}

#[tokio::test]
async fn tokens_are_counted() {
    let app = TestApp::start().await;
    let client = client(&app);
    let ModelCall { model, request, .. } = call(said("Good day"));
    let converse = client.count_tokens(model.clone(), Request::clone(&request), WAIT).await.unwrap();
    let invoke = client.count_invoke_tokens(model, claude("Good day").body, WAIT).await.unwrap();
    assert!(converse > 0 && invoke > 0, "{converse} {invoke}");
}

#[tokio::test]
async fn failures_have_their_names() {
    let app = TestApp::start().await;
    let client = client(&app);
    for (fault, failure) in [
        ("throttling", ModelFailure::Throttled),
        ("serviceUnavailable", ModelFailure::Unavailable),
        ("internalServer", ModelFailure::Internal),
        ("accessDenied", ModelFailure::Denied),
    ] {
        let text = format!("[[fault: {fault}]]");
        assert_eq!(client.chat(call(said(&text))).await.unwrap_err().failure, failure, "{fault}");
        assert_eq!(client.stream(call(said(&text))).await.err().unwrap().failure, failure, "{fault}");
        assert_eq!(client.invoke(claude(&text)).await.unwrap_err().failure, failure, "{fault}");
        assert_eq!(client.invoke_stream(claude(&text)).await.err().unwrap().failure, failure, "{fault}");
    }
    let text = "[[fault: streamThrottling after 4]] [[tokens: 40]]";
    let chunks: Result<Vec<Bytes>, _> = client.invoke_stream(claude(text)).await.unwrap().try_collect().await;
    assert_eq!(chunks.unwrap_err().failure, ModelFailure::Throttled);
    let events: Result<Vec<Event>, _> = client.stream(call(said(text))).await.unwrap().try_collect().await;
    assert_eq!(events.unwrap_err().failure, ModelFailure::Throttled);
}
