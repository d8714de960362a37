use futures::FutureExt as _;
use outcrop_chat::{Reasoning, ToolUse};
use outcrop_types::TokenUsage;
use serde_json::json;

use super::*;

fn tool(key: Option<&'static str>) -> Reshape {
    Reshape::Tool { name: "answer".into(), key }
}

fn call(name: &str, input: Value) -> Block {
    Block::ToolUse(ToolUse { id: "t".into(), name: name.into(), input })
}

fn text(it: &str) -> Block {
    Block::Text(it.into())
}

/// The same answer in pieces, each text and input cut into single characters.
fn pieces(content: &[Block], reason: StopReason) -> Vec<Event> {
    let mut events = vec![Event::Start];
    for (index, block) in (0..).zip(content) {
        let mut cut = |text: &str, delta: fn(String) -> Delta| {
            events.extend(text.chars().map(|it| Event::Delta { index, delta: delta(it.to_string()) }));
        };
        match block {
            Block::Text(it) => cut(it, Delta::Text),
            Block::Reasoning(Reasoning::Text { text, .. }) => cut(text, Delta::Reasoning),
            Block::ToolUse(it) => {
                let start = BlockStart::ToolUse { id: it.id.clone(), name: it.name.clone() };
                events.push(Event::BlockStart { index, start });
                let input = it.input.to_string();
                let input = if input == "{}" { "" } else { &input };
                events.extend(
                    input.chars().map(|it| Event::Delta { index, delta: Delta::ToolInput(it.to_string()) }),
                );
            }
            other => panic!("{other:?}"),
        }
        events.push(Event::BlockStop { index });
    }
    events.push(Event::Stop(reason));
    events.push(Event::Usage(TokenUsage::default()));
    events
}

/// The answer that pieces add up to.
fn added_up(events: Vec<Event>) -> (Vec<Block>, StopReason) {
    let (mut content, mut reason) = (Vec::<(u32, Block)>::new(), StopReason::Other);
    let mut inputs = std::collections::HashMap::<u32, String>::new();
    for event in events {
        match event {
            Event::BlockStart { index, start: BlockStart::ToolUse { name, .. } } => {
                content.push((index, call(&name, json!({}))));
            }
            Event::Delta { index, delta: Delta::Text(piece) } => match content.last_mut() {
                Some((at, Block::Text(text))) if *at == index => text.push_str(&piece),
                _ => content.push((index, Block::Text(piece))),
            },
            Event::Delta { index, delta: Delta::Reasoning(piece) } => match content.last_mut() {
                Some((at, Block::Reasoning(Reasoning::Text { text, .. }))) if *at == index => {
                    text.push_str(&piece)
                }
                _ => {
                    content.push((index, Block::Reasoning(Reasoning::Text { text: piece, signature: None })))
                }
            },
            Event::Delta { index, delta: Delta::ToolInput(piece) } => {
                inputs.entry(index).or_default().push_str(&piece)
            }
            Event::Stop(it) => reason = it,
            _ => {}
        }
    }
    let filled = content.into_iter().map(|(index, block)| match (block, inputs.get(&index)) {
        (Block::ToolUse(it), Some(input)) => call(&it.name, serde_json::from_str(input).unwrap()),
        (block, _) => block,
    });
    (filled.collect(), reason)
}

/// Whole and in pieces an answer becomes this.
#[track_caller]
fn check(reshape: &Reshape, content: Vec<Block>, reason: StopReason, expected: Vec<Block>, ends: StopReason) {
    let events = pieces(&content, reason);
    let whole = Response { content, stop_reason: reason, ..Response::default() };
    let whole = reshape.response(whole);
    assert_eq!((&whole.content, whole.stop_reason), (&expected, ends), "whole");
    let events = reshape.events(Box::pin(stream::iter(events.into_iter().map(Ok))));
    let events = events.map(|it| it.unwrap()).collect::<Vec<_>>().now_or_never().unwrap();
    assert_eq!(events.last(), Some(&Event::Usage(TokenUsage::default())));
    assert_eq!(added_up(events), (expected, ends), "in pieces");
}

#[test]
fn the_tools_input_becomes_the_answer() {
    let thought = || Block::Reasoning(Reasoning::Text { text: "hm".into(), signature: None });
    let (used, done) = (StopReason::ToolUse, StopReason::EndTurn);
    let answer = || call("answer", json!({"a": 1}));
    let as_text = || text(r#"{"a":1}"#);
    check(&tool(None), vec![answer()], used, vec![as_text()], done);
    check(&tool(None), vec![call("answer", json!({}))], used, vec![text("{}")], done);
    // Chatter around it and a second answer go; thoughts stay.
    let talked = vec![thought(), text("Here it is:"), answer(), text("Done."), answer()];
    check(&tool(None), talked, used, vec![thought(), as_text()], done);
    // Not called, the text is the answer.
    check(&tool(None), vec![thought(), text("No.")], done, vec![thought(), text("No.")], done);
    check(&tool(None), vec![answer()], StopReason::MaxTokens, vec![as_text()], StopReason::MaxTokens);
}

#[test]
fn calls_of_the_clients_tools_stay_calls() {
    let other = || call("look", json!({"q": "x"}));
    let used = StopReason::ToolUse;
    check(&tool(None), vec![text("I look."), other()], used, vec![text("I look."), other()], used);
    let both = vec![other(), call("answer", json!({"a": 1}))];
    check(&tool(None), both, used, vec![other(), text(r#"{"a":1}"#)], used);
}

#[test]
fn a_fence_goes_and_thoughts_stay() {
    let thought = || Block::Reasoning(Reasoning::Text { text: "```\n".into(), signature: None });
    let done = StopReason::EndTurn;
    let fenced = vec![thought(), text("```json\n{\"a\": 1}\n```\n")];
    check(&Reshape::Unfence, fenced, done, vec![thought(), text("{\"a\": 1}")], done);
}

#[test]
fn what_was_wrapped_is_unwrapped() {
    let (used, done) = (StopReason::ToolUse, StopReason::EndTurn);
    check(
        &tool(Some("value")),
        vec![call("answer", json!({"value": [1, 2]}))],
        used,
        vec![text("[1,2]")],
        done,
    );
    let native = Reshape::Unwrap { key: "value" };
    check(&native, vec![text(r#"{"value": "é"}"#)], done, vec![text("\"é\"")], done);
    // Cut short, it stays what it is.
    let cut = vec![text(r#"{"value": "#)];
    check(&native, cut.clone(), StopReason::MaxTokens, cut, StopReason::MaxTokens);
    assert_eq!(added_up(pieces(&[text("a")], done)), (vec![text("a")], done));
}
