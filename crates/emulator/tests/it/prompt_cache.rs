//! What is kept of prompts: for how long, in which region, and how clients are told of it.

use crate::Running;
use serde_json::{Value, json};
use std::time::Duration;

const CLAUDE: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
const MINUTE: Duration = Duration::from_secs(60);

fn long(text: &str) -> String {
    format!("{text} {}", "word ".repeat(6000))
}

/// Instructions that are kept for so long, and one turn.
fn converse(ttl: &str) -> Value {
    json!({
        "system": [{"text": long("a")}, {"cachePoint": {"type": "default", "ttl": ttl}}],
        "messages": [{"role": "user", "content": [{"text": "[[say: x]]"}]}],
    })
}

fn claude(ttl: &str) -> Value {
    let control = json!({"type": "ephemeral", "ttl": ttl});
    json!({
        "anthropic_version": "bedrock-2023-05-31", "max_tokens": 100,
        "system": [{"type": "text", "text": long("b"), "cache_control": control}],
        "messages": [{"role": "user", "content": "[[say: x]]"}],
    })
}

/// What a call read and wrote for five minutes and for an hour, as its client is told.
async fn used(emulator: &Running, body: &Value) -> (u64, u64, u64) {
    let (status, _, told) = emulator.post(&format!("/model/{CLAUDE}/converse"), body).await;
    assert_eq!(status, 200, "{told}");
    let usage = &told["usage"];
    let written = |ttl: &str| {
        let details = usage["cacheDetails"].as_array().into_iter().flatten();
        details.filter(|it| it["ttl"] == ttl).map(|it| it["inputTokens"].as_u64().unwrap()).sum::<u64>()
    };
    let (five, hour) = (written("5m"), written("1h"));
    assert_eq!(usage["cacheWriteInputTokens"], five + hour, "{usage}");
    (usage["cacheReadInputTokens"].as_u64().unwrap(), five, hour)
}

#[tokio::test]
async fn prompts_are_kept_as_long_as_asked_and_longer_when_read() {
    let emulator = Running::start().await;
    let (read, five, hour) = used(&emulator, &converse("5m")).await;
    assert!(read == 0 && five > 6000 && hour == 0, "{read} {five} {hour}");
    for _ in 0..2 {
        emulator.prompts.pass(4 * MINUTE);
        assert_eq!(used(&emulator, &converse("5m")).await, (five, 0, 0));
    }
    emulator.prompts.pass(6 * MINUTE);
    assert_eq!(used(&emulator, &converse("1h")).await, (0, 0, five));
    emulator.prompts.pass(50 * MINUTE);
    assert_eq!(used(&emulator, &converse("1h")).await, (five, 0, 0));
}

#[tokio::test]
async fn another_region_has_a_cache_of_its_own() {
    let (one, other) = (Running::start().await, Running::start().await);
    used(&one, &converse("5m")).await;
    assert_eq!(used(&other, &converse("5m")).await.0, 0);
    assert!(used(&one, &converse("5m")).await.0 > 0);
}

#[tokio::test]
async fn one_letter_more_is_another_prompt() {
    let emulator = Running::start().await;
    used(&emulator, &converse("5m")).await;
    let mut other = converse("5m");
    other["system"][0]["text"] = json!(long("aa"));
    assert_eq!(used(&emulator, &other).await.0, 0);
    let mut parted = converse("5m");
    parted["system"] =
        json!([{"text": "a"}, {"text": &long("a")[1..]}, {"cachePoint": {"type": "default", "ttl": "5m"}}]);
    assert_eq!(used(&emulator, &parted).await.0, 0, "the same letters in other blocks");
}

#[tokio::test]
async fn streams_and_claudes_own_words_tell_the_same() {
    let emulator = Running::start().await;
    let raw = |path: String, body: Value| {
        let request = emulator.client(&path).body(body.to_string());
        async move { String::from_utf8_lossy(&request.send().await.unwrap().bytes().await.unwrap()).into_owned() }
    };
    let (_, written, _) = used(&emulator, &converse("5m")).await;
    let stream = raw(format!("/model/{CLAUDE}/converse-stream"), converse("5m")).await;
    assert!(stream.contains(&format!("\"cacheReadInputTokens\":{written}")), "{stream}");

    let own = |body: Value| raw(format!("/model/{CLAUDE}/invoke"), body);
    let first: Value = serde_json::from_str(&own(claude("1h")).await).unwrap();
    let written = first["usage"]["cache_creation_input_tokens"].as_u64().unwrap();
    assert!(written > 6000, "{first}");
    assert_eq!(first["usage"]["cache_creation"]["ephemeral_1h_input_tokens"], written);
    emulator.prompts.pass(59 * MINUTE);
    let second: Value = serde_json::from_str(&own(claude("1h")).await).unwrap();
    assert_eq!(second["usage"]["cache_read_input_tokens"], written);
    emulator.prompts.pass(61 * MINUTE);
    let third: Value = serde_json::from_str(&own(claude("5m")).await).unwrap();
    assert_eq!(third["usage"]["cache_creation"]["ephemeral_5m_input_tokens"], written);
}

#[tokio::test]
async fn a_string_and_a_block_of_the_same_text_are_one_prompt() {
    let emulator = Running::start().await;
    let path = format!("/model/{CLAUDE}/invoke");
    let mark = |text: &str| json!([{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]);
    let mut first = claude("5m");
    first["messages"][0]["content"] = mark("[[say: x]]");
    emulator.post(&path, &first).await;
    let mut next = claude("5m");
    next["system"] = json!(long("b"));
    next["messages"][0]["content"] = mark("[[say: x]]");
    let (_, _, told) = emulator.post(&path, &next).await;
    assert!(told["usage"]["cache_read_input_tokens"].as_u64().unwrap() > 6000, "{told}");
    assert_eq!(told["usage"]["cache_creation_input_tokens"], 0);
}
