//! The SDK's Converse output to `chat::Response`.

use aws_sdk_bedrockruntime::operation::converse::ConverseOutput;
use aws_sdk_bedrockruntime::types as sdk;
use bytes::Bytes;
use outcrop_chat::{Block, CitedText, Extra, Reasoning, Response, ServiceTier, StopReason, ToolUse};
use outcrop_ports::ModelError;
use outcrop_types::TokenUsage;
use serde_json::{Map, Value};

use crate::as_written::AsWritten;
use crate::errors::malformed;
use crate::request::OurPaths;
use crate::{citations, document, trace};

/// Translates a whole answer. Blocks of a kind newer than this code are left out.
pub(crate) fn translate(
    output: ConverseOutput,
    written: AsWritten,
    ours: OurPaths,
) -> Result<Response, ModelError> {
    let Some(sdk::ConverseOutput::Message(message)) = output.output else {
        return Err(malformed("Bedrock answered without a message"));
    };
    let mut told_unknown = false;
    let mut unknown = || {
        if !std::mem::replace(&mut told_unknown, true) {
            tracing::debug!("left out content blocks of an unknown kind");
        }
    };
    let said = written.fields.or_else(|| output.additional_model_response_fields.map(document::into_value));
    let (fields, details) = fields(said, ours);
    let mut inputs = written.inputs.into_iter();
    let trace = output.trace.and_then(|it| trace::trace(it.guardrail, it.prompt_router));
    let mut usage = output.usage.as_ref().map(usage).unwrap_or_default();
    usage.reasoning = details.reasoning;
    Ok(Response {
        content: message
            .content
            .into_iter()
            .filter_map(|it| {
                let block = block(it, &mut inputs);
                if block.is_none() {
                    unknown();
                }
                block
            })
            .collect(),
        stop_reason: StopReason::parse(output.stop_reason.as_str()),
        usage,
        extra: Extra {
            stop_sequence: details.stop_sequence,
            service_tier: output.service_tier.and_then(|it| ServiceTier::parse(it.r#type.as_str())),
            optimized_latency: output.performance_config.map(|it| is_optimized(&it)),
            fields,
            trace,
        },
    })
}

/// Whether the latency-optimised variant answered.
pub(crate) fn is_optimized(configuration: &sdk::PerformanceConfiguration) -> bool {
    configuration.latency == sdk::PerformanceConfigLatency::Optimized
}

fn block(block: sdk::ContentBlock, inputs: &mut impl Iterator<Item = Value>) -> Option<Block> {
    Some(match block {
        sdk::ContentBlock::Text(text) => Block::Text(text),
        sdk::ContentBlock::ToolUse(it) => {
            let input = inputs.next().unwrap_or_else(|| document::into_value(it.input));
            Block::ToolUse(ToolUse { id: it.tool_use_id, name: it.name, input })
        }
        sdk::ContentBlock::ReasoningContent(it) => Block::Reasoning(reasoning(it)?),
        sdk::ContentBlock::CitationsContent(it) => Block::Cited(cited(it)?),
        _ => return None,
    })
}

/// Without text there is nothing that was found anywhere.
fn cited(block: sdk::CitationsContentBlock) -> Option<CitedText> {
    let parts = block.content?.into_iter().filter_map(|it| match it {
        sdk::CitationGeneratedContent::Text(text) => Some(text),
        _ => None,
    });
    let text = parts.collect::<String>();
    let citations = block.citations.unwrap_or_default().into_iter().map(citations::whole).collect();
    (!text.is_empty()).then_some(CitedText { text, citations })
}

/// What Claude says of its own answer.
#[derive(Debug, Default)]
pub(crate) struct Details {
    pub(crate) stop_sequence: Option<String>,
    /// Tokens.
    pub(crate) reasoning: u64,
}

/// The fields of the model's own answer as the client asked for them, and what is read of them here. What was asked
/// for by us alone is taken out again.
pub(crate) fn fields(fields: Option<Value>, ours: OurPaths) -> (Option<Value>, Details) {
    let Some(mut fields) = fields else { return (None, Details::default()) };
    let details = Details {
        stop_sequence: fields["stop_sequence"].as_str().map(str::to_owned),
        reasoning: fields["usage"]["output_tokens_details"]["thinking_tokens"].as_u64().unwrap_or_default(),
    };
    if let Some(object) = fields.as_object_mut() {
        if ours.stop_sequence {
            object.shift_remove("stop_sequence");
        }
        if ours.output_details
            && let Some(usage) = object.get_mut("usage").and_then(Value::as_object_mut)
        {
            usage.shift_remove("output_tokens_details");
            if usage.is_empty() {
                object.shift_remove("usage");
            }
        }
    }
    let empty = fields.as_object().is_some_and(Map::is_empty) && ours != OurPaths::default();
    ((!empty && !fields.is_null()).then_some(fields), details)
}

fn reasoning(reasoning: sdk::ReasoningContentBlock) -> Option<Reasoning> {
    match reasoning {
        sdk::ReasoningContentBlock::ReasoningText(it) => {
            Some(Reasoning::Text { text: it.text, signature: it.signature })
        }
        sdk::ReasoningContentBlock::RedactedContent(it) => {
            Some(Reasoning::Redacted(Bytes::from(it.into_inner())))
        }
        _ => None,
    }
}

/// Tokens by bucket. Bedrock tells the lifetimes of cache writes apart in `cacheDetails` only; what it does not
/// detail was written for five minutes, the default.
pub(crate) fn usage(usage: &sdk::TokenUsage) -> TokenUsage {
    let count = |tokens: i32| u64::try_from(tokens).unwrap_or_default();
    let one_hour: u64 = usage
        .cache_details()
        .iter()
        .filter(|it| it.ttl == sdk::CacheTtl::OneHour)
        .map(|it| count(it.input_tokens))
        .sum();
    let written = usage
        .cache_write_input_tokens
        .map_or_else(|| usage.cache_details().iter().map(|it| count(it.input_tokens)).sum(), count);
    TokenUsage {
        input: count(usage.input_tokens),
        cache_read: usage.cache_read_input_tokens.map_or(0, count),
        cache_write_5m: written.saturating_sub(one_hour),
        cache_write_1h: one_hour,
        output: count(usage.output_tokens),
        ..TokenUsage::default()
    }
}
