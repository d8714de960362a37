//! OpenAI chat requests that are refused, and the field that is blamed.

use bytes::Bytes;
use outcrop_wire::openai::chat::parse;
use serde_json::{Value, json};

fn refusal(body: &str) -> (Option<String>, String) {
    let bytes = Bytes::copy_from_slice(body.as_bytes());
    let error = parse(&bytes).and_then(|it| it.into_chat()).map(|_| ()).expect_err(body);
    (error.param, error.message)
}

/// A good request with some fields set.
fn with(fields: Value) -> String {
    let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] });
    let Value::Object(fields) = fields else { panic!("{fields}") };
    body.as_object_mut().unwrap().extend(fields);
    body.to_string()
}

fn messages(messages: Value) -> String {
    Value::from_iter([("messages", messages)]).to_string()
}

fn check(cases: &[(String, &str)]) {
    for (body, param) in cases {
        let (found, message) = refusal(body);
        assert_eq!(found.as_deref().unwrap_or(""), *param, "{body}: {message}");
        assert!(message.ends_with('.') && message.len() < 300, "{message}");
        assert!(!message.contains("::") && !message.contains("struct"), "{message}");
    }
}

#[test]
fn bodies_that_are_no_request() {
    check(&[
        (String::new(), ""),
        ("{".into(), ""),
        ("null".into(), ""),
        ("[]".into(), ""),
        ("{}".into(), "messages"),
        ("{\"messages\":[{\"role\":\"user\",\"content\":\"\u{0}\"}]}".into(), ""),
        (r#"{"messages":[],"messages":[]}"#.into(), "messages"),
        (format!("{{\"messages\":{}{}}}", "[".repeat(200), "]".repeat(200)), "messages[0]"),
        (format!("{{\"metadata\":{}{}}}", "{\"a\":".repeat(200), "}".repeat(200)), "metadata.a"),
    ]);
}

#[test]
fn options_of_the_wrong_type_or_range() {
    check(&[
        (with(json!({ "model": 5 })), "model"),
        (with(json!({ "stream": "yes" })), "stream"),
        (with(json!({ "stream_options": { "include_usage": true } })), "stream_options"),
        (
            with(json!({ "stream": true, "stream_options": { "include_usage": 1 } })),
            "stream_options.include_usage",
        ),
        (with(json!({ "max_tokens": 0 })), "max_tokens"),
        (with(json!({ "max_tokens": -1 })), "max_tokens"),
        (with(json!({ "max_tokens": 1.5 })), "max_tokens"),
        (with(json!({ "max_tokens": 5_000_000_000_u64 })), "max_tokens"),
        (with(json!({ "max_completion_tokens": 0, "max_tokens": 5 })), "max_completion_tokens"),
        (with(json!({ "temperature": 1.5 })), "temperature"),
        (with(json!({ "temperature": -0.1 })), "temperature"),
        (with(json!({ "temperature": "hot" })), "temperature"),
        (with(json!({ "top_p": 1.01 })), "top_p"),
        (with(json!({ "stop": 5 })), "stop"),
        (with(json!({ "stop": ["a", 5] })), "stop[1]"),
        (with(json!({ "metadata": { "a": 1 } })), "metadata.a"),
        (with(json!({ "metadata": "a" })), "metadata"),
    ]);
    let (_, message) = refusal(&with(json!({ "temperature": 1.5 })));
    assert_eq!(message, "`temperature` must be from 0 to 1, which is Bedrock's range, not 1.5.");
}

#[test]
fn options_that_bedrock_cannot_honour() {
    let format =
        |schema: Value| json!({ "response_format": { "type": "json_schema", "json_schema": schema } });
    check(&[
        (with(json!({ "n": 9 })), "n"),
        (with(json!({ "n": 0 })), "n"),
        (with(json!({ "n": -1 })), "n"),
        (with(json!({ "functions": [], "tools": [{ "function": { "name": "f" } }] })), "functions"),
        (with(json!({ "functions": [], "tool_choice": "auto" })), "functions"),
        (with(json!({ "functions": [{ "name": "" }] })), "functions[0].name"),
        (with(json!({ "functions": [{ "name": "f" }, { "name": "f" }] })), "functions[1].name"),
        (with(json!({ "functions": [{ "name": "f", "parameters": 5 }] })), "functions[0].parameters"),
        (with(json!({ "function_call": "auto" })), "function_call"),
        (with(json!({ "functions": [{ "name": "f" }], "function_call": "required" })), "function_call"),
        (
            with(json!({ "functions": [{ "name": "f" }], "function_call": { "name": "g" } })),
            "function_call.name",
        ),
        (with(json!({ "audio": { "voice": "x", "format": "mp3" } })), "audio"),
        (with(json!({ "modalities": ["text", "audio"] })), "modalities"),
        (with(json!({ "moderation": {} })), "moderation"),
        (with(json!({ "web_search_options": true })), "web_search_options"),
        (with(json!({ "response_format": { "type": "xml" } })), "response_format.type"),
        (with(json!({ "response_format": {} })), "response_format.type"),
        (with(json!({ "response_format": { "type": "json_schema" } })), "response_format.json_schema"),
        (with(format(json!({}))), "response_format.json_schema.name"),
        (with(format(json!({ "name": "a" }))), "response_format.json_schema.schema"),
        (with(format(json!({ "name": "a b", "schema": {} }))), "response_format.json_schema.name"),
        (with(format(json!({ "name": "a", "schema": true }))), "response_format.json_schema.schema"),
        (with(json!({ "reasoning_effort": "huge" })), "reasoning_effort"),
        (with(json!({ "service_tier": "scale" })), "service_tier"),
        (with(json!({ "service_tier": "reserved" })), "service_tier"),
    ]);
}

#[test]
fn vendors_fields_are_read_as_strictly() {
    let guardrail = |more: Value| {
        let mut json = json!({ "guardrailIdentifier": "g", "guardrailVersion": "1" });
        json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        with(json!({ "guardrailConfig": json }))
    };
    let paths = "additional_model_response_field_paths";
    check(&[
        (with(json!({ "thinking": true })), "thinking"),
        (with(json!({ "thinking": { "type": "hard" } })), "thinking.type"),
        (with(json!({ "thinking": { "type": "enabled", "budget_tokens": 1023 } })), "thinking.budget_tokens"),
        (
            with(json!({ "thinking": { "type": "enabled", "budget_tokens": "many" } })),
            "thinking.budget_tokens",
        ),
        (with(json!({ "top_k": 0 })), "top_k"),
        (with(json!({ "top_k": 0.5 })), "top_k"),
        (with(json!({ "anthropic_beta": 5 })), "anthropic_beta"),
        (with(json!({ "additional_model_request_fields": [] })), "additional_model_request_fields"),
        (with(json!({ "additionalModelRequestFields": 5 })), "additionalModelRequestFields"),
        (with(json!({ paths: ["stop"] })), "additional_model_response_field_paths[0]"),
        (with(json!({ paths: vec!["/a"; 11] })), paths),
        (with(json!({ "guardrail": {} })), "guardrail.guardrailIdentifier"),
        (guardrail(json!({ "guardrailVersion": "" })), "guardrail.guardrailVersion"),
        (guardrail(json!({ "trace": "loud" })), "guardrail.trace"),
        (guardrail(json!({ "streamProcessingMode": "none" })), "guardrail.streamProcessingMode"),
        (with(json!({ "performance_config": { "latency": "fast" } })), "performance_config.latency"),
        (with(json!({ "request_metadata": { "a": "{}" } })), "request_metadata"),
        (with(json!({ "request_metadata": { "": "a" } })), "request_metadata"),
        (with(json!({ "guardrail": null, "guardrail_config": null })), "guardrail"),
    ]);
}

#[test]
fn marks_and_thoughts_of_the_wrong_shape() {
    let part = |more: Value| {
        let mut part = json!({ "type": "text", "text": "a" });
        part.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        messages(json!([{ "role": "user", "content": [part] }]))
    };
    let tool =
        |mark: Value| with(json!({ "tools": [{ "function": { "name": "f" }, "cache_control": mark }] }));
    let thought = |block: Value| {
        messages(json!([{ "role": "user", "content": "a" }, { "role": "assistant", "content": "b",
            "thinking_blocks": [block] }]))
    };
    let at = "messages[1].thinking_blocks[0]";
    check(&[
        (
            part(json!({ "cache_control": { "type": "forever" } })),
            "messages[0].content[0].cache_control.type",
        ),
        (part(json!({ "cache_control": { "ttl": "2h" } })), "messages[0].content[0].cache_control.ttl"),
        (part(json!({ "cache_control": "ephemeral" })), "messages[0].content[0].cache_control"),
        (
            part(json!({ "prompt_cache_breakpoint": { "mode": "implicit" } })),
            "messages[0].content[0].prompt_cache_breakpoint.mode",
        ),
        (
            part(json!({ "prompt_cache_breakpoint": { "mode": "explicit", "ttl": "1h" } })),
            "messages[0].content[0].prompt_cache_breakpoint.ttl",
        ),
        (tool(json!({ "type": "ephemeral", "ttl": "30m" })), "tools[0].cache_control.ttl"),
        (
            messages(json!([{ "role": "user", "content": "a", "cache_control": { "type": "x" } }])),
            "messages[0].cache_control.type",
        ),
        (thought(json!({ "type": "thought" })), &format!("{at}.type")),
        (thought(json!({})), &format!("{at}.type")),
        (thought(json!({ "type": "thinking" })), &format!("{at}.thinking")),
        (thought(json!({ "type": "redacted_thinking" })), &format!("{at}.data")),
        (thought(json!({ "type": "redacted_thinking", "data": "%" })), &format!("{at}.data")),
        (thought(json!("hm")), at),
    ]);
}

#[test]
fn legacy_calls_and_results_that_do_not_match() {
    let user = json!({ "role": "user", "content": "hi" });
    let call =
        json!({ "role": "assistant", "content": null, "function_call": { "name": "f", "arguments": "{}" } });
    let result = |name: &str| json!({ "role": "function", "name": name, "content": "x" });
    check(&[
        (messages(json!([user, result("f")])), "messages[1].name"),
        (messages(json!([user, call, result("g")])), "messages[2].name"),
        (messages(json!([user, call, result("f"), result("f")])), "messages[3].name"),
        (messages(json!([user, call, { "role": "function", "content": "x" }])), "messages[2].name"),
        (messages(json!([user, call, user])), "messages[1].function_call"),
        (messages(json!([user, call])), "messages[1].function_call"),
        (
            messages(
                json!([user, { "role": "assistant", "function_call": { "name": "f", "arguments": "5" } }]),
            ),
            "messages[1].function_call.arguments",
        ),
        (
            messages(
                json!([user, { "role": "assistant", "function_call": { "name": "", "arguments": "" } }]),
            ),
            "messages[1].function_call.name",
        ),
        (
            messages(json!([user, { "role": "assistant", "function_call": { "name": "f" },
                "tool_calls": [{ "id": "1", "function": { "name": "f" } }] }])),
            "messages[1].function_call",
        ),
    ]);
}

#[test]
fn messages_of_the_wrong_shape() {
    let parts = |parts: Value| {
        messages(json!([{ "role": "user", "content": "a" }, { "role": "user", "content": parts }]))
    };
    let image = |url: &str| {
        parts(json!([{ "type": "text", "text": "a" }, { "type": "image_url", "image_url": { "url": url } }]))
    };
    let audio = |data: &str, format: &str| {
        parts(json!([{ "type": "input_audio", "input_audio": { "data": data, "format": format } }]))
    };
    let file = |file: Value| parts(json!([{ "type": "file", "file": file }]));
    let video = |url: &str| parts(json!([{ "type": "video_url", "video_url": { "url": url } }]));
    check(&[
        (messages(json!([])), "messages"),
        (messages(json!("hi")), "messages"),
        (messages(json!(["hi"])), "messages[0]"),
        (messages(json!([{ "content": "hi" }])), "messages[0].role"),
        (messages(json!([{ "role": "human", "content": "hi" }])), "messages[0].role"),
        (messages(json!([{ "role": 5, "content": "hi" }])), "messages[0].role"),
        (messages(json!([{ "role": "function", "name": "f", "content": "hi" }])), "messages[0].name"),
        (messages(json!([{ "role": "user" }])), "messages[0].content"),
        (messages(json!([{ "role": "user", "content": 5 }])), "messages[0].content"),
        (messages(json!([{ "role": "user", "content": " " }])), "messages"),
        (parts(json!({ "type": "text" })), "messages[1].content"),
        (parts(json!(["a"])), "messages[1].content[0]"),
        (parts(json!([{ "text": "a" }])), "messages[1].content[0].type"),
        (parts(json!([{ "type": "video" }])), "messages[1].content[0].type"),
        (parts(json!([{ "type": "text" }])), "messages[1].content[0].text"),
        (parts(json!([{ "type": "refusal", "refusal": "no" }])), "messages[1].content[0].type"),
        (parts(json!([{ "type": "input_audio" }])), "messages[1].content[0].input_audio"),
        (
            parts(json!([{ "type": "input_audio", "input_audio": {} }])),
            "messages[1].content[0].input_audio.data",
        ),
        (audio("AAAA", "midi"), "messages[1].content[0].input_audio.format"),
        (audio("%", "mp3"), "messages[1].content[0].input_audio.data"),
        (parts(json!([{ "type": "file" }])), "messages[1].content[0].file"),
        (file(json!({})), "messages[1].content[0].file.file_data"),
        (file(json!({ "file_id": "file-1" })), "messages[1].content[0].file.file_id"),
        (file(json!({ "file_data": "AAAA" })), "messages[1].content[0].file.file_data"),
        (file(json!({ "file_data": "AAAA", "filename": "a.exe" })), "messages[1].content[0].file.file_data"),
        (file(json!({ "file_data": "", "filename": "a.pdf" })), "messages[1].content[0].file.file_data"),
        (file(json!({ "file_data": "ftp://a/b.pdf" })), "messages[1].content[0].file.file_data"),
        (
            file(json!({ "file_data": "data:application/zip;base64,AAAA" })),
            "messages[1].content[0].file.file_data",
        ),
        (video("https://example.com/a.mp4"), "messages[1].content[0].video_url.url"),
        (video("data:video/avi;base64,AAAA"), "messages[1].content[0].video_url.url"),
        (parts(json!([{ "type": "image_url" }])), "messages[1].content[0].image_url"),
        (parts(json!([{ "type": "image_url", "image_url": "data:" }])), "messages[1].content[0].image_url"),
        (parts(json!([{ "type": "image_url", "image_url": {} }])), "messages[1].content[0].image_url.url"),
        (image("ftp://example.com/a.png"), "messages[1].content[1].image_url.url"),
        (image("a.png"), "messages[1].content[1].image_url.url"),
        (image("data:image/png;base64,%%"), "messages[1].content[1].image_url.url"),
        (image("data:image/bmp;base64,AAAA"), "messages[1].content[1].image_url.url"),
        (
            messages(
                json!([{ "role": "system", "content": [{ "type": "image_url", "image_url": { "url": "x" } }] }]),
            ),
            "messages[0].content[0].type",
        ),
        (messages(json!([{ "role": "assistant", "audio": { "id": "x" } }])), "messages[0].audio"),
        (messages(json!([{ "role": "assistant", "function_call": {} }])), "messages[0].function_call.name"),
    ]);
    let image_part =
        json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw0KGgo=" } });
    check(&[(parts(Value::Array(vec![image_part.clone(); 21])), "messages[1].content[20]")]);
    let twenty = Bytes::from(parts(Value::Array(vec![image_part; 20])));
    assert!(parse(&twenty).unwrap().into_chat().is_ok());
    let document = json!({ "type": "file", "file": { "file_data": "AAAA", "filename": "a.pdf" } });
    check(&[(parts(Value::Array(vec![document; 6])), "messages[1].content[5]")]);
}

#[test]
fn tool_calls_and_results_that_do_not_match() {
    let call =
        |id: &str| json!({ "id": id, "type": "function", "function": { "name": "f", "arguments": "{}" } });
    let calls = |calls: Value| json!({ "role": "assistant", "tool_calls": calls });
    let result = |id: &str| json!({ "role": "tool", "tool_call_id": id, "content": "x" });
    let user = json!({ "role": "user", "content": "hi" });
    let bad_call = |field: &str, value: Value| {
        let mut call = call("1");
        *call.pointer_mut(field).unwrap() = value;
        messages(json!([user, calls(json!([call]))]))
    };
    let cases = [
        (messages(json!([user, result("1")])), "messages[1].tool_call_id"),
        (messages(json!([user, { "role": "tool", "content": "x" }])), "messages[1].tool_call_id"),
        (messages(json!([user, calls(json!([call("1")])), result("2")])), "messages[2].tool_call_id"),
        (
            messages(json!([user, calls(json!([call("1")])), result("1"), result("1")])),
            "messages[3].tool_call_id",
        ),
        (
            messages(json!([user, calls(json!([call("1")])), result("1"), user, result("1")])),
            "messages[4].tool_call_id",
        ),
        (messages(json!([user, calls(json!([call("1")])), user])), "messages[1].tool_calls"),
        (
            messages(json!([user, calls(json!([call("1"), call("2")])), result("1"), user])),
            "messages[1].tool_calls",
        ),
        (messages(json!([user, calls(json!([call("1")]))])), "messages[1].tool_calls"),
        (
            messages(json!([user, calls(json!([call("1")])), calls(json!([call("2")]))])),
            "messages[1].tool_calls",
        ),
        (
            messages(
                json!([user, calls(json!([call("1")])), { "role": "system", "content": "x" }, { "role": "assistant", "content": "x" }, result("1")]),
            ),
            "messages[1].tool_calls",
        ),
        (
            messages(json!([user, calls(json!([{ "type": "function", "function": { "name": "f" } }]))])),
            "messages[1].tool_calls[0].id",
        ),
        (
            messages(json!([user, calls(json!([{ "id": "1", "type": "custom", "custom": {} }]))])),
            "messages[1].tool_calls[0].type",
        ),
        (messages(json!([user, calls(json!([{ "id": "1" }]))])), "messages[1].tool_calls[0].function"),
        (bad_call("/id", json!("")), "messages[1].tool_calls[0].id"),
        (bad_call("/function/name", json!("")), "messages[1].tool_calls[0].function.name"),
        (bad_call("/function/arguments", json!("{")), "messages[1].tool_calls[0].function.arguments"),
        (bad_call("/function/arguments", json!("[]")), "messages[1].tool_calls[0].function.arguments"),
        (bad_call("/function/arguments", json!("null")), "messages[1].tool_calls[0].function.arguments"),
        (bad_call("/function/arguments", json!({})), "messages[1].tool_calls[0].function.arguments"),
        (bad_call("/function/arguments", json!("{}{}")), "messages[1].tool_calls[0].function.arguments"),
        (
            bad_call("/function/arguments", json!(format!("{{\"a\":{}{}}}", "[".repeat(70), "]".repeat(70)))),
            "messages[1].tool_calls[0].function.arguments",
        ),
        (
            bad_call("/function/arguments", json!(format!("{{\"a\":[{}0]}}", "0,".repeat(500_000)))),
            "messages[1].tool_calls[0].function.arguments",
        ),
    ];
    check(&cases);
    let (_, message) = refusal(&cases[5].0);
    assert_eq!(message, "Each tool call must be followed by a `tool` message with its id. Without one: 1.");
}

#[test]
fn tools_and_choices_that_do_not_match() {
    let tool = |name: &str| json!({ "type": "function", "function": { "name": name } });
    let tools = |tools: Value| with(json!({ "tools": tools }));
    let choice = |choice: Value| with(json!({ "tools": [tool("f")], "tool_choice": choice }));
    let named = |name: &str| json!({ "type": "function", "function": { "name": name } });
    let allowed = |mode: &str, tools: Value| json!({ "type": "allowed_tools", "allowed_tools": { "mode": mode, "tools": tools } });
    check(&[
        (tools(json!({})), "tools"),
        (tools(json!([{ "type": "custom", "custom": {} }])), "tools[0].type"),
        (tools(json!([tool("f"), { "type": "function" }])), "tools[1].function"),
        (tools(json!([{ "type": "function", "function": {} }])), "tools[0].function.name"),
        (tools(json!([tool("")])), "tools[0].function.name"),
        (tools(json!([tool("f"), tool("f")])), "tools[1].function.name"),
        (
            tools(json!([{ "type": "function", "function": { "name": "f", "parameters": [] } }])),
            "tools[0].function.parameters",
        ),
        (
            tools(
                json!([{ "type": "function", "function": { "name": "f", "parameters": { "type": "array" } } }]),
            ),
            "tools[0].function.parameters",
        ),
        (
            tools(
                json!([tool("e"), { "type": "function", "function": { "name": "f", "parameters": { "type": null } } }]),
            ),
            "tools[1].function.parameters",
        ),
        (
            tools(json!([{ "type": "function", "function": { "name": "f", "description": 5 } }])),
            "tools[0].function.description",
        ),
        (choice(json!("sometimes")), "tool_choice"),
        (choice(json!(5)), "tool_choice"),
        (choice(json!({})), "tool_choice.type"),
        (choice(json!({ "type": "custom", "custom": { "name": "f" } })), "tool_choice.type"),
        (choice(json!({ "type": "function" })), "tool_choice.function.name"),
        (choice(named("g")), "tool_choice.function.name"),
        (choice(allowed("never", json!([named("f")]))), "tool_choice.allowed_tools.mode"),
        (choice(allowed("auto", json!([]))), "tool_choice.allowed_tools.tools"),
        (
            choice(allowed("auto", json!([named("f"), named("g")]))),
            "tool_choice.allowed_tools.tools[1].function.name",
        ),
        (with(json!({ "tool_choice": "required" })), "tool_choice"),
        (with(json!({ "tool_choice": named("f") })), "tool_choice"),
    ]);
}

#[test]
fn requests_with_too_many_parts() {
    let body = format!(r#"{{"messages":[{}{{"role":"user"}}]}}"#, r#"{"role":"user"},"#.repeat(20_000));
    check(&[(body, "messages")]);
}
