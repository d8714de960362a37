//! The Responses API, and what is remembered of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use outcrop_types::{ErrorCode, TeamId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Answer, MODEL, Setup, TestApp, models};

fn text(response: &Value) -> String {
    let items = response["output"].as_array().unwrap().iter().filter(|it| it["type"] == "message");
    items.flat_map(|it| it["content"].as_array().unwrap()).map(|it| it["text"].as_str().unwrap()).collect()
}

async fn created(app: &TestApp, body: Value) -> Value {
    let answer = app.post("/v1/responses", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

#[track_caller]
fn refused(answer: &Answer, status: u16, param: impl Into<Value>) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.json()["error"]["param"], param.into(), "{}", answer.text);
}

fn weather() -> Value {
    json!([{ "type": "function", "name": "get_weather", "parameters": {
        "type": "object", "properties": { "city": { "type": "string" } } } }])
}

#[tokio::test]
async fn an_answer_is_a_response_object() {
    let app = TestApp::start().await;
    for path in ["/v1/responses", "/api/v1/responses"] {
        let body = json!({ "model": MODEL, "input": "[[say: hello]]", "instructions": "Be brief." });
        let answer = app.post(path, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let response = answer.json();
        assert_eq!(text(&response), "hello");
        assert_eq!(response["object"], "response");
        assert_eq!(response["status"], "completed");
        assert_eq!(response["model"], MODEL);
        assert_eq!(response["instructions"], "Be brief.");
        assert_eq!(response["store"], true);
        assert!(response["usage"]["output_tokens"].as_u64().unwrap() > 0);
        assert!(response["id"].as_str().unwrap().starts_with("resp_"));
    }
    let records = app.records(2).await;
    assert!(records.iter().all(|it| it.dialect == "openai" && it.operation == "chat" && !it.streamed));
}

#[tokio::test]
async fn a_stream_tells_the_same_in_numbered_events() {
    let app = TestApp::start().await;
    let body = json!({ "model": MODEL, "input": "[[say: hello there]]", "stream": true });
    let answer = app.post("/v1/responses", &body).await;
    let events = answer.events();
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], at, "{event}");
        assert!(answer.text.contains(&format!("event: {}\n", event["type"].as_str().unwrap())));
    }
    let names: Vec<&str> = events.iter().map(|it| it["type"].as_str().unwrap()).collect();
    assert_eq!(names[..2], ["response.created", "response.in_progress"]);
    assert_eq!(names.last(), Some(&"response.completed"));
    assert!(!answer.text.contains("[DONE]"));
    let last = &events.last().unwrap()["response"];
    assert_eq!(text(last), "hello there");
    assert!(
        last["usage"]["input_tokens"].as_u64().unwrap() > 0,
        "usage comes after the stop, and is not lost"
    );
    let kept = app.get(&format!("/v1/responses/{}", last["id"].as_str().unwrap())).await;
    assert_eq!(kept.json(), *last, "what is kept is what was answered, and is there when the stream ends");
}

