//! How whole answers and streams are read, strange ones included.

use std::time::Duration;

use futures::StreamExt;
use outcrop_bedrock::{BedrockModel, BedrockOptions};
use outcrop_chat::{Block, BlockStart, CitedText, Delta, Event, Reasoning, StopReason, ToolUse};
use outcrop_ports::{ChatModel, ModelError, ModelFailure};
use outcrop_types::TokenUsage;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::fake::{Reply, call, frames, model, ok, say};

#[tokio::test]
async fn a_whole_answer_with_every_kind_of_block() {
    let body = json!({
        "output": {"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s1"}}},
            {"reasoningContent": {"redactedContent": "AQI="}},
            {"text": "So:"},
            {"hologram": {"new": true}},
            {"citationsContent": {"content": [{"text": "quoted"}], "citations": [{
                "title": "t", "sourceContent": [{"text": "q"}],
                "location": {"documentPage": {"documentIndex": 0, "start": 1, "end": 2}},
            }]}},
            {"toolUse": {"toolUseId": "t1", "name": "add", "input": {"b": 2, "a": [1.5, -1, null]}}},
        ]}},
        "stopReason": "tool_use",
        "usage": {
            "inputTokens": 10, "outputTokens": 20, "totalTokens": 145,
            "cacheReadInputTokens": 40, "cacheWriteInputTokens": 75,
            "cacheDetails": [{"ttl": "1h", "inputTokens": 70}, {"ttl": "5m", "inputTokens": 5}],
        },
        "metrics": {"latencyMs": 7},
    });
    let (model, _) = model(ok(&body.to_string()));
    let answer = model.chat(call("claude-haiku-4-5", say("hi"))).await.unwrap();
    assert_eq!(
        answer.content,
        [
            Block::Reasoning(Reasoning::Text { text: "hm".into(), signature: Some("s1".into()) }),
            Block::Reasoning(Reasoning::Redacted(vec![1, 2].into())),
            Block::Text("So:".into()),
            Block::Cited(CitedText {
                text: "quoted".into(),
                citations: vec![json!({
                    "title": "t", "sourceContent": [{"text": "q"}],
                    "location": {"documentPage": {"documentIndex": 0, "start": 1, "end": 2}},
                })],
            }),
            Block::ToolUse(ToolUse {
                id: "t1".into(),
                name: "add".into(),
                input: json!({"a": [1.5, -1, null], "b": 2})
            }),
        ]
    );
    assert_eq!(answer.stop_reason, StopReason::ToolUse);
    let usage = TokenUsage {
        input: 10,
        cache_read: 40,
        cache_write_5m: 5,
        cache_write_1h: 70,
        output: 20,
        ..TokenUsage::default()
    };
    assert_eq!(answer.usage, usage);
}

#[tokio::test]
async fn a_newer_stop_reason_and_no_cache_details() {
    let body = r#"{"output":{"message":{"role":"assistant","content":[]}},"stopReason":"bored",
        "usage":{"inputTokens":1,"outputTokens":2,"totalTokens":6,"cacheWriteInputTokens":3},"metrics":{"latencyMs":1}}"#;
    let answer = model(ok(body)).0.chat(call("nova-lite", say("hi"))).await.unwrap();
    assert_eq!((answer.stop_reason, answer.content), (StopReason::Other, vec![]));
    assert_eq!((answer.usage.cache_write_5m, answer.usage.cache_write_1h), (3, 0));
}

async fn events(reply: Reply) -> Vec<Result<Event, ModelError>> {
    model(reply).0.stream(call("nova-lite", say("hi"))).await.unwrap().collect().await
}

