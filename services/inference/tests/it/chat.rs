//! `POST /v1/chat/completions`.

use serde_json::{Value, json};

use crate::harness::{MODEL, TestApp};

pub(crate) const PATH: &str = "/v1/chat/completions";
/// A PNG of one pixel.
const PIXEL: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

pub(crate) fn say(text: &str) -> Value {
    json!({"model": MODEL, "messages": [{"role": "user", "content": text}]})
}

pub(crate) fn with(mut body: Value, more: &Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

pub(crate) fn tool(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name, "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}}}}})
}

#[tokio::test]
async fn a_whole_answer_says_where_it_comes_from() {
    let app = TestApp::start().await;
    for path in [PATH, "/api/v1/chat/completions"] {
        let answer = app.post(path, &say("[[say: Hello there]]")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let body = answer.json();
        assert_eq!(body["choices"][0]["message"]["content"], "Hello there");
        assert_eq!(body["choices"][0]["finish_reason"], "stop");
        assert_eq!(body["model"], MODEL);
        assert!(body["id"].as_str().unwrap().starts_with("chatcmpl-"));
        assert!(body["usage"]["prompt_tokens"].as_u64().unwrap() > 0);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("x-outcrop-region"), Some("us-east-1"));
        assert!(answer.header("x-outcrop-model").unwrap().contains("anthropic.claude-haiku-4-5"));
        assert_eq!(answer.header("x-outcrop-cache"), Some("bypass"));
        let timing = answer.header("server-timing").unwrap();
        assert!(timing.starts_with("gateway;dur=") && timing.contains(", upstream;dur="), "{timing}");
        assert_eq!(answer.header("x-outcrop-dropped"), None);
        assert_eq!(answer.header("x-ratelimit-limit-requests"), None, "nothing is limited");
        assert!(answer.header("x-request-id").is_some());
    }
}

#[tokio::test]
async fn without_a_model_the_default_one_answers() {
    let app = TestApp::start().await;
    let body = app.post(PATH, &json!({"messages": [{"role": "user", "content": "hi"}]})).await.json();
    assert_eq!(body["model"], MODEL);
}

#[tokio::test]
async fn a_stream_gives_the_same_answer_in_pieces() {
    let app = TestApp::start().await;
    let options = json!({"stream": true, "stream_options": {"include_usage": true}});
    let answer = app.post(PATH, &with(say("[[say: one two three four]]"), &options)).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").unwrap().starts_with("text/event-stream"));
    assert!(answer.text.ends_with("data: [DONE]\n\n"), "{}", answer.text);
    let events = answer.events();
    assert_eq!(events[0]["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
    let text: String = events.iter().filter_map(|it| it["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(text, "one two three four");
    let [.., finish, usage] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(finish["choices"][0]["finish_reason"], "stop");
    assert_eq!(usage["choices"], json!([]));
    assert!(usage["usage"]["completion_tokens"].as_u64().unwrap() > 0);

    let without = app.post(PATH, &with(say("hi"), &json!({"stream": true}))).await;
    assert!(without.events().iter().all(|it| it.get("usage").is_none()));
}

#[tokio::test]
async fn parallel_tool_calls_and_their_results_make_the_round() {
    let app = TestApp::start().await;
    let tools = json!([tool("get.weather"), tool("time")]);
    let ask = "[[tool: time {\"city\":\"Oslo\"}]] [[tool: time {\"city\":\"Rome\"}]]";
    let body = app.post(PATH, &with(say(ask), &json!({"tools": tools}))).await.json();
    let choice = &body["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls", "{body}");
    let calls = choice["message"]["tool_calls"].as_array().unwrap();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[1]["function"], json!({"name": "time", "arguments": "{\"city\":\"Rome\"}"}));

    let results = calls.iter().map(|it| json!({"role": "tool", "tool_call_id": it["id"], "content": "noon"}));
    let mut messages = vec![json!({"role": "user", "content": ask}), choice["message"].clone()];
    messages.extend(results);
    messages.push(json!({"role": "user", "content": "[[say: It is noon]]"}));
    let body = app.post(PATH, &json!({"model": MODEL, "messages": messages, "tools": tools})).await.json();
    assert_eq!(body["choices"][0]["message"]["content"], "It is noon", "{body}");
}

#[tokio::test]
async fn a_forced_tool_comes_back_under_the_clients_own_name_also_in_a_stream() {
    let app = TestApp::start().await;
    let options = json!({
        "tools": [tool("get.weather")], "stream": true,
        "tool_choice": {"type": "function", "function": {"name": "get.weather"}}
    });
    let events = app.post(PATH, &with(say("Oslo?"), &options)).await.events();
    let calls: Vec<_> =
        events.iter().filter_map(|it| it["choices"][0]["delta"]["tool_calls"].get(0)).collect();
    assert_eq!(calls[0]["function"]["name"], "get.weather", "{events:?}");
    let arguments: String = calls.iter().filter_map(|it| it["function"]["arguments"].as_str()).collect();
    assert!(serde_json::from_str::<Value>(&arguments).unwrap().is_object(), "{arguments}");
    assert_eq!(events.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test]
async fn images_stop_strings_and_token_limits_reach_the_model() {
    let app = TestApp::start().await;
    let parts = json!([{"type": "text", "text": "[[say: a picture]]"},
        {"type": "image_url", "image_url": {"url": PIXEL}}]);
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": parts}]});
    let answer = app.post(PATH, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);

    let body =
        app.post(PATH, &with(say("[[say: left STOP right]]"), &json!({"stop": ["STOP"]}))).await.json();
    assert!(!body["choices"][0]["message"]["content"].as_str().unwrap().contains("right"), "{body}");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");

    let body = app.post(PATH, &with(say("[[tokens: 50]]"), &json!({"max_tokens": 3}))).await.json();
    assert_eq!(body["choices"][0]["finish_reason"], "length");
    assert_eq!(body["usage"]["completion_tokens"], 3);
}

#[tokio::test]
async fn what_has_no_effect_is_named_or_on_demand_refused() {
    let app = TestApp::start().await;
    let body = with(say("hi"), &json!({"seed": 7, "logit_bias": {"50256": -100}}));
    let answer = app.post(PATH, &body).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("x-outcrop-dropped"), Some("logit_bias, seed"));

    let strict = app.request(reqwest::Method::POST, PATH).header("x-outcrop-strict", "true");
    let refused = crate::harness::Answer::of(strict.body(body.to_string()).send().await.unwrap()).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["error"]["param"], "logit_bias");
    assert!(refused.text.contains("seed"), "{}", refused.text);

    let unsure = app.request(reqwest::Method::POST, PATH).header("x-outcrop-strict", "yes please");
    let refused = crate::harness::Answer::of(unsure.body(body.to_string()).send().await.unwrap()).await;
    assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!("x-outcrop-strict")));
}

#[tokio::test]
async fn sampling_is_dropped_for_models_that_choose_their_own() {
    let app = TestApp::start().await;
    let mut body = with(say("hi"), &json!({"temperature": 0.5, "top_p": 0.9}));
    body["model"] = "claude-opus-5".into();
    let answer = app.post(PATH, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("x-outcrop-dropped"), Some("temperature, top_p"));
}
