//! Streams in OpenAI's shape.

use bytes::BytesMut;
use outcrop_chat::{BlockStart, Delta, Event, StopReason};
use outcrop_types::{ErrorCode, TokenUsage};
use outcrop_wire::ToolNames;
use outcrop_wire::error::ErrorBody;
use outcrop_wire::openai::stream::{ChatStream, StreamHead};
use outcrop_wire::sse::heartbeat;
use serde_json::Value;

use crate::show;

fn stream(include_usage: bool) -> ChatStream {
    let head = StreamHead { id: "chatcmpl-1", created: 1_760_000_000, model: "nova-lite", include_usage };
    ChatStream::new(head, ToolNames::default())
}

fn text(index: u32, text: &str) -> Event {
    Event::Delta { index, delta: Delta::Text(text.into()) }
}

fn input(index: u32, json: &str) -> Event {
    Event::Delta { index, delta: Delta::ToolInput(json.into()) }
}

fn thought(index: u32, text: &str) -> Event {
    Event::Delta { index, delta: Delta::Reasoning(text.into()) }
}

fn tool(index: u32, id: &str, name: &str) -> Event {
    Event::BlockStart { index, start: BlockStart::ToolUse { id: id.into(), name: name.into() } }
}

fn usage() -> Event {
    Event::Usage(TokenUsage { input: 10, cache_read: 4, output: 20, ..TokenUsage::default() })
}

fn written(stream: &mut ChatStream, events: &[Event]) -> String {
    let mut out = BytesMut::new();
    for event in events {
        stream.push(event, &mut out);
    }
    String::from_utf8(out.to_vec()).unwrap()
}

fn whole(include_usage: bool, events: &[Event]) -> String {
    let mut stream = stream(include_usage);
    let mut out = written(&mut stream, events);
    let mut end = BytesMut::new();
    stream.finish(&mut end);
    out.push_str(std::str::from_utf8(&end).unwrap());
    out
}

fn cases() -> Vec<(&'static str, Vec<Event>)> {
    let stop = Event::BlockStop { index: 0 };
    vec![
        (
            "text",
            vec![
                Event::Start,
                text(0, "Hel"),
                text(0, ""),
                text(0, "lo \"you\"\n😀"),
                stop.clone(),
                Event::Stop(StopReason::EndTurn),
                usage(),
            ],
        ),
        (
            "tools_after_text_with_gaps",
            vec![
                Event::Start,
                text(0, "Looking."),
                stop.clone(),
                tool(2, "tooluse_1", "get_weather"),
                input(2, "{\"ci"),
                input(2, "ty\":\"Paris\"}"),
                Event::BlockStop { index: 2 },
                tool(5, "tooluse_2", "get_time"),
                Event::BlockStop { index: 5 },
                Event::Stop(StopReason::ToolUse),
                usage(),
            ],
        ),
        (
            "tool_first_without_block_stop",
            vec![
                Event::Start,
                tool(0, "tooluse_1", "get_time"),
                input(0, ""),
                Event::Stop(StopReason::EndTurn),
                usage(),
            ],
        ),
        (
            "reasoning",
            vec![
                Event::Start,
                thought(0, "Hm"),
                thought(0, "m."),
                Event::Delta { index: 0, delta: Delta::Signature("sig".into()) },
                Event::Delta { index: 0, delta: Delta::RedactedReasoning("x".into()) },
                stop,
                text(1, "Done."),
                Event::Stop(StopReason::MaxTokens),
                usage(),
            ],
        ),
        ("nothing", vec![Event::Start, Event::Stop(StopReason::EndTurn), usage()]),
    ]
}

#[test]
fn streams_have_openais_shape() {
    for (name, events) in cases() {
        show::check(&format!("openai_chat_stream__{name}"), &whole(false, &events));
    }
    show::check("openai_chat_stream__text_with_usage", &whole(true, &cases()[0].1));
}

#[test]
fn a_failure_is_an_error_event_and_no_done() {
    let error = ErrorBody {
        code: ErrorCode::RateLimited,
        message: "Too many requests.".into(),
        param: None,
        request_id: Some("r".into()),
    };
    let mut stream = stream(true);
    written(&mut stream, &[Event::Start, text(0, "Hel")]);
    let mut out = BytesMut::new();
    stream.fail(&error, &mut out);
    assert_eq!(
        std::str::from_utf8(&out).unwrap(),
        "data: {\"error\":{\"message\":\"Too many requests.\",\"type\":\"rate_limit_error\",\
         \"param\":null,\"code\":\"rate_limit_exceeded\"}}\n\n"
    );
    out.clear();
    stream.push(&text(0, "more"), &mut out);
    stream.finish(&mut out);
    stream.fail(&error, &mut out);
    assert!(out.is_empty(), "nothing follows an error");
}

#[test]
fn an_answer_that_breaks_off_is_never_done() {
    for events in [&[][..], &[Event::Start, text(0, "Hel")], &[Event::Start, usage()]] {
        let out = whole(true, events);
        assert!(out.contains("upstream_error") && !out.contains("[DONE]"), "{out}");
        assert!(!out.contains("\"finish_reason\":\""), "{out}");
    }
}

