//! What Converse accepts of a conversation, as far as it does not depend on the model (Amazon Bedrock API reference,
//! Converse; what Bedrock was seen to refuse).

use std::collections::HashSet;

use outcrop_chat::{Block, Message, Request, Role, SystemBlock, ToolResult, ToolUse, Tools};

/// Panics if Bedrock would refuse the request for its shape.
pub(super) fn check(request: &Request) {
    for block in &request.system {
        assert!(!matches!(block, SystemBlock::Text(text) if is_blank(text)), "blank instruction");
    }
    let messages = &request.messages;
    assert_eq!(messages.first().map(|it| it.role), Some(Role::User), "who begins");
    for pair in messages.windows(2) {
        assert_ne!(pair[0].role, pair[1].role, "turns alternate");
    }
    for message in messages {
        turn(message);
    }
    if let Some(tools) = &request.tools {
        offered(tools);
    }
    let talks = messages.iter().flat_map(|it| &it.content);
    let calls = talks.filter(|it| matches!(it, Block::ToolUse(_) | Block::ToolResult(_))).count();
    assert!(calls == 0 || request.tools.is_some(), "calls without tools");
}

fn turn(message: &Message) {
    assert!(!message.content.is_empty(), "an empty turn");
    // Which result answers which call is for Bedrock to say.
    let mut calls = HashSet::new();
    for block in &message.content {
        match block {
            Block::Text(text) => assert!(!is_blank(text), "blank text"),
            Block::ToolUse(ToolUse { id, name, input }) => {
                assert_eq!(message.role, Role::Assistant, "who calls");
                assert!(calls.insert(id) && is_id(id), "id {id:?}");
                assert!(is_name(name) && input.is_object(), "call of {name:?}");
            }
            Block::ToolResult(ToolResult { id, content, .. }) => {
                assert_eq!(message.role, Role::User, "who answers a call");
                assert!(is_id(id), "id {id:?}");
                assert!(!content.is_empty(), "an empty result");
            }
            _ => {}
        }
    }
    let documents = message.content.iter().any(|it| matches!(it, Block::Document(_)));
    let texts = message.content.iter().any(|it| matches!(it, Block::Text(_) | Block::Guard(_)));
    assert!(!documents || texts, "a document without a word");
    assert!(!matches!(message.content.first(), Some(Block::CachePoint(_))), "nothing before a cache point");
}

fn offered(tools: &Tools) {
    assert!(!tools.specs.is_empty() || !tools.system.is_empty(), "no tools at all");
    let mut names = HashSet::new();
    for tool in &tools.specs {
        assert!(is_name(&tool.name) && names.insert(&tool.name), "tool {:?}", tool.name);
        assert!(tool.input_schema.is_object(), "schema of {:?}", tool.name);
        assert!(tool.description.as_ref().is_none_or(|it| !it.is_empty()), "description of {:?}", tool.name);
    }
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|it| it.is_ascii_alphanumeric() || b"_-".contains(&it))
}

fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|it| it.is_ascii_alphanumeric() || b"_-.:".contains(&it))
}