#[tokio::test]
async fn a_stream_with_every_kind_of_event() {
    let events = events(frames(&[
        ("messageStart", r#"{"role":"assistant"}"#),
        ("aNewEvent", r#"{"x":1}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hm"}}}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"s1"}}}"#),
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"redactedContent":"AQI="}}}"#,
        ),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":2,"delta":{"text":"So"}}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":2,"delta":{"smell":"roses"}}"#),
        (
            "contentBlockStart",
            r#"{"contentBlockIndex":3,"start":{"toolUse":{"toolUseId":"t1","name":"add"}}}"#,
        ),
        ("contentBlockDelta", r#"{"contentBlockIndex":3,"delta":{"toolUse":{"input":"{\"a\":1"}}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":3}"#),
        ("messageStop", r#"{"stopReason":"tool_use"}"#),
        (
            "metadata",
            r#"{"usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3},"metrics":{"latencyMs":1}}"#,
        ),
    ]))
    .await;
    let events: Vec<Event> = events.into_iter().map(Result::unwrap).collect();
    let delta = |index, delta| Event::Delta { index, delta };
    assert_eq!(
        events,
        [
            Event::Start,
            delta(0, Delta::Reasoning("hm".into())),
            delta(0, Delta::Signature("s1".into())),
            delta(0, Delta::RedactedReasoning(vec![1, 2].into())),
            Event::BlockStop { index: 0 },
            delta(2, Delta::Text("So".into())),
            Event::BlockStart {
                index: 3,
                start: BlockStart::ToolUse { id: "t1".into(), name: "add".into() }
            },
            delta(3, Delta::ToolInput("{\"a\":1".into())),
            Event::BlockStop { index: 3 },
            Event::Stop(StopReason::ToolUse),
            Event::Usage(TokenUsage { input: 1, output: 2, ..TokenUsage::default() }),
        ]
    );
}

