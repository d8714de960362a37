//! `POST /generate`: the short way.

use serde_json::{Value, json};

use crate::client::MODEL;
use crate::platform::Platform;
use crate::sse::Event;

pub(crate) async fn journey(platform: &Platform) {
    an_answer_is_whole(platform).await;
    settings_arrive(platform).await;
    a_stream_ends_with_done(platform).await;
    refusals_are_problems(platform).await;
}

async fn an_answer_is_whole(platform: &Platform) {
    for path in ["/generate", "/v1/generate"] {
        let answer = platform.admin.post(path, &json!({ "prompt": "[[say: Hello.]]" })).await.expect(200);
        assert_eq!(answer.body["object"], "generation");
        assert_eq!((&answer.body["model"], &answer.body["text"]), (&json!(MODEL), &json!("Hello.")));
        assert_eq!(answer.body["stop_reason"], "end_turn");
        let usage = |field: &str| answer.body["usage"][field].as_u64().unwrap();
        assert_eq!(usage("total_tokens"), usage("input_tokens") + usage("output_tokens"));
    }
}

async fn settings_arrive(platform: &Platform) {
    let request = json!({ "prompt": "Go on.", "system": "[[say: one, two, three]]", "model": "nova-lite",
        "max_tokens": 50, "temperature": 0.5, "top_p": 0.9, "stop": ["three"] });
    let answer = platform.admin.post("/generate", &request).await.expect(200);
    assert_eq!(answer.body["text"].as_str().unwrap().trim_end(), "one, two,");
    assert_eq!(answer.body["stop_reason"], "stop_sequence");
    let request = json!({ "prompt": "[[tokens: 9]]", "max_tokens": 2 });
    let answer = platform.admin.post("/generate", &request).await.expect(200);
    assert_eq!(
        (&answer.body["text"], &answer.body["stop_reason"]),
        (&json!("the river"), &json!("max_tokens"))
    );
}

async fn a_stream_ends_with_done(platform: &Platform) {
    let request = json!({ "prompt": "[[say: one two three]]", "stream": true });
    let events = platform.admin.stream("/generate", &request).await.rest().await;
    let names: Vec<_> = events.iter().filter_map(|event| event.name.as_deref()).collect();
    assert_eq!((names.first(), names.last()), (Some(&"start"), Some(&"done")), "{events:#?}");
    let text: String = of(&events, "delta").iter().filter_map(|data| data["text"].as_str()).collect();
    assert_eq!(text, "one two three");
    let done = &of(&events, "done")[0];
    assert_eq!(done["stop_reason"], "end_turn");
    assert!(done["usage"]["output_tokens"].as_u64().unwrap() > 0);
}

async fn refusals_are_problems(platform: &Platform) {
    for (request, status, code) in [
        (json!({}), 400, "invalid_request"),
        (json!({ "prompt": "Hi", "model": "no-such-model" }), 404, "model_not_found"),
        (json!({ "prompt": "Hi", "promt": 1 }), 400, "invalid_request"),
    ] {
        let answer = platform.admin.post("/generate", &request).await.expect(status);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(
            (&answer.body["code"], &answer.body["status"]),
            (&json!(code), &json!(status)),
            "{request}"
        );
        assert_eq!(answer.body["request_id"], answer.header("x-request-id"));
    }
}

fn of(events: &[Event], name: &str) -> Vec<Value> {
    events.iter().filter(|event| event.name.as_deref() == Some(name)).map(Event::json).collect()
}
