//! Streams and whole answers in Anthropic's shape.

use bytes::{Bytes, BytesMut};
use outcrop_chat::{
    Block, BlockStart, CitedText, Delta, Event, Extra, Reasoning, Response, ServiceTier, StopReason, ToolUse,
};
use outcrop_types::{ErrorCode, TokenUsage};
use outcrop_wire::ToolNames;
use outcrop_wire::anthropic::{Answer, MessagesStream, heartbeat, response};
use outcrop_wire::error::ErrorBody;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::anthropic_accumulator::accumulate;
use crate::show;

const ANSWER: Answer<'_> = Answer { id: "msg_1", model: "nova-lite", hide_thinking: false };

fn delta(index: u32, delta: Delta) -> Event {
    Event::Delta { index, delta }
}

fn text(index: u32, text: &str) -> Event {
    delta(index, Delta::Text(text.into()))
}

fn input(index: u32, json: &str) -> Event {
    delta(index, Delta::ToolInput(json.into()))
}

fn tool(index: u32, id: &str, name: &str) -> Event {
    Event::BlockStart { index, start: BlockStart::ToolUse { id: id.into(), name: name.into() } }
}

const fn end(index: u32) -> Event {
    Event::BlockStop { index }
}

const USAGE: TokenUsage = TokenUsage {
    guardrail_units: 0,
    input: 10,
    cache_read: 4,
    cache_write_5m: 3,
    cache_write_1h: 2,
    output: 20,
    reasoning: 5,
    images: 0,
    queries: 0,
};

