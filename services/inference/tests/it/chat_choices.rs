//! Several answers to one request of `POST /v1/chat/completions` (`n`).

use outcrop_types::Outcome;
use serde_json::{Value, json};

use crate::harness::{MODEL, Setup, TestApp};

const PATH: &str = "/v1/chat/completions";

fn ask(text: &str, more: &Value) -> Value {
    let mut body = json!({"model": MODEL, "messages": [{"role": "user", "content": text}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn each_choice_is_a_call_and_the_usage_is_theirs_together() {
    let app = TestApp::start().await;
    let answer = app.post(PATH, &ask("[[say: heads]]", &json!({"n": 3}))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = answer.json();
    let choices = body["choices"].as_array().unwrap();
    assert_eq!(choices.iter().map(|it| it["index"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(choices.iter().all(|it| it["message"]["content"] == "heads" && it["finish_reason"] == "stop"));
    let records = app.records(3).await;
    assert_eq!(body["usage"]["prompt_tokens"], records.iter().map(|it| it.tokens.input).sum::<u64>());
    assert_eq!(body["usage"]["completion_tokens"], records.iter().map(|it| it.tokens.output).sum::<u64>());
}

#[tokio::test]
async fn a_stream_of_several_tells_each_apart_and_ends_once() {
    let app = TestApp::start().await;
    let options = json!({"n": 3, "stream": true, "stream_options": {"include_usage": true}});
    let answer = app.post(PATH, &ask("[[say: heads or tails]]", &options)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.text.matches("data: [DONE]").count(), 1);
    assert!(answer.text.ends_with("data: [DONE]\n\n"));
    let events = answer.events();
    for index in 0..3 {
        let mine: Vec<&Value> =
            events.iter().map(|it| &it["choices"][0]).filter(|it| it["index"] == index).collect();
        assert_eq!(mine[0]["delta"], json!({"role": "assistant", "content": ""}));
        let text: String = mine.iter().filter_map(|it| it["delta"]["content"].as_str()).collect();
        assert_eq!(text, "heads or tails");
        assert_eq!(mine.last().unwrap()["finish_reason"], "stop");
    }
    let usages: Vec<&Value> = events.iter().map(|it| &it["usage"]).filter(|it| !it.is_null()).collect();
    let records = app.records(3).await;
    assert_eq!(usages.len(), 1);
    assert_eq!(usages[0]["completion_tokens"], records.iter().map(|it| it.tokens.output).sum::<u64>());
    assert!(records.iter().all(|it| it.outcome == Outcome::Completed && it.streamed));
}

#[tokio::test]
async fn tools_are_called_in_every_choice_from_index_0() {
    let app = TestApp::start().await;
    let tool = json!({"type": "function", "function": {"name": "get.time"}});
    let options = json!({"n": 2, "stream": true, "tools": [tool], "tool_choice": "required"});
    let events = app.post(PATH, &ask("time?", &options)).await.events();
    for index in 0..2 {
        let calls = events.iter().map(|it| &it["choices"][0]).filter(|it| it["index"] == index);
        let calls: Vec<_> = calls.filter_map(|it| it["delta"]["tool_calls"].get(0)).collect();
        assert_eq!((&calls[0]["index"], &calls[0]["function"]["name"]), (&json!(0), &json!("get.time")));
        let arguments: String = calls.iter().filter_map(|it| it["function"]["arguments"].as_str()).collect();
        assert_eq!(arguments, "{}");
    }
}

#[tokio::test]
async fn one_that_does_not_begin_fails_the_whole() {
    let app = TestApp::start().await;
    for stream in [false, true] {
        let answer = app.post(PATH, &ask("[[fault: throttling]]", &json!({"n": 3, "stream": stream}))).await;
        assert_eq!(answer.status, 429, "{}", answer.text);
        assert_eq!(answer.json()["error"]["type"], "rate_limit_error");
    }
}

#[tokio::test]
async fn one_that_breaks_off_ends_the_stream_in_an_error() {
    let app = TestApp::start().await;
    let ask = ask("[[tokens: 30]] [[fault: cut after 3]]", &json!({"n": 2, "stream": true}));
    let answer = app.post(PATH, &ask).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(!answer.text.contains("[DONE]"), "{}", answer.text);
    let events = answer.events();
    assert!(events.last().unwrap()["error"].is_object(), "{}", answer.text);
    assert_eq!(events.iter().filter(|it| it.get("error").is_some()).count(), 1, "{}", answer.text);
    let records = app.records(2).await;
    assert!(records.iter().any(|it| it.outcome == Outcome::Failed));
    assert!(records.iter().all(|it| it.outcome != Outcome::Completed), "each is metered, and none as whole");
}

#[tokio::test]
async fn each_call_counts_against_the_limit() {
    let mut setup = Setup::default();
    setup.limits.requests_per_minute_per_key = Some(3);
    let app = TestApp::with(setup).await;
    assert_eq!(app.post(PATH, &ask("hi", &json!({"n": 2}))).await.status, 200);
    assert_eq!(app.post(PATH, &ask("hi", &json!({"n": 2}))).await.status, 429);
}

#[tokio::test]
async fn a_client_that_goes_away_ends_every_call() {
    let app = TestApp::start().await;
    for (stream, before) in [(true, 0), (false, 3)] {
        // Four seconds of answer, if anybody waited for it.
        let body = ask("[[tokens: 200]] [[chunk: 1]] [[rate: 50]]", &json!({"n": 3, "stream": stream}));
        if stream {
            let mut response = app.send(PATH, &body).await;
            assert!(response.chunk().await.unwrap().is_some());
        } else {
            let waiting = tokio::time::timeout(std::time::Duration::from_millis(300), app.send(PATH, &body));
            assert!(waiting.await.is_err(), "answered before the client could go away");
        }
        let records = app.records(before + 3).await;
        assert_eq!(records.len(), before + 3);
        assert!(records[before..].iter().all(|it| it.outcome == Outcome::Cancelled && it.estimated));
    }
}
