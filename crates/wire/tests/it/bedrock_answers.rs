//! Converse's answers, whole and as a stream.

use std::fmt::Write as _;

use bytes::{Bytes, BytesMut};
use outcrop_chat::{
    Block, BlockStart, CitedText, Delta, Event, Extra, Image, ImageFormat, Reasoning, Response, ServiceTier,
    Source, StopReason, ToolUse,
};
use outcrop_types::{ErrorCode, TokenUsage};
use outcrop_wire::bedrock::{ConverseStream, response};
use outcrop_wire::error::ErrorBody;
use serde_json::{Value, json};

use crate::show;

const LATENCY_MS: u64 = 321;

fn usage() -> TokenUsage {
    TokenUsage {
        input: 10,
        cache_read: 4,
        cache_write_5m: 1,
        cache_write_1h: 2,
        output: 20,
        reasoning: 7,
        ..TokenUsage::default()
    }
}

#[test]
fn an_answer_has_converses_shape() {
    let thought = Reasoning::Text { text: "Cold there.".into(), signature: Some("c2ln".into()) };
    let call =
        ToolUse { id: "tooluse_1".into(), name: "a".into(), input: json!({"z": 1, "a": [null, "é\"\n"]}) };
    let answers = [
        (
            "text",
            vec![Block::Text("Hello \"you\"\n😀".into())],
            StopReason::EndTurn,
            TokenUsage { input: 3, output: 4, ..TokenUsage::default() },
        ),
        ("empty", vec![], StopReason::MaxTokens, TokenUsage::default()),
        (
            "everything",
            vec![
                Block::Reasoning(thought),
                Block::Reasoning(Reasoning::Text { text: "Unsigned.".into(), signature: None }),
                Block::Reasoning(Reasoning::Redacted(Bytes::from_static(&[0, 1, 255]))),
                Block::Text("Looking.".into()),
                Block::ToolUse(call),
            ],
            StopReason::ToolUse,
            usage(),
        ),
    ];
    for (name, content, stop_reason, usage) in answers {
        let body = response(&Response { content, stop_reason, usage, ..Response::default() }, LATENCY_MS);
        let body: Value = serde_json::from_slice(&body).unwrap();
        show::check(&format!("bedrock_response__{name}"), &show::pretty(&body));
    }
}

fn delta(index: u32, delta: Delta) -> Event {
    Event::Delta { index, delta }
}

fn text(text: &str) -> Event {
    delta(0, Delta::Text(text.into()))
}

/// What the AWS SDK's own decoder reads, a line for each frame.
fn decoded(bytes: BytesMut) -> String {
    let mut bytes = bytes.freeze();
    let mut shown = String::new();
    while !bytes.is_empty() {
        let message = aws_smithy_eventstream::frame::read_message_from(&mut bytes).unwrap();
        for header in message.headers() {
            let value = header.value().as_string().unwrap().as_str();
            write!(shown, "{}={value} ", header.name().as_str()).unwrap();
        }
        let payload: Value = serde_json::from_slice(message.payload()).unwrap();
        writeln!(shown, "{payload}").unwrap();
    }
    shown
}

fn streamed(events: &[Event]) -> String {
    let (mut stream, mut out) = (ConverseStream::default(), BytesMut::new());
    events.iter().for_each(|event| stream.push(event, &mut out));
    stream.finish(LATENCY_MS, &mut out);
    decoded(out)
}

#[test]
fn a_stream_has_converse_streams_events() {
    let start = BlockStart::ToolUse { id: "tooluse_1".into(), name: "get_weather".into() };
    let cases = [
        (
            "text",
            vec![
                Event::Start,
                text("Hel"),
                text("lo \"you\"\n😀"),
                Event::BlockStop { index: 0 },
                Event::Stop(StopReason::EndTurn),
                Event::Usage(usage()),
            ],
        ),
        (
            "thought_and_tool_with_gaps",
            vec![
                Event::Start,
                delta(0, Delta::Reasoning("Cold?".into())),
                delta(0, Delta::Signature("c2ln".into())),
                delta(1, Delta::RedactedReasoning(Bytes::from_static(&[0, 1, 255]))),
                Event::BlockStop { index: 1 },
                Event::BlockStart { index: 3, start },
                delta(3, Delta::ToolInput("{\"city\":".into())),
                delta(3, Delta::ToolInput("\"Oslo\"}".into())),
                Event::BlockStop { index: 3 },
                Event::Stop(StopReason::ToolUse),
                Event::Usage(usage()),
            ],
        ),
        ("without_start_or_usage", vec![text("Hi"), Event::Stop(StopReason::MaxTokens)]),
        ("broken_off", vec![Event::Start, text("Hi")]),
        ("nothing", vec![]),
        (
            "malformed",
            vec![
                Event::Start,
                Event::Stop(StopReason::MalformedToolUse),
                text("more"),
                Event::Usage(usage()),
            ],
        ),
    ];
    for (name, events) in cases {
        show::check(&format!("bedrock_stream__{name}"), &streamed(&events));
    }
}

