//! `/v1/messages` end to end: Claude by its own body, other models by Converse.

use outcrop_config::LimitsConfig;
use outcrop_embedded::SystemClock;
use outcrop_ports::Clock as _;
use outcrop_types::{Outcome, TokenUsage};
use serde_json::{Value, json};

use crate::harness::{Answer, MODEL, Setup, TestApp, models};

const PATH: &str = "/v1/messages";
const NOVA: &str = "nova-lite";
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn ask(model: &str, text: &str) -> Value {
    json!({"model": model, "max_tokens": 4000, "messages": [{"role": "user", "content": text}]})
}

fn with(mut body: Value, fields: &Value) -> Value {
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

fn tool(name: &str) -> Value {
    json!({"name": name, "description": "A tool.", "input_schema": {
        "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}})
}

async fn post_with(app: &TestApp, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut request = app.request(reqwest::Method::POST, PATH).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request.body(body.to_string()).send().await.unwrap()).await
}

/// The names of a stream's events, each run of deltas once.
fn names(answer: &Answer) -> Vec<&str> {
    let mut names: Vec<&str> = answer.text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    names.retain(|name| *name != "ping");
    names.dedup();
    names
}

/// The texts of a stream's deltas of a kind.
fn deltas(answer: &Answer, field: &str) -> String {
    answer.events().iter().filter_map(|event| event["delta"][field].as_str()).collect()
}

#[tokio::test]
async fn both_ways_answer_a_message() {
    let app = TestApp::start().await;
    for (model, stop) in [(MODEL, "end_turn"), (NOVA, "end_turn")] {
        let answer = app.post(PATH, &ask(model, "[[say: hello]][[usage: input=7,output=3]]")).await;
        let body = answer.json();
        assert_eq!(answer.status, 200, "{body}");
        assert_eq!(
            (&body["type"], &body["role"], &body["model"]),
            (&json!("message"), &json!("assistant"), &json!(model))
        );
        assert!(body["id"].as_str().unwrap().starts_with("msg_"), "{body}");
        assert_eq!(body["content"], json!([{"type": "text", "text": "hello"}]));
        assert_eq!((&body["stop_reason"], &body["stop_sequence"]), (&json!(stop), &Value::Null));
        assert_eq!((&body["usage"]["input_tokens"], &body["usage"]["output_tokens"]), (&json!(7), &json!(3)));
        assert_eq!(answer.header("request-id"), answer.header("x-request-id"));
        assert!(answer.header("request-id").is_some() && answer.header("x-outcrop-model").is_some());
    }
    for record in app.records(2).await {
        let tokens = TokenUsage { input: 7, output: 3, ..TokenUsage::default() };
        assert_eq!((record.tokens, record.estimated, record.outcome), (tokens, false, Outcome::Completed));
        assert_eq!((record.dialect.as_str(), record.operation.as_str()), ("anthropic", "chat"));
        assert_eq!(record.stop_reason.as_deref(), Some("end_turn"));
    }
    assert_eq!(app.post("/api/v1/messages", &ask(NOVA, "hi")).await.status, 200);
    assert_eq!(app.post("/v1/messages?beta=true", &ask(MODEL, "hi")).await.status, 200);
}

#[tokio::test]
async fn both_ways_stream_in_anthropics_order() {
    let app = TestApp::start().await;
    for model in [MODEL, NOVA] {
        let body = with(ask(model, "[[say: one two]][[usage: input=7,output=3]]"), &json!({"stream": true}));
        let answer = app.post(PATH, &body).await;
        assert!(answer.header("content-type").unwrap().starts_with("text/event-stream"));
        let order = [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ];
        assert_eq!(names(&answer), order, "{model}: {}", answer.text);
        assert_eq!(deltas(&answer, "text"), "one two");
        let events = answer.events();
        assert_eq!(events[0]["message"]["model"], model);
        let end = &events[events.len() - 2];
        assert_eq!(end["delta"], json!({"stop_reason": "end_turn", "stop_sequence": null}));
        assert_eq!(end["usage"]["output_tokens"], 3);
        assert_eq!(events.last().unwrap(), &json!({"type": "message_stop"}));
        assert!(answer.header("request-id").is_some());
    }
    for record in app.records(2).await {
        assert_eq!((record.tokens.input, record.tokens.output, record.estimated), (7, 3, false));
        assert!(record.streamed && record.first_token_ms.is_some());
    }
}

#[tokio::test]
async fn tools_make_the_round() {
    let app = TestApp::start().await;
    for (model, name) in [(MODEL, "get_weather"), (NOVA, "get.weather")] {
        let tools = json!({"tools": [tool(name), tool("now")]});
        let first = with(ask(model, "Oslo?"), &tools);
        let forced = with(first.clone(), &json!({"tool_choice": {"type": "tool", "name": name}}));
        let body = app.post(PATH, &forced).await.json();
        assert_eq!(body["stop_reason"], "tool_use", "{body}");
        let call = body["content"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&call["type"], &call["name"]), (&json!("tool_use"), &json!(name)));

        let result = json!({"type": "tool_result", "tool_use_id": call["id"], "is_error": true,
            "content": [{"type": "text", "text": "No such city."}]});
        let mut second = first.clone();
        second["messages"] = json!([
            {"role": "user", "content": "Oslo?"},
            {"role": "assistant", "content": body["content"]},
            {"role": "user", "content": [result]},
        ]);
        let body = app.post(PATH, &second).await.json();
        let text = body["content"][0]["text"].as_str().unwrap_or_default();
        assert!(text.contains("failed with: No such city."), "{body}");

        let streamed = with(forced, &json!({"stream": true}));
        let answer = app.post(PATH, &streamed).await;
        let input: Value = serde_json::from_str(&deltas(&answer, "partial_json")).unwrap();
        assert!(input["city"].is_string(), "{}", answer.text);
        let start = answer.events().into_iter().find(|it| it["type"] == "content_block_start").unwrap();
        assert_eq!(start["content_block"]["name"], name);
        assert_eq!(start["content_block"]["input"], json!({}));
    }
}

#[tokio::test]
async fn no_tool_is_called_when_none_may_be() {
    let app = TestApp::start().await;
    let tools = json!({"tools": [tool("a")], "tool_choice": {"type": "none"}});
    let body = app.post(PATH, &with(ask(NOVA, "hi"), &tools)).await.json();
    assert_eq!(body["content"][0]["type"], "text", "{body}");
}

#[tokio::test]
async fn thoughts_go_round_with_tools_untouched() {
    let app = TestApp::start().await;
    let options = json!({"tools": [tool("a")], "thinking": {"type": "enabled", "budget_tokens": 2000}});
    let script = "[[think: I wonder]][[redact: a secret]][[tool: a {\"city\":\"Oslo\"}]]";
    let body = app.post(PATH, &with(ask(MODEL, script), &options)).await.json();
    let kinds: Vec<_> =
        body["content"].as_array().unwrap().iter().map(|it| it["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["thinking", "redacted_thinking", "tool_use"], "{body}");
    let thinking = body["usage"]["output_tokens_details"]["thinking_tokens"].as_u64().unwrap();
    assert!(thinking > 0);

    let result = json!({"type": "tool_result", "tool_use_id": body["content"][2]["id"], "content": "Rain."});
    let mut second = with(ask(MODEL, ""), &options);
    second["messages"] = json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": body["content"]},
        {"role": "user", "content": [result]},
    ]);
    let answer = app.post(PATH, &second).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    for (block, field) in [(0, "signature"), (1, "data")] {
        let mut forged = second.clone();
        forged["messages"][1]["content"][block][field] = json!("Zm9yZ2Vk");
        assert_eq!(app.post(PATH, &forged).await.status, 400, "{field}");
    }

    let streamed = app.post(PATH, &with(ask(MODEL, script), &with(options, &json!({"stream": true})))).await;
    assert_eq!(deltas(&streamed, "thinking"), "I wonder");
    assert_eq!(deltas(&streamed, "signature"), body["content"][0]["signature"].as_str().unwrap());
    let records = app.records(3).await;
    assert_eq!(records.iter().filter(|it| it.tokens.reasoning == thinking).count(), 2, "{records:?}");
}

#[tokio::test]
async fn other_models_think_in_anthropics_words() {
    let app = TestApp::start().await;
    let options = json!({"thinking": {"type": "enabled", "budget_tokens": 2000}});
    let answer = app.post(PATH, &with(ask("nova-2-lite", "[[think: Hm]][[say: So.]]"), &options)).await;
    let body = answer.json();
    assert_eq!(body["content"][0]["type"], "thinking", "{body}");
    assert_eq!(body["content"][0]["thinking"], "Hm");
    let hidden = json!({"thinking": {"type": "adaptive", "display": "omitted"}, "stream": true});
    let answer = app.post(PATH, &with(ask("nova-2-lite", "[[think: Hm]][[say: So.]]"), &hidden)).await;
    assert_eq!(deltas(&answer, "thinking"), "", "{}", answer.text);
    assert!(!deltas(&answer, "signature").is_empty());
}

#[tokio::test]
async fn the_prompt_cache_is_counted_to_the_token() {
    let app = TestApp::start().await;
    let long = "word ".repeat(6000);
    let cached = |ttl: &str, text: &str| {
        let control = json!({"type": "ephemeral", "ttl": ttl});
        with(
            ask(MODEL, "[[say: x]]"),
            &json!({"system": [{"type": "text", "text": format!("{text}{long}"), "cache_control": control}]}),
        )
    };
    let body = app.post(PATH, &cached("1h", "a")).await.json();
    let written = body["usage"]["cache_creation_input_tokens"].as_u64().unwrap();
    assert!(written > 4000, "{body}");
    assert_eq!(body["usage"]["cache_creation"]["ephemeral_1h_input_tokens"], written);
    let body = app.post(PATH, &cached("1h", "a")).await.json();
    assert_eq!(body["usage"]["cache_read_input_tokens"], written);
    app.post(PATH, &with(cached("5m", "b"), &json!({"stream": true}))).await;
    let records = app.records(3).await;
    let seen = |of: fn(&TokenUsage) -> u64| records.iter().map(|it| of(&it.tokens)).collect::<Vec<_>>();
    assert_eq!(seen(|it| it.cache_write_1h), [written, 0, 0]);
    assert_eq!(seen(|it| it.cache_read), [0, written, 0]);
    assert_eq!(seen(|it| it.cache_write_5m), [0, 0, written]);
}

#[tokio::test]
async fn pictures_and_documents_reach_both() {
    let app = TestApp::start().await;
    for model in [MODEL, NOVA] {
        let content = json!([
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            {"type": "document", "title": "a.pdf", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQKJSVFT0Y="}},
            {"type": "text", "text": "[[say: seen]]"},
        ]);
        let mut body = ask(model, "");
        body["messages"][0]["content"] = content;
        let answer = app.post(PATH, &body).await;
        assert_eq!(answer.status, 200, "{model}: {}", answer.text);
        body["messages"][0]["content"][0]["source"] = json!({"type": "url", "url": "http://127.0.0.1/a.png"});
        let answer = app.post(PATH, &body).await;
        assert_eq!(answer.status, 400, "{model}");
        assert!(answer.text.contains("messages[0].content[0].source.url"), "{}", answer.text);
    }
}

#[tokio::test]
async fn automatic_caching_and_betas_are_put_as_bedrock_takes_them() {
    let app = TestApp::start().await;
    let body = with(
        ask(MODEL, "[[say: x]]"),
        &json!({
            "cache_control": {"type": "ephemeral"}, "metadata": {"user_id": "u"}, "service_tier": "auto",
            "context_management": {"edits": []}, "speed": "fast",
        }),
    );
    let betas = "claude-code-20250219,context-management-2025-06-27,interleaved-thinking-2025-05-14";
    let answer = post_with(&app, &[("anthropic-beta", betas)], &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("x-outcrop-dropped"), Some("speed, anthropic-beta (claude-code-20250219)"));
    let strict = [("anthropic-beta", betas), ("x-outcrop-strict", "true")];
    assert_eq!(post_with(&app, &strict, &body).await.status, 400);

    let other = with(ask(NOVA, "hi"), &json!({"context_management": {"edits": []}}));
    let answer = post_with(&app, &[("anthropic-beta", betas)], &other).await;
    assert_eq!(
        answer.header("x-outcrop-dropped"),
        Some("context_management, anthropic-beta"),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn what_clients_of_claude_ask_for_is_lowered_to_what_another_model_writes() {
    let app = TestApp::start().await;
    let body = with(ask(NOVA, "[[say: x]]"), &json!({"max_tokens": 32_000}));
    let answer = app.post(PATH, &body).await;
    assert_eq!(
        (answer.status, answer.header("x-outcrop-dropped")),
        (200, Some("max_tokens")),
        "{}",
        answer.text
    );
    assert_eq!(post_with(&app, &[("x-outcrop-strict", "true")], &body).await.status, 400);
}

#[tokio::test]
async fn versions_have_their_rules() {
    let app = TestApp::start().await;
    let new = [("anthropic-version", "2026-10-21")];
    for model in [MODEL, NOVA, "claude-opus-4-8"] {
        let sampled = with(ask(model, "hi"), &json!({"temperature": 1}));
        let answer = post_with(&app, &new, &sampled).await;
        assert_eq!(answer.status, 400, "{model}");
        assert!(answer.text.contains("temperature"), "{}", answer.text);
        assert_eq!(post_with(&app, &new, &ask(model, "hi")).await.status, 200, "{model}");
        let old = [("anthropic-version", "2023-06-01")];
        assert_eq!(post_with(&app, &old, &sampled).await.status, 200, "{model}");
        let unknown = post_with(&app, &[("anthropic-version", "2024-01-01")], &ask(model, "hi")).await;
        assert_eq!(
            (unknown.status, &unknown.json()["error"]["type"]),
            (400, &json!("invalid_request_error"))
        );
    }
    let turns = json!({"messages": [{"role": "user", "content": "[[say: x]]"}, {"role": "system", "content": "Be brief."}]});
    assert_eq!(post_with(&app, &new, &with(ask(NOVA, ""), &turns)).await.status, 200);
    assert_eq!(app.post(PATH, &with(ask(NOVA, ""), &turns)).await.status, 400);
}

#[tokio::test]
async fn errors_are_anthropics() {
    let app = TestApp::start().await;
    let cases = [
        (ask("no-such-model", "hi"), 404, "not_found_error"),
        (
            json!({"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}),
            400,
            "invalid_request_error",
        ),
        (with(ask(MODEL, "hi"), &json!({"max_tokens": 1_000_000})), 400, "invalid_request_error"),
        (with(ask(MODEL, "hi"), &json!({"messages": []})), 400, "invalid_request_error"),
        (ask(MODEL, "[[fault: throttling]]"), 429, "rate_limit_error"),
        (ask(NOVA, "[[fault: throttling]]"), 429, "rate_limit_error"),
        (ask(MODEL, "[[fault: serviceUnavailable]]"), 503, "overloaded_error"),
        (ask(MODEL, "[[fault: modelError]]"), 502, "api_error"),
    ];
    for (body, status, word) in cases {
        let answer = app.post(PATH, &body).await;
        let error = answer.json();
        assert_eq!((answer.status, &error["error"]["type"]), (status, &json!(word)), "{error}");
        assert_eq!(
            (&error["type"], &error["request_id"]),
            (&json!("error"), &json!(answer.header("request-id").unwrap()))
        );
    }
}

#[tokio::test]
async fn a_stream_that_fails_ends_in_an_error_and_is_metered() {
    let app = TestApp::start().await;
    for model in [MODEL, NOVA] {
        for fault in ["streamThrottling after 4", "cut after 4"] {
            let text = format!("[[tokens: 50]][[fault: {fault}]]");
            let answer = app.post(PATH, &with(ask(model, &text), &json!({"stream": true}))).await;
            assert_eq!(answer.status, 200);
            assert_eq!(names(&answer).last(), Some(&"error"), "{model} {fault}: {}", answer.text);
            let error = answer.events().pop().unwrap();
            assert_eq!(error["type"], "error");
            assert_eq!(error["request_id"], answer.header("request-id").unwrap());
        }
    }
    for record in app.records(4).await {
        assert_eq!((record.outcome, record.estimated), (Outcome::Failed, true), "{record:?}");
        assert!(record.tokens.input > 0);
    }
}

#[tokio::test]
async fn limits_are_told_in_anthropics_headers() {
    let limits = LimitsConfig { requests_per_minute_per_key: Some(1), ..LimitsConfig::default() };
    let app = TestApp::with(Setup { limits, ..Setup::default() }).await;
    let answer = app.post(PATH, &ask(NOVA, "hi")).await;
    assert_eq!(answer.header("anthropic-ratelimit-requests-limit"), Some("1"));
    assert_eq!(answer.header("anthropic-ratelimit-requests-remaining"), Some("0"));
    let full = app.post(PATH, &ask(MODEL, "hi")).await;
    assert_eq!(full.status, 429);
    assert!(full.header("retry-after").is_some());
    for answer in [answer, full] {
        let reset = answer.header("anthropic-ratelimit-requests-reset").unwrap();
        assert!(chrono::DateTime::parse_from_rfc3339(reset).is_ok(), "{reset}");
    }
    let count = app.post("/v1/messages/count_tokens", &ask(NOVA, "hi")).await;
    assert_eq!(count.status, 429, "limits hold for counting too");
}

#[tokio::test]
async fn each_of_anthropics_headers_tells_of_its_own_limit() {
    let limits = LimitsConfig { requests_per_minute_per_key: Some(10), ..LimitsConfig::default() };
    let rules = outcrop_types::Rules { tokens_per_minute: Some(5_000), ..outcrop_types::Rules::default() };
    let app = TestApp::with(Setup { limits, rules, ..Setup::default() }).await;
    let large = with(ask(MODEL, "[[tokens: 3000]]"), &json!({"max_tokens": 3000}));
    assert_eq!(app.post(PATH, &large).await.status, 200);
    let full = app.post(PATH, &large).await;
    assert_eq!(full.status, 429, "{}", full.text);
    assert_eq!(full.header("x-outcrop-limit").unwrap().split("; ").nth(1), Some("kind=tokens"));
    let number =
        |name: &str| full.header(&format!("anthropic-ratelimit-{name}")).unwrap().parse::<u64>().unwrap();
    assert_eq!((number("requests-limit"), number("requests-remaining")), (10, 9));
    assert_eq!(number("tokens-limit"), 5_000);
    assert!(number("tokens-remaining") < 3_000);
    for name in ["requests", "tokens"] {
        let reset = full.header(&format!("anthropic-ratelimit-{name}-reset")).unwrap();
        let reset = chrono::DateTime::parse_from_rfc3339(reset).unwrap();
        // A slot longer than a minute, rounded up; when there is room for this request is `retry-after`.
        let wait = reset.to_utc() - SystemClock::default().now();
        assert!((0..=66).contains(&wait.num_seconds()), "{name}: {wait}");
    }
    assert!(full.header("retry-after").is_some());
}

#[tokio::test]
async fn a_scope_holds_for_both() {
    let app = TestApp::with(Setup { scope: models(&["nova-*"]), ..Setup::default() }).await;
    assert_eq!(app.post(PATH, &ask(NOVA, "hi")).await.status, 200);
    for path in [PATH, "/v1/messages/count_tokens"] {
        let answer = app.post(path, &ask(MODEL, "hi")).await;
        assert_eq!((answer.status, &answer.json()["error"]["type"]), (403, &json!("permission_error")));
    }
}

#[tokio::test]
async fn tokens_are_counted_or_estimated_and_cost_nothing() {
    let app = TestApp::start().await;
    let path = "/v1/messages/count_tokens";
    for (model, exact) in [(MODEL, true), ("llama3-3-70b", false)] {
        let mut body = ask(model, "How many tokens are these words?");
        body.as_object_mut().unwrap().remove("max_tokens");
        let answer = app.post(path, &body).await;
        assert_eq!(answer.status, 200, "{model}: {}", answer.text);
        assert!(answer.json()["input_tokens"].as_u64().unwrap() > 3, "{}", answer.text);
        assert_eq!(answer.header("x-outcrop-estimated").is_none(), exact, "{model}");
    }
    // What Converse has no words for is counted in Claude's own.
    for own in [
        json!({"type": "web_search_20250305", "name": "web_search"}),
        json!({"type": "bash_20250124", "name": "bash"}),
    ] {
        let answer = app.post(path, &with(ask(MODEL, "hi"), &json!({ "tools": [own] }))).await;
        assert_eq!((answer.status, answer.header("x-outcrop-estimated")), (200, None), "{}", answer.text);
    }
    app.post(PATH, &ask(NOVA, "[[say: paid]]")).await;
    assert_eq!(app.records(1).await.len(), 1);
}

#[tokio::test]
async fn nonsense_is_not_counted() {
    let app = TestApp::start().await;
    let hi = |block: Value| json!({"messages": [{"role": "user", "content": [block]}]});
    let text = json!({"type": "text", "text": "hi"});
    for (more, param) in [
        (json!({"messages": 5}), "messages"),
        (json!({"messages": [{"role": "robot", "content": "hi"}]}), "messages[0].role"),
        (hi(json!({"type": "text"})), "messages[0].content[0].text"),
        (hi(json!({"type": "image", "source": {"type": "moon"}})), "messages[0].content[0].source"),
        (json!({"tools": [{"name": "a"}]}), "tools[0].input_schema"),
        (json!({"tools": [{"type": "bash_20250124", "name": "bash"}], "system": 5}), "system"),
        (json!({"tool_choice": {"type": "whatever"}}), "tool_choice.type"),
    ] {
        for model in [MODEL, NOVA] {
            let answer = app.post("/v1/messages/count_tokens", &with(ask(model, "hi"), &more)).await;
            assert_eq!(answer.status, 400, "{model} {more}: {}", answer.text);
            assert!(answer.text.contains(param), "{model} {more}: {}", answer.text);
        }
    }
    let own = json!({"type": "compaction", "content": "so far"});
    let more = json!({"messages": [
        {"role": "user", "content": [text.clone()]},
        {"role": "assistant", "content": [own]},
        {"role": "user", "content": [text]},
    ]});
    let answer = app.post("/v1/messages/count_tokens", &with(ask(MODEL, "hi"), &more)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}
