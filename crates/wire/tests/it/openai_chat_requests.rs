//! OpenAI chat requests, as conversations.

use std::collections::HashSet;

use outcrop_chat::{Block, Role, Source, normalise};
use outcrop_wire::openai::chat::{Translated, parse};
use serde_json::json;

use crate::show;

fn translated(body: &[u8]) -> Translated {
    parse(body).unwrap().into_chat().unwrap()
}

#[test]
fn each_fixture_becomes_its_conversation() {
    for (name, body) in show::fixtures("openai/chat") {
        let request = parse(&body).unwrap();
        let (model, stream, include_usage) = (request.model.clone(), request.stream, request.include_usage);
        let Translated { request, dropped, .. } = request.into_chat().unwrap();
        let mut shown = json!({ "model": model, "stream": [stream, include_usage] });
        shown["request"] = show::request(&request);
        shown["dropped"] = json!(dropped);
        show::check(&format!("openai_chat__{name}"), &show::pretty(&shown));
    }
}

#[test]
fn every_conversation_keeps_bedrocks_rules() {
    for (name, body) in show::fixtures("openai/chat") {
        let request = translated(&body).request;
        let mut expected = Role::User;
        let mut has_tool_blocks = false;
        let mut open: Vec<String> = Vec::new();
        for message in &request.messages {
            if message.role == Role::System {
                continue;
            }
            assert_eq!(message.role, expected, "{name}: turns alternate and the user begins");
            expected = if expected == Role::User { Role::Assistant } else { Role::User };
            assert!(!message.content.is_empty(), "{name}");
            let mut calls = Vec::new();
            let mut results = Vec::new();
            for block in &message.content {
                match block {
                    Block::Text(text) => assert!(!text.trim().is_empty(), "{name}: blank text"),
                    Block::ToolUse(call) => {
                        assert!(fits(&call.id, "_-.:") && fits(&call.name, "_-"), "{name}: {call:?}");
                        assert!(call.input.is_object(), "{name}");
                        calls.push(call.id.clone());
                    }
                    Block::ToolResult(result) => {
                        assert!(!result.content.is_empty(), "{name}");
                        results.push(result.id.clone());
                    }
                    _ => {}
                }
            }
            has_tool_blocks |= !calls.is_empty() || !results.is_empty();
            results.sort();
            assert_eq!(results, open, "{name}: each call of the turn before is answered, and nothing else");
            calls.sort();
            let distinct: HashSet<_> = calls.iter().collect();
            assert_eq!(distinct.len(), calls.len(), "{name}: ids are unique in a turn");
            open = calls;
        }
        assert!(open.is_empty(), "{name}");
        assert!(!has_tool_blocks || request.tools.is_some(), "{name}: tool blocks need declared tools");
        for spec in request.tools.iter().flat_map(|tools| &tools.specs) {
            assert!(fits(&spec.name, "_-"), "{name}");
            assert_eq!(spec.input_schema["type"], "object", "{name}");
            assert!(spec.description.as_deref().is_none_or(|it| !it.is_empty()), "{name}");
        }
        assert_eq!(normalise(request.clone()), request, "{name}: nothing is left to normalise");
    }
}

fn fits(word: &str, marks: &str) -> bool {
    (1..=64).contains(&word.len()) && word.chars().all(|it| it.is_ascii_alphanumeric() || marks.contains(it))
}

#[test]
fn rewritten_tool_names_come_back() {
    let (_, body) = show::fixtures("openai/chat")
        .into_iter()
        .find(|(name, _)| name == "tool_names_and_ids_rewritten")
        .unwrap();
    let Translated { request, tool_names, .. } = translated(&body);
    let names: Vec<&str> =
        request.tools.iter().flat_map(|it| &it.specs).map(|it| tool_names.original(&it.name)).collect();
    let long = format!("mcp__{}__do", "long_server_name_".repeat(4));
    assert_eq!(names, ["web.search", &long, "web_search"]);
}

#[test]
fn a_large_picture_arrives_whole() {
    use base64::Engine as _;
    let picture: Vec<u8> = (0..3_000_000_u32).map(|it| (it % 251) as u8).collect();
    let data = base64::engine::general_purpose::STANDARD.encode(&picture);
    let body = json!({ "messages": [{ "role": "user", "content": [
        { "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{data}") } },
    ] }] });
    // PHP's encoder escapes slashes; the URL then is not the same bytes in the body.
    let body = body.to_string().replace('/', "\\/");
    let request = translated(body.as_bytes()).request;
    let Block::Image(image) = &request.messages[0].content[0] else { panic!("no picture") };
    assert!(image.source == Source::Bytes(picture.into()));
}
