//! Requests of the Responses API, as conversations.

use std::collections::HashSet;

use bytes::Bytes;
use outcrop_chat::{Block, Role, normalise};
use outcrop_types::StoredResponse;
use outcrop_wire::openai::responses::{Earlier, Translated, kept, parity, parse};
use serde_json::{Value, json};

use crate::show;

const MODEL: &str = "claude-haiku-4-5";

fn translated(body: &Bytes) -> Translated {
    parse(body).unwrap().into_chat(MODEL, &Earlier::default()).unwrap()
}

fn bytes(body: &Value) -> Bytes {
    Bytes::from(body.to_string())
}

#[test]
fn each_fixture_becomes_its_conversation() {
    for (name, body) in show::fixtures("openai/responses") {
        let body = Bytes::from(body);
        let request = parse(&body).unwrap();
        let mut shown = json!({ "model": request.model, "stream": request.stream, "store": request.store });
        let Translated { request, dropped, .. } = request.into_chat(MODEL, &Earlier::default()).unwrap();
        shown["request"] = show::request(&request);
        shown["dropped"] = json!(dropped);
        show::check(&format!("openai_responses__{name}"), &show::pretty(&shown));
    }
}

#[test]
fn every_conversation_keeps_bedrocks_rules() {
    for (name, body) in show::fixtures("openai/responses") {
        let request = translated(&Bytes::from(body)).request;
        assert_eq!(request.messages[0].role, Role::User, "{name}: the user begins");
        for pair in request.messages.windows(2) {
            assert_ne!(pair[0].role, pair[1].role, "{name}: turns alternate");
        }
        let (mut open, mut has_tool_blocks) = (HashSet::new(), false);
        for message in request.messages.iter().filter(|it| it.role != Role::System) {
            let mut calls = HashSet::new();
            for block in &message.content {
                match block {
                    Block::Text(text) => assert!(!text.trim().is_empty(), "{name}: blank text"),
                    Block::ToolUse(call) => {
                        has_tool_blocks = true;
                        assert!(call.input.is_object(), "{name}");
                        assert!(calls.insert(call.id.clone()), "{name}: ids are unique in a turn");
                    }
                    Block::ToolResult(result) => assert!(open.remove(&result.id), "{name}: {result:?}"),
                    _ => {}
                }
            }
            assert!(open.is_empty(), "{name}: each call of the turn before is answered");
            open = calls;
        }
        assert!(!has_tool_blocks || request.tools.is_some(), "{name}: tool blocks need declared tools");
        assert_eq!(normalise(request.clone()), request, "{name}: nothing is left to normalise");
    }
}

#[test]
fn what_no_model_can_do_is_refused_by_name() {
    let call = json!({ "type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}" });
    let part = |part: Value| json!({ "input": [{ "role": "user", "content": [{ "type": "input_text", "text": "a" }, part] }] });
    let cases = [
        (json!({}), "input"),
        (json!({ "input": "  " }), "input"),
        (json!({ "input": 5 }), "input"),
        (json!({ "input": [5] }), "input[0]"),
        (json!({ "input": [{ "content": "x" }] }), "input[0].role"),
        (json!({ "input": [{ "role": "user" }] }), "input[0].content"),
        (json!({ "input": [{ "role": "tool", "content": "x" }] }), "input[0].role"),
        (json!({ "input": [{ "type": "web_search_call", "id": "ws_1" }] }), "input[0].type"),
        (part(json!({ "type": "input_image", "file_id": "file_1" })), "input[0].content[1].file_id"),
        (part(json!({ "type": "input_image" })), "input[0].content[1].image_url"),
        (
            part(json!({ "type": "input_image", "image_url": "data:image/png;base64,%%" })),
            "input[0].content[1].image_url",
        ),
        (
            part(json!({ "type": "input_image", "image_url": "data:image/tiff;base64,AAAA" })),
            "input[0].content[1].image_url",
        ),
        (part(json!({ "type": "input_image", "image_url": "ftp://a/b" })), "input[0].content[1].image_url"),
        (part(json!({ "type": "input_image", "image_url": 5 })), "input[0].content[1].image_url"),
        (part(json!({ "type": "input_file", "file_id": "file_1" })), "input[0].content[1].file_id"),
        (part(json!({ "type": "input_file", "file_data": "AAAA" })), "input[0].content[1].file_data"),
        (
            part(json!({ "type": "input_audio", "input_audio": { "data": "AAAA", "format": "midi" } })),
            "input[0].content[1].input_audio.format",
        ),
        (part(json!({ "type": "video" })), "input[0].content[1].type"),
        (part(json!({ "text": "x" })), "input[0].content[1].type"),
        (json!({ "input": [call] }), "input"),
        (json!({ "input": [call, call] }), "input[1].call_id"),
        (
            json!({ "input": [{ "type": "function_call_output", "call_id": "c1", "output": "x" }] }),
            "input[0].call_id",
        ),
        (
            json!({ "input": [{ "type": "function_call", "call_id": "c1", "name": "f", "arguments": "[" }] }),
            "input[0].arguments",
        ),
        (
            json!({ "input": [{ "type": "reasoning", "summary": [], "encrypted_content": "gAAAA" }] }),
            "input[0].encrypted_content",
        ),
        (json!({ "input": "x", "tools": [{ "type": "telepathy" }] }), "tools[0].type"),
        (json!({ "input": "x", "tools": [{ "type": "function" }] }), "tools[0].name"),
        (
            json!({ "input": "x", "tools": [{ "type": "function", "name": "a" }, { "type": "custom", "name": "a" }] }),
            "tools[1].name",
        ),
        (
            json!({ "input": "x", "tools": [{ "type": "function", "name": "a", "parameters": { "type": "array" } }] }),
            "tools[0].parameters",
        ),
        (json!({ "input": "x", "tool_choice": "required" }), "tool_choice"),
        (json!({ "input": "x", "tool_choice": "sometimes" }), "tool_choice"),
        (
            json!({ "input": "x", "tools": [{ "type": "web_search" }], "tool_choice": { "type": "web_search" } }),
            "tool_choice",
        ),
        (
            json!({ "input": "x", "tools": [{ "type": "function", "name": "a" }], "tool_choice": { "type": "mcp" } }),
            "tool_choice.type",
        ),
        (
            json!({ "input": "x", "tools": [{ "type": "function", "name": "a" }], "tool_choice": { "type": "function", "name": "b" } }),
            "tool_choice.name",
        ),
        (json!({ "input": "x", "text": { "format": { "type": "xml" } } }), "text.format.type"),
        (
            json!({ "input": "x", "text": { "format": { "type": "json_schema", "name": "a b", "schema": {} } } }),
            "text.format.name",
        ),
        (
            json!({ "input": "x", "text": { "format": { "type": "json_schema", "name": "a" } } }),
            "text.format.schema",
        ),
        (json!({ "input": "x", "reasoning": { "effort": "huge" } }), "reasoning.effort"),
        (json!({ "input": "x", "temperature": 1.5 }), "temperature"),
        (json!({ "input": "x", "max_output_tokens": 0 }), "max_output_tokens"),
        (json!({ "input": "x", "service_tier": "slow" }), "service_tier"),
        (json!({ "input": "x", "conversation": "conv_1" }), "conversation"),
        (json!({ "input": "x", "background": true, "stream": true }), "stream"),
        (json!({ "input": "x", "background": true, "store": false }), "store"),
        (json!({ "input": "x", "prompt": { "id": "pmpt_1" } }), "prompt"),
        (json!({ "input": "x", "moderation": { "model": "m" } }), "moderation"),
        (json!({ "input": [{ "type": "item_reference", "id": "msg_1" }] }), "input[0].id"),
    ];
    for (body, param) in cases {
        let bytes = bytes(&body);
        let refused = parse(&bytes).and_then(|it| it.into_chat(MODEL, &Earlier::default()));
        let error = refused.expect_err(&body.to_string());
        assert_eq!(error.param.as_deref(), Some(param), "{body}: {}", error.message);
    }
}

