//! Conversations that hold tool calls while no tools are on offer.
//!
//! Converse refuses tool blocks without declared tools, and has no way to forbid tool calls.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::{Block, Message, Request, ToolChoice, ToolResult, ToolResultBlock, ToolSpec, Tools};

/// What a tool that is declared for the past alone says of itself.
const PAST: &str = "Was used earlier in this conversation and is not available any more.";

/// Declares the tools that the conversation calls, if it calls any and none are declared.
#[must_use]
pub fn declare_used_tools(mut request: Request) -> Request {
    if request.tools.is_some() {
        return request;
    }
    let mut seen = HashSet::new();
    let specs: Vec<ToolSpec> = blocks(&request.messages)
        .filter_map(|block| if let Block::ToolUse(call) = block { Some(call.name.as_str()) } else { None })
        .filter(|name| seen.insert(*name))
        .map(|name| ToolSpec {
            name: name.to_owned(),
            description: Some(PAST.to_owned()),
            input_schema: json!({"type": "object", "properties": {}}),
            ..ToolSpec::default()
        })
        .collect();
    if !specs.is_empty() {
        request.tools = Some(Tools { specs, system: Vec::new(), choice: ToolChoice::Auto, parallel: None });
    }
    request
}

/// Whether tools are declared, and none but for the past: by [`declare_used_tools`].
#[must_use]
pub fn declares_only_used_tools(request: &Request) -> bool {
    let past = |it: &ToolSpec| it.description.as_deref() == Some(PAST);
    request
        .tools
        .as_ref()
        .is_some_and(|it| it.system.is_empty() && !it.specs.is_empty() && it.specs.iter().all(past))
}

/// Makes tool calls impossible: no tools on offer, and past calls and results told as text.
#[must_use]
pub fn without_tools(mut request: Request) -> Request {
    request.tools = None;
    for message in &mut request.messages {
        if message.content.iter().any(|it| matches!(it, Block::ToolUse(_) | Block::ToolResult(_))) {
            message.content = std::mem::take(&mut message.content).into_iter().flat_map(told).collect();
        }
    }
    request
}

fn blocks(messages: &[Message]) -> impl Iterator<Item = &Block> {
    messages.iter().flat_map(|message| &message.content)
}

/// A block, or the words for it.
fn told(block: Block) -> Vec<Block> {
    match block {
        Block::ToolUse(call) => vec![Block::Text(tell_call(&call.name, &call.id, &call.input))],
        Block::ToolResult(result) => tell_result(result),
        other => vec![other],
    }
}

fn tell_call(name: &str, id: &str, input: &Value) -> String {
    format!("[Called tool {name} ({id}) with {input}]")
}

fn tell_result(result: ToolResult) -> Vec<Block> {
    let failed = if result.is_error { " (failed)" } else { "" };
    let mut told = vec![Block::Text(format!("[Result of tool call {}{failed}]", result.id))];
    told.extend(result.content.into_iter().map(|block| match block {
        ToolResultBlock::Text(text) => Block::Text(text),
        ToolResultBlock::Json(value) => Block::Text(value.to_string()),
        ToolResultBlock::Image(image) => Block::Image(image),
        ToolResultBlock::Document(document) => Block::Document(document),
        ToolResultBlock::Video(video) => Block::Video(video),
        ToolResultBlock::SearchResult(found) => Block::SearchResult(found),
        ToolResultBlock::Link(link) => Block::Link(link),
    }));
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Role, ToolUse};

    fn conversation() -> Request {
        let call = |id: &str, name: &str| {
            Block::ToolUse(ToolUse { id: id.into(), name: name.into(), input: json!({"a": 1}) })
        };
        let result = |id: &str, is_error| {
            let content = vec![ToolResultBlock::Text(format!("out {id}"))];
            Block::ToolResult(ToolResult { id: id.into(), content, is_error })
        };
        Request {
            messages: vec![
                Message { role: Role::User, content: vec![Block::Text("go".into())] },
                Message {
                    role: Role::Assistant,
                    content: vec![call("1", "add"), call("2", "sub"), call("3", "add")],
                },
                Message {
                    role: Role::User,
                    content: vec![result("1", false), result("2", true), result("3", false)],
                },
            ],
            ..Request::default()
        }
    }

    #[test]
    fn used_tools_are_declared_once_each_in_order_of_use() {
        let request = declare_used_tools(conversation());
        let tools = request.tools.as_ref().map(|tools| &tools.specs).into_iter().flatten();
        assert_eq!(tools.map(|it| it.name.as_str()).collect::<Vec<_>>(), ["add", "sub"]);
        assert_eq!(request.messages, conversation().messages);
    }

    #[test]
    fn declared_tools_and_plain_conversations_stay_as_they_are() {
        let mut declared = declare_used_tools(conversation());
        assert_eq!(declare_used_tools(declared.clone()), declared);
        assert!(declares_only_used_tools(&declared) && !declares_only_used_tools(&conversation()));
        declared.tools.iter_mut().for_each(|it| it.specs.push(ToolSpec::default()));
        assert!(!declares_only_used_tools(&declared), "one is really on offer");
        assert_eq!(declare_used_tools(Request::default()), Request::default());
    }

    #[test]
    fn without_tools_leaves_no_tool_block_and_loses_no_word() {
        let request = without_tools(declare_used_tools(conversation()));
        assert_eq!(request.tools, None);
        let text: Vec<String> = blocks(&request.messages)
            .map(|block| if let Block::Text(text) = block { text.clone() } else { panic!("{block:?}") })
            .collect();
        assert_eq!(
            text,
            [
                "go",
                r#"[Called tool add (1) with {"a":1}]"#,
                r#"[Called tool sub (2) with {"a":1}]"#,
                r#"[Called tool add (3) with {"a":1}]"#,
                "[Result of tool call 1]",
                "out 1",
                "[Result of tool call 2 (failed)]",
                "out 2",
                "[Result of tool call 3]",
                "out 3",
            ]
        );
    }
}
