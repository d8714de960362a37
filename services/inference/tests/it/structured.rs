//! Answers of a certain shape, whatever the model can.

use serde_json::{Value, json};

use crate::chat::{PATH, say, tool, with};
use crate::harness::TestApp;

const HEADER: &str = "x-outcrop-structured-output";

fn shaped(model: &str, text: &str, schema: &Value) -> Value {
    let format =
        json!({"type": "json_schema", "json_schema": {"name": "person", "strict": true, "schema": schema}});
    with(say(text), &json!({"model": model, "response_format": format}))
}

fn person() -> Value {
    json!({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"], "additionalProperties": false})
}

/// The text of a stream, why it ended, and whether a tool was called.
fn added_up(events: &[Value]) -> (String, Value, bool) {
    let (mut text, mut reason, mut called) = (String::new(), Value::Null, false);
    for choice in events.iter().filter_map(|it| it["choices"].get(0)) {
        text.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
        called |= choice["delta"].get("tool_calls").is_some();
        if !choice["finish_reason"].is_null() {
            reason = choice["finish_reason"].clone();
        }
    }
    (text, reason, called)
}

#[tokio::test]
async fn the_answer_has_its_shape_and_the_header_tells_how() {
    let app = TestApp::start().await;
    for (model, way) in [("claude-haiku-4-5", "native"), ("nova-lite", "tool")] {
        let asked = shaped(model, "Who is it?", &person());
        let answer = app.post(PATH, &asked).await;
        assert_eq!(answer.status, 200, "{model}: {}", answer.text);
        assert_eq!(answer.header(HEADER), Some(way), "{model}");
        let choice = &answer.json()["choices"][0];
        let content: Value = serde_json::from_str(choice["message"]["content"].as_str().unwrap()).unwrap();
        assert!(content["name"].is_string(), "{model}: {content}");
        assert_eq!((&choice["finish_reason"], choice["message"].get("tool_calls")), (&json!("stop"), None));

        let answer = app.post(PATH, &with(asked, &json!({"stream": true}))).await;
        assert_eq!(answer.header(HEADER), Some(way), "{model}, streamed");
        let (text, reason, called) = added_up(&answer.events());
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), content, "{model}, streamed");
        assert_eq!((reason, called), (json!("stop"), false));
    }
}

#[tokio::test]
async fn a_list_comes_as_a_list() {
    let app = TestApp::start().await;
    let schema = json!({"type": "array", "items": {"type": "string"}});
    for model in ["claude-haiku-4-5", "nova-lite"] {
        let asked = shaped(model, "Who is there?", &schema);
        let body = app.post(PATH, &asked).await.json();
        let content = body["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
        assert!(serde_json::from_str::<Value>(&content).unwrap().is_array(), "{model}: {content}");
        let (text, ..) = added_up(&app.post(PATH, &with(asked, &json!({"stream": true}))).await.events());
        assert_eq!(text, content, "{model}, streamed");
    }
}

#[tokio::test]
async fn the_clients_tools_can_still_be_called() {
    let app = TestApp::start().await;
    let asked = shaped("nova-lite", r#"[[tool: weather {"city":"Bern"}]]"#, &person());
    let asked = with(asked, &json!({"tools": [tool("weather")]}));
    let body = app.post(PATH, &asked).await.json();
    let choice = &body["choices"][0];
    assert_eq!(choice["message"]["tool_calls"][0]["function"]["name"], "weather", "{body}");
    assert_eq!(choice["finish_reason"], "tool_calls");
}

#[tokio::test]
async fn models_without_tools_are_told_in_words() {
    let app = TestApp::start().await;
    let asked = shaped("mistral-7b-instruct", "Who is it?", &person());
    let answer = app.post(PATH, &asked).await;
    assert_eq!((answer.status, answer.header(HEADER)), (200, Some("prompt")), "{}", answer.text);
    let asked = with(say("hi"), &json!({"response_format": {"type": "json_object"}}));
    assert_eq!(app.post(PATH, &asked).await.header(HEADER), Some("prompt"));
}

#[tokio::test]
async fn how_much_was_thought_is_counted_and_claudes_own_fields_are_not_leaked() {
    let app = TestApp::start().await;
    let asked = with(say("[[think: one two three]] [[say: four]]"), &json!({"reasoning_effort": "low"}));
    let body = app.post(PATH, &asked).await.json();
    assert!(body["usage"]["completion_tokens_details"]["reasoning_tokens"].as_u64().unwrap() > 0, "{body}");
    assert!(!body.to_string().contains("thinking_tokens"), "{body}");
}

#[tokio::test]
async fn beside_a_call_that_must_be_the_shape_is_on_offer_or_named_as_dropped() {
    let app = TestApp::start().await;
    let asked = with(shaped("nova-lite", "Who is it?", &person()), &json!({"tools": [tool("weather")]}));
    let required = with(asked.clone(), &json!({"tool_choice": "required"}));
    let answer = app.post(PATH, &required).await;
    assert_eq!((answer.header(HEADER), answer.header("x-outcrop-dropped")), (Some("tool"), None));
    assert!(!answer.text.contains("\"person\""), "its own tool is not shown: {}", answer.text);

    let choice = json!({"type": "function", "function": {"name": "weather"}});
    let named = with(asked, &json!({"tool_choice": choice}));
    let answer = app.post(PATH, &named).await;
    assert_eq!(answer.json()["choices"][0]["message"]["tool_calls"][0]["function"]["name"], "weather");
    assert_eq!((answer.header(HEADER), answer.header("x-outcrop-dropped")), (None, Some("response_format")));
    let answer = app.post(PATH, &with(named, &json!({"model": "claude-haiku-4-5"}))).await;
    assert_eq!((answer.header(HEADER), answer.header("x-outcrop-dropped")), (Some("native"), None));
}
