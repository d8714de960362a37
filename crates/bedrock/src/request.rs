//! `chat::Request` to the SDK's Converse input, adapted to what the model can do.
//!
//! Pure. What a model cannot do is refused here with the field's name, since Bedrock's own words for it differ
//! from model to model; what can be adapted without changing the meaning is adapted.

use std::collections::HashMap;

use aws_sdk_bedrockruntime::error::BuildError;
use aws_sdk_bedrockruntime::types as sdk;
use aws_smithy_types::{Blob, Document};
use outcrop_chat::{
    Block, Image, ImageFormat, Inference, Message, Reasoning, Request, Role, Source, SystemBlock, ToolChoice,
    ToolResult, ToolResultBlock, Tools,
};
use outcrop_ports::{Modality, ModelError, ModelInfo, ResolvedModel};
use serde_json::json;

use crate::document;
use crate::errors::invalid;
use crate::raw_json::RawJson;

/// The makers whose models take Anthropic's request fields.
const ANTHROPIC: &str = "anthropic";

/// What Converse and ConverseStream are asked, in the SDK's types.
#[derive(Debug)]
pub(crate) struct ConverseRequest {
    pub(crate) model_id: String,
    pub(crate) system: Option<Vec<sdk::SystemContentBlock>>,
    pub(crate) messages: Vec<sdk::Message>,
    pub(crate) inference: Option<sdk::InferenceConfiguration>,
    pub(crate) tools: Option<sdk::ToolConfiguration>,
    pub(crate) additional: Option<Document>,
    pub(crate) metadata: Option<HashMap<String, String>>,
    /// JSON whose key order must reach Bedrock.
    pub(crate) raw: RawJson,
}

/// Translates a request for a model.
///
/// # Errors
/// `Invalid` when the model cannot do what is asked; the message names the field.
pub(crate) fn translate(model: ResolvedModel, request: Request) -> Result<ConverseRequest, ModelError> {
    let info = &*model.info;
    if !info.output.contains(&Modality::Text) {
        return Err(invalid(format!("`model`: {} writes no text; use it for embeddings", info.id)));
    }
    let mut raw = RawJson::default();
    let Request { system, messages, inference, tools, metadata, .. } = request;
    let additional = tools.as_ref().and_then(|tools| additional_fields(info, tools));
    Ok(ConverseRequest {
        model_id: model.bedrock_id,
        system: Some(system)
            .filter(|it| !it.is_empty())
            .map(|it| it.into_iter().filter_map(system_block).collect()),
        messages: messages.into_iter().map(|it| message(info, it, &mut raw)).collect::<Result<_, _>>()?,
        inference: inference_configuration(info, inference)?,
        tools: tools.map(|it| tool_configuration(info, it, &mut raw)).transpose()?,
        additional,
        metadata: Some(metadata).filter(|it| !it.is_empty()).map(|it| it.into_iter().collect()),
        raw,
    })
}

fn system_block(block: SystemBlock) -> Option<sdk::SystemContentBlock> {
    match block {
        SystemBlock::Text(text) => Some(sdk::SystemContentBlock::Text(text)),
        _ => None,
    }
}

fn unsupported(info: &ModelInfo, field: &str) -> ModelError {
    invalid(format!("`{field}` is not supported by model {}", info.id))
}

fn incomplete(error: BuildError) -> ModelError {
    ModelError {
        source: Some(error.into()),
        ..invalid("the request lacks a part that Bedrock requires".to_owned())
    }
}

fn inference_configuration(
    info: &ModelInfo,
    inference: Inference,
) -> Result<Option<sdk::InferenceConfiguration>, ModelError> {
    if inference == Inference::default() {
        return Ok(None);
    }
    let Inference { max_tokens, temperature, top_p, stop, .. } = inference;
    if !info.sampling {
        match (temperature, top_p) {
            (Some(_), _) => return Err(unsupported(info, "temperature")),
            (None, Some(_)) => return Err(unsupported(info, "top_p")),
            (None, None) => {}
        }
    }
    if !info.stop_sequences && !stop.is_empty() {
        return Err(unsupported(info, "stop"));
    }
    // Raising it costs the caller a few tokens; refusing would break clients that probe with `max_tokens: 1`.
    let max_tokens = max_tokens.map(|it| i32::try_from(it.max(info.min_max_tokens)).unwrap_or(i32::MAX));
    let configuration = sdk::InferenceConfiguration::builder()
        .set_max_tokens(max_tokens)
        .set_temperature(temperature)
        .set_top_p(top_p)
        .set_stop_sequences(Some(stop).filter(|it| !it.is_empty()))
        .build();
    Ok(Some(configuration))
}

