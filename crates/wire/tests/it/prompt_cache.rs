//! What clients say of the prompt cache is understood in every dialect.

use bytes::Bytes;
use outcrop_chat::{CacheTtl, Caching, Request};
use outcrop_wire::anthropic::{self, Betas, Purpose, Version, invoke};
use outcrop_wire::openai::{chat, completions, responses};
use outcrop_wire::{bedrock, outcrop};
use serde_json::{Value, json};

use crate::anthropic_requests::TRAITS;

const FIVE: CacheTtl = CacheTtl::FiveMinutes;
const HOUR: CacheTtl = CacheTtl::OneHour;

/// How a dialect is read.
type Reader = fn(&Value) -> Request;

fn bytes(body: &Value) -> Bytes {
    Bytes::from(body.to_string())
}

fn by_chat(body: &Value) -> Request {
    chat::parse(&bytes(body)).unwrap().into_chat().unwrap().request
}

fn by_responses(body: &Value) -> Request {
    let body = bytes(body);
    let asked = responses::parse(&body).unwrap();
    asked.into_chat("m", &responses::kept::Earlier::default()).unwrap().request
}

fn by_completions(body: &Value) -> Request {
    completions::parse(&bytes(body)).unwrap().into_chat().unwrap().requests.remove(0)
}

fn by_messages(body: &Value) -> Request {
    let version = Version::V20230601;
    anthropic::parse(&bytes(body), version, &Betas::default(), Purpose::Answer).unwrap().request
}

fn by_converse(body: &Value) -> Request {
    bedrock::parse(&bytes(body)).unwrap().request
}

fn by_generate(body: &Value) -> Request {
    outcrop::generate::parse(body.to_string().as_bytes()).unwrap().into_chat().unwrap()
}

fn control(ttl: Option<&str>) -> Value {
    ttl.map_or_else(|| json!({"type": "ephemeral"}), |ttl| json!({"type": "ephemeral", "ttl": ttl}))
}

#[test]
fn a_clients_own_marks_are_cache_points_in_every_dialect() {
    let schema = json!({"type": "object"});
    let text = |text: &str, ttl| json!({"type": "text", "text": text, "cache_control": control(ttl)});
    let function = json!({"name": "f", "parameters": schema});
    let breakpoint = json!({"mode": "explicit"});
    let point = |ttl: &str| json!({"cachePoint": {"type": "default", "ttl": ttl}});
    let user = |content: Value| json!([{"role": "user", "content": content}]);
    let cases: [(&str, Reader, Value, &[CacheTtl]); 10] = [
        (
            "chat, as LiteLLM and OpenRouter have it",
            by_chat,
            json!({
                "tools": [{"type": "function", "function": function, "cache_control": control(Some("1h"))}],
                "messages": [
                    {"role": "system", "content": [text("be", Some("1h"))]},
                    {"role": "user", "content": [text("hi", None), {"type": "text", "text": "there"}]},
                    {"role": "assistant", "content": "yes"},
                    {"role": "user", "content": "so", "cache_control": control(None)},
                ],
            }),
            &[HOUR, HOUR, FIVE, FIVE],
        ),
        (
            "chat, as OpenAI has it",
            by_chat,
            json!({"messages": user(json!([
                {"type": "text", "text": "hi", "prompt_cache_breakpoint": breakpoint},
            ]))}),
            &[FIVE],
        ),
        (
            "chat, with the time of the request",
            by_chat,
            json!({"prompt_cache_options": {"ttl": "30m"}, "messages": user(json!([
                {"type": "text", "text": "hi", "prompt_cache_breakpoint": breakpoint},
            ]))}),
            &[HOUR],
        ),
        (
            "chat, retained",
            by_chat,
            json!({"prompt_cache_retention": "24h", "messages": user(json!([
                {"type": "text", "text": "hi", "prompt_cache_breakpoint": breakpoint},
            ]))}),
            &[HOUR],
        ),
        (
            "responses",
            by_responses,
            json!({"input": user(json!([
                {"type": "input_text", "text": "hi", "prompt_cache_breakpoint": breakpoint},
                {"type": "input_text", "text": "there"},
            ]))}),
            &[FIVE],
        ),
        (
            "responses, with the time of the request",
            by_responses,
            json!({"prompt_cache_options": {"mode": "explicit", "ttl": "30m"}, "input": user(json!([
                {"type": "input_text", "text": "hi", "prompt_cache_breakpoint": breakpoint},
            ]))}),
            &[HOUR],
        ),
        (
            "messages",
            by_messages,
            json!({
                "max_tokens": 9, "system": [text("be", Some("1h"))],
                "tools": [{"name": "f", "input_schema": schema, "cache_control": control(Some("1h"))}],
                "messages": user(json!([text("hi", Some("5m"))])),
            }),
            &[HOUR, HOUR, FIVE],
        ),
        (
            "messages, automatic",
            by_messages,
            json!({"max_tokens": 9, "cache_control": control(Some("1h")), "messages": user(json!("hi"))}),
            &[HOUR],
        ),
        (
            "messages, behind a tool's result",
            by_messages,
            json!({"max_tokens": 9, "tools": [{"name": "f", "input_schema": schema}], "messages": [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": "1", "cache_control": control(None)},
                ]},
            ]}),
            &[FIVE],
        ),
        (
            "Converse",
            by_converse,
            json!({
                "toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": schema}}}, point("1h")]},
                "system": [{"text": "be"}, point("1h")],
                "messages": user(json!([{"text": "hi"}, {"cachePoint": {"type": "default"}}])),
            }),
            &[HOUR, HOUR, FIVE],
        ),
    ];
    for (dialect, read, body, expected) in cases {
        assert_eq!(read(&body).cache_points().collect::<Vec<_>>(), expected, "{dialect}");
    }
}

