//! `POST /v1/chat/completions`: what single fields of a request do, as far as the model.

use serde_json::{Value, json};

use crate::chat::{PATH, say, tool, with};
use crate::harness::{MODEL, TestApp};

/// A client's message of the chunks of a stream, with what stands in lists put together by its index.
fn put_together(events: &[Value]) -> Value {
    let mut message = json!({"role": "assistant", "content": ""});
    for delta in events.iter().map(|it| &it["choices"][0]["delta"]) {
        for text in ["content", "reasoning_content"] {
            if let Some(more) = delta[text].as_str() {
                let held = message[text].as_str().unwrap_or_default().to_owned();
                message[text] = (held + more).into();
            }
        }
        for block in delta["thinking_blocks"].as_array().into_iter().flatten() {
            let blocks = message["thinking_blocks"].take();
            let mut blocks = if blocks.is_null() { vec![] } else { blocks.as_array().unwrap().clone() };
            assert_eq!(block["index"], blocks.len(), "indices count up from 0");
            blocks.push(block.clone());
            message["thinking_blocks"] = blocks.into();
        }
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let at = call["index"].as_u64().unwrap();
            let calls = message["tool_calls"].take();
            let mut calls = if calls.is_null() { vec![] } else { calls.as_array().unwrap().clone() };
            match calls.get_mut(usize::try_from(at).unwrap()) {
                None => calls.push(call.clone()),
                Some(held) => {
                    let more = call["function"]["arguments"].as_str().unwrap();
                    let held = &mut held["function"]["arguments"];
                    *held = (held.as_str().unwrap().to_owned() + more).into();
                }
            }
            message["tool_calls"] = calls.into();
        }
    }
    message
}

