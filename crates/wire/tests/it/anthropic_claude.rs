//! Claude's own answers by InvokeModel, on their way to the client.

use bytes::{Bytes, BytesMut};
use outcrop_types::{ErrorCode, TokenUsage};
use outcrop_wire::anthropic::invoke::{self, ChunkKind, ClaudeStream, WholeAnswer};
use serde_json::{Value, json};

use crate::anthropic_accumulator::accumulate;

fn chunks() -> Vec<Value> {
    vec![
        json!({"type": "message_start", "message": {
            "model": "claude-x", "id": "msg_bdrk_1", "type": "message", "role": "assistant", "content": [],
            "stop_reason": null, "stop_sequence": null, "from_tomorrow": {"a": 1},
            "usage": {"input_tokens": 9, "cache_creation_input_tokens": 7, "cache_read_input_tokens": 5,
                "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 3}, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "ping"}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hé\n"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
            "usage": {"output_tokens": 12, "output_tokens_details": {"thinking_tokens": 2}}}),
        json!({"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 9}}),
    ]
}

fn read(value: &Value) -> invoke::Chunk {
    invoke::read(Bytes::from(value.to_string())).unwrap()
}

fn stream(chunks: &[Value]) -> String {
    let (mut stream, mut out) = (ClaudeStream::new("my-claude", Some("req-1")), BytesMut::new());
    for chunk in chunks {
        stream.push(&read(chunk), &mut out);
    }
    stream.finish(&mut out);
    stream.finish(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

#[test]
fn a_stream_passes_with_the_clients_name_and_without_bedrocks_extras() {
    let written = stream(&chunks());
    assert!(!written.contains("amazon-bedrock"), "{written}");
    assert!(written.contains("event: ping\n"));
    let message = accumulate(&written).unwrap();
    assert_eq!(message["model"], "my-claude");
    assert_eq!(message["id"], "msg_bdrk_1");
    assert_eq!(message["from_tomorrow"], json!({"a": 1}));
    assert_eq!(message["content"], json!([{"type": "text", "text": "Hé\n"}]));
    assert_eq!(message["usage"]["output_tokens"], 12);
    let plain = &chunks()[3];
    assert!(written.contains(&format!("event: content_block_delta\ndata: {plain}\n\n")), "as it came");
}

#[test]
fn a_stream_that_breaks_off_has_an_error_and_no_end() {
    let written = stream(&chunks()[..4]);
    assert!(written.contains("event: error\n") && !written.contains("message_stop"), "{written}");
    let (mut stream, mut out) = (ClaudeStream::new("m", None), BytesMut::new());
    for chunk in chunks() {
        stream.push(&read(&chunk), &mut out);
    }
    assert!(!out.windows(12).any(|it| it == b"message_stop"), "the end waits until the record is safe");
}

#[test]
fn usage_adds_up_over_a_stream() {
    let mut known = TokenUsage::default();
    let mut weight = outcrop_wire::anthropic::invoke::Weight::default();
    for chunk in chunks() {
        let chunk = read(&chunk);
        known = chunk.usage_over(known).unwrap_or(known);
        weight += chunk.output;
    }
    let expected = TokenUsage {
        input: 9,
        cache_read: 5,
        cache_write_5m: 4,
        cache_write_1h: 3,
        output: 12,
        reasoning: 2,
        ..TokenUsage::default()
    };
    assert_eq!(known, expected);
    assert!((2..4).contains(&weight.tokens()), "{weight:?}");
    assert_eq!(read(&chunks()[6]).kind, ChunkKind::Stop);
    assert_eq!(read(&chunks()[5]).stop_reason.as_deref(), Some("end_turn"));
}

#[test]
fn json_over_several_lines_stays_one_event() {
    let chunk = invoke::read(Bytes::from_static(b"{\"type\":\n\"ping\"\r\n}")).unwrap();
    let (mut stream, mut out) = (ClaudeStream::new("m", None), BytesMut::new());
    stream.push(&chunk, &mut out);
    assert!(out.starts_with(b"event: ping\ndata: {\"type\":\ndata: \"ping\"\n"), "{out:?}");
}

#[test]
fn errors_of_the_models_own_are_told_apart() {
    let error = |kind: &str| json!({"type": "error", "error": {"type": kind, "message": "No."}}).to_string();
    let cases = [
        (error("overloaded_error"), ErrorCode::Unavailable, "No."),
        (error("rate_limit_error"), ErrorCode::RateLimited, "No."),
        (error("invalid_request_error"), ErrorCode::InvalidRequest, "No."),
        (error("api_error"), ErrorCode::Upstream, "No."),
        (r#"{"type":"error"}"#.to_owned(), ErrorCode::Upstream, "The model failed."),
        ("nothing".to_owned(), ErrorCode::Upstream, "The model wrote something that is not an answer."),
    ];
    for (chunk, code, message) in cases {
        let error = invoke::read(Bytes::from(chunk)).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (code, message));
    }
}

#[test]
fn a_whole_answer_keeps_everything_but_bedrocks_extras() {
    let given = json!({
        "model": "claude-x", "id": "msg_bdrk_1", "type": "message", "role": "assistant",
        "content": [{"type": "from_tomorrow", "x": 1}], "stop_reason": "pause_turn", "from_tomorrow": [1],
        "usage": {"input_tokens": 9, "output_tokens": 2, "cache_creation_input_tokens": 4},
        "amazon-bedrock-invocationMetrics": {"inputTokenCount": 9},
    });
    let WholeAnswer { body, usage, stop_reason } =
        invoke::answer(given.to_string().as_bytes(), "my-claude").unwrap();
    let mut expected = given;
    expected["model"] = json!("my-claude");
    expected.as_object_mut().unwrap().remove("amazon-bedrock-invocationMetrics");
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    let counted = TokenUsage { input: 9, output: 2, cache_write_5m: 4, ..TokenUsage::default() };
    assert_eq!((usage, stop_reason.as_deref()), (Some(counted), Some("pause_turn")));
    for other in [&b"[]"[..], b"{}", b"{\"type\":\"error\"}", b"oops"] {
        assert_eq!(invoke::answer(other, "m"), None);
    }
}
