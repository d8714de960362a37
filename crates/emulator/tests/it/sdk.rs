//! The Rust SDK as a client.

use crate::Running;
use aws_sdk_bedrockruntime::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_sdk_bedrockruntime::error::ProvideErrorMetadata as _;
use aws_sdk_bedrockruntime::operation::RequestId as _;
use aws_sdk_bedrockruntime::types::{
    ContentBlock, ContentBlockDelta, ConversationRole, ConverseStreamOutput, Message, StopReason, Tool,
    ToolConfiguration, ToolInputSchema, ToolResultBlock, ToolResultContentBlock, ToolSpecification,
};
use aws_sdk_bedrockruntime::{Client, Config};
use aws_smithy_types::Document;

const CLAUDE: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";

fn client(emulator: &Running) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("any", "key", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(&emulator.url);
    Client::from_conf(config.build())
}

fn message(role: ConversationRole, content: ContentBlock) -> Message {
    Message::builder().role(role).content(content).build().unwrap()
}

fn user(text: &str) -> Message {
    message(ConversationRole::User, ContentBlock::Text(text.to_owned()))
}

fn tools() -> ToolConfiguration {
    let schema = Document::Object([("type".to_owned(), Document::String("object".to_owned()))].into());
    let spec = ToolSpecification::builder()
        .name("weather")
        .input_schema(ToolInputSchema::Json(schema))
        .build()
        .unwrap();
    ToolConfiguration::builder().tools(Tool::ToolSpec(spec)).build().unwrap()
}

#[tokio::test]
async fn converse_with_a_tool_there_and_back() {
    let emulator = Running::start().await;
    let client = client(&emulator);
    let question = user(r#"[[say: looking]] [[tool: weather {"city":"Oslo","days":2}]]"#);
    let first = client
        .converse()
        .model_id(CLAUDE)
        .messages(question.clone())
        .tool_config(tools())
        .send()
        .await
        .unwrap();
    assert!(first.request_id().is_some());
    assert_eq!(first.stop_reason(), &StopReason::ToolUse);
    let answer = first.output().unwrap().as_message().unwrap().clone();
    let call = answer.content()[1].as_tool_use().unwrap();
    assert_eq!(call.input().as_object().unwrap()["city"], Document::String("Oslo".to_owned()));
    let result = ToolResultBlock::builder()
        .tool_use_id(call.tool_use_id())
        .content(ToolResultContentBlock::Text("sunny".to_owned()))
        .build()
        .unwrap();
    let second = client.converse().model_id(CLAUDE).tool_config(tools()).messages(question).messages(answer);
    let second = second
        .messages(message(ConversationRole::User, ContentBlock::ToolResult(result)))
        .send()
        .await
        .unwrap();
    let text = second.output().unwrap().as_message().unwrap().content()[0].as_text().unwrap().clone();
    assert_eq!(text, "The tool weather answered: sunny");
    assert_eq!(
        second.usage().unwrap().total_tokens(),
        second.usage().unwrap().input_tokens() + second.usage().unwrap().output_tokens()
    );
}

#[tokio::test]
async fn converse_stream_to_the_end() {
    let emulator = Running::start().await;
    let stream = client(&emulator)
        .converse_stream()
        .model_id(CLAUDE)
        .messages(user("[[say: a b c]]"))
        .send()
        .await
        .unwrap();
    let mut stream = stream.stream;
    let (mut text, mut usage) = (String::new(), None);
    while let Some(event) = stream.recv().await.unwrap() {
        match event {
            ConverseStreamOutput::ContentBlockDelta(event) => {
                if let Some(ContentBlockDelta::Text(piece)) = event.delta {
                    text.push_str(&piece);
                }
            }
            ConverseStreamOutput::Metadata(event) => usage = event.usage,
            _ => {}
        }
    }
    assert_eq!((text.as_str(), usage.unwrap().output_tokens()), ("a b c", 3));
}

#[tokio::test]
async fn an_exception_in_mid_stream_is_the_modelled_one() {
    let emulator = Running::start().await;
    let prompt = user("[[tokens: 9]][[fault: streamThrottling after 4]]");
    let mut stream =
        client(&emulator).converse_stream().model_id(CLAUDE).messages(prompt).send().await.unwrap().stream;
    let mut events = 0;
    let error = loop {
        match stream.recv().await {
            Ok(Some(_)) => events += 1,
            Ok(None) => panic!("the stream ended well"),
            Err(error) => break error,
        }
    };
    assert_eq!(events, 4);
    assert!(error.as_service_error().unwrap().is_throttling_exception());
}

#[tokio::test]
async fn refusals_and_throttling_are_the_modelled_ones() {
    let emulator = Running::start().await;
    let client = client(&emulator);
    let error =
        client.converse().model_id(CLAUDE).messages(user(" ")).send().await.unwrap_err().into_service_error();
    assert!(error.is_validation_exception());
    assert!(error.message().unwrap().contains("messages.0.content.0 is blank"));
    let error =
        client.converse().model_id(CLAUDE).messages(user("[[fault: throttling]]")).send().await.unwrap_err();
    assert!(error.into_service_error().is_throttling_exception());
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/absent000000";
    let error = client.converse().model_id(arn).messages(user("hi")).send().await.unwrap_err();
    assert!(error.into_service_error().is_resource_not_found_exception());
    let arn = format!("arn:aws:bedrock:us-east-1:123456789012:inference-profile/{CLAUDE}");
    assert!(
        client.converse().model_id(arn).messages(user("hi")).send().await.is_ok(),
        "encoded by the SDK, decoded here"
    );
}