#[tokio::test]
async fn thoughts_with_tools_make_the_round_whole_and_streamed() {
    let app = TestApp::start().await;
    let ask = "[[think: The city is Oslo.]] [[tool: time {\"city\":\"Oslo\"}]]";
    for stream in [false, true] {
        let options =
            json!({"tools": [tool("time")], "reasoning_effort": "low", "max_tokens": 8000, "stream": stream});
        let answer = app.post(PATH, &with(say(ask), &options)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let message = if stream {
            put_together(&answer.events())
        } else {
            answer.json()["choices"][0]["message"].clone()
        };
        assert_eq!(message["reasoning_content"], "The city is Oslo.", "{message}");
        let block = &message["thinking_blocks"][0];
        assert_eq!((&block["type"], &block["thinking"]), (&json!("thinking"), &json!("The city is Oslo.")));
        assert!(block["signature"].as_str().is_some_and(|it| !it.is_empty()), "{message}");

        let result =
            json!({"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "noon"});
        let user = |text: &str| json!({"role": "user", "content": text});
        let mut options = options.clone();
        options["stream"] = false.into();
        let more = json!({"messages": [user(ask), message, result, user("[[say: It is noon]]")]});
        let body = with(with(say(""), &options), &more);
        let answer = app.post(PATH, &body).await;
        assert_eq!(answer.status, 200, "the emulator checks the signature: {}", answer.text);
        assert_eq!(answer.json()["choices"][0]["message"]["content"], "It is noon");
        assert_eq!(answer.header("x-outcrop-dropped"), None);

        let mut forged = body;
        forged["messages"][1]["thinking_blocks"][0]["thinking"] = "The city is Rome.".into();
        assert_eq!(app.post(PATH, &forged).await.status, 400, "a thought that is not the model's own");
    }
}

#[tokio::test]
async fn a_thought_without_its_signature_is_left_out_and_named() {
    let app = TestApp::start().await;
    let turns = json!({"messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello", "reasoning_content": "A greeting."},
        {"role": "user", "content": "[[say: again]]"},
    ]});
    let answer = app.post(PATH, &with(say(""), &turns)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("x-outcrop-dropped"), Some("messages.reasoning_content"));
}

#[tokio::test]
async fn documents_reach_the_model_and_sound_only_one_that_hears() {
    let app = TestApp::start().await;
    let pdf = json!({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjQK"}});
    let csv = json!({"type": "file", "file": {"filename": "a.csv", "file_data": "YSxiCg=="}});
    let words = json!({"type": "text", "text": "[[say: read]]"});
    let body = with(say(""), &json!({"messages": [{"role": "user", "content": [words, pdf, pdf, csv]}]}));
    let answer = app.post(PATH, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "read");

    let sound = json!({"type": "input_audio", "input_audio": {"data": "UklGRgAAAABXQVZF", "format": "wav"}});
    let body = with(say(""), &json!({"messages": [{"role": "user", "content": [words, sound]}]}));
    let answer = app.post(PATH, &body).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
}

#[tokio::test]
async fn legacy_functions_are_called_and_answered_in_their_own_form() {
    let app = TestApp::start().await;
    let functions =
        json!({"functions": [tool("get.time")["function"]], "function_call": {"name": "get.time"}});
    let body = app.post(PATH, &with(say("Oslo?"), &functions)).await.json();
    let choice = &body["choices"][0];
    assert_eq!(choice["finish_reason"], "function_call", "{body}");
    assert_eq!(choice["message"]["function_call"]["name"], "get.time");
    assert_eq!(choice["message"].get("tool_calls"), None);

    let events =
        app.post(PATH, &with(with(say("Oslo?"), &functions), &json!({"stream": true}))).await.events();
    let calls: Vec<_> =
        events.iter().filter_map(|it| it["choices"][0]["delta"].get("function_call")).collect();
    assert_eq!(calls[0]["name"], "get.time", "{events:?}");
    let arguments: String = calls.iter().filter_map(|it| it["arguments"].as_str()).collect();
    assert_eq!(arguments, choice["message"]["function_call"]["arguments"].as_str().unwrap());
    assert_eq!(events.last().unwrap()["choices"][0]["finish_reason"], "function_call");

    let turns = json!({"function_call": "auto", "messages": [
        {"role": "user", "content": "Oslo?"},
        choice["message"],
        {"role": "function", "name": "get.time", "content": "noon"},
        {"role": "user", "content": "[[say: It is noon]]"},
    ]});
    let answer = app.post(PATH, &with(with(say(""), &functions), &turns)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "It is noon");
}

#[tokio::test]
async fn marked_prefixes_are_kept_and_the_usage_tells() {
    let app = TestApp::start().await;
    let handbook = "word ".repeat(5_000);
    for (mark, field) in [
        (json!({"type": "ephemeral"}), "ephemeral_5m_input_tokens"),
        (json!({"type": "ephemeral", "ttl": "1h"}), "ephemeral_1h_input_tokens"),
    ] {
        let text = format!("{handbook}{field}");
        let body = json!({"model": MODEL, "messages": [
            {"role": "system", "content": [{"type": "text", "text": text, "cache_control": mark}]},
            {"role": "user", "content": "[[say: ok]]"},
        ]});
        let usage = app.post(PATH, &body).await.json()["usage"].clone();
        let details = &usage["prompt_tokens_details"];
        let written = details["cache_write_tokens"].as_u64().unwrap();
        assert!(written >= 5_000, "{usage}");
        assert_eq!(details["cache_creation_token_details"][field], written, "{usage}");
        assert!(usage["prompt_tokens"].as_u64().unwrap() >= written, "what is cached is part of the prompt");

        let usage = app.post(PATH, &body).await.json()["usage"].clone();
        assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], written, "{usage}");
        assert_eq!(usage["prompt_tokens_details"]["cache_write_tokens"], 0);
    }
}

#[tokio::test]
async fn the_tier_that_answers_is_told() {
    let app = TestApp::start().await;
    let answer = app.post(PATH, &with(say("hi"), &json!({"service_tier": "flex"}))).await;
    assert_eq!(answer.json()["service_tier"], "flex", "{}", answer.text);
    let events =
        app.post(PATH, &with(say("hi"), &json!({"service_tier": "priority", "stream": true}))).await.events();
    assert_eq!(events.last().unwrap()["service_tier"], "priority", "{events:?}");
    let refused = app.post(PATH, &with(say("hi"), &json!({"service_tier": "scale"}))).await;
    assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!("service_tier")));
}

