//! Brings a conversation into the order that Bedrock accepts, without changing what it says.
//!
//! Bedrock wants turns to alternate and to begin with the user's, no blank text, the results of an
//! assistant turn's tool calls together and first in the next user turn, and an assistant turn's thoughts
//! before its text before its tool calls (Amazon Bedrock API reference, Converse; `Message`).

use std::collections::{HashMap, HashSet, VecDeque};

use crate::{
    Block, DocumentNames, Link, LinkKind, Message, Request, Role, SystemBlock, ToolResult, ToolResultBlock,
    ToolUse, document_name,
};

/// Stands for a user's turn that has nothing to say and must be there: the shortest text that is not blank.
const NO_WORDS: &str = ".";
/// Stands for the output of a tool that had none.
const NO_OUTPUT: &str = "(no output)";
/// So many characters of an id stay whatever its number.
const MOST_STEM: usize = 56;

/// Puts a request into the shape Converse accepts; see the tests for each rule.
///
/// 1. Blank system texts go.
/// 2. Blank text goes, and with it a message that held nothing else. The last message stays, if it is the
///    user's and follows the assistant: without it the model would continue its own words.
/// 3. Neighbours of one role become one message.
/// 4. A conversation that begins with the assistant gets a minimal user turn before it.
/// 5. A tool result without content says so in words.
/// 6. Tool results come first in their message; thoughts come first in an assistant's, tool calls last.
/// 7. Two calls with one id in one message are told apart, and so are their results.
/// 8. Text that the model is to continue does not end in white space.
/// 9. A document stands with some text in its message.
/// 10. An instruction in the middle of the conversation stands alone, and behind the results of the tool calls it
///     came between.
/// 11. Documents with one name are told apart: models name them by it.
///
/// A cache point stays behind the block it follows, and goes where there is none in its message.
///
/// A conversation without any content stays empty: that is for the caller to refuse.
#[must_use]
pub fn normalise(mut request: Request) -> Request {
    request.system.retain(|block| !matches!(block, SystemBlock::Text(text) if is_blank(text)));
    let mut messages = merge(request.messages);
    if messages.first().is_some_and(|first| first.role != Role::User) {
        messages.insert(0, user(NO_WORDS));
    }
    let mut renamed = Renamed::default();
    for message in &mut messages {
        match message.role {
            Role::User => {
                renamed.results(&mut message.content);
                order(&mut message.content, user_rank);
                accompany_documents(&mut message.content);
            }
            Role::System => {}
            Role::Assistant => {
                order(&mut message.content, assistant_rank);
                renamed = Renamed::calls(&mut message.content);
            }
        }
    }
    trim_continued(&mut messages);
    tell_documents_apart(&mut messages);
    request.messages = messages;
    request
}

/// Rules 2, 3 and 5.
fn merge(messages: Vec<Message>) -> Vec<Message> {
    let last_is_user = messages.last().is_some_and(|last| last.role == Role::User);
    let mut merged: Vec<Message> = Vec::with_capacity(messages.len());
    for mut message in behind_results(messages) {
        message.content.retain(|block| !matches!(block, Block::Text(text) if is_blank(text)));
        for block in &mut message.content {
            if let Block::ToolResult(result) = block {
                fill(result);
            }
        }
        match merged.last_mut() {
            _ if message.content.iter().all(|block| matches!(block, Block::CachePoint(_))) => {}
            Some(last) if last.role == message.role => last.content.append(&mut message.content),
            _ => merged.push(message),
        }
    }
    if last_is_user && merged.last().is_some_and(|last| last.role == Role::Assistant) {
        merged.push(user(NO_WORDS));
    }
    merged
}

fn fill(result: &mut ToolResult) {
    result.content.retain(|block| !matches!(block, ToolResultBlock::Text(text) if is_blank(text)));
    if result.content.is_empty() {
        result.content.push(ToolResultBlock::Text(NO_OUTPUT.to_owned()));
    }
}

/// Rule 10: tool results that come after an instruction which follows their calls go before it.
fn behind_results(mut messages: Vec<Message>) -> Vec<Message> {
    for at in 1..messages.len() {
        let wedged = messages[at].role == Role::System
            && messages[at - 1].content.iter().any(|block| matches!(block, Block::ToolUse(_)));
        if wedged {
            let instructions = messages[at..].iter().take_while(|it| it.role == Role::System).count();
            let results = messages[at + instructions..].iter().take_while(|it| holds_results(it)).count();
            messages[at..at + instructions + results].rotate_left(instructions);
        }
    }
    messages
}

fn holds_results(message: &Message) -> bool {
    message.role == Role::User && message.content.iter().any(|it| matches!(it, Block::ToolResult(_)))
}