fn tool_configuration(
    info: &ModelInfo,
    tools: Tools,
    raw: &mut RawJson,
) -> Result<sdk::ToolConfiguration, ModelError> {
    if !info.tools {
        return Err(unsupported(info, "tools"));
    }
    if !info.tool_choice && tools.choice != ToolChoice::Auto {
        return Err(invalid(format!(
            "`tool_choice`: model {} cannot be made to call a tool; leave the choice to it",
            info.id
        )));
    }
    // `auto` is what Bedrock does anyway, and some models refuse to be told.
    let choice = match tools.choice {
        ToolChoice::Auto => None,
        ToolChoice::Any => Some(sdk::ToolChoice::Any(sdk::AnyToolChoice::builder().build())),
        ToolChoice::Named(name) => {
            let named = sdk::SpecificToolChoice::builder().name(name).build().map_err(incomplete)?;
            Some(sdk::ToolChoice::Tool(named))
        }
    };
    let mut configuration = sdk::ToolConfiguration::builder().set_tool_choice(choice);
    for spec in tools.specs {
        let specification = sdk::ToolSpecification::builder()
            .name(spec.name)
            .set_description(spec.description)
            .input_schema(sdk::ToolInputSchema::Json(raw.mark(&spec.input_schema)))
            .build()
            .map_err(incomplete)?;
        configuration = configuration.tools(sdk::Tool::ToolSpec(specification));
    }
    configuration.build().map_err(incomplete)
}

/// What Converse has no field for. Only Claude can be kept from calling several tools at once; for other models
/// the wish is dropped, since SDKs send it by habit.
fn additional_fields(info: &ModelInfo, tools: &Tools) -> Option<Document> {
    if tools.parallel != Some(false) || info.owned_by != ANTHROPIC {
        return None;
    }
    // Bedrock refuses a `type` here next to `toolConfig.toolChoice`.
    let choice = match tools.choice {
        ToolChoice::Auto => json!({"type": "auto", "disable_parallel_tool_use": true}),
        ToolChoice::Any | ToolChoice::Named(_) => json!({"disable_parallel_tool_use": true}),
    };
    Some(document::from_value(json!({ "tool_choice": choice })))
}

fn message(info: &ModelInfo, message: Message, raw: &mut RawJson) -> Result<sdk::Message, ModelError> {
    let role = match message.role {
        Role::User => sdk::ConversationRole::User,
        Role::Assistant => sdk::ConversationRole::Assistant,
        Role::System => sdk::ConversationRole::System,
    };
    let content = message.content.into_iter().map(|it| block(info, it, raw)).collect::<Result<_, _>>()?;
    sdk::Message::builder().role(role).set_content(Some(content)).build().map_err(incomplete)
}

fn block(info: &ModelInfo, block: Block, raw: &mut RawJson) -> Result<sdk::ContentBlock, ModelError> {
    Ok(match block {
        Block::Text(text) => sdk::ContentBlock::Text(text),
        Block::Image(it) => sdk::ContentBlock::Image(image(info, it)?),
        Block::ToolUse(it) => {
            let tool_use =
                sdk::ToolUseBlock::builder().tool_use_id(it.id).name(it.name).input(raw.mark(&it.input));
            sdk::ContentBlock::ToolUse(tool_use.build().map_err(incomplete)?)
        }
        Block::ToolResult(it) => sdk::ContentBlock::ToolResult(tool_result(info, it)?),
        Block::Reasoning(it) => sdk::ContentBlock::ReasoningContent(reasoning(it)?),
        _ => return Err(unsupported(info, "messages")),
    })
}

fn image(info: &ModelInfo, image: Image) -> Result<sdk::ImageBlock, ModelError> {
    if !info.input.contains(&Modality::Image) {
        return Err(invalid(format!("`messages`: model {} reads no images", info.id)));
    }
    let format = match image.format {
        ImageFormat::Png => sdk::ImageFormat::Png,
        ImageFormat::Jpeg => sdk::ImageFormat::Jpeg,
        ImageFormat::Gif => sdk::ImageFormat::Gif,
        ImageFormat::Webp => sdk::ImageFormat::Webp,
    };
    // Moves the buffer when nobody else holds it.
    let Source::Bytes(bytes) = image.source else { return Err(unsupported(info, "messages")) };
    let source = sdk::ImageSource::Bytes(Blob::new(Vec::from(bytes)));
    sdk::ImageBlock::builder().format(format).source(source).build().map_err(incomplete)
}

fn tool_result(info: &ModelInfo, result: ToolResult) -> Result<sdk::ToolResultBlock, ModelError> {
    let content = result.content.into_iter().map(|it| {
        Ok(match it {
            ToolResultBlock::Text(text) => sdk::ToolResultContentBlock::Text(text),
            ToolResultBlock::Image(it) => sdk::ToolResultContentBlock::Image(image(info, it)?),
            _ => return Err(unsupported(info, "messages")),
        })
    });
    // Success is what Bedrock assumes, and only some models take a status at all.
    let status = result.is_error.then_some(sdk::ToolResultStatus::Error);
    sdk::ToolResultBlock::builder()
        .tool_use_id(result.id)
        .set_content(Some(content.collect::<Result<_, ModelError>>()?))
        .set_status(status)
        .build()
        .map_err(incomplete)
}

fn reasoning(reasoning: Reasoning) -> Result<sdk::ReasoningContentBlock, ModelError> {
    Ok(match reasoning {
        Reasoning::Text { text, signature } => {
            let text = sdk::ReasoningTextBlock::builder().text(text).set_signature(signature).build();
            sdk::ReasoningContentBlock::ReasoningText(text.map_err(incomplete)?)
        }
        Reasoning::Redacted(bytes) => {
            sdk::ReasoningContentBlock::RedactedContent(Blob::new(Vec::from(bytes)))
        }
    })
}

#[cfg(test)]
mod tests;
