//! The request of Converse and ConverseStream.

use outcrop_chat as chat;
use outcrop_chat::InvalidRequest;
use serde_json::Value;

use super::shapes::{
    Block, Body, Image, ImageFormat, ImageSource, InferenceConfig, InputSchema, Message, Reasoning,
    ReasoningText, ResultBlock, Role, Status, System, Tool, ToolChoice, ToolConfig, ToolUse,
};
use super::union::Union;
use crate::json::{self, Object};
use crate::openai::chat::zero_to_one;

/// Reads a request's body.
///
/// # Errors
/// [`InvalidRequest`] when it is not JSON, or a field is missing, has the wrong type, is unknown or is not served
/// here; it names the field as Converse spells it.
pub fn parse(body: &[u8]) -> Result<chat::Request, InvalidRequest> {
    let body: Body = json::parse(body)?;
    Ok(chat::Request {
        system: body
            .system
            .unwrap_or_default()
            .into_iter()
            .map(|Union(System::Text(text))| chat::SystemBlock::Text(text))
            .collect(),
        messages: body.messages.into_iter().map(|Object(it)| message(it)).collect(),
        inference: body.inference_config.map(inference).transpose()?.unwrap_or_default(),
        tools: body.tool_config.map(tools).transpose()?,
        metadata: body.request_metadata.unwrap_or_default(),
        ..chat::Request::default()
    })
}

fn message(message: Message) -> chat::Message {
    let role = match message.role {
        Role::User => chat::Role::User,
        Role::Assistant => chat::Role::Assistant,
    };
    chat::Message { role, content: message.content.into_iter().map(|Union(it)| block(it)).collect() }
}

fn block(block: Block) -> chat::Block {
    match block {
        Block::Text(text) => chat::Block::Text(text),
        Block::Image(it) => chat::Block::Image(image(it)),
        Block::ToolUse(ToolUse { tool_use_id: id, name, input, .. }) => {
            chat::Block::ToolUse(chat::ToolUse { id, name, input: Value::Object(input) })
        }
        Block::ToolResult(it) => chat::Block::ToolResult(chat::ToolResult {
            id: it.tool_use_id,
            content: it.content.into_iter().map(|Union(it)| result_block(it)).collect(),
            is_error: it.status == Status::Error,
        }),
        Block::ReasoningContent(Union(it)) => chat::Block::Reasoning(match it {
            Reasoning::ReasoningText(ReasoningText { text, signature }) => {
                chat::Reasoning::Text { text, signature }
            }
            Reasoning::RedactedContent(bytes) => chat::Reasoning::Redacted(bytes),
        }),
    }
}

fn result_block(block: ResultBlock) -> chat::ToolResultBlock {
    match block {
        ResultBlock::Text(text) => chat::ToolResultBlock::Text(text),
        ResultBlock::Json(value) => chat::ToolResultBlock::Json(value),
        ResultBlock::Image(it) => chat::ToolResultBlock::Image(image(it)),
    }
}

/// The format stays the declared one: whether it is the real one is Bedrock's to say.
fn image(image: Image) -> chat::Image {
    let format = match image.format {
        ImageFormat::Png => chat::ImageFormat::Png,
        ImageFormat::Jpeg => chat::ImageFormat::Jpeg,
        ImageFormat::Gif => chat::ImageFormat::Gif,
        ImageFormat::Webp => chat::ImageFormat::Webp,
    };
    let Union(ImageSource::Bytes(bytes)) = image.source;
    chat::Image { format, source: chat::Source::Bytes(bytes) }
}

/// Ranges are Bedrock's (Amazon Bedrock API reference, InferenceConfiguration).
fn inference(config: InferenceConfig) -> Result<chat::Inference, InvalidRequest> {
    if config.max_tokens == Some(0) {
        return Err(refusal("inferenceConfig.maxTokens", "must be at least 1"));
    }
    let stop = config.stop_sequences.unwrap_or_default();
    if stop.iter().any(String::is_empty) {
        return Err(refusal("inferenceConfig.stopSequences", "must not hold an empty text"));
    }
    Ok(chat::Inference {
        max_tokens: config.max_tokens,
        temperature: zero_to_one("inferenceConfig.temperature", config.temperature)?,
        top_p: zero_to_one("inferenceConfig.topP", config.top_p)?,
        top_k: None,
        stop,
    })
}

fn tools(config: ToolConfig) -> Result<chat::Tools, InvalidRequest> {
    if config.tools.is_empty() {
        return Err(refusal("toolConfig.tools", "must hold at least one tool"));
    }
    let choice = match config.tool_choice {
        None | Some(Union(ToolChoice::Auto(_))) => chat::ToolChoice::Auto,
        Some(Union(ToolChoice::Any(_))) => chat::ToolChoice::Any,
        Some(Union(ToolChoice::Tool(tool))) => chat::ToolChoice::Named(tool.name),
    };
    let spec = |Union(Tool::ToolSpec(spec)): Union<Tool>| {
        let Union(InputSchema::Json(schema)) = spec.input_schema;
        chat::ToolSpec {
            name: spec.name,
            description: spec.description,
            input_schema: Value::Object(schema),
            ..chat::ToolSpec::default()
        }
    };
    let specs = config.tools.into_iter().map(spec).collect();
    Ok(chat::Tools { specs, system: Vec::new(), choice, parallel: None })
}

fn refusal(param: &str, why: &str) -> InvalidRequest {
    InvalidRequest::new(param, format!("`{param}` {why}."))
}