fn whole(answer: Answer<'_>, events: &[Event]) -> String {
    let mut stream = MessagesStream::new(answer, ToolNames::default(), Some("req-1"));
    let mut out = BytesMut::new();
    for event in events {
        stream.push(event, &mut out);
    }
    stream.finish(&mut out);
    stream.finish(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

fn citation() -> Value {
    json!({"title": "T", "sourceContent": [{"text": "so"}], "location": {"documentChar": {"documentIndex": 0, "start": 1, "end": 3}}})
}

fn cases() -> Vec<(&'static str, Vec<Event>)> {
    let stopped = |reason| [Event::Stop(reason), Event::Usage(USAGE)];
    let case = |events: Vec<Event>, reason| [vec![Event::Start], events, stopped(reason).to_vec()].concat();
    vec![
        (
            "text",
            case(vec![text(0, "Hel"), text(0, ""), text(0, "lo\n\"you\" 😀"), end(0)], StopReason::EndTurn),
        ),
        (
            "thought_then_text_then_tools_with_gaps",
            case(
                vec![
                    delta(0, Delta::Reasoning("Hm".into())),
                    delta(0, Delta::Reasoning("m.".into())),
                    delta(0, Delta::Signature("si".into())),
                    delta(0, Delta::Signature("g".into())),
                    end(0),
                    delta(1, Delta::RedactedReasoning(Bytes::from_static(b"se"))),
                    delta(1, Delta::RedactedReasoning(Bytes::from_static(b"cret"))),
                    end(1),
                    text(3, "I look."),
                    end(3),
                    tool(5, "t_1", "get_weather"),
                    input(5, "{\"city\":"),
                    input(5, "\"Oslo\"}"),
                    end(5),
                    tool(7, "t_2", "now"),
                    end(7),
                ],
                StopReason::ToolUse,
            ),
        ),
        (
            "tools_at_once",
            case(
                vec![
                    tool(0, "t_1", "a"),
                    tool(1, "t_2", "b"),
                    input(0, "{\"x\":"),
                    input(1, "{}"),
                    text(2, "Words"),
                    input(0, "1}"),
                    end(1),
                    end(0),
                    end(2),
                ],
                StopReason::EndTurn,
            ),
        ),
        ("tool_never_ended", case(vec![tool(0, "t_1", "a"), text(1, "Words")], StopReason::EndTurn)),
        (
            "cited",
            case(vec![text(0, "It is"), delta(0, Delta::Citation(citation())), end(0)], StopReason::EndTurn),
        ),
        (
            "stop_sequence",
            vec![
                text(0, "x"),
                Event::Stop(StopReason::StopSequence),
                Event::Extra(Box::new(Extra { stop_sequence: Some("END".into()), ..Extra::default() })),
                Event::Usage(USAGE),
            ],
        ),
        ("refusal", case(vec![text(0, "x"), end(0)], StopReason::GuardrailIntervened)),
        ("nothing", case(vec![], StopReason::MaxTokens)),
        ("without_usage", vec![text(0, "x"), Event::Stop(StopReason::EndTurn)]),
        ("malformed", case(vec![text(0, "x")], StopReason::MalformedToolUse)),
        ("broken_off", vec![Event::Start, text(0, "x")]),
        ("empty", vec![]),
    ]
}

#[test]
fn each_stream_is_written_in_anthropics_order() {
    for (name, events) in cases() {
        show::check(&format!("anthropic_stream__{name}"), &whole(ANSWER, &events));
    }
    let hidden = Answer { hide_thinking: true, ..ANSWER };
    let (_, events) = &cases()[1];
    assert!(!whole(hidden, events).contains("thinking_delta"));
    assert!(whole(hidden, events).contains("\"signature\":\"sig\""));
}

#[test]
fn a_failure_is_an_error_event_and_no_end() {
    let error = ErrorBody {
        code: ErrorCode::RateLimited,
        message: "Slow down.".into(),
        param: None,
        request_id: Some("req-1".into()),
    };
    let mut stream = MessagesStream::new(ANSWER, ToolNames::default(), None);
    let mut out = BytesMut::new();
    stream.push(&text(0, "x"), &mut out);
    out.clear();
    stream.fail(&error, &mut out);
    stream.fail(&error, &mut out);
    stream.push(&text(0, "y"), &mut out);
    stream.finish(&mut out);
    let expected = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"Slow down.\"},\"request_id\":\"req-1\"}\n\n";
    assert_eq!(out, expected.as_bytes());
}

#[test]
fn a_silence_is_filled_with_pings() {
    let mut out = BytesMut::new();
    heartbeat(&mut out);
    assert_eq!(out, &b"event: ping\ndata: {\"type\":\"ping\"}\n\n"[..]);
}

fn answers() -> Vec<(&'static str, Response)> {
    let thought = |text: &str, signature: Option<&str>| {
        Block::Reasoning(Reasoning::Text { text: text.into(), signature: signature.map(Into::into) })
    };
    let call = ToolUse { id: "t_1".into(), name: "now".into(), input: json!({"a": [1]}) };
    let response =
        |content, stop_reason| Response { content, stop_reason, usage: USAGE, ..Response::default() };
    let mut stopped = response(vec![Block::Text("x".into())], StopReason::StopSequence);
    stopped.extra.stop_sequence = Some("END".into());
    stopped.extra.service_tier = Some(ServiceTier::Priority);
    vec![
        ("text", response(vec![Block::Text("a \"b\"".into())], StopReason::EndTurn)),
        (
            "everything",
            response(
                vec![
                    thought("Hm.", Some("sig")),
                    Block::Reasoning(Reasoning::Redacted(Bytes::from_static(b"secret"))),
                    thought("Unsigned.", None),
                    Block::Text("a".into()),
                    Block::Cited(CitedText { text: "b".into(), citations: vec![citation()] }),
                    Block::ToolUse(call),
                ],
                StopReason::EndTurn,
            ),
        ),
        ("stop_sequence", stopped),
        ("refusal", response(vec![], StopReason::ContentFiltered)),
        ("context_window", response(vec![], StopReason::ContextWindowExceeded)),
    ]
}

#[test]
fn each_whole_answer_is_a_message() {
    for (name, answer) in answers() {
        let body: Value = serde_json::from_slice(&response(&ANSWER, &answer, &ToolNames::default())).unwrap();
        show::check(&format!("anthropic_response__{name}"), &show::pretty(&body));
    }
    let hidden = Answer { hide_thinking: true, ..ANSWER };
    let body: Value =
        serde_json::from_slice(&response(&hidden, &answers()[1].1, &ToolNames::default())).unwrap();
    assert_eq!(body["content"][0], json!({"type": "thinking", "thinking": "", "signature": "sig"}));
}

/// A block of an answer, the pieces it comes in, and whether its end is told.
#[derive(Debug, Clone)]
enum Said {
    Text(Vec<String>),
    Thought(Vec<String>, String),
    Redacted(Vec<Vec<u8>>),
    Tool(String, Vec<String>),
}

fn said() -> impl Strategy<Value = Said> {
    let pieces = || prop::collection::vec("[a-z\"\\\\\n😀é ]{0,6}", 1..5);
    prop_oneof![
        pieces().prop_map(Said::Text),
        (pieces(), "[a-z]{0,8}").prop_map(|(pieces, signature)| Said::Thought(pieces, signature)),
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5), 1..3).prop_map(Said::Redacted),
        (prop_oneof![Just(None), any::<i32>().prop_map(Some)], 1_usize..4).prop_map(|(value, cut)| {
            let json = value.map(|it| json!({"n": it, "s": "é\n"}).to_string()).unwrap_or_default();
            let letters: Vec<char> = json.chars().collect();
            let pieces = letters.chunks(cut.max(1) * 3).map(|it| it.iter().collect()).collect();
            Said::Tool(json, pieces)
        }),
    ]
}

