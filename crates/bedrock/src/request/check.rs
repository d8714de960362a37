//! What a model cannot do, refused with the field's name: Bedrock's own words for it differ from model to model.
//!
//! Callers that know a dialect take or refuse most of it before, in that dialect's spelling; what stands here holds for
//! every caller.

use outcrop_chat::{Block, Inference, OutputFormat, Request, ToolChoice, ToolResultBlock, Tools};
use outcrop_ports::{Family, Modality, ModelError, ModelInfo};

use crate::errors::invalid;

/// Whether the model can be asked this.
///
/// # Errors
/// `Invalid`, with a message that begins with the field's name.
pub(super) fn check(info: &ModelInfo, request: &Request) -> Result<(), ModelError> {
    if !info.output.contains(&Modality::Text) {
        return Err(invalid(format!(
            "`model`: {} writes no text; use it for embeddings, rankings or images",
            info.id
        )));
    }
    inference(info, &request.inference)?;
    if let Some(tools) = &request.tools {
        self::tools(info, tools)?;
    }
    if request.reasoning.is_some_and(|mode| info.thinking(mode).is_none()) {
        return Err(unsupported(info, "reasoning_effort"));
    }
    if matches!(request.output, Some(OutputFormat::JsonSchema(_))) && !info.structured_output {
        return Err(unsupported(info, "response_format"));
    }
    for block in request.messages.iter().flat_map(|it| &it.content) {
        self::block(info, block)?;
    }
    Ok(())
}

fn unsupported(info: &ModelInfo, field: &str) -> ModelError {
    invalid(format!("`{field}` is not supported by model {}", info.id))
}

fn inference(info: &ModelInfo, inference: &Inference) -> Result<(), ModelError> {
    let takes_top_k = info.sampling && matches!(info.family, Family::Claude | Family::Nova);
    let cannot = [
        ("temperature", inference.temperature.is_some() && !info.sampling),
        ("top_p", inference.top_p.is_some() && !info.sampling),
        ("top_k", inference.top_k.is_some() && !takes_top_k),
        ("stop", !inference.stop.is_empty() && !info.stop_sequences),
    ];
    match cannot.into_iter().find(|(_, cannot)| *cannot) {
        Some((field, _)) => Err(unsupported(info, field)),
        None => Ok(()),
    }
}

fn tools(info: &ModelInfo, tools: &Tools) -> Result<(), ModelError> {
    if !info.tools {
        return Err(unsupported(info, "tools"));
    }
    if !info.tool_choice && tools.choice != ToolChoice::Auto {
        return Err(invalid(format!(
            "`tool_choice`: model {} cannot be made to call a tool; leave the choice to it",
            info.id
        )));
    }
    Ok(())
}

fn block(info: &ModelInfo, block: &Block) -> Result<(), ModelError> {
    match block {
        Block::Image(_) => reads(info, Modality::Image, "images"),
        Block::Document(_) => reads(info, Modality::Document, "documents"),
        Block::Video(_) => reads(info, Modality::Video, "videos"),
        Block::Audio(_) => reads(info, Modality::Audio, "audio"),
        Block::Link(_) => Err(not_fetched()),
        Block::ToolResult(result) => result.content.iter().try_for_each(|block| match block {
            ToolResultBlock::Image(_) => reads(info, Modality::Image, "images"),
            ToolResultBlock::Document(_) => reads(info, Modality::Document, "documents"),
            ToolResultBlock::Video(_) => reads(info, Modality::Video, "videos"),
            ToolResultBlock::Link(_) => Err(not_fetched()),
            ToolResultBlock::Text(_) | ToolResultBlock::Json(_) | ToolResultBlock::SearchResult(_) => Ok(()),
        }),
        Block::Text(_)
        | Block::ToolUse(_)
        | Block::Reasoning(_)
        | Block::CachePoint(_)
        | Block::Guard(_)
        | Block::Cited(_)
        | Block::SearchResult(_) => Ok(()),
    }
}

fn reads(info: &ModelInfo, modality: Modality, what: &str) -> Result<(), ModelError> {
    if info.input.contains(&modality) {
        return Ok(());
    }
    Err(invalid(format!("`messages`: model {} reads no {what}", info.id)))
}

fn not_fetched() -> ModelError {
    invalid("`messages`: media are given as data here, not as a link".to_owned())
}