#[tokio::test]
async fn tools_are_called_and_answered_on_the_previous_response() {
    let app = TestApp::start().await;
    let ask = json!({
        "model": MODEL, "tools": weather(), "reasoning": { "effort": "low" },
        "input": "[[think: where]] [[tool: get_weather {\"city\":\"Oslo\"}]]",
    });
    let first = created(&app, ask).await;
    let kinds: Vec<&str> =
        first["output"].as_array().unwrap().iter().map(|it| it["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["reasoning", "function_call"]);
    let call = &first["output"][1];
    assert_eq!((&call["name"], &call["arguments"]), (&json!("get_weather"), &json!("{\"city\":\"Oslo\"}")));
    assert!(first["output"][0].get("encrypted_content").is_none());
    let unanswered =
        json!({ "model": MODEL, "tools": weather(), "previous_response_id": first["id"], "input": "And?" });
    refused(&app.post("/v1/responses", &unanswered).await, 400, "input");
    let second = created(&app, json!({
        "model": MODEL, "tools": weather(), "previous_response_id": first["id"], "reasoning": { "effort": "low" },
        "input": [{ "type": "function_call_output", "call_id": call["call_id"], "output": "-3 degrees" }],
    }))
    .await;
    assert!(text(&second).contains("-3 degrees"), "{second}");
    assert_eq!(second["previous_response_id"], first["id"]);
    let third = created(
        &app,
        json!({
            "model": MODEL, "tools": weather(), "previous_response_id": second["id"], "input": "[[say: bye]]",
        }),
    )
    .await;
    assert_eq!(text(&third), "bye");
}

#[tokio::test]
async fn thoughts_go_through_a_client_that_keeps_them_itself() {
    let app = TestApp::start().await;
    let asked = |input: Value| {
        json!({
            "model": MODEL, "tools": weather(), "reasoning": { "effort": "low", "summary": "auto" }, "store": false,
            "include": ["reasoning.encrypted_content"], "input": input,
        })
    };
    let question =
        json!({ "role": "user", "content": "[[think: where]] [[tool: get_weather {\"city\":\"Oslo\"}]]" });
    let first = created(&app, asked(json!([question]))).await;
    assert_eq!(first["store"], false);
    assert_eq!(first["output"][0]["summary"][0]["text"], "where");
    assert!(app.responses.kept.lock().unwrap().is_empty());
    let mut input = vec![question];
    input.extend(first["output"].as_array().unwrap().iter().cloned());
    input.push(
        json!({ "type": "function_call_output", "call_id": first["output"][1]["call_id"], "output": "cold" }),
    );
    let second = created(&app, asked(json!(input))).await;
    assert!(text(&second).contains("cold"), "{second}");
    // The emulator refuses a thought whose signature is not its own, as Bedrock does; a damaged envelope is refused here.
    let sealed = input[1]["encrypted_content"].as_str().unwrap();
    let damaged = format!("{}{}", if sealed.starts_with('A') { 'B' } else { 'A' }, &sealed[1..]);
    input[1]["encrypted_content"] = json!(damaged);
    refused(&app.post("/v1/responses", &asked(json!(input))).await, 400, "input[1].encrypted_content");
}

#[tokio::test]
async fn items_can_be_referred_to() {
    let app = TestApp::start().await;
    let first = created(
        &app,
        json!({
            "model": MODEL, "tools": weather(), "reasoning": { "effort": "low" },
            "input": "[[think: where]] [[tool: get_weather {\"city\":\"Oslo\"}]]",
        }),
    )
    .await;
    let (thought, call) = (&first["output"][0], &first["output"][1]);
    let asked = |thought: Value| {
        json!({
            "model": MODEL, "tools": weather(), "reasoning": { "effort": "low" },
            "input": [
                { "role": "user", "content": "Where?" },
                thought,
                { "type": "item_reference", "id": call["id"] },
                { "type": "function_call_output", "call_id": call["call_id"], "output": "cold" },
            ],
        })
    };
    for thought in [json!({ "type": "item_reference", "id": thought["id"] }), thought.clone()] {
        let answer = app.post("/v1/responses", &asked(thought)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("x-outcrop-dropped"), None);
        assert!(text(&answer.json()).contains("cold"));
    }
    for id in ["msg_1", "msg_000000000000000000000000000000010000"] {
        let body = json!({ "model": MODEL, "input": [{ "type": "item_reference", "id": id }] });
        refused(&app.post("/v1/responses", &body).await, 404, "input");
    }
}

#[tokio::test]
async fn a_kept_response_is_shown_listed_and_forgotten() {
    let app = TestApp::start().await;
    let first = created(&app, json!({ "model": MODEL, "input": "[[say: one]]" })).await;
    let second = created(&app, json!({
        "model": MODEL, "input": [{ "role": "user", "content": "[[say: two]]" }], "previous_response_id": first["id"],
    }))
    .await;
    let path = format!("/v1/responses/{}", second["id"].as_str().unwrap());
    assert_eq!(app.get(&path).await.json(), second);
    refused(&app.get(&format!("{path}?stream=true")).await, 400, "stream");
    let cancel = app.post(&format!("{path}/cancel"), &json!({})).await;
    refused(&cancel, 400, Value::Null);
    assert!(cancel.text.contains("Cannot cancel a synchronous response."));

    let all = app.get(&format!("{path}/input_items?order=asc")).await.json();
    let texts: Vec<&Value> =
        all["data"].as_array().unwrap().iter().map(|it| &it["content"][0]["text"]).collect();
    assert_eq!(texts, ["[[say: one]]", "one", "[[say: two]]"]);
    assert_eq!(all["has_more"], false);
    let page = app.get(&format!("{path}/input_items?limit=2")).await.json();
    assert_eq!(page["has_more"], true);
    assert_eq!((&page["first_id"], &page["last_id"]), (&all["data"][2]["id"], &all["data"][1]["id"]));
    let rest =
        app.get(&format!("{path}/input_items?limit=2&after={}", page["last_id"].as_str().unwrap())).await;
    assert_eq!(rest.json()["data"], json!([all["data"][0]]));
    refused(&app.get(&format!("{path}/input_items?limit=0")).await, 400, "limit");
    refused(&app.get(&format!("{path}/input_items?after=msg_x")).await, 400, "after");

    let deleted = Answer::of(app.request(reqwest::Method::DELETE, &path).send().await.unwrap()).await;
    assert_eq!(deleted.json(), json!({ "id": second["id"], "object": "response", "deleted": true }));
    for path in [path.clone(), format!("{path}/input_items"), "/v1/responses/resp_x".to_owned()] {
        assert_eq!(app.get(&path).await.status, 404, "{path}");
    }
    let again = Answer::of(app.request(reqwest::Method::DELETE, &path).send().await.unwrap()).await;
    assert_eq!(again.status, 404);
    let continued = json!({ "model": MODEL, "input": "x", "previous_response_id": second["id"] });
    let answer = app.post("/v1/responses", &continued).await;
    refused(&answer, 400, "previous_response_id");
    assert_eq!(answer.json()["error"]["code"], "previous_response_not_found");
}

#[tokio::test]
async fn another_teams_responses_do_not_exist() {
    let app = TestApp::start().await;
    let response = created(&app, json!({ "model": MODEL, "input": "[[say: secret]]" })).await;
    let team = TeamId::new(Uuid::from_u128(9));
    let other =
        TestApp::with(Setup { team, responses: Arc::clone(&app.responses), ..Setup::default() }).await;
    let id = response["id"].as_str().unwrap();
    let path = format!("/v1/responses/{id}");
    for path in [path.clone(), format!("{path}/input_items")] {
        assert_eq!(other.get(&path).await.status, 404, "{path}");
    }
    assert_eq!(other.post(&format!("{path}/cancel"), &json!({})).await.status, 404);
    let deleted = other.request(reqwest::Method::DELETE, &path).send().await.unwrap();
    assert_eq!(deleted.status(), 404);
    let answer = other
        .post("/v1/responses", &json!({ "model": MODEL, "input": "x", "previous_response_id": id }))
        .await;
    refused(&answer, 400, "previous_response_id");
    let item = &response["output"][0]["id"];
    let body = json!({ "model": MODEL, "input": [{ "type": "item_reference", "id": item }] });
    refused(&other.post("/v1/responses", &body).await, 404, "input");
    assert_eq!(app.get(&path).await.status, 200);
}

#[tokio::test]
async fn a_narrow_key_continues_on_its_own_models_only() {
    let app = TestApp::start().await;
    let response = created(&app, json!({ "model": "nova-lite", "input": "[[say: one]]" })).await;
    let scope = models(&[MODEL]);
    let narrow =
        TestApp::with(Setup { scope, responses: Arc::clone(&app.responses), ..Setup::default() }).await;
    let body = |model: &str| json!({ "model": model, "input": "[[say: two]]", "previous_response_id": response["id"] });
    refused(&narrow.post("/v1/responses", &body("nova-lite")).await, 403, "model");
    assert_eq!(text(&created(&narrow, body(MODEL)).await), "two");
}

#[tokio::test]
async fn a_store_that_is_away_costs_no_answer() {
    let app = TestApp::start().await;
    app.responses.away.store(true, Ordering::SeqCst);
    for stream in [false, true] {
        let answer = app
            .post("/v1/responses", &json!({ "model": MODEL, "input": "[[say: hi]]", "stream": stream }))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let response =
            if stream { answer.events().last().unwrap()["response"].clone() } else { answer.json() };
        assert_eq!((text(&response).as_str(), &response["store"]), ("hi", &json!(false)));
    }
    let id = "resp_00000000000000000000000000000001";
    let continued = json!({ "model": MODEL, "input": "x", "previous_response_id": id });
    assert_eq!(app.post("/v1/responses", &continued).await.status, ErrorCode::Unavailable.status());
    assert_eq!(app.get(&format!("/v1/responses/{id}")).await.status, ErrorCode::Unavailable.status());
}

#[tokio::test]
async fn what_is_too_long_is_answered_and_not_kept() {
    let app = TestApp::start().await;
    let picture = format!("data:image/png;base64,iVBORw0KGgoA{}", "AAAA".repeat(600_000));
    let picture = json!({ "type": "input_image", "image_url": picture });
    let content = json!([{ "type": "input_text", "text": "[[say: hi]]" }, picture, picture]);
    let body = json!({ "model": MODEL, "input": [{ "role": "user", "content": content }] });
    let response = created(&app, body).await;
    assert_eq!((text(&response).as_str(), &response["store"]), ("hi", &json!(false)));
    assert!(app.responses.kept.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_failure_in_mid_stream_is_a_failed_response() {
    let app = TestApp::start().await;
    for fault in ["cut after 3", "streamThrottling after 3"] {
        let input = format!("[[tokens: 20]] [[fault: {fault}]]");
        let body = json!({ "model": MODEL, "input": input, "stream": true });
        let answer = app.post("/v1/responses", &body).await;
        let last = answer.events().pop().unwrap();
        assert_eq!(last["type"], "response.failed", "{}", answer.text);
        assert_eq!(last["response"]["status"], "failed");
        let code = if fault.starts_with("cut") { "server_error" } else { "rate_limit_exceeded" };
        assert_eq!(last["response"]["error"]["code"], code);
        assert!(!answer.text.contains("response.completed"));
    }
    assert!(app.responses.kept.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_answer_that_was_cut_says_so() {
    let app = TestApp::start().await;
    let body = json!({ "model": MODEL, "input": "[[tokens: 50]]", "max_output_tokens": 5 });
    let response = created(&app, body.clone()).await;
    assert_eq!(
        (&response["status"], &response["incomplete_details"]["reason"]),
        (&json!("incomplete"), &json!("max_output_tokens"))
    );
    assert_eq!(response["output"][0]["status"], "incomplete");
    let mut streamed = body;
    streamed["stream"] = json!(true);
    let answer = app.post("/v1/responses", &streamed).await;
    assert_eq!(answer.events().last().unwrap()["type"], "response.incomplete");
}

#[tokio::test]
async fn tokens_are_counted_without_an_answer() {
    let app = TestApp::start().await;
    let count =
        app.post("/v1/responses/input_tokens", &json!({ "model": MODEL, "input": "one two three" })).await;
    assert_eq!(count.status, 200, "{}", count.text);
    assert_eq!(count.json()["object"], "response.input_tokens");
    assert!(count.json()["input_tokens"].as_u64().unwrap() >= 3);
    refused(&app.post("/v1/responses/compact", &json!({ "model": MODEL })).await, 404, Value::Null);
}

#[tokio::test]
async fn what_has_no_effect_is_named_or_refused() {
    let app = TestApp::start().await;
    let body = json!({
        "model": MODEL, "input": "[[say: hi]]", "truncation": "auto", "tools": [{ "type": "web_search" }],
    });
    let answer = app.post("/v1/responses", &body).await;
    assert_eq!(answer.header("x-outcrop-dropped"), Some("truncation, tools.web_search"));
    let strict = app.request(reqwest::Method::POST, "/v1/responses").header("x-outcrop-strict", "true");
    let strict =
        strict.header("content-type", "application/json").body(body.to_string()).send().await.unwrap();
    refused(&Answer::of(strict).await, 400, "truncation");
    for field in ["conversation", "prompt", "moderation"] {
        let asked = json!({ "model": MODEL, "input": "x", field: { "id": "x" } });
        let answer = app.post("/v1/responses", &asked).await;
        refused(&answer, 400, field);
    }
}