#[test]
fn wishes_for_cache_points_are_understood_in_every_dialect_that_is_not_bedrocks() {
    let wish = json!({"system": true, "messages": false, "ttl": "1h"});
    let turns = json!([{"role": "user", "content": "hi"}]);
    let bodies: [(Reader, Value); 5] = [
        (by_chat, json!({"messages": turns})),
        (by_responses, json!({"input": "hi"})),
        (by_completions, json!({"prompt": "hi"})),
        (by_messages, json!({"max_tokens": 9, "messages": turns})),
        (by_generate, json!({"prompt": "hi"})),
    ];
    let expected = Caching {
        system: Some(true),
        messages: Some(false),
        ttl: Some(HOUR),
        said: vec!["prompt_caching"],
        ..Caching::default()
    };
    for (at, (read, body)) in bodies.into_iter().enumerate() {
        let with = |field: &str, value: Value| {
            let mut body = body.clone();
            body[field] = value;
            read(&body).caching
        };
        assert_eq!(with("prompt_caching", wish.clone()), expected, "{body}");
        if at < 4 {
            assert_eq!(with("extra_body", json!({"prompt_caching": wish})), expected, "{body}");
        }
        assert_eq!(read(&body).caching, Caching::default());
    }
    let mut body = json!({"max_tokens": 9, "messages": turns});
    body["prompt_caching"] = wish;
    let own = invoke::body(
        body.to_string().as_bytes(),
        Version::V20230601,
        &Betas::default(),
        TRAITS,
        Purpose::Answer,
    );
    let own = own.unwrap();
    assert_eq!(own.caching, expected);
    assert!(!invoke::is_marked(&own.body) && !String::from_utf8_lossy(&own.body).contains("prompt_caching"));
}

