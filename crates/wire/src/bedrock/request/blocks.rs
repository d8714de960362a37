//! Messages and their blocks.

use outcrop_chat as chat;
use outcrop_chat::InvalidRequest;
use serde_json::Value;

use super::Reading;
use crate::bedrock::at::At;
use crate::bedrock::shapes::blocks::{
    Block, CachePoint, CitationsContent, Guard, Message, OnlyText, Reasoning, ReasoningText, ResultBlock,
    Role, SearchResult, Status, System, ToolResult, ToolUse,
};
use crate::bedrock::union::Union;
use crate::json::Object;

/// The instructions.
pub(super) fn system(blocks: Option<Vec<Union<System>>>) -> Vec<chat::SystemBlock> {
    let block = |Union(block)| match block {
        System::Text(text) => chat::SystemBlock::Text(text),
        System::CachePoint(point) => chat::SystemBlock::CachePoint(ttl(&point)),
        System::GuardContent(Union(it)) => chat::SystemBlock::Guard(guarded(it)),
    };
    blocks.into_iter().flatten().map(block).collect()
}

/// How long what stands before a cache point is kept.
pub(super) fn ttl(point: &CachePoint) -> chat::CacheTtl {
    point.ttl.as_ref().map(|it| it.0).unwrap_or_default()
}

fn guarded(guard: Guard) -> chat::GuardedText {
    match guard {
        Guard::Text(it) => chat::GuardedText { text: it.text, qualifiers: it.qualifiers.unwrap_or_default() },
        Guard::Image(unserved) => match unserved {},
    }
}

impl Reading<'_> {
    pub(super) fn messages(
        &mut self,
        messages: Vec<Object<Message<'_>>>,
        at: &At<'_>,
    ) -> Result<Vec<chat::Message>, InvalidRequest> {
        let message = |(index, Object(it))| self.message(it, &at.element(index));
        messages.into_iter().enumerate().map(message).collect()
    }

    fn message(&mut self, message: Message<'_>, at: &At<'_>) -> Result<chat::Message, InvalidRequest> {
        let role = match message.role {
            Role::User => chat::Role::User,
            Role::Assistant => chat::Role::Assistant,
            Role::System => chat::Role::System,
        };
        let at = at.member("content");
        let block = |(index, Union(it))| self.block(it, &at.element(index));
        let content = message.content.into_iter().enumerate().map(block);
        Ok(chat::Message { role, content: content.collect::<Result<_, _>>()? })
    }

    fn block(&mut self, block: Block<'_>, at: &At<'_>) -> Result<chat::Block, InvalidRequest> {
        Ok(match block {
            Block::Text(text) => chat::Block::Text(text),
            Block::Image(it) => chat::Block::Image(self.image(it, &at.member("image"))?),
            Block::Document(it) => chat::Block::Document(self.document(it, &at.member("document"))?),
            Block::Video(it) => chat::Block::Video(self.video(it, &at.member("video"))?),
            Block::Audio(it) => chat::Block::Audio(self.audio(it, &at.member("audio"))?),
            Block::ToolUse(ToolUse { tool_use_id: id, name, input, .. }) => {
                chat::Block::ToolUse(chat::ToolUse { id, name, input: Value::Object(input) })
            }
            Block::ToolResult(it) => chat::Block::ToolResult(self.tool_result(it, &at.member("toolResult"))?),
            Block::ReasoningContent(Union(it)) => chat::Block::Reasoning(reasoning(it)),
            Block::CachePoint(point) => chat::Block::CachePoint(ttl(&point)),
            Block::GuardContent(Union(it)) => chat::Block::Guard(guarded(it)),
            Block::CitationsContent(it) => chat::Block::Cited(cited(it)),
            Block::SearchResult(it) => chat::Block::SearchResult(search_result(it)),
            Block::ToolAddition(unserved) | Block::ToolRemoval(unserved) => match unserved {},
        })
    }

    fn tool_result(
        &mut self,
        result: ToolResult<'_>,
        at: &At<'_>,
    ) -> Result<chat::ToolResult, InvalidRequest> {
        let at = at.member("content");
        let block = |(index, Union(it))| self.result_block(it, &at.element(index));
        Ok(chat::ToolResult {
            id: result.tool_use_id,
            content: result.content.into_iter().enumerate().map(block).collect::<Result<_, _>>()?,
            is_error: result.status == Status::Error,
        })
    }

    fn result_block(
        &mut self,
        block: ResultBlock<'_>,
        at: &At<'_>,
    ) -> Result<chat::ToolResultBlock, InvalidRequest> {
        Ok(match block {
            ResultBlock::Text(text) => chat::ToolResultBlock::Text(text),
            ResultBlock::Json(value) => chat::ToolResultBlock::Json(value),
            ResultBlock::Image(it) => chat::ToolResultBlock::Image(self.image(it, &at.member("image"))?),
            ResultBlock::Document(it) => {
                chat::ToolResultBlock::Document(self.document(it, &at.member("document"))?)
            }
            ResultBlock::Video(it) => chat::ToolResultBlock::Video(self.video(it, &at.member("video"))?),
            ResultBlock::SearchResult(it) => chat::ToolResultBlock::SearchResult(search_result(it)),
        })
    }
}

fn reasoning(reasoning: Reasoning) -> chat::Reasoning {
    match reasoning {
        Reasoning::ReasoningText(ReasoningText { text, signature }) => {
            chat::Reasoning::Text { text, signature }
        }
        Reasoning::RedactedContent(bytes) => chat::Reasoning::Redacted(bytes),
    }
}

/// Converse lets the text come in pieces; where they meet means nothing.
fn cited(content: CitationsContent) -> chat::CitedText {
    chat::CitedText {
        text: content.content.into_iter().map(|Union(OnlyText::Text(text))| text).collect(),
        // These are texts and numbers, which always make JSON.
        citations: content
            .citations
            .into_iter()
            .flatten()
            .map(|it| serde_json::to_value(it).unwrap_or_default())
            .collect(),
    }
}

fn search_result(found: SearchResult) -> chat::SearchResult {
    chat::SearchResult {
        source: found.source,
        title: found.title,
        content: found.content.into_iter().map(|it| it.text).collect(),
        citations: found.citations.is_some_and(|it| it.enabled),
    }
}