#[test]
fn a_malformed_answer_is_an_error_and_not_a_stop() {
    for reason in [StopReason::MalformedModelOutput, StopReason::MalformedToolUse] {
        let out = whole(false, &[Event::Start, text(0, "x"), Event::Stop(reason), usage()]);
        assert!(out.contains("upstream_error") && !out.contains("[DONE]"), "{out}");
    }
}

#[test]
fn a_stream_without_usage_still_ends() {
    let out = whole(true, &[Event::Start, text(0, "x"), Event::Stop(StopReason::EndTurn)]);
    assert!(out.ends_with("data: [DONE]\n\n") && !out.contains("prompt_tokens"), "{out}");
}

#[test]
fn the_role_comes_first_even_if_start_does_not() {
    let out = whole(false, &[text(0, "x"), Event::Stop(StopReason::EndTurn)]);
    assert!(out.lines().next().unwrap().contains(r#""delta":{"role":"assistant","content":""}"#), "{out}");
}

/// What a client makes of a stream.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    text: String,
    reasoning: String,
    calls: Vec<(String, String, String)>,
    finish: Vec<String>,
    done: bool,
}

fn heard(stream: &str) -> Heard {
    let mut heard = Heard::default();
    for event in stream.split("\n\n").filter(|it| !it.is_empty() && !it.starts_with(':')) {
        assert!(!heard.done, "nothing after [DONE]");
        let data = event.strip_prefix("data: ").unwrap();
        if data == "[DONE]" {
            heard.done = true;
            continue;
        }
        let chunk: Value = serde_json::from_str(data).unwrap();
        assert_eq!(chunk["object"], "chat.completion.chunk");
        let Some(choice) = chunk["choices"].get(0) else { continue };
        heard.text.push_str(choice["delta"]["content"].as_str().unwrap_or(""));
        heard.reasoning.push_str(choice["delta"]["reasoning_content"].as_str().unwrap_or(""));
        for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
            let function = &call["function"];
            if let Some(id) = call["id"].as_str() {
                assert_eq!(index, heard.calls.len(), "indices count up from 0");
                let name = function["name"].as_str().unwrap();
                heard.calls.push((id.into(), name.into(), String::new()));
            }
            heard.calls[index].2.push_str(function["arguments"].as_str().unwrap());
        }
        heard.finish.extend(choice["finish_reason"].as_str().map(str::to_owned));
    }
    heard
}

/// Cuts texts into pieces of pseudo-random length, the same for the same seed.
fn chopped(events: &[Event], mut seed: u64) -> Vec<Event> {
    let mut chopped = Vec::new();
    for event in events {
        let Event::Delta { index, delta } = event else {
            chopped.push(event.clone());
            continue;
        };
        let (text, make): (&str, fn(String) -> Delta) = match delta {
            Delta::Text(text) => (text, Delta::Text),
            Delta::Reasoning(text) => (text, Delta::Reasoning),
            Delta::ToolInput(text) => (text, Delta::ToolInput),
            other => {
                chopped.push(Event::Delta { index: *index, delta: other.clone() });
                continue;
            }
        };
        let mut piece = String::new();
        for letter in text.chars() {
            piece.push(letter);
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if (seed >> 60) < 6 {
                chopped.push(Event::Delta { index: *index, delta: make(std::mem::take(&mut piece)) });
            }
        }
        chopped.push(Event::Delta { index: *index, delta: make(piece) });
    }
    chopped
}

#[test]
fn a_client_hears_the_same_however_the_model_chops_its_words() {
    for (name, events) in cases() {
        let expected = heard(&whole(true, &events));
        assert!(expected.done && expected.finish.len() == 1, "{name}: {expected:?}");
        for call in &expected.calls {
            assert!(serde_json::from_str::<Value>(&call.2).unwrap().is_object(), "{name}: {call:?}");
        }
        for seed in 0..200 {
            assert_eq!(heard(&whole(true, &chopped(&events, seed))), expected, "{name}, seed {seed}");
        }
    }
}

#[test]
fn a_heartbeat_between_events_is_a_comment() {
    let mut stream = stream(false);
    let mut out = BytesMut::new();
    stream.push(&text(0, "a"), &mut out);
    heartbeat(&mut out);
    stream.push(&text(0, "b"), &mut out);
    let out = String::from_utf8(out.to_vec()).unwrap();
    assert!(out.contains("\n\n: "), "{out}");
    assert_eq!(heard(&out).text, "ab");
}

#[test]
fn a_delta_is_written_without_allocating_anew() {
    let mut stream = stream(false);
    let mut out = BytesMut::with_capacity(64 * 1024);
    stream.push(&Event::Start, &mut out);
    let (at, room) = (out.as_ptr(), out.capacity());
    for _ in 0..100 {
        stream.push(&text(0, "word \"quoted\" "), &mut out);
    }
    assert_eq!((out.as_ptr(), out.capacity()), (at, room));
}
