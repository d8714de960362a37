//! Behind a function URL: answers as they are made.

use std::time::Duration;

use serde_json::{Value, json};

use crate::buffered::is_event_stream;
use crate::events::{Asked, Front};
use crate::exports::{calls, read};
use crate::function::{Function, KEY};
use crate::runtime::Said;

fn chat() -> Value {
    json!({
        "model": "claude-haiku-4-5", "stream": true,
        "messages": [{ "role": "user", "content": "Tell me of rocks, at some length" }],
    })
}

#[tokio::test]
async fn pieces_come_one_by_one() {
    let function = Function::start("response_stream").await;
    let asked = Asked::post("/v1/chat/completions", Some(KEY), chat());
    // The first call makes a team and an account, and takes its time.
    function.invoke(Front::FunctionUrl, &asked).streamed().await;
    function.pace(10).await;
    let answer = function.invoke(Front::FunctionUrl, &asked).streamed().await;
    assert_eq!(answer.status(), 200, "{:?}", answer.prelude);
    let kind = answer.prelude["headers"]["content-type"].as_str().unwrap();
    assert!(kind.starts_with("text/event-stream"), "{kind}");
    let text = String::from_utf8(answer.body()).unwrap();
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    let (first, last) = (answer.pieces.first().unwrap().0, answer.pieces.last().unwrap().0);
    eprintln!("{} pieces, the first after {first:?}, the last after {last:?}", answer.pieces.len());
    // The model takes two seconds from its first word to its last.
    assert!(answer.pieces.len() > 3 && last - first > Duration::from_millis(500), "{first:?} {last:?}");
}

#[tokio::test]
async fn bytes_and_refusals_have_a_prelude_too() {
    let function = Function::start("response_stream").await;
    let body = json!({ "messages": [{ "role": "user", "content": [{ "text": "Hello" }] }] });
    let asked = Asked::post("/model/claude-haiku-4-5/converse-stream", Some(KEY), body);
    let answer = function.invoke(Front::FunctionUrl, &asked).streamed().await;
    assert!(answer.status() == 200 && is_event_stream(&answer.body()), "{:?}", answer.prelude);
    let answer = function
        .invoke(Front::FunctionUrl, &Asked::post("/v1/chat/completions", None, chat()))
        .streamed()
        .await;
    assert_eq!(answer.status(), 401);
    let body: Value = serde_json::from_slice(&answer.body()).unwrap();
    assert!(body["error"].is_object(), "{body}");
}

#[tokio::test]
async fn an_answer_under_way_at_the_shutdown_is_finished_and_accounted_for() {
    let mut function =
        Function::start_with("response_stream", &[("OUTCROP__SERVER__DRAIN_MS", "20000")]).await;
    function.pace(20).await;
    let asked = Asked::post("/v1/chat/completions", Some(KEY), chat());
    let mut invocation = function.invoke(Front::FunctionUrl, &asked);
    // Once it has begun.
    let mut begun = Vec::new();
    while !begun.windows(6).any(|it| it == b"data: ") {
        match invocation.next().await {
            Some(Said::Begins { .. }) => {}
            Some(Said::Piece(piece)) => begun.extend_from_slice(&piece),
            other => panic!("{other:?}"),
        }
    }
    function.outcrop.signal("TERM").await;
    let mut text = String::new();
    loop {
        match invocation.next().await.unwrap() {
            Said::Piece(piece) => text.push_str(std::str::from_utf8(&piece).unwrap()),
            Said::Ends => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    assert_eq!(function.outcrop.ended().await, Some(0));
    assert_eq!(calls(&read(&function.exports)), 1);
    // Metrics that were not due yet.
    assert!(function.outcrop.log().contains("_aws"), "{}", function.outcrop.log());
}
