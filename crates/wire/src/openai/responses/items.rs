//! `input`: from OpenAI's items to Converse's turns.

mod calls;

use std::collections::HashMap;

use bytes::Bytes;
use outcrop_chat::{Block, CacheTtl, InvalidRequest, Message, Role, SystemBlock};
use serde_json::json;

use super::called::CalledTools;
use super::request::{Breakpoint, Content, Item, Part};
use super::tools::CUSTOM_INPUT;
use super::{Dropped, envelope, media, required};
use crate::json::{InnerJson, shorten};
use crate::media_count::MediaCount;

/// Reads items one after the other.
///
/// Instructions that lead the conversation go before it; later ones stay where they are: hoisting them would change
/// their meaning and cost the prompt cache. Turns of one role are merged afterwards, by `chat::normalise`.
pub(super) struct Turns<'a> {
    /// The model's own id: thoughts of another one are left out.
    model: &'a str,
    called: &'a mut CalledTools,
    dropped: &'a mut Dropped,
    system: Vec<SystemBlock>,
    messages: Vec<Message>,
    /// By the client's ids: the turns that call tools and have no result yet.
    open: HashMap<String, OpenCall>,
    /// Bounds the arguments of all tool calls.
    arguments: InnerJson,
    /// Counts pictures and documents outside tool results.
    media: MediaCount,
    /// The turns of the user, in order: where the results of earlier calls may go.
    users: Vec<usize>,
    /// How long what is marked is kept, where the mark does not say.
    kept_for: CacheTtl,
}

struct OpenCall {
    turn: usize,
    /// Whether the call was cut off, so that nobody could run it.
    cut: bool,
}

/// The part of the input that is read, and where its bytes are.
#[derive(Clone, Copy)]
pub(super) struct From<'a> {
    /// What media may stay in.
    pub(super) body: &'a Bytes,
    /// What the field is called: `input`.
    pub(super) field: &'a str,
}

impl<'a> Turns<'a> {
    pub(super) fn new(model: &'a str, called: &'a mut CalledTools, dropped: &'a mut Dropped) -> Self {
        Self {
            model,
            called,
            dropped,
            system: Vec::new(),
            messages: Vec::new(),
            open: HashMap::new(),
            arguments: InnerJson::default(),
            media: MediaCount::default(),
            users: Vec::new(),
            kept_for: CacheTtl::default(),
        }
    }

    /// How long what is marked is kept, where the mark does not say.
    pub(super) const fn kept_for(&mut self, ttl: CacheTtl) {
        self.kept_for = ttl;
    }

    /// `instructions`, before everything else.
    pub(super) fn instruct(&mut self, text: String) {
        if !text.trim().is_empty() {
            self.system.push(SystemBlock::Text(text));
        }
    }

    /// A string in the place of items is what the user says.
    pub(super) fn say(&mut self, text: String) {
        self.user(vec![Block::Text(text)]);
    }

    /// One item.
    pub(super) fn push(
        &mut self,
        from: From<'_>,
        at: usize,
        mut item: Item<'_>,
    ) -> Result<(), InvalidRequest> {
        let path = format!("{}[{at}]", from.field);
        let kind = item.r#type.take();
        match kind.as_deref() {
            None | Some("message") => self.message(from.body, &path, item),
            Some("function_call") => {
                let arguments =
                    item.arguments.take().ok_or_else(|| required(&format!("{path}.arguments")))?;
                let input = self.input(&path, &arguments.0, item.status.as_deref() == Some("incomplete"))?;
                self.call(&path, item, input)
            }
            Some("custom_tool_call") => {
                let text = item.input.take().ok_or_else(|| required(&format!("{path}.input")))?;
                self.call(&path, item, json!({ CUSTOM_INPUT: text }))
            }
            Some("function_call_output" | "custom_tool_call_output") => self.output(from.body, &path, item),
            Some("reasoning") => self.reasoning(&path, item),
            Some(other) => {
                let param = format!("{path}.type");
                let message = format!("`{param}` is `{}`, which is not supported.", shorten(other));
                Err(InvalidRequest::new(param, message))
            }
        }
    }

    /// The instructions and turns, once all is read.
    ///
    /// A conversation of instructions alone, which OpenAI answers, is answered by its last one as the user's turn.
    pub(super) fn finish(mut self) -> Result<(Vec<SystemBlock>, Vec<Message>), InvalidRequest> {
        self.all_answered()?;
        if self.messages.is_empty()
            && let Some(SystemBlock::Text(text)) = self.system.pop()
        {
            self.say(text);
        }
        Ok((self.system, self.messages))
    }

    // === messages ===

    fn user(&mut self, content: Vec<Block>) {
        self.users.push(self.messages.len());
        self.messages.push(Message { role: Role::User, content });
    }