#[test]
fn openais_options_say_whether_points_are_put() {
    let turns = json!([{"role": "user", "content": "hi"}]);
    let off = Some(false);
    let cases = [
        (json!({}), Caching::default()),
        (
            json!({"mode": "implicit"}),
            Caching { messages: Some(true), said: vec!["prompt_cache_options"], ..Caching::default() },
        ),
        (
            json!({"mode": "explicit"}),
            Caching { tools: off, system: off, messages: off, ..Caching::default() },
        ),
        (
            json!({"ttl": "30m"}),
            Caching { ttl: Some(HOUR), said: vec!["prompt_cache_options"], ..Caching::default() },
        ),
    ];
    for (options, expected) in cases {
        let found = by_chat(&json!({"messages": turns, "prompt_cache_options": options}));
        assert_eq!(found.caching, expected, "{options}");
        let found = by_responses(&json!({"input": "hi", "prompt_cache_options": options}));
        assert_eq!(found.caching, expected, "{options}");
    }
    let keyed = Caching { key: Some("k".into()), ..Caching::default() };
    assert_eq!(by_chat(&json!({"messages": turns, "prompt_cache_key": "k"})).caching, keyed);
    assert_eq!(by_responses(&json!({"input": "hi", "prompt_cache_key": "k"})).caching, keyed);
    assert_eq!(by_generate(&json!({"prompt": "hi", "prompt_cache_key": "k"})).caching, keyed);
}

#[test]
fn what_says_nothing_sensible_is_refused_by_name() {
    let cases = [
        (json!({"prompt_cache_options": {"mode": "sometimes"}}), "prompt_cache_options.mode"),
        (json!({"prompt_cache_options": {"ttl": "1y"}}), "prompt_cache_options.ttl"),
        (json!({"prompt_cache_retention": "1y"}), "prompt_cache_retention"),
        (json!({"prompt_caching": {"ttl": "1y"}}), "prompt_caching.ttl"),
        (json!({"prompt_caching": {"system": "yes"}}), "prompt_caching.system"),
        (json!({"prompt_cache_key": 1}), "prompt_cache_key"),
    ];
    for (mut body, param) in cases {
        body["messages"] = json!([{"role": "user", "content": "hi"}]);
        let body = bytes(&body);
        let error = chat::parse(&body).and_then(chat::ChatRequest::into_chat).unwrap_err();
        assert_eq!(error.param.as_deref(), Some(param), "{}", error.message);
    }
}

#[test]
fn a_time_that_nobody_knows_is_refused_in_claudes_own_bodies() {
    let mark = |ttl: &str| json!({"type": "ephemeral", "ttl": ttl});
    let text = |ttl: &str| json!([{"type": "text", "text": "hi", "cache_control": mark(ttl)}]);
    let result = |ttl: &str| json!([{"type": "tool_result", "tool_use_id": "t", "content": text(ttl)}]);
    let turn = |content: Value| json!([{"role": "user", "content": content}]);
    let written = |ttl: &str, with: &[(&str, Value)]| {
        let mut body = json!({"model": "m", "max_tokens": 9, "messages": turn(json!("hi"))});
        for (name, value) in with {
            body[*name] = value.clone();
        }
        let body =
            invoke::body(&bytes(&body), Version::V20230601, &Betas::default(), TRAITS, Purpose::Answer);
        body.map_err(|error| (ttl.to_owned(), error.param))
    };
    for (ttl, refused) in [("5m", false), ("1h", false), ("2h", true), ("", true)] {
        for (name, value) in [
            ("cache_control", mark(ttl)),
            ("tools", json!([{"name": "t", "input_schema": {}, "cache_control": mark(ttl)}])),
            ("system", text(ttl)),
            ("messages", turn(text(ttl))),
            ("messages", turn(result(ttl))),
        ] {
            let expected = refused.then(|| (ttl.to_owned(), Some("cache_control.ttl".to_owned())));
            assert_eq!(written(ttl, &[(name, value)]).err(), expected, "{name}");
        }
    }
    // What a tool is given may be called so.
    let input = json!([{"type": "tool_use", "id": "t", "name": "t", "input": {"cache_control": mark("2h")}}]);
    assert!(written("2h", &[("messages", turn(input))]).is_ok());
}