#[test]
fn a_picture_stays_in_the_body() {
    let body = bytes(&json!({ "input": [{ "role": "user", "content": [
        { "type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=" },
    ] }] }));
    let request = translated(&body).request;
    let Block::Image(image) = &request.messages[0].content[0] else { panic!("no picture") };
    let outcrop_chat::Source::Base64(data) = &image.source else { panic!("decoded") };
    assert!(body.as_ptr_range().contains(&data.as_ptr()), "not copied");
}

#[test]
fn a_kept_conversation_goes_on() {
    let id = "resp_00000000000000000000000000000007".parse().unwrap();
    let first = bytes(&json!({ "input": "Weather?", "instructions": "Be brief." }));
    let response = json!({ "output": [
        { "type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}", "status": "completed" },
    ] });
    let now = chrono::DateTime::UNIX_EPOCH;
    let input = kept::input(&first, id, &Earlier::default()).unwrap();
    let team = "team_00000000000000000000000000000001".parse().unwrap();
    let previous = StoredResponse { id, team, created_at: now, expires_at: now, response, input };
    let earlier = Earlier { previous: Some(previous), ..Earlier::default() };
    let next = bytes(&json!({
        "instructions": "Be kind.", "previous_response_id": id.to_string(),
        "input": [{ "type": "function_call_output", "call_id": "c1", "output": "cold" }, { "role": "user", "content": "And?" }],
    }));
    let request = parse(&next).unwrap();
    assert_eq!(request.needs().previous, Some(id.to_string()));
    let translated = request.into_chat(MODEL, &earlier).unwrap();
    show::check("openai_responses_kept__continued", &show::pretty(&show::request(&translated.request)));
    let input =
        kept::input(&next, "resp_00000000000000000000000000000008".parse().unwrap(), &earlier).unwrap();
    show::check("openai_responses_kept__input", &show::pretty(&input));
}

#[test]
fn every_field_has_a_fate() {
    let mut seen = HashSet::new();
    for (field, fate, _) in parity::FIELDS {
        assert!(["mapped", "emulated", "refused", "dropped"].contains(fate), "{field}: {fate}");
        assert!(seen.insert(field), "{field} is listed twice");
    }
    // What is said to be refused or dropped at the top of the request is.
    for (field, fate, _) in parity::FIELDS.iter().filter(|(field, ..)| !field.contains(['.', '['])) {
        let value = match *field {
            "background" => json!(true),
            "max_tool_calls" | "top_logprobs" => json!(1),
            "context_management" => json!([{}]),
            "truncation" => json!("auto"),
            "prompt_cache_key" => json!("k"),
            "additional_model_response_field_paths" => json!(["/a"]),
            _ => json!({}),
        };
        let body = bytes(&json!({ "input": "x", *field: value }));
        match *fate {
            "refused" => assert_eq!(parse(&body).unwrap_err().param.as_deref(), Some(*field)),
            "dropped" => assert_eq!(translated(&body).dropped, [*field]),
            _ => {}
        }
    }
}
