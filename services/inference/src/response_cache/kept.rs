//! A whole chat answer as it stands in an entry, and whether it may stand in one.

use bytes::Bytes;
use outcrop_chat::{Block, CitedText, Extra, Reasoning, Response, ServiceTier, StopReason, ToolUse};
use outcrop_types::TokenUsage;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Short names: there are many of them.
#[derive(Serialize, Deserialize)]
struct Kept {
    c: Vec<Part>,
    stop: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sequence: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tier: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    optimized: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fields: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<Value>,
}

#[derive(Serialize, Deserialize)]
enum Part {
    /// Text.
    #[serde(rename = "t")]
    Text(String),
    /// A tool call: id, name, input.
    #[serde(rename = "u")]
    Tool(String, String, Value),
    /// A thought and its signature.
    #[serde(rename = "r")]
    Thought(String, Option<String>),
    /// A thought kept encrypted.
    #[serde(rename = "e")]
    Sealed(Vec<u8>),
    /// Text and where it was found.
    #[serde(rename = "q")]
    Cited(String, Vec<Value>),
}

/// Whether an answer that ended like this may be given again; calls of tools only where that is asked for.
pub(crate) fn is_kept(reason: StopReason, tools: bool) -> bool {
    match reason {
        StopReason::EndTurn | StopReason::MaxTokens | StopReason::StopSequence => true,
        StopReason::ToolUse => tools,
        StopReason::GuardrailIntervened
        | StopReason::ContentFiltered
        | StopReason::MalformedModelOutput
        | StopReason::MalformedToolUse
        | StopReason::ContextWindowExceeded
        | StopReason::Other => false,
    }
}

/// The answer as bytes; nothing where it holds what is not kept.
pub(crate) fn write(response: &Response) -> Option<Bytes> {
    let Response { content, stop_reason, usage: _, extra } = response;
    let Extra { stop_sequence, service_tier, optimized_latency, fields, trace } = extra;
    let kept = Kept {
        c: content.iter().map(part).collect::<Option<_>>()?,
        stop: stop_reason.name().to_owned(),
        sequence: stop_sequence.clone(),
        tier: service_tier.map(|tier| tier.name().to_owned()),
        optimized: *optimized_latency,
        fields: fields.clone(),
        trace: trace.clone(),
    };
    serde_json::to_vec(&kept).ok().map(Bytes::from)
}

/// The answer that was written.
pub(crate) fn read(bytes: &[u8], usage: TokenUsage) -> Option<Response> {
    let Kept { c, stop, sequence, tier, optimized, fields, trace } = serde_json::from_slice(bytes).ok()?;
    Some(Response {
        content: c.into_iter().map(block).collect(),
        stop_reason: StopReason::parse(&stop),
        usage,
        extra: Extra {
            stop_sequence: sequence,
            service_tier: tier.as_deref().and_then(ServiceTier::parse),
            optimized_latency: optimized,
            fields,
            trace,
        },
    })
}

fn part(block: &Block) -> Option<Part> {
    Some(match block {
        Block::Text(text) => Part::Text(text.clone()),
        Block::ToolUse(call) => Part::Tool(call.id.clone(), call.name.clone(), call.input.clone()),
        Block::Reasoning(Reasoning::Text { text, signature }) => {
            Part::Thought(text.clone(), signature.clone())
        }
        Block::Reasoning(Reasoning::Redacted(sealed)) => Part::Sealed(sealed.to_vec()),
        Block::Cited(cited) => Part::Cited(cited.text.clone(), cited.citations.clone()),
        _ => return None,
    })
}

fn block(part: Part) -> Block {
    match part {
        Part::Text(text) => Block::Text(text),
        Part::Tool(id, name, input) => Block::ToolUse(ToolUse { id, name, input }),
        Part::Thought(text, signature) => Block::Reasoning(Reasoning::Text { text, signature }),
        Part::Sealed(sealed) => Block::Reasoning(Reasoning::Redacted(sealed.into())),
        Part::Cited(text, citations) => Block::Cited(CitedText { text, citations }),
    }
}
