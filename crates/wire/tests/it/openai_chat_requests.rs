//! OpenAI chat requests, as conversations.

use std::collections::HashSet;

use bytes::Bytes;
use outcrop_chat::{Block, DocumentFormat, ImageFormat, LinkKind, Role, Source, normalise};
use outcrop_wire::openai::chat::{Translated, parse};
use serde_json::{Value, json};

use crate::show;

fn translated(body: impl Into<Bytes>) -> Translated {
    parse(&body.into()).unwrap().into_chat().unwrap()
}

#[test]
fn each_fixture_becomes_its_conversation() {
    for (name, body) in show::fixtures("openai/chat") {
        let body = Bytes::from(body);
        let request = parse(&body).unwrap();
        let (model, stream, include_usage) = (request.model.clone(), request.stream, request.include_usage);
        let Translated { request, choices, functions, dropped, .. } = request.into_chat().unwrap();
        let mut shown = json!({ "model": model, "stream": [stream, include_usage] });
        shown["request"] = show::request(&request);
        shown["dropped"] = json!(dropped);
        if choices > 1 || functions {
            shown["answered"] = json!({ "choices": choices, "functions": functions });
        }
        show::check(&format!("openai_chat__{name}"), &show::pretty(&shown));
    }
}

#[test]
fn every_conversation_keeps_bedrocks_rules() {
    for (name, body) in show::fixtures("openai/chat") {
        let request = translated(body).request;
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
    let Translated { request, tool_names, .. } = translated(body);
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
    let kept = |body: &Bytes| {
        let request = parse(body).unwrap().into_chat().unwrap().request;
        let Block::Image(image) = &request.messages[0].content[0] else { panic!("no picture") };
        let Source::Base64(text) = image.source.clone() else { panic!("decoded") };
        assert!(text == data.as_bytes());
        text
    };
    let plain = Bytes::from(body.to_string());
    assert!(plain.as_ptr_range().contains(&kept(&plain).as_ptr()), "it stays where it is");
    // PHP's encoder escapes slashes; the URL then is not the same bytes in the body.
    kept(&Bytes::from(body.to_string().replace('/', "\\/")));
}

#[test]
fn media_behind_urls_are_left_to_be_fetched_and_say_where_they_came_in() {
    let body = json!({ "messages": [
        { "role": "user", "content": "look" },
        { "role": "user", "content": [
            { "type": "image_url", "image_url": { "url": "https://example.com/a.png" } },
            { "type": "image_url", "image_url": { "url": " S3://bucket/b.png " } },
            { "type": "file", "file": { "file_data": "https://example.com/c.pdf", "filename": "c.pdf" } },
            { "type": "file", "file": { "file_data": "http://example.com/c.pdf", "filename": "c.pdf" } },
        ] },
    ] });
    let request = translated(body.to_string()).request;
    let links: Vec<_> = request.messages[0]
        .content
        .iter()
        .filter_map(|block| if let Block::Link(link) = block { Some(link.clone()) } else { None })
        .map(|link| (link.kind, link.url, link.param, link.name))
        .collect();
    let at = |part: u32, field: &str| format!("messages[1].content[{part}].{field}");
    let expected = [
        (LinkKind::Image, "https://example.com/a.png", at(0, "image_url.url"), None),
        (LinkKind::Image, "S3://bucket/b.png", at(1, "image_url.url"), None),
        (LinkKind::Document, "https://example.com/c.pdf", at(2, "file.file_data"), Some("c pdf")),
        (LinkKind::Document, "http://example.com/c.pdf", at(3, "file.file_data"), Some("c pdf (2)")),
    ];
    let expected =
        expected.map(|(kind, url, param, name)| (kind, url.to_owned(), param, name.map(str::to_owned)));
    assert_eq!(links, expected);
}

#[test]
fn kinds_of_files_are_known_by_media_type_ending_or_content() {
    let png = "iVBORw0KGgo=";
    let pdf = "JVBERi0xLjQK";
    let cases = [
        ("data:application/pdf;base64,AAAA", None, Some(DocumentFormat::Pdf)),
        ("AAAA", Some("A.DOCX"), Some(DocumentFormat::Docx)),
        ("AAAA", Some("a.htm"), Some(DocumentFormat::Html)),
        ("AAAA", Some("a.markdown"), Some(DocumentFormat::Md)),
        ("AAAA", Some("a.b.yaml"), Some(DocumentFormat::Txt)),
        ("data:application/octet-stream;base64,AAAA", Some("a.xlsx"), Some(DocumentFormat::Xlsx)),
        ("data:text/x-rust;base64,AAAA", Some("main.rs"), Some(DocumentFormat::Txt)),
        ("data:text/x-rust;base64,AAAA", Some("notes.md"), Some(DocumentFormat::Md)),
        (&format!("data:text/plain;base64,{pdf}"), None, Some(DocumentFormat::Pdf)),
        (&format!("data:image/jpeg;base64,{png}"), None, None),
    ];
    for (data, filename, format) in cases {
        let body = json!({ "messages": [{ "role": "user", "content": [
            { "type": "file", "file": { "file_data": data, "filename": filename } },
        ] }] });
        let request = translated(body.to_string()).request;
        match (&request.messages[0].content[0], format) {
            (Block::Document(document), Some(format)) => assert_eq!(document.format, Some(format), "{data}"),
            (Block::Image(image), None) => assert_eq!(image.format, ImageFormat::Png, "{data}"),
            (block, _) => panic!("{data}: {block:?}"),
        }
    }
}

#[test]
fn documents_with_long_names_are_still_told_apart() {
    let file = json!({ "type": "file", "file": { "file_data": "AAAA", "filename": format!("{}.pdf", "x".repeat(300)) } });
    let body = json!({ "messages": [{ "role": "user", "content": [file, file] }] });
    let request = translated(body.to_string()).request;
    let names: Vec<&str> = request.messages[0]
        .content
        .iter()
        .filter_map(|block| if let Block::Document(it) = block { Some(it.name.as_str()) } else { None })
        .collect();
    assert_eq!(names.len(), 2);
    assert!(names[0].len() <= 200 && names[1].len() <= 200 && names[0] != names[1], "{names:?}");
}

#[test]
fn how_hard_to_think_is_read_from_every_spelling() {
    use outcrop_chat::Effort::{Low, Minimal, XHigh};
    use outcrop_chat::ReasoningMode::{self, *};
    let cases: [(Value, Option<ReasoningMode>); 8] = [
        (json!({}), None),
        (json!({ "reasoning_effort": "none" }), Some(Off)),
        (json!({ "reasoning_effort": "minimal" }), Some(Effort(Minimal))),
        (json!({ "reasoning_effort": "xhigh" }), Some(Effort(XHigh))),
        (json!({ "thinking": { "type": "disabled" }, "reasoning_effort": "none" }), Some(Off)),
        (json!({ "thinking": { "type": "enabled" } }), Some(Adaptive(None))),
        (json!({ "thinking": { "type": "enabled" }, "reasoning_effort": "low" }), Some(Adaptive(Some(Low)))),
        (json!({ "thinking": { "type": "enabled", "budget_tokens": 1024 } }), Some(Budget(1024))),
    ];
    for (fields, expected) in cases {
        let mut body = json!({ "messages": [{ "role": "user", "content": "hi" }] });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let found = translated(body.to_string());
        assert_eq!((found.request.reasoning, found.dropped), (expected, vec![]), "{fields}");
    }
}

#[test]
fn what_another_field_contradicts_is_named() {
    let thinking = |kind: &str, budget: Option<u32>, effort: &str| json!({ "thinking": { "type": kind, "budget_tokens": budget }, "reasoning_effort": effort });
    let cases: [(Value, &[&str]); 8] = [
        (json!({ "max_tokens": 5, "max_completion_tokens": 5 }), &[]),
        (json!({ "max_tokens": 5, "max_completion_tokens": 6 }), &["max_tokens"]),
        (thinking("adaptive", None, "none"), &["reasoning_effort"]),
        (thinking("adaptive", Some(2_000), "low"), &["thinking.budget_tokens"]),
        (thinking("disabled", Some(2_000), "low"), &["reasoning_effort", "thinking.budget_tokens"]),
        (thinking("disabled", None, "none"), &[]),
        (thinking("enabled", Some(2_000), "low"), &["reasoning_effort"]),
        (thinking("enabled", Some(2_000), "none"), &["reasoning_effort"]),
    ];
    for (fields, dropped) in cases {
        let mut body = json!({ "messages": [{ "role": "user", "content": "hi" }] });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        assert_eq!(translated(body.to_string()).dropped, dropped, "{fields}");
    }
}

#[test]
fn betas_of_both_fields_are_sent() {
    let cases = [(json!("a, b"), json!(["a", "b", "c"])), (json!(["a"]), json!(["a", "c"]))];
    for (own, all) in cases {
        let body = json!({
            "messages": [{ "role": "user", "content": "hi" }],
            "anthropic_beta": "c", "additional_model_request_fields": { "anthropic_beta": own },
        });
        assert_eq!(translated(body.to_string()).request.additional["anthropic_beta"], all);
    }
}

#[test]
fn what_is_said_among_tool_results_stands_behind_them() {
    let call =
        |id: &str| json!({ "id": id, "type": "function", "function": { "name": "f", "arguments": "{}" } });
    let result = |id: &str| json!({ "role": "tool", "tool_call_id": id, "content": "x" });
    let said = |role: &str| json!({ "role": role, "content": role });
    let request = |tail: Value| {
        let mut turns =
            vec![said("user"), json!({ "role": "assistant", "tool_calls": [call("1"), call("2")] })];
        turns.extend(tail.as_array().unwrap().iter().cloned());
        let bytes = Bytes::from(json!({ "messages": turns }).to_string());
        parse(&bytes).unwrap().into_chat().unwrap().request
    };
    for role in ["system", "developer", "user"] {
        let straight = request(json!([result("1"), result("2"), said(role), said("assistant")]));
        let before = request(json!([said(role), result("1"), result("2"), said("assistant")]));
        let between = request(json!([result("1"), said(role), result("2"), said("assistant")]));
        assert_eq!((&before.messages, &between.messages), (&straight.messages, &straight.messages), "{role}");
    }
}
