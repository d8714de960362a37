//! Events in any order into each writer: every frame can be read, nothing comes after the end, and an answer that was
//! cut short never ends like a whole one.

use bytes::{Bytes, BytesMut};
use outcrop_chat::{BlockStart, Delta, Event, Extra, StopReason};
use outcrop_types::{ErrorCode, TokenUsage};
use outcrop_wire::ToolNames;
use outcrop_wire::anthropic::{self, MessagesStream};
use outcrop_wire::bedrock::ConverseStream;
use outcrop_wire::error::ErrorBody;
use outcrop_wire::openai::completions::CompletionStream;
use outcrop_wire::openai::stream::{ChatStream, StreamHead};
use outcrop_wire::outcrop::generate::{GenerateStream, Generation};
use serde_json::json;

/// Most events of one input.
const MAX_EVENTS: usize = 200;

/// The first byte says how the stream ends, the others what comes before. Taken if the model ended it.
pub fn streams(data: &[u8]) -> bool {
    let Some((ending, rest)) = data.split_first() else { return false };
    let (events, whole) = read(rest);
    let fails = ending % 2 == 1;
    let whole = whole && !fails;
    let head = StreamHead { id: "i", created: 1, model: "m", include_usage: ending & 2 != 0 };

    let chat = || ChatStream::new(head, ToolNames::default()).with_functions(ending & 4 != 0);
    let written = write(chat(), &events, fails, ChatStream::push, ChatStream::finish, ChatStream::fail);
    assert_eq!(count(&sse(&written), "[DONE]"), usize::from(whole), "chat");

    let answer = anthropic::Answer { id: "i", model: "m", hide_thinking: ending & 4 != 0 };
    let stream = MessagesStream::new(answer, ToolNames::default(), Some("r"));
    let written =
        write(stream, &events, fails, MessagesStream::push, MessagesStream::finish, MessagesStream::fail);
    assert_eq!(count(&sse(&written), r#"{"type":"message_stop"}"#), usize::from(whole), "messages");

    let generation = Generation { id: "i", created: 1, model: "m" };
    let stream = GenerateStream::new(&generation);
    let written =
        write(stream, &events, fails, GenerateStream::push, GenerateStream::finish, GenerateStream::fail);
    let done = sse(&written).iter().filter(|it| it.starts_with("{\"stop_reason\":")).count();
    assert_eq!(done, usize::from(whole), "generate");

    completion(head, &events, fails, whole);
    converse(&events, fails);
    whole
}

/// One choice, and the end of all.
fn completion(head: StreamHead<'_>, events: &[Event], fails: bool, whole: bool) {
    let finish = |stream: &mut CompletionStream, out: &mut BytesMut| {
        if stream.end_choice(out) {
            stream.close(None, out);
        }
    };
    let stream = CompletionStream::new(head, 0, String::new());
    let written = write(stream, events, fails, CompletionStream::push, finish, CompletionStream::fail);
    assert_eq!(count(&sse(&written), "[DONE]"), usize::from(whole), "completions");
}

/// Here the stop is told as it comes, before what was used.
fn converse(events: &[Event], fails: bool) {
    let finish = |stream: &mut ConverseStream, out: &mut BytesMut| stream.finish(1, out);
    let stream = ConverseStream::default();
    let written = write(stream, events, fails, ConverseStream::push, finish, ConverseStream::fail);
    let stopped = events.iter().any(|it| matches!(it, Event::Stop(reason) if !reason.is_malformed()));
    let mut rest = Bytes::from(written);
    let mut stops = 0;
    while !rest.is_empty() {
        let Ok(frame) = aws_smithy_eventstream::frame::read_message_from(&mut rest) else {
            panic!("no frame")
        };
        let kind = frame.headers().iter().find(|it| it.name().as_str() == ":event-type");
        let kind = kind.and_then(|it| it.value().as_string().ok()).map(|it| it.as_str());
        stops += usize::from(kind == Some("messageStop"));
    }
    assert!(stops <= usize::from(stopped), "converse");
}

/// Everything a writer writes.
fn write<W>(
    mut writer: W,
    events: &[Event],
    fails: bool,
    push: fn(&mut W, &Event, &mut BytesMut),
    finish: impl Fn(&mut W, &mut BytesMut),
    fail: fn(&mut W, &ErrorBody, &mut BytesMut),
) -> Vec<u8> {
    let mut out = BytesMut::new();
    for event in events {
        push(&mut writer, event, &mut out);
    }
    let error = ErrorBody { code: ErrorCode::Upstream, message: "m".into(), param: None, request_id: None };
    if fails {
        fail(&mut writer, &error, &mut out)
    } else {
        finish(&mut writer, &mut out)
    }
    let mut after = BytesMut::new();
    for event in events {
        push(&mut writer, event, &mut after);
    }
    fail(&mut writer, &error, &mut after);
    assert!(after.is_empty(), "something comes after the end");
    out.to_vec()
}

/// The data of server-sent events, all of it JSON but for `[DONE]`.
fn sse(written: &[u8]) -> Vec<String> {
    let Ok(text) = std::str::from_utf8(written) else { panic!("not text") };
    let mut all = Vec::new();
    for frame in text.split_terminator("\n\n") {
        let data: Vec<&str> = frame.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        let [data] = data.as_slice() else { panic!("not one datum: {frame}") };
        let json = *data == "[DONE]" || serde_json::from_str::<serde_json::Value>(data).is_ok();
        assert!(json, "not JSON: {data}");
        all.push((*data).to_owned());
    }
    assert!(text.is_empty() || text.ends_with("\n\n"));
    all
}

fn count(data: &[String], wanted: &str) -> usize {
    data.iter().filter(|it| *it == wanted).count()
}

/// Events, and whether they end a whole answer. There is one stop at most: Bedrock sends no second.
fn read(mut data: &[u8]) -> (Vec<Event>, bool) {
    const STOPS: [&str; 10] = [
        "end_turn",
        "tool_use",
        "max_tokens",
        "stop_sequence",
        "guardrail_intervened",
        "content_filtered",
        "malformed_model_output",
        "malformed_tool_use",
        "model_context_window_exceeded",
        "other",
    ];
    let (mut events, mut stop) = (Vec::new(), None);
    while let Some((kind, rest)) = data.split_first().filter(|_| events.len() < MAX_EVENTS) {
        data = rest;
        let index = u32::from(kind >> 5);
        let delta = |delta| Event::Delta { index, delta };
        let event = match kind % 16 {
            0 => Event::Start,
            1 => Event::BlockStart {
                index,
                start: BlockStart::ToolUse { id: word(&mut data), name: word(&mut data) },
            },
            2..=4 => delta(Delta::Text(word(&mut data))),
            5 | 6 => delta(Delta::ToolInput(word(&mut data))),
            7 => delta(Delta::Reasoning(word(&mut data))),
            8 => delta(Delta::Signature(word(&mut data))),
            9 => delta(Delta::RedactedReasoning(word(&mut data).into())),
            10 => delta(Delta::Citation(
                json!({"title": word(&mut data), "location": {"web": {"url": word(&mut data)}}}),
            )),
            11 => Event::Extra(Box::new(Extra { stop_sequence: Some(word(&mut data)), ..Extra::default() })),
            12 => Event::Usage(TokenUsage { input: u64::from(*kind), output: 7, ..TokenUsage::default() }),
            13 | 14 if stop.is_none() => {
                let reason = StopReason::parse(STOPS[data.first().map_or(0, |it| usize::from(*it) % 10)]);
                stop = Some(reason);
                Event::Stop(reason)
            }
            _ => Event::BlockStop { index },
        };
        events.push(event);
    }
    (events, stop.is_some_and(|it| !it.is_malformed()))
}

/// A length and so many bytes, read as text.
fn word(data: &mut &[u8]) -> String {
    let Some((length, rest)) = data.split_first() else { return String::new() };
    let (word, rest) = rest.split_at(rest.len().min(usize::from(length % 24)));
    *data = rest;
    String::from_utf8_lossy(word).into_owned()
}
