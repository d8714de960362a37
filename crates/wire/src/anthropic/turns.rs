//! `system` and `messages`: from Anthropic's turns to Converse's.

use std::borrow::Cow;

use bytes::Bytes;
use outcrop_chat::{Block, InvalidRequest, Message, Role, SystemBlock};

use super::blocks::{self, required};
use super::reading::Texts;
use super::request::{self, Content};
use super::{Betas, Dropped, Version};
use crate::ToolNames;
use crate::media_count::MediaCount;

/// What the blocks of a request are read with.
pub(super) struct Context<'a> {
    /// The whole body, of which media are slices.
    pub(super) body: &'a Bytes,
    pub(super) version: Version,
    pub(super) betas: &'a Betas,
    pub(super) names: &'a mut ToolNames,
    pub(super) dropped: &'a mut Dropped,
}

/// What is read, and what of it is counted.
pub(super) struct Reading<'a> {
    pub(super) context: Context<'a>,
    /// Pictures and documents outside tool results.
    media: MediaCount,
}

/// Where a block stands, for errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path {
    pub(super) message: usize,
    /// `None` where the content is a string.
    pub(super) block: Option<usize>,
    /// Within a tool result.
    pub(super) inner: Option<usize>,
}

impl Path {
    /// The name of a field of the block, as the client spells it.
    pub(super) fn field(self, name: &str) -> String {
        let mut path = format!("messages[{}].content", self.message);
        for at in [self.block, self.inner.map(|_| usize::MAX), self.inner].into_iter().flatten() {
            if at == usize::MAX { path.push_str(".content") } else { path.push_str(&format!("[{at}]")) }
        }
        if !name.is_empty() {
            path.push('.');
            path.push_str(name);
        }
        path
    }
}

/// Turns `system` into instructions before the conversation.
pub(super) fn system(
    system: Option<Texts<'_>>,
    dropped: &mut Dropped,
) -> Result<Vec<SystemBlock>, InvalidRequest> {
    let blocks = match system {
        None => return Ok(Vec::new()),
        Some(Texts(Content::Text(text))) => return Ok(vec![SystemBlock::Text(text.into_owned())]),
        Some(Texts(Content::Blocks(blocks))) => blocks,
    };
    let mut system = Vec::with_capacity(blocks.len());
    for (at, block) in blocks.into_iter().enumerate() {
        if block.r#type != "text" {
            let param = format!("system[{at}].type");
            return Err(InvalidRequest::new(param.as_str(), format!("`{param}` must be `text`.")));
        }
        let text = block.text.ok_or_else(|| required(format!("system[{at}].text")))?;
        if matches!(block.citations, Some(request::Citations::List(1..))) {
            dropped.note("system.citations");
        }
        let is_blank = text.0.trim().is_empty();
        system.push(SystemBlock::Text(text.0.into_owned()));
        if let Some(control) = block.cache_control.filter(|_| !is_blank) {
            system.push(SystemBlock::CachePoint(blocks::ttl(&control)?));
        }
    }
    Ok(system)
}

/// Turns the messages into turns.
pub(super) fn convert(
    messages: Vec<request::Message<'_>>,
    context: Context<'_>,
) -> Result<Vec<Message>, InvalidRequest> {
    let mut reading = Reading { context, media: MediaCount::default() };
    let mut turns = Vec::with_capacity(messages.len());
    for (at, message) in messages.into_iter().enumerate() {
        let role = reading.role(at, message.role)?;
        let content = reading.content(at, role, message.content)?;
        turns.push(Message { role, content });
    }
    Ok(turns)
}

impl Reading<'_> {
    /// Instructions in the middle came with the version of 2026, and before that with a beta.
    fn role(&self, at: usize, role: request::Role) -> Result<Role, InvalidRequest> {
        match role {
            request::Role::User => Ok(Role::User),
            request::Role::Assistant => Ok(Role::Assistant),
            request::Role::System => {
                let beta = self.context.betas.iter().any(|it| it.starts_with("mid-conversation-system"));
                if self.context.version == Version::V20261021 || beta {
                    return Ok(Role::System);
                }
                let param = format!("messages[{at}].role");
                let message = format!(
                    "`{param}` may be `system` from `anthropic-version: 2026-10-21` on; before, use the field `system`."
                );
                Err(InvalidRequest::new(param, message))
            }
        }
    }

    fn content(
        &mut self,
        message: usize,
        role: Role,
        content: Content<'_>,
    ) -> Result<Vec<Block>, InvalidRequest> {
        let given = match content {
            Content::Text(text) => return Ok(vec![Block::Text(Cow::into_owned(text))]),
            Content::Blocks(blocks) => blocks,
        };
        let mut content = Vec::with_capacity(given.len());
        for (at, mut block) in given.into_iter().enumerate() {
            let path = Path { message, block: Some(at), inner: None };
            let control = block.cache_control.take();
            let block = self.block(path, role, block)?;
            self.media.admit(&block, || path.field(""))?;
            // Converse refuses a cache point behind nothing, and blank text goes on the way.
            let cacheable = !matches!(&block, Block::Text(text) if text.trim().is_empty());
            content.push(block);
            if let Some(control) = control.filter(|_| cacheable) {
                content.push(Block::CachePoint(blocks::ttl(&control)?));
            }
        }
        Ok(content)
    }
}
