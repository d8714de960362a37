//! `messages`: from OpenAI's turns to Converse's.

use bytes::Bytes;
use outcrop_chat::{Block, InvalidRequest, Message, Role, SystemBlock};

use super::Dropped;
use super::cache;
use super::calls::Calls;
use super::parts::{Parts, push_point, required, texts};
use super::turns;
use crate::ToolNames;

/// Turns the messages into system texts and turns.
///
/// System and developer messages that lead the conversation are instructions; later ones stay where they
/// are: hoisting them would change their meaning and cost the prompt cache. A
/// conversation of instructions alone, which OpenAI answers, is answered by its last one as the user's turn.
pub(super) fn convert(
    body: &Bytes,
    messages: Vec<turns::Message<'_>>,
    names: &mut ToolNames,
    dropped: &mut Dropped,
) -> Result<(Vec<SystemBlock>, Vec<Message>), InvalidRequest> {
    let mut turns = Turns {
        parts: Parts::new(body),
        calls: Calls::new(names),
        dropped,
        system: Vec::new(),
        messages: Vec::new(),
        behind: Vec::new(),
    };
    for (at, message) in messages.into_iter().enumerate() {
        turns.push(at, message)?;
    }
    turns.answered()?;
    let Turns { mut system, mut messages, .. } = turns;
    if messages.is_empty() {
        while system.last().is_some_and(|it| matches!(it, SystemBlock::CachePoint(_))) {
            system.pop();
        }
        if let Some(SystemBlock::Text(text)) = system.pop() {
            messages.push(Message { role: Role::User, content: vec![Block::Text(text)] });
        }
    }
    Ok((system, messages))
}

struct Turns<'a> {
    parts: Parts<'a>,
    calls: Calls<'a>,
    dropped: &'a mut Dropped,
    system: Vec<SystemBlock>,
    messages: Vec<Message>,
    /// What was said among tool results, to stand behind them: Bedrock wants those together.
    behind: Vec<Message>,
}

impl Turns<'_> {
    fn push(&mut self, at: usize, mut message: turns::Message<'_>) -> Result<(), InvalidRequest> {
        if message.name.is_some() && message.role != turns::Role::Function {
            self.dropped.note("messages.name");
        }
        if message.role == turns::Role::Assistant {
            self.answered()?;
        }
        let among_results =
            self.calls.are_open() && !matches!(message.role, turns::Role::Tool | turns::Role::Function);
        let path = || format!("messages[{at}].cache_control");
        let point = cache::point(message.cache_control.take().as_ref(), path)?;
        let (role, mut content) = match message.role {
            turns::Role::System | turns::Role::Developer => {
                (Role::System, texts(at, message.content, self.dropped)?)
            }
            turns::Role::User => (Role::User, self.user(at, message)?),
            turns::Role::Assistant => (Role::Assistant, self.assistant(at, message)?),
            turns::Role::Tool => {
                (Role::User, self.calls.tool_result(at, message, &self.parts, self.dropped)?)
            }
            turns::Role::Function => {
                (Role::User, vec![self.calls.function_result(at, message, self.dropped)?])
            }
        };
        push_point(&mut content, point);
        if role == Role::System && self.messages.is_empty() {
            self.system.extend(content.into_iter().filter_map(instruction));
        } else if among_results {
            self.behind.push(Message { role, content });
        } else {
            self.messages.push(Message { role, content });
        }
        Ok(())
    }

    /// All calls must have their results before the assistant goes on, and at the end.
    fn answered(&mut self) -> Result<(), InvalidRequest> {
        self.calls.all_answered()?;
        self.messages.append(&mut self.behind);
        Ok(())
    }

    fn user(&mut self, at: usize, message: turns::Message<'_>) -> Result<Vec<Block>, InvalidRequest> {
        let content = message.content.ok_or_else(|| required(format!("messages[{at}].content")))?;
        self.parts.turn(at, content, self.dropped)
    }

    fn assistant(
        &mut self,
        at: usize,
        mut message: turns::Message<'_>,
    ) -> Result<Vec<Block>, InvalidRequest> {
        if message.audio.is_some() {
            let param = format!("messages[{at}].audio");
            let message = format!("`{param}` is not supported.");
            return Err(InvalidRequest::new(param, message));
        }
        let mut content = Vec::new();
        for (block_at, block) in message.thinking_blocks.take().into_iter().enumerate() {
            let thought = block.into_thought(|| format!("messages[{at}].thinking_blocks[{block_at}]"))?;
            content.extend(thought.map(Block::Reasoning));
        }
        if content.is_empty() {
            // A thought is only taken back with its signature, which these have no place for.
            let bare = [
                ("messages.reasoning_content", message.reasoning_content.is_some()),
                ("messages.reasoning", message.reasoning.is_some()),
            ];
            bare.iter().filter(|(_, there)| *there).for_each(|(field, _)| self.dropped.note(field));
        }
        content.append(&mut texts(at, message.content.take(), self.dropped)?);
        content.extend(message.refusal.take().map(Block::Text));
        self.calls.called(at, &mut message, &mut content)?;
        Ok(content)
    }
}

/// What leads the conversation: text that is not blank, and cache points.
fn instruction(block: Block) -> Option<SystemBlock> {
    match block {
        Block::Text(text) if !text.trim().is_empty() => Some(SystemBlock::Text(text)),
        Block::CachePoint(ttl) => Some(SystemBlock::CachePoint(ttl)),
        _ => None,
    }
}