/// The events of a block, without its end.
fn events(index: u32, said: &Said) -> Vec<Event> {
    match said {
        Said::Text(pieces) => pieces.iter().map(|it| text(index, it)).collect(),
        Said::Thought(pieces, signature) => {
            let thoughts = pieces.iter().map(|it| delta(index, Delta::Reasoning(it.clone())));
            thoughts.chain([delta(index, Delta::Signature(signature.clone()))]).collect()
        }
        Said::Redacted(pieces) => {
            let bytes = pieces.iter().map(|it| Bytes::from(it.clone()));
            bytes.map(|it| delta(index, Delta::RedactedReasoning(it))).collect()
        }
        Said::Tool(_, pieces) => {
            let start = tool(index, &format!("t_{index}"), "a");
            [start].into_iter().chain(pieces.iter().map(|it| input(index, it))).collect()
        }
    }
}

/// What the block is in the message that a client puts together; `None` for a text of no words.
fn expected(index: u32, said: &Said) -> Option<Value> {
    use base64::Engine as _;
    Some(match said {
        Said::Text(pieces) if pieces.concat().is_empty() => return None,
        Said::Text(pieces) => json!({"type": "text", "text": pieces.concat()}),
        Said::Thought(pieces, signature) => {
            json!({"type": "thinking", "thinking": pieces.concat(), "signature": signature})
        }
        Said::Redacted(pieces) => {
            let data = base64::engine::general_purpose::STANDARD.encode(pieces.concat());
            json!({"type": "redacted_thinking", "data": data})
        }
        Said::Tool(json, _) => {
            let input: Value = serde_json::from_str(json).unwrap_or_else(|_| json!({}));
            json!({"type": "tool_use", "id": format!("t_{index}"), "name": "a", "input": input})
        }
    })
}

proptest! {
    #[test]
    fn whatever_bedrock_streams_adds_up_to_the_same_message(
        blocks in prop::collection::vec((said(), any::<bool>(), 1_u32..3), 0..6),
    ) {
        let (mut sent, mut content, mut index) = (vec![Event::Start], Vec::new(), 0);
        for (said, told, gap) in &blocks {
            index += gap;
            sent.extend(events(index, said));
            content.extend(expected(index, said));
            // A thought that nothing follows in its block is only known to have ended by its end.
            if *told {
                sent.push(end(index));
            }
        }
        sent.extend([Event::Stop(StopReason::EndTurn), Event::Usage(USAGE)]);
        let message = accumulate(&whole(ANSWER, &sent)).unwrap();
        prop_assert_eq!(&message["content"], &json!(content));
        let counts = &message["usage"];
        prop_assert_eq!((&counts["input_tokens"], &counts["output_tokens"]), (&json!(10), &json!(20)));
    }
}
