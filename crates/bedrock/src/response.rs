//! The SDK's Converse output to `chat::Response`.

use aws_sdk_bedrockruntime::operation::converse::ConverseOutput;
use aws_sdk_bedrockruntime::types as sdk;
use bytes::Bytes;
use outcrop_chat::{Block, Extra, Reasoning, Response, StopReason, ToolUse};
use outcrop_ports::ModelError;
use outcrop_types::TokenUsage;

use crate::document;
use crate::errors::malformed;

/// Translates a whole answer. Blocks of a kind newer than this code are left out.
pub(crate) fn translate(output: ConverseOutput) -> Result<Response, ModelError> {
    let Some(sdk::ConverseOutput::Message(message)) = output.output else {
        return Err(malformed("Bedrock answered without a message"));
    };
    Ok(Response {
        content: message.content.into_iter().filter_map(block).collect(),
        stop_reason: StopReason::parse(output.stop_reason.as_str()),
        usage: output.usage.as_ref().map(usage).unwrap_or_default(),
        extra: Extra::default(),
    })
}

fn block(block: sdk::ContentBlock) -> Option<Block> {
    Some(match block {
        sdk::ContentBlock::Text(text) => Block::Text(text),
        sdk::ContentBlock::ToolUse(it) => {
            let input = document::into_value(it.input);
            Block::ToolUse(ToolUse { id: it.tool_use_id, name: it.name, input })
        }
        sdk::ContentBlock::ReasoningContent(it) => Block::Reasoning(reasoning(it)?),
        // The text is part of the answer; where it was found is not carried yet.
        sdk::ContentBlock::CitationsContent(it) => Block::Text(cited_text(it)?),
        _ => {
            tracing::debug!("left out a content block of an unknown kind");
            return None;
        }
    })
}

fn cited_text(citations: sdk::CitationsContentBlock) -> Option<String> {
    let parts = citations.content?.into_iter().filter_map(|it| match it {
        sdk::CitationGeneratedContent::Text(text) => Some(text),
        _ => None,
    });
    Some(parts.collect::<String>()).filter(|it| !it.is_empty())
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
        reasoning: 0,
    }
}