#[tokio::test]
async fn exceptions_in_mid_stream_end_it_with_their_meaning() {
    for (exception, failure) in [
        ("!throttlingException", ModelFailure::Throttled),
        ("!modelStreamErrorException", ModelFailure::Model),
        ("!validationException", ModelFailure::Invalid),
        ("!serviceUnavailableException", ModelFailure::Unavailable),
        ("!internalServerException", ModelFailure::Internal),
        ("!modelTimeoutException", ModelFailure::TimedOut),
        ("!brandNewException", ModelFailure::Internal),
    ] {
        let mut events = events(frames(&[
            START,
            SAID,
            (exception, r#"{"message":"in arn:aws:bedrock:us-east-1:123456789012:x"}"#),
            ("messageStop", r#"{"stopReason":"end_turn"}"#),
        ]))
        .await;
        let error = events.pop().unwrap().unwrap_err();
        assert_eq!(error.failure, failure, "{exception}: {error:?}");
        assert_eq!(error.message, "in [arn]", "{exception}");
        assert_eq!(error.bedrock_request_id.as_deref(), Some("r-1"), "{exception}");
        assert_eq!(events.len(), 2, "{exception}: nothing comes after an error");
    }
}

#[tokio::test]
async fn an_exception_before_the_first_piece_is_the_calls_own() {
    let reply = frames(&[("!throttlingException", r#"{"message":"slow down"}"#)]);
    let error = model(reply).0.stream(call("nova-lite", say("hi"))).await.err().unwrap();
    assert_eq!((error.failure, error.message.as_str()), (ModelFailure::Throttled, "slow down"));
}

#[tokio::test]
async fn a_stream_that_ends_too_early_is_an_error() {
    let mut whole = frames(&[START, SAID, SAID]);
    let error = events(whole.clone()).await.pop().unwrap().unwrap_err();
    assert_eq!(error.failure, ModelFailure::Broken, "between two frames");
    whole.body.truncate(whole.body.len() - 5);
    let error = events(whole).await.pop().unwrap().unwrap_err();
    assert_eq!(error.failure, ModelFailure::Broken, "within a frame: {error:?}");
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_timed_out() {
    let (url, server) = silent_after(&[START, SAID]).await;
    let options = BedrockOptions { idle_timeout: Duration::from_millis(50) };
    let model = BedrockModel::new(&outcrop_aws::local_config(&url, "us-east-1"), options).unwrap();
    let events: Vec<_> = model.stream(call("nova-lite", say("hi"))).await.unwrap().collect().await;
    let [Ok(Event::Start), Ok(Event::Delta { .. }), Err(error)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(error.failure, ModelFailure::TimedOut);
    let hung_up = tokio::time::timeout(Duration::from_secs(10), server).await.unwrap().unwrap();
    assert!(matches!(hung_up, Ok(0) | Err(_)), "{hung_up:?}");
}

#[tokio::test]
async fn dropping_a_stream_hangs_up() {
    let (url, server) = silent_after(&[START, SAID]).await;
    let model =
        BedrockModel::new(&outcrop_aws::local_config(&url, "us-east-1"), BedrockOptions::default()).unwrap();
    let mut events = model.stream(call("nova-lite", say("hi"))).await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap(), Event::Start);
    drop(events);
    let hung_up = tokio::time::timeout(Duration::from_secs(10), server).await.unwrap().unwrap();
    assert!(matches!(hung_up, Ok(0) | Err(_)), "{hung_up:?}");
}

const START: (&str, &str) = ("messageStart", r#"{"role":"assistant"}"#);
const SAID: (&str, &str) = ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"So"}}"#);
const STOP: (&str, &str) = ("messageStop", r#"{"stopReason":"end_turn"}"#);

#[tokio::test]
async fn a_whole_answer_whose_usage_never_comes_just_ends() {
    let expected = [Event::Start, Event::Stop(StopReason::EndTurn)];
    // Silence: not waited for as long as for the next word.
    let (url, _server) = silent_after(&[START, STOP]).await;
    let model =
        BedrockModel::new(&outcrop_aws::local_config(&url, "us-east-1"), BedrockOptions::default()).unwrap();
    let all = model.stream(call("nova-lite", say("hi"))).await.unwrap().collect::<Vec<_>>();
    let all = tokio::time::timeout(Duration::from_secs(20), all).await.expect("it ends soon after the stop");
    assert_eq!(all.into_iter().map(Result::unwrap).collect::<Vec<_>>(), expected);
    // A broken connection.
    let mut cut = frames(&[START, STOP, ("metadata", "{}")]);
    cut.body.truncate(cut.body.len() - 5);
    assert_eq!(events(cut).await.into_iter().map(Result::unwrap).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_stream_that_breaks_before_its_first_event_may_have_cost_something() {
    let mut cut = frames(&[START]);
    cut.body.truncate(5);
    for reply in [frames(&[]), cut] {
        let error = model(reply).0.stream(call("nova-lite", say("hi"))).await.err().unwrap();
        assert_eq!(error.failure, ModelFailure::Broken, "{error:?}");
    }
}

/// A server that begins one stream, says no more, and returns once the client hangs up.
async fn silent_after(
    events: &[(&'static str, &'static str)],
) -> (String, tokio::task::JoinHandle<std::io::Result<usize>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let first = frames(events).body;
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await?;
        let _ = socket.read(&mut [0; 4096]).await?;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\ncontent-length: 9999\r\n\r\n";
        socket.write_all(head.as_bytes()).await?;
        socket.write_all(&first).await?;
        socket.read(&mut [0; 16]).await
    });
    (url, server)
}

/// What Bedrock says besides the answer, and Claude of itself.
const BESIDES: &str = r#""additionalModelResponseFields": {"stop_sequence": "END", "usage": {"output_tokens_details": {"thinking_tokens": 7}}}"#;

/// A request that lets Claude think and ends at a string; the second, if its client reads for itself where it ended.
fn thinking(asks_itself: bool) -> outcrop_chat::Request {
    let mut request = say("hi");
    request.reasoning = Some(outcrop_chat::ReasoningMode::Effort(outcrop_chat::Effort::Low));
    request.inference.stop = vec!["END".into()];
    request.response_paths = if asks_itself { vec!["/stop_sequence".into()] } else { vec![] };
    request
}

#[tokio::test]
async fn what_claude_says_of_itself_is_read_and_given_to_who_asked_for_it() {
    let whole = format!(
        r#"{{"output":{{"message":{{"role":"assistant","content":[{{"text":"ok"}}]}}}},"stopReason":"stop_sequence",{BESIDES},
        "serviceTier":{{"type":"flex"}},"performanceConfig":{{"latency":"optimized"}},
        "usage":{{"inputTokens":1,"outputTokens":9,"totalTokens":10}},"metrics":{{"latencyMs":1}}}}"#
    );
    for (asks_itself, fields) in [(false, None), (true, Some(json!({"stop_sequence": "END"})))] {
        let (model, _) = model(ok(&whole));
        let answer = model.chat(call("claude-haiku-4-5", thinking(asks_itself))).await.unwrap();
        assert_eq!((answer.usage.output, answer.usage.reasoning), (9, 7));
        assert_eq!(answer.extra.stop_sequence.as_deref(), Some("END"));
        assert_eq!(answer.extra.service_tier, Some(outcrop_chat::ServiceTier::Flex));
        assert_eq!(answer.extra.optimized_latency, Some(true));
        assert_eq!(answer.extra.fields, fields, "{asks_itself}");
    }
}

#[tokio::test]
async fn in_a_stream_it_comes_before_the_usage() {
    let (model, _) = model(frames(&[
        ("messageStart", r#"{"role":"assistant"}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"ok"}}"#),
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":0,"delta":{"citation":{"title":"t","location":{"web":{"url":"u"}}}}}"#,
        ),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        (
            "messageStop",
            r#"{"stopReason":"stop_sequence","additionalModelResponseFields":{"stop_sequence":"END","usage":{"output_tokens_details":{"thinking_tokens":7}}}}"#,
        ),
        (
            "metadata",
            r#"{"usage":{"inputTokens":1,"outputTokens":9,"totalTokens":10},"metrics":{"latencyMs":1},"serviceTier":{"type":"flex"}}"#,
        ),
    ]));
    let events = model.stream(call("claude-haiku-4-5", thinking(false))).await.unwrap();
    let events: Vec<Event> = events.map(Result::unwrap).collect().await;
    let citation = json!({"title": "t", "location": {"web": {"url": "u"}}});
    assert!(events.contains(&Event::Delta { index: 0, delta: Delta::Citation(citation) }), "{events:?}");
    let [.., Event::Stop(StopReason::StopSequence), Event::Extra(extra), Event::Usage(usage)] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!((usage.output, usage.reasoning, extra.fields.as_ref()), (9, 7, None));
    assert_eq!(extra.stop_sequence.as_deref(), Some("END"));
}

#[tokio::test]
async fn what_a_guardrail_found_is_told_without_arns() {
    let body = json!({
        "output": {"message": {"role": "assistant", "content": [{"text": "no"}]}},
        "stopReason": "guardrail_intervened",
        "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
        "metrics": {"latencyMs": 1},
        "trace": {"guardrail": {"actionReason": "blocked", "inputAssessment": {
            "arn:aws:bedrock:us-east-1:111122223333:guardrail/g1": {
                "topicPolicy": {"topics": [{"name": "money", "type": "DENY", "action": "BLOCKED"}]},
                "wordPolicy": {"customWords": [{"match": "x", "action": "BLOCKED"}], "managedWordLists": []},
            },
        }}},
    });
    let (model, _) = model(ok(&body.to_string()));
    let answer = model.chat(call("nova-lite", say("hi"))).await.unwrap();
    let expected = json!({"guardrail": {"actionReason": "blocked", "inputAssessment": {"g1": {
        "topicPolicy": {"topics": [{"name": "money", "type": "DENY", "action": "BLOCKED"}]},
        "wordPolicy": {"customWords": [{"match": "x", "action": "BLOCKED"}], "managedWordLists": []},
    }}}});
    assert_eq!(answer.extra.trace, Some(expected));
}