#[tokio::test]
async fn an_agents_long_history_is_taken_as_it_is() {
    let app = TestApp::start().await;
    let mut messages = vec![json!({"role": "system", "content": "You are an agent."})];
    messages.push(json!({"role": "user", "content": "Tour the north."}));
    for round in 0..9 {
        let call = |id: &str| {
            json!({"id": format!("{id}/{round}"), "type": "function",
                "function": {"name": "get.time", "arguments": "{\"city\":\"Oslo\"}"}})
        };
        let result =
            |id: &str| json!({"role": "tool", "tool_call_id": format!("{id}/{round}"), "content": ""});
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": [call("a"), call("b")]}));
        messages.push(result("b"));
        messages.push(result("a"));
        if round % 3 == 0 {
            messages.push(json!({"role": "system", "content": "Go on."}));
        }
    }
    messages.push(json!({"role": "user", "content": "[[say: done]]"}));
    for options in [
        json!({"tools": [tool("get.time")]}),
        json!({}),
        json!({"tools": [tool("get.time")], "tool_choice": "none"}),
    ] {
        for model in [MODEL, "nova-lite"] {
            let body = with(json!({"model": model, "messages": messages}), &options);
            let answer = app.post(PATH, &body).await;
            assert_eq!(answer.status, 200, "{model} {options}: {}", answer.text);
            assert_eq!(answer.json()["choices"][0]["message"]["content"], "done", "{model} {options}");
        }
    }
}

#[tokio::test]
async fn a_filter_that_steps_in_is_a_content_filter() {
    let app = TestApp::start().await;
    for reason in ["guardrail_intervened", "content_filtered"] {
        let ask = format!("[[say: no]] [[stop: {reason}]]");
        let body = app.post(PATH, &say(&ask)).await.json();
        assert_eq!(body["choices"][0]["finish_reason"], "content_filter", "{body}");
        let events = app.post(PATH, &with(say(&ask), &json!({"stream": true}))).await.events();
        assert_eq!(events.last().unwrap()["choices"][0]["finish_reason"], "content_filter", "{events:?}");
    }
}

#[tokio::test]
async fn an_answer_keeps_to_its_schema_whichever_way_the_model_is_held_to_it() {
    let app = TestApp::start().await;
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}, "degrees": {"type": "number"}},
        "required": ["city", "degrees"], "additionalProperties": false});
    let format =
        json!({"type": "json_schema", "json_schema": {"name": "weather", "strict": true, "schema": schema}});
    for (model, way) in [(MODEL, "native"), ("nova-lite", "tool")] {
        for stream in [false, true] {
            let mut body = with(say("Oslo?"), &json!({"response_format": format, "stream": stream}));
            body["model"] = model.into();
            let answer = app.post(PATH, &body).await;
            assert_eq!(answer.status, 200, "{model}: {}", answer.text);
            assert_eq!(answer.header("x-outcrop-structured-output"), Some(way), "{model}");
            let (message, finish) = if stream {
                let events = answer.events();
                (put_together(&events), events.last().unwrap()["choices"][0]["finish_reason"].clone())
            } else {
                let choice = &answer.json()["choices"][0];
                (choice["message"].clone(), choice["finish_reason"].clone())
            };
            assert_eq!((finish, message.get("tool_calls")), (json!("stop"), None), "{model}: {message}");
            let content: Value = serde_json::from_str(message["content"].as_str().unwrap()).unwrap();
            assert!(content["city"].is_string() && content["degrees"].is_number(), "{model}: {message}");
        }
    }
}
