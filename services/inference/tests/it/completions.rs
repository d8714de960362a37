//! `POST /v1/completions`, the legacy form.

use std::time::Duration;

use outcrop_inference::LocalInference;
use outcrop_ports::{Inference, InferenceCall};
use outcrop_types::{RequestId, Role};
use serde_json::{Value, json};

use crate::harness::{MODEL, TestApp, principal};

const PATH: &str = "/v1/completions";

#[tokio::test]
async fn prompts_are_gone_on_from_each_as_often_as_asked() {
    let app = TestApp::start().await;
    for path in [PATH, "/api/v1/completions"] {
        let answer = app.post(path, &json!({ "model": MODEL, "prompt": "[[say: a time]]" })).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let body = answer.json();
        assert_eq!(body["object"], "text_completion");
        assert!(body["id"].as_str().unwrap().starts_with("cmpl-"), "{body}");
        let choice = json!({ "text": "a time", "index": 0, "logprobs": null, "finish_reason": "stop" });
        assert_eq!(body["choices"], json!([choice]));
    }
    let prompts = json!(["[[say: one]]", "[[tokens: 50]]"]);
    let body = json!({ "model": MODEL, "prompt": prompts, "n": 2, "echo": true, "seed": 1 });
    let answer = app.post(PATH, &body).await;
    assert_eq!(answer.header("x-outcrop-dropped"), Some("seed"));
    let body = answer.json();
    let choices = body["choices"].as_array().unwrap();
    let of = |field: &str| choices.iter().map(|it| it[field].clone()).collect::<Vec<_>>();
    assert_eq!(of("index"), [0, 1, 2, 3]);
    assert_eq!(of("finish_reason"), ["stop", "stop", "length", "length"], "16 tokens are the default");
    assert_eq!(of("text")[..2], ["[[say: one]]one", "[[say: one]]one"]);
    let records = app.records(6).await;
    let used: u64 = records[2..].iter().map(|it| it.tokens.output).sum();
    assert_eq!(body["usage"]["completion_tokens"], used, "the usage is that of all calls");
}

#[tokio::test]
async fn streams_interleave_the_choices_and_end_once() {
    let app = TestApp::start().await;
    let body = json!({ "model": MODEL, "prompt": ["[[say: one two]]", "[[say: three four]]"], "stream": true,
        "stream_options": { "include_usage": true } });
    let answer = app.post(PATH, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.text.matches("[DONE]").count(), 1);
    assert!(answer.text.ends_with("data: [DONE]\n\n"));
    let events = answer.events();
    for (index, expected) in [(0, "one two"), (1, "three four")] {
        let mine = || events.iter().map(|it| &it["choices"][0]).filter(|it| it["index"] == index);
        let text: String = mine().map(|it| it["text"].as_str().unwrap()).collect();
        assert_eq!(text, expected);
        assert_eq!(mine().filter(|it| it["finish_reason"] == "stop").count(), 1);
    }
    let last = events.last().unwrap();
    assert_eq!((&last["choices"], &last["object"]), (&json!([]), &json!("text_completion")));
    let records = app.records(2).await;
    assert_eq!(last["usage"]["prompt_tokens"], records.iter().map(|it| it.tokens.input).sum::<u64>());
    assert!(records.iter().all(|it| it.streamed));
}

#[tokio::test]
async fn what_bedrock_cannot_do_is_refused_by_name() {
    let app = TestApp::start().await;
    for (body, param) in [
        (json!({ "prompt": [1, 2] }), "prompt[0]"),
        (json!({ "prompt": "a", "suffix": "z" }), "suffix"),
        (json!({ "prompt": "a", "best_of": 3 }), "best_of"),
    ] {
        let answer = app.post(PATH, &body).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]["param"]),
            (400, &json!(param)),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn it_can_be_had_as_a_job() {
    let app = TestApp::start().await;
    let call = InferenceCall {
        way: outcrop_types::Way::OnDemand,
        response: None,
        principal: principal(Role::Service),
        path: PATH.into(),
        body: json!({ "model": MODEL, "prompt": "[[say: later]]" }).to_string().into(),
        request_id: RequestId::parse("job-1").unwrap(),
        deadline: Duration::from_secs(10),
    };
    let answer = LocalInference::new(app.service.clone()).call(call).await.unwrap();
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status, &body["choices"][0]["text"]), (200, &json!("later")), "{body}");
}
