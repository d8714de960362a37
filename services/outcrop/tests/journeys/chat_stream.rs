//! Streamed chats.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{MODEL, ask, ask_streamed, ask_with};
use crate::platform::Platform;
use crate::sse::{finish_reason, text};

pub(crate) async fn journey(platform: &Platform) {
    chunks_have_openais_shape(platform).await;
    a_stream_says_what_the_whole_answer_says(platform).await;
    usage_comes_when_asked_for(platform).await;
    chunks_come_as_the_model_speaks(platform).await;
    a_long_answer_arrives_whole(platform).await;
    many_at_once_are_not_mixed_up(platform).await;
}

async fn chunks_have_openais_shape(platform: &Platform) {
    let stream = platform.admin.chat_stream(&ask_streamed("[[say: one two three]]")).await;
    assert_eq!(stream.header("x-outcrop-region"), "us-east-1");
    assert_eq!(stream.header("x-request-id").len(), 36);
    let chunks = stream.chunks().await;
    assert_eq!(chunks[0]["choices"][0]["delta"], json!({ "role": "assistant", "content": "" }));
    for chunk in &chunks {
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!((&chunk["id"], &chunk["model"]), (&chunks[0]["id"], &json!(MODEL)));
        assert_eq!(chunk["choices"].as_array().unwrap().len(), 1);
        assert_eq!(chunk["usage"], Value::Null);
    }
    assert_eq!(text(&chunks), "one two three");
    assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "stop");
    assert_eq!(finish_reason(&chunks), "stop");
}

async fn a_stream_says_what_the_whole_answer_says(platform: &Platform) {
    for (prompt, fields) in [
        ("Tell me something plain.", json!({})),
        ("[[tokens: 50]]", json!({ "max_tokens": 7 })),
        ("[[say: one, two, three]]", json!({ "stop": ["three"] })),
        ("[[say: hm]][[stop: content_filtered]]", json!({})),
    ] {
        let whole = platform.admin.chat(&ask_with(prompt, fields.clone())).await.expect(200);
        let mut request = ask_with(prompt, fields);
        request["stream"] = json!(true);
        let chunks = platform.admin.chat_stream(&request).await.chunks().await;
        let choice = &whole.body["choices"][0];
        assert_eq!(choice["message"]["content"], text(&chunks), "{prompt}");
        assert_eq!(choice["finish_reason"], finish_reason(&chunks), "{prompt}");
    }
}

async fn usage_comes_when_asked_for(platform: &Platform) {
    let prompt = "[[say: counted]]";
    let whole = platform.admin.chat(&ask(prompt)).await.expect(200);
    let fields = json!({ "stream": true, "stream_options": { "include_usage": true } });
    let chunks = platform.admin.chat_stream(&ask_with(prompt, fields)).await.chunks().await;
    let last = chunks.last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"], whole.body["usage"]);
}

async fn chunks_come_as_the_model_speaks(platform: &Platform) {
    let began = Instant::now();
    // Twenty tokens in two seconds.
    let mut stream = platform.admin.chat_stream(&ask_streamed("[[tokens: 20]][[rate: 10]]")).await;
    stream.next().await.expect("the role");
    let first = stream.next().await.expect("the first words").json();
    let heard = began.elapsed();
    assert_ne!(text(&[first]), "");
    stream.chunks().await;
    let rest = began.elapsed() - heard;
    assert!(rest > Duration::from_secs(1), "the first words came with the last: {heard:?}, then {rest:?}");
}

async fn a_long_answer_arrives_whole(platform: &Platform) {
    let prompt = "[[tokens: 20000]]";
    let fields = json!({ "max_tokens": 30_000 });
    let whole = platform.admin.chat(&ask_with(prompt, fields.clone())).await.expect(200);
    let mut request = ask_with(prompt, fields);
    request["stream"] = json!(true);
    let chunks = platform.admin.chat_stream(&request).await.chunks().await;
    assert_eq!(whole.body["choices"][0]["message"]["content"].as_str().unwrap(), text(&chunks));
    assert!(chunks.len() > 20_000, "one chunk for each delta: {}", chunks.len());
}

async fn many_at_once_are_not_mixed_up(platform: &Platform) {
    let calls = (0..60).map(|at| {
        let client = platform.admin.clone();
        async move {
            let said = format!("answer {at} of many, which are under way at once");
            let prompt = format!("[[say: {said}]][[rate: 50]]");
            if at % 3 == 0 {
                let answer = client.chat(&ask(&prompt)).await.expect(200);
                assert_eq!(answer.body["choices"][0]["message"]["content"], said);
            } else {
                assert_eq!(text(&client.chat_stream(&ask_streamed(&prompt)).await.chunks().await), said);
            }
        }
    });
    futures::future::join_all(calls).await;
}
