//! What is charged: as clients are told it, whether they listen to the end or not.

use crate::{Running, ask};
use outcrop_emulator::{Charged, ChargedOutcome, ChargedTokens};
use serde_json::{Value, json};
use std::time::Duration;

const NOVA: &str = "/model/amazon.nova-lite-v1:0/converse";
const STREAM: &str = "/model/amazon.nova-lite-v1:0/converse-stream";
const CLAUDE: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";

/// The usage once nothing is under way.
async fn settled(emulator: &Running) -> Value {
    for _ in 0..200 {
        let usage = emulator.get("/_emulator/usage").await;
        if usage["underWay"] == 0 {
            return usage;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("calls are still under way: {}", emulator.get("/_emulator/usage").await);
}

#[tokio::test]
async fn answers_are_charged_as_they_were_told() {
    let emulator = Running::start().await;
    let (_, _, told) = emulator.post(NOVA, &ask("one two three [[say: four five]][[id: mine]]")).await;
    let usage = settled(&emulator).await;
    let charged = &usage["models"]["amazon.nova-lite-v1:0"];
    assert_eq!(
        (&charged["input"], &charged["output"], &charged["answered"]),
        (&told["usage"]["inputTokens"], &told["usage"]["outputTokens"], &json!(1))
    );
    assert_eq!(usage["calls"][0]["id"], "mine");
    let (_, _, told) = emulator
        .post(
            &format!("/model/{CLAUDE}/converse"),
            &ask("[[usage: input=10,output=5,cacheRead=3,cacheWrite=2]]"),
        )
        .await;
    assert_eq!(told["usage"]["cacheReadInputTokens"], 3);
    let tokens =
        ChargedTokens { input: 10, cache_read: 3, cache_write_5m: 2, output: 5, ..ChargedTokens::default() };
    assert_eq!(
        emulator.charges.snapshot().models[CLAUDE],
        Charged { answered: 1, tokens, ..Charged::default() }
    );
}

#[tokio::test]
async fn streams_read_to_their_end_are_charged_whole_paced_or_not() {
    let emulator = Running::start().await;
    for prompt in
        ["[[tokens: 9]]", "[[tokens: 9]][[rate: 200]]", "[[tokens: 9]][[rate: 200]][[usage: output=40]]"]
    {
        let answer = emulator.client(STREAM).body(ask(prompt).to_string()).send().await.unwrap();
        answer.bytes().await.unwrap();
    }
    settled(&emulator).await;
    let total = emulator.charges.snapshot().total;
    assert_eq!((total.answered, total.tokens.output), (3, 9 + 9 + 40));
}

#[tokio::test]
async fn a_client_that_goes_is_charged_for_what_was_written() {
    let emulator = Running::start().await;
    let prompt = ask("[[tokens: 1000]][[rate: 100]][[id: gone]]");
    let mut answer = emulator.client(STREAM).body(prompt.to_string()).send().await.unwrap();
    for _ in 0..5 {
        answer.chunk().await.unwrap().unwrap();
    }
    drop(answer);
    settled(&emulator).await;
    let found = emulator.charges.snapshot();
    let [call] = &found.calls[..] else { panic!("one call: {found:?}") };
    assert_eq!((call.id.as_deref(), call.outcome), (Some("gone"), ChargedOutcome::Cancelled));
    assert!((4..900).contains(&call.tokens.output) && call.tokens.input > 0, "{call:?}");
    assert_eq!(found.total.tokens, call.tokens);
}

#[tokio::test]
async fn a_whole_answer_that_nobody_waits_for_is_charged_all_the_same() {
    let emulator = Running::start().await;
    let request = emulator.client(NOVA).body(ask("[[tokens: 50]][[latency: 5000]]").to_string());
    request.timeout(Duration::from_millis(200)).send().await.unwrap_err();
    settled(&emulator).await;
    let total = emulator.charges.snapshot().total;
    assert_eq!((total.cancelled, total.answered, total.tokens.output), (1, 0, 50));
    assert!(total.tokens.input > 0);
}

#[tokio::test]
async fn refusals_cost_nothing_and_broken_answers_what_was_written() {
    let emulator = Running::start().await;
    assert_eq!(emulator.post(NOVA, &ask("[[fault: throttling]]")).await.0, 429);
    assert_eq!(emulator.post(NOVA, &json!({"messages": []})).await.0, 400);
    assert_eq!(emulator.post("/model/nobody.nothing/converse", &ask("hi")).await.0, 400);
    assert_eq!(emulator.charges.snapshot().total, Charged { refused: 3, ..Charged::default() });
    let cut = ask("[[tokens: 20]][[fault: cut after 6]]");
    let mut answer = emulator.client(STREAM).body(cut.to_string()).send().await.unwrap();
    while let Ok(Some(_)) = answer.chunk().await {}
    settled(&emulator).await;
    let total = emulator.charges.snapshot().total;
    // The start of the message is an event of its own.
    assert_eq!((total.failed, total.tokens.output), (1, 5));
}

#[tokio::test]
async fn what_is_sold_by_the_piece_is_counted_by_the_piece() {
    let emulator = Running::start().await;
    let documents = vec!["a"; 101];
    emulator.post("/model/amazon.rerank-v1:0/invoke", &json!({"query": "q", "documents": documents})).await;
    let picture = json!({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a cat"}, "imageGenerationConfig": {"numberOfImages": 3}});
    assert_eq!(emulator.post("/model/amazon.nova-canvas-v1:0/invoke", &picture).await.0, 200);
    let tokens = emulator.charges.snapshot().total.tokens;
    assert_eq!((tokens.queries, tokens.images, tokens.input), (2, 3, 102));
}

#[tokio::test]
async fn calls_under_way_are_told_and_the_count_can_begin_anew() {
    let emulator = Running::start().await;
    let (one, two) = (ask("[[latency: 300]]"), ask("[[latency: 300]]"));
    tokio::join!(emulator.post(NOVA, &one), emulator.post(NOVA, &two));
    emulator.post(NOVA, &one).await;
    let found = emulator.charges.snapshot();
    assert_eq!((found.most_under_way, found.total.answered), (2, 3));
    let url = format!("{}/_emulator/usage", emulator.url);
    let cleared: Value = crate::http().delete(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (&cleared["total"]["answered"], &cleared["mostUnderWay"], &cleared["calls"]),
        (&json!(0), &json!(0), &json!([]))
    );
}
