//! `chat::Request` to the body of Converse, in what the model can do.
//!
//! Pure. What a model cannot do is refused here with the field's name; nothing is taken from a request.

mod check;
mod content;
mod extras;
mod options;
mod tools;

use bytes::Bytes;
use outcrop_chat::{Block, DocumentSource, Message, Request, Source, ToolResultBlock};
use outcrop_ports::{Family, ModelError, ModelInfo, ResolvedModel};
use serde_json::{Map, Value};

use crate::json::{Object, object};

/// Where Claude tells the stop string that came.
const STOP_SEQUENCE: &str = "/stop_sequence";
/// Where Claude tells how much it thought.
const OUTPUT_DETAILS: &str = "/usage/output_tokens_details";
/// Most paths that Converse takes.
const MOST_PATHS: usize = 10;

/// What Converse or ConverseStream is asked.
#[derive(Debug)]
pub(crate) struct ConverseRequest {
    pub(crate) model_id: String,
    pub(crate) body: Bytes,
    /// Which fields of the model's answer were asked for by us and not by the client.
    pub(crate) ours: OurPaths,
}

/// Fields of the model's answer that are asked for here to be read here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct OurPaths {
    pub(crate) stop_sequence: bool,
    pub(crate) output_details: bool,
}

/// Translates a request for a model.
///
/// # Errors
/// `Invalid` when the model cannot do what is asked; the message names the field.
pub(crate) fn translate(
    model: ResolvedModel,
    request: &Request,
    streamed: bool,
) -> Result<ConverseRequest, ModelError> {
    let info = &*model.info;
    check::check(info, request)?;
    let additional = extras::additional(info, request);
    let ours = our_paths(info, request, &additional);
    let mut body = Vec::with_capacity(weight(request));
    object(&mut body, |it| {
        conversation(it, request, &additional);
        options::inference(it, info, &request.inference);
        options::output(it, request.output.as_ref());
        settings(it, request, ours);
        if let Some(guardrail) = &request.guardrail {
            options::guardrail(it.field("guardrailConfig"), guardrail, streamed);
        }
    });
    Ok(ConverseRequest { model_id: model.bedrock_id, body: Bytes::from(body), ours })
}

/// The body of CountTokens for a request.
///
/// # Errors
/// As [`translate`].
pub(crate) fn count_body(info: &ModelInfo, request: &Request) -> Result<Bytes, ModelError> {
    check::check(info, request)?;
    let additional = extras::additional(info, request);
    let mut body = Vec::with_capacity(weight(request));
    object(&mut body, |it| {
        it.object("input", |it| it.object("converse", |it| conversation(it, request, &additional)));
    });
    Ok(Bytes::from(body))
}

/// What counts as input: everything that a prompt cache may keep stands here, tools first as the models read it.
fn conversation(out: &mut Object<'_>, request: &Request, additional: &Map<String, Value>) {
    if let Some(tools) = &request.tools {
        tools::configuration(out.field("toolConfig"), tools);
    }
    if !request.system.is_empty() {
        content::system(out.field("system"), &request.system);
    }
    content::messages(out.field("messages"), &request.messages);
    out.maybe("additionalModelRequestFields", Some(additional).filter(|it| !it.is_empty()));
}

fn settings(out: &mut Object<'_>, request: &Request, ours: OurPaths) {
    let more = [(STOP_SEQUENCE, ours.stop_sequence), (OUTPUT_DETAILS, ours.output_details)];
    let mut paths: Vec<&str> = request.response_paths.iter().map(String::as_str).collect();
    paths.extend(more.iter().filter(|(_, asked)| *asked).map(|(path, _)| *path));
    out.maybe("additionalModelResponseFieldPaths", Some(&paths).filter(|it| !it.is_empty()));
    out.maybe("requestMetadata", Some(&request.metadata).filter(|it| !it.is_empty()));
    if request.optimized_latency {
        out.object("performanceConfig", |it| it.value("latency", "optimized"));
    }
    if let Some(tier) = request.service_tier {
        out.object("serviceTier", |it| it.value("type", tier.name()));
    }
}

/// Claude tells on request which stop string came and how much it thought, which Converse does not.
fn our_paths(info: &ModelInfo, request: &Request, additional: &Map<String, Value>) -> OurPaths {
    if info.family != Family::Claude {
        return OurPaths::default();
    }
    let mut room = MOST_PATHS.saturating_sub(request.response_paths.len());
    let mut ask = |path: &str, wanted: bool| {
        let ask = wanted && room > 0 && !request.response_paths.iter().any(|it| it == path);
        room -= usize::from(ask);
        ask
    };
    let thinks = additional.get("thinking").is_some_and(|it| it["type"] != "disabled");
    OurPaths {
        output_details: ask(OUTPUT_DETAILS, thinks || info.always_thinks),
        stop_sequence: ask(STOP_SEQUENCE, !request.inference.stop.is_empty()),
    }
}

/// About how long the body becomes: exact where it matters, for media.
fn weight(request: &Request) -> usize {
    const EACH: usize = 96;
    let block = |block: &Block| match block {
        Block::Text(text) => text.len() + text.len() / 16,
        Block::Image(it) => media(&it.source),
        Block::Video(it) => media(&it.source),
        Block::Audio(it) => media(&it.source),
        Block::Document(it) => document(&it.source),
        Block::ToolResult(result) => result.content.iter().map(|it| EACH + tool_result_block(it)).sum(),
        _ => EACH,
    };
    let message = |it: &Message| EACH + it.content.iter().map(|it| EACH + block(it)).sum::<usize>();
    let tools = request.tools.as_ref().map_or(0, |it| it.specs.len() * 512);
    1024 + tools + request.messages.iter().map(message).sum::<usize>()
}

fn tool_result_block(block: &ToolResultBlock) -> usize {
    match block {
        ToolResultBlock::Text(text) => text.len() + text.len() / 16,
        ToolResultBlock::Image(it) => media(&it.source),
        ToolResultBlock::Document(it) => document(&it.source),
        ToolResultBlock::Video(it) => media(&it.source),
        _ => 0,
    }
}

fn document(source: &DocumentSource) -> usize {
    match source {
        DocumentSource::File(file) => media(file),
        DocumentSource::Text(text) => text.len() + text.len() / 16,
        DocumentSource::Parts(parts) => parts.iter().map(|it| it.len() + 32).sum(),
    }
}

fn media(source: &Source) -> usize {
    match source {
        Source::Bytes(bytes) => bytes.len().div_ceil(3) * 4,
        Source::Base64(text) => text.len(),
        Source::S3 { uri, .. } => uri.len(),
    }
}

#[cfg(test)]
mod tests;