    fn message(&mut self, body: &Bytes, path: &str, item: Item<'_>) -> Result<(), InvalidRequest> {
        let param = format!("{path}.role");
        let role = item.role.ok_or_else(|| required(&param))?;
        let content = item.content.ok_or_else(|| required(&format!("{path}.content")))?;
        match role.as_str() {
            "user" => {
                let content = self.user_content(body, path, content)?;
                self.user(content);
            }
            "assistant" => {
                let content = self.spoken(path, content)?;
                self.messages.push(Message { role: Role::Assistant, content });
            }
            "system" | "developer" => {
                let content = self.spoken(path, content)?;
                self.instruction(content);
            }
            other => {
                let message = format!(
                    "`{param}` must be `user`, `assistant`, `system` or `developer`, not `{}`.",
                    shorten(other)
                );
                return Err(InvalidRequest::new(param, message));
            }
        }
        Ok(())
    }

    fn instruction(&mut self, content: Vec<Block>) {
        if !self.messages.is_empty() {
            return self.messages.push(Message { role: Role::System, content });
        }
        self.system.extend(content.into_iter().filter_map(|block| match block {
            Block::Text(text) if !text.trim().is_empty() => Some(SystemBlock::Text(text)),
            Block::CachePoint(ttl) => Some(SystemBlock::CachePoint(ttl)),
            _ => None,
        }));
    }

    fn user_content(
        &mut self,
        body: &Bytes,
        path: &str,
        content: Content<'_>,
    ) -> Result<Vec<Block>, InvalidRequest> {
        let parts = match content {
            Content::Text(text) => return Ok(vec![Block::Text(text)]),
            Content::List(parts) => parts,
        };
        let mut blocks = Vec::with_capacity(parts.len());
        for (at, mut part) in parts.into_iter().enumerate() {
            let breakpoint = part.prompt_cache_breakpoint.take();
            let path = format!("{path}.content[{at}]");
            let block = self.user_part(body, &path, part)?;
            self.media.admit(&block, || path)?;
            blocks.push(block);
            self.mark(&mut blocks, breakpoint);
        }
        Ok(blocks)
    }

    fn user_part(&mut self, body: &Bytes, path: &str, part: Part<'_>) -> Result<Block, InvalidRequest> {
        match part.r#type.as_deref() {
            Some("input_text" | "output_text" | "text") => {
                part.text.map(Block::Text).ok_or_else(|| required(&format!("{path}.text")))
            }
            Some("input_image") => media::image(body, path, part, self.dropped),
            Some("input_file") => media::file(body, path, part, self.dropped),
            Some("input_audio") => media::audio(body, path, part),
            other => Err(wrong_part(path, other)),
        }
    }

    /// The content of a message that holds text alone.
    fn spoken(&mut self, path: &str, content: Content<'_>) -> Result<Vec<Block>, InvalidRequest> {
        let parts = match content {
            Content::Text(text) => return Ok(vec![Block::Text(text)]),
            Content::List(parts) => parts,
        };
        let mut blocks = Vec::with_capacity(parts.len());
        for (at, part) in parts.into_iter().enumerate() {
            let path = format!("{path}.content[{at}]");
            let text = match part.r#type.as_deref() {
                Some("input_text" | "output_text" | "text") => {
                    part.text.ok_or_else(|| required(&format!("{path}.text")))?
                }
                Some("refusal") => part.refusal.ok_or_else(|| required(&format!("{path}.refusal")))?,
                other => return Err(wrong_part(&path, other)),
            };
            blocks.push(Block::Text(text));
            self.mark(&mut blocks, part.prompt_cache_breakpoint);
        }
        Ok(blocks)
    }

    /// Puts a cache point behind what stands there. OpenAI keeps for half an hour or half a day, Bedrock for five
    /// minutes or an hour; without a word in the mark or in the request, each as by default.
    fn mark(&mut self, blocks: &mut Vec<Block>, breakpoint: Option<Breakpoint>) {
        let Some(breakpoint) = breakpoint else { return };
        let ttl = match breakpoint.ttl.as_deref() {
            None => self.kept_for,
            Some("30m") => CacheTtl::OneHour,
            Some(_) => {
                self.dropped.note("input.content.prompt_cache_breakpoint.ttl");
                CacheTtl::OneHour
            }
        };
        if matches!(blocks.last(), Some(block) if !matches!(block, Block::CachePoint(_))) {
            blocks.push(Block::CachePoint(ttl));
        }
    }

    // === thoughts ===

    /// A thought is only taken back as its model gave it, which is in the envelope; and by no other model.
    fn reasoning(&mut self, path: &str, item: Item<'_>) -> Result<(), InvalidRequest> {
        let Some(sealed) = item.encrypted_content else {
            self.dropped.note("input.reasoning");
            return Ok(());
        };
        let Some(opened) = envelope::open(&sealed.0) else {
            let param = format!("{path}.encrypted_content");
            let message = format!("`{param}` could not be read: it is not as it was given out here.");
            return Err(InvalidRequest::new(param, message));
        };
        if opened.model != self.model {
            self.dropped.note("input.reasoning");
            return Ok(());
        }
        let content = opened.thoughts.into_iter().map(Block::Reasoning).collect();
        self.messages.push(Message { role: Role::Assistant, content });
        Ok(())
    }
}

fn wrong_part(path: &str, kind: Option<&str>) -> InvalidRequest {
    let param = format!("{path}.type");
    let Some(kind) = kind else { return required(&param) };
    let message = format!("`{param}` is `{}`, which is not supported here.", shorten(kind));
    InvalidRequest::new(param, message)
}