/// Rule 9.
fn accompany_documents(content: &mut Vec<Block>) {
    let has = |wanted: fn(&Block) -> bool| content.iter().any(wanted);
    if has(|it| matches!(it, Block::Document(_) | Block::Link(_))) && !has(|it| matches!(it, Block::Text(_)))
    {
        content.push(Block::Text(NO_WORDS.to_owned()));
    }
}

/// Sorts blocks by rank and keeps the order within a rank. A cache point has the rank of the block it follows.
fn order(content: &mut Vec<Block>, rank: fn(&Block) -> u8) {
    if content.is_sorted_by_key(rank) {
        return;
    }
    let mut last = 0;
    let mut ranked: Vec<(u8, Block)> = std::mem::take(content)
        .into_iter()
        .map(|block| {
            if !matches!(block, Block::CachePoint(_)) {
                last = rank(&block);
            }
            (last, block)
        })
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    content.extend(ranked.into_iter().map(|(_, block)| block));
}

fn user_rank(block: &Block) -> u8 {
    u8::from(!matches!(block, Block::ToolResult(_)))
}

fn assistant_rank(block: &Block) -> u8 {
    match block {
        Block::Reasoning(_) => 0,
        Block::ToolUse(_) => 2,
        _ => 1,
    }
}

/// Rule 7: the new ids of a turn's calls by the old id, to be given to the results in order. Empty when no two
/// calls share an id.
#[derive(Default)]
struct Renamed(HashMap<String, VecDeque<String>>);

impl Renamed {
    fn calls(content: &mut [Block]) -> Self {
        let mut taken: HashSet<String> = calls(content).map(|call| call.id.clone()).collect();
        let mut given: HashMap<String, VecDeque<String>> = HashMap::new();
        // By what ids have in common when they are numbered: no number is tried twice.
        let mut next: HashMap<String, usize> = HashMap::new();
        if taken.len() == calls(content).count() {
            return Self(given);
        }
        for block in content {
            let Block::ToolUse(call) = block else { continue };
            let ids = given.entry(call.id.clone()).or_default();
            if !ids.is_empty() {
                let next = next.entry(call.id.chars().take(MOST_STEM).collect()).or_insert(2);
                let mut id = numbered(&call.id, *next);
                while !taken.insert(id.clone()) {
                    *next += 1;
                    id = numbered(&call.id, *next);
                }
                call.id = id;
            }
            ids.push_back(call.id.clone());
        }
        Self(given)
    }

    fn results(&mut self, content: &mut [Block]) {
        for block in content {
            if let Block::ToolResult(result) = block
                && let Some(ids) = self.0.get_mut(&result.id)
                && let Some(id) = ids.pop_front()
            {
                result.id = id;
            }
        }
    }
}

fn calls(content: &[Block]) -> impl Iterator<Item = &ToolUse> {
    content.iter().filter_map(|block| if let Block::ToolUse(call) = block { Some(call) } else { None })
}

/// An id with a number, within Bedrock's 64 characters. Ids are ASCII here (see `ToolUse::id`); one that is
/// not is cut at a character all the same.
fn numbered(id: &str, number: usize) -> String {
    let number = format!(":{number}");
    let mut end = id.len().min(64 - number.len());
    while !id.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{number}", &id[..end])
}

/// Rule 8.
fn trim_continued(messages: &mut [Message]) {
    if let Some(Message { role: Role::Assistant, content }) = messages.last_mut()
        && let Some(Block::Text(text)) = content.last_mut()
    {
        text.truncate(text.trim_end().len());
    }
}

/// Rule 11.
fn tell_documents_apart(messages: &mut [Message]) {
    let mut names = DocumentNames::default();
    for block in messages.iter_mut().flat_map(|message| &mut message.content) {
        match block {
            Block::Document(it) => it.name = names.tell_apart(&it.name),
            Block::Link(link) => tell_link_apart(link, &mut names),
            Block::ToolResult(result) => {
                for block in &mut result.content {
                    match block {
                        ToolResultBlock::Document(it) => it.name = names.tell_apart(&it.name),
                        ToolResultBlock::Link(link) => tell_link_apart(link, &mut names),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

/// What will be a document is named with the others, so that a later one does not change the names before it.
fn tell_link_apart(link: &mut Link, names: &mut DocumentNames) {
    if let (LinkKind::Document, Some(name)) = (link.kind, &mut link.name) {
        *name = names.tell_apart(&document_name(name, "document"));
    }
}

fn user(text: &str) -> Message {
    Message { role: Role::User, content: vec![Block::Text(text.to_owned())] }
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

#[cfg(test)]
#[path = "normalise_tests.rs"]
mod tests;