fn extra() -> Extra {
    Extra {
        stop_sequence: Some("END".into()),
        service_tier: Some(ServiceTier::Flex),
        optimized_latency: Some(true),
        fields: Some(json!({ "z": 1, "stop_sequence": "END" })),
        trace: Some(json!({ "guardrail": { "actionReason": "No action." } })),
    }
}

#[test]
fn what_else_is_told_has_its_place() {
    let cited = CitedText {
        text: "It \"says\" so.".into(),
        citations: vec![
            json!({ "title": "A page", "location": { "web": { "url": "https://example.com" } } }),
            json!({ "source": "kb://1" }),
        ],
    };
    let image = |source| Block::Image(Image { format: ImageFormat::Png, source });
    let told = Response {
        content: vec![
            image(Source::S3 { uri: "s3://a/b".into(), bucket_owner: None }),
            Block::Cited(cited),
            image(Source::Bytes(Bytes::from_static(&[0, 1, 255]))),
            image(Source::Base64(Bytes::from_static(b"AAH/"))),
        ],
        stop_reason: StopReason::GuardrailIntervened,
        usage: usage(),
        extra: extra(),
    };
    let body: Value = serde_json::from_slice(&response(&told, LATENCY_MS)).unwrap();
    show::check("bedrock_response__told", &show::pretty(&body));

    let citation = json!({ "title": "A page", "sourceContent": [{ "text": "It says so." }] });
    for (name, told_first) in [("told_before_the_stop", true), ("told_behind_the_stop", false)] {
        let told = Event::Extra(Box::new(extra()));
        let stop = Event::Stop(StopReason::StopSequence);
        let mut events = vec![Event::Start, text("Hi"), delta(0, Delta::Citation(citation.clone()))];
        events.extend(if told_first { [told, stop] } else { [stop, told] });
        events.push(Event::Usage(usage()));
        show::check("bedrock_stream__told", &streamed(&events));
        assert!(streamed(&events[..events.len() - 1]).contains("serviceTier"), "{name}, without usage");
    }
}

#[test]
fn the_last_frame_waits_for_the_end() {
    let (mut stream, mut out) = (ConverseStream::default(), BytesMut::new());
    stream.push(&Event::Stop(StopReason::EndTurn), &mut out);
    stream.push(&Event::Usage(usage()), &mut out);
    assert!(decoded(out.split()).trim_end().ends_with(r#"{"stopReason":"end_turn"}"#));
    stream.finish(LATENCY_MS, &mut out);
    assert!(decoded(out).starts_with(":event-type=metadata"));
}

#[test]
fn a_failure_is_an_exception_and_the_end() {
    let mut shown = String::new();
    for code in [
        ErrorCode::InvalidRequest,
        ErrorCode::Forbidden,
        ErrorCode::RateLimited,
        ErrorCode::Internal,
        ErrorCode::Upstream,
        ErrorCode::Unavailable,
        ErrorCode::Timeout,
    ] {
        let error = ErrorBody { code, message: "What \"happened\".".into(), param: None, request_id: None };
        let (mut stream, mut out) = (ConverseStream::default(), BytesMut::new());
        stream.push(&Event::Start, &mut out);
        out.clear();
        stream.fail(&error, &mut out);
        stream.fail(&error, &mut out);
        stream.push(&text("more"), &mut out);
        stream.finish(LATENCY_MS, &mut out);
        write!(shown, "{}: {}", code.name(), decoded(out)).unwrap();
    }
    show::check("bedrock_stream_failures", &shown);
}
