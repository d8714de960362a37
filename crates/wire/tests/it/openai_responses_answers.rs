//! Responses, whole and as streams.

use bytes::{Bytes, BytesMut};
use outcrop_chat::{
    Block, BlockStart, CitedText, Delta, Event, Extra, Reasoning, Response, ServiceTier, StopReason, ToolUse,
};
use outcrop_types::{ErrorCode, ResponseId, TokenUsage};
use outcrop_wire::error::ErrorBody;
use outcrop_wire::openai::responses::{Answer, Earlier, Ending, ResponseStream, Translated, parse};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::show;

const ENDING: Ending = Ending { at: 1_760_000_009, stored: true };

/// An answer to a request with a custom tool and a group, of which nothing has been said yet.
fn answer() -> Answer {
    let body = Bytes::from(
        json!({
            "model": "claude", "input": "Hi", "instructions": "Be \"brief\".", "metadata": { "a": "b" }, "temperature": 0.5,
            "include": ["reasoning.encrypted_content"], "reasoning": { "effort": "low" },
            "tools": [
                { "type": "function", "name": "web.search", "description": "Searches.", "strict": true },
                { "type": "custom", "name": "patch", "format": { "type": "text" } },
                { "type": "namespace", "name": "agents", "tools": [{ "type": "function", "name": "ask" }] },
                { "type": "web_search" },
            ],
        })
        .to_string(),
    );
    let Translated { tools, asked, .. } = parse(&body).unwrap().into_chat("m", &Earlier::default()).unwrap();
    let id: ResponseId = "resp_00000000000000000000000000000007".parse().unwrap();
    Answer::new(id, 1_760_000_000, ("claude".into(), "m".into()), true, asked, tools)
}

fn usage() -> TokenUsage {
    TokenUsage {
        input: 10,
        cache_read: 100,
        cache_write_5m: 5,
        output: 20,
        reasoning: 7,
        ..TokenUsage::default()
    }
}

fn whole(content: Vec<Block>, stop_reason: StopReason) -> Value {
    let extra = Extra { service_tier: Some(ServiceTier::Flex), ..Extra::default() };
    let response = Response { content, stop_reason, usage: usage(), extra };
    serde_json::from_slice(&answer().of(&response).object(ENDING)).unwrap()
}

fn call(name: &str, input: Value) -> Block {
    Block::ToolUse(ToolUse { id: format!("tooluse_{name}"), name: name.into(), input })
}

/// The name that Bedrock knows the first tool by.
fn search() -> String {
    let body = Bytes::from_static(br#"{"input":"x","tools":[{"type":"function","name":"web.search"}]}"#);
    let request = parse(&body).unwrap().into_chat("m", &Earlier::default()).unwrap().request;
    request.tools.unwrap().specs.remove(0).name
}

fn cited() -> Vec<Value> {
    vec![
        json!({ "title": "Oslo", "location": { "web": { "url": "https://example.com", "domain": "example.com" } } }),
        json!({ "title": "Notes", "source": "notes.txt", "location": { "documentChar": { "documentIndex": 2, "start": 1, "end": 5 } } }),
    ]
}

#[test]
fn answers_have_the_shape_of_responses() {
    let signed =
        Block::Reasoning(Reasoning::Text { text: "Hm \"so\"".into(), signature: Some("sig".into()) });
    let hidden = Block::Reasoning(Reasoning::Redacted(Bytes::from_static(b"xx")));
    let cited = Block::Cited(CitedText { text: "Ärger.".into(), citations: cited() });
    let cases = [
        ("text", vec![Block::Text("Hello\n".into()), Block::Text("and 😀".into())], StopReason::EndTurn),
        ("nothing", vec![], StopReason::EndTurn),
        ("citations", vec![Block::Text("See: ".into()), cited], StopReason::EndTurn),
        (
            "thoughts_and_calls",
            vec![
                signed,
                hidden,
                Block::Text("Looking.".into()),
                call(&search(), json!({ "q": [1, "a"] })),
                call("patch", json!({ "input": "*** \"x\"\n" })),
                call("agents__ask", json!({})),
            ],
            StopReason::ToolUse,
        ),
        ("cut", vec![Block::Text("Hel".into())], StopReason::MaxTokens),
        ("filtered", vec![Block::Text("No.".into())], StopReason::GuardrailIntervened),
    ];
    for (name, content, stop) in cases {
        show::check(&format!("openai_responses_answer__{name}"), &show::pretty(&whole(content, stop)));
    }
}

fn delta(index: u32, delta: Delta) -> Event {
    Event::Delta { index, delta }
}

fn text(index: u32, text: &str) -> Event {
    delta(index, Delta::Text(text.into()))
}

fn input(index: u32, json: &str) -> Event {
    delta(index, Delta::ToolInput(json.into()))
}

fn tool(index: u32, name: &str) -> Event {
    Event::BlockStart {
        index,
        start: BlockStart::ToolUse { id: format!("tooluse_{name}"), name: name.into() },
    }
}

fn end(index: u32) -> Event {
    Event::BlockStop { index }
}

fn cases() -> Vec<(&'static str, Vec<Event>)> {
    let tier = Event::Extra(Box::new(Extra { service_tier: Some(ServiceTier::Flex), ..Extra::default() }));
    let stop = |reason| [Event::Stop(reason), tier.clone(), Event::Usage(usage())];
    let mut everything = vec![
        Event::Start,
        delta(0, Delta::Reasoning("Hm ".into())),
        delta(0, Delta::Reasoning("\"so\"".into())),
        delta(0, Delta::Signature("sig".into())),
        end(0),
        delta(1, Delta::RedactedReasoning(Bytes::from_static(b"xx"))),
        end(1),
        text(3, "Look"),
        text(3, "ing."),
        end(3),
        Event::BlockStart { index: 4, start: BlockStart::ToolUse { id: "tooluse_1".into(), name: search() } },
        input(4, "{\"q\":"),
        input(4, ""),
        input(4, "1}"),
        end(4),
        tool(5, "patch"),
        input(5, "{\"input\":\"***"),
        input(5, " \\\"x\\\"\"}"),
        end(5),
        tool(7, "agents__ask"),
        end(7),
    ];
    everything.extend(stop(StopReason::ToolUse));
    let mut texts = vec![
        Event::Start,
        text(0, ""),
        text(0, "Hel"),
        text(0, "lo \"you\"\n😀"),
        end(0),
        text(1, "and more"),
    ];
    texts.extend(cited().into_iter().map(|it| delta(1, Delta::Citation(it))));
    texts.push(end(1));
    texts.extend(stop(StopReason::EndTurn));
    let mut cut = vec![Event::Start, text(0, "Hel")];
    cut.extend(stop(StopReason::MaxTokens));
    let broken = vec![Event::Start, text(0, "Hel")];
    let malformed = vec![Event::Start, text(0, "Hel"), Event::Stop(StopReason::MalformedToolUse)];
    let nothing = stop(StopReason::EndTurn).to_vec();
    vec![
        ("everything", everything),
        ("texts_and_citations", texts),
        ("cut", cut),
        ("broken", broken),
        ("malformed", malformed),
        ("nothing", nothing),
    ]
}

/// All that is written for these events.
fn written(events: &[Event]) -> String {
    let mut stream = ResponseStream::new(answer());
    let mut out = BytesMut::new();
    for event in events {
        stream.push(event, &mut out);
    }
    if stream.finish(&mut out) {
        stream.complete(ENDING, &mut out);
    }
    String::from_utf8(out.to_vec()).unwrap()
}

fn data(frames: &str) -> Vec<Value> {
    let data = frames.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|it| serde_json::from_str(it).unwrap()).collect()
}

#[test]
fn streams_have_openais_order() {
    for (name, events) in cases() {
        let frames = written(&events);
        let mut shown = String::new();
        for event in data(&frames) {
            // The object is looked at elsewhere; here it would only repeat itself.
            let response = event["response"]["status"]
                .as_str()
                .map(|status| json!({ "status": status, "output": event["response"]["output"] }));
            let mut event = event;
            if let Some(response) = response {
                event["response"] = response;
            }
            shown.push_str(&format!("{event}\n"));
        }
        show::check(&format!("openai_responses_stream__{name}"), &shown);
    }
}

#[test]
fn each_event_is_named_and_numbered() {
    for (name, events) in cases() {
        let frames = written(&events);
        for (at, frame) in frames.split_terminator("\n\n").enumerate() {
            let (first, second) = frame.split_once('\n').unwrap();
            let event: Value = serde_json::from_str(second.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(first, format!("event: {}", event["type"].as_str().unwrap()), "{name}");
            assert_eq!(event["sequence_number"], at, "{name}");
        }
    }
}

#[test]
fn a_model_that_fails_ends_the_stream_once() {
    let mut stream = ResponseStream::new(answer());
    let mut out = BytesMut::new();
    stream.push(&text(0, "Hel"), &mut out);
    let error = ErrorBody {
        code: ErrorCode::RateLimited,
        message: "Slow down.".into(),
        param: None,
        request_id: None,
    };
    stream.fail(&error, &mut out);
    let length = out.len();
    stream.push(&text(0, "lo"), &mut out);
    stream.fail(&error, &mut out);
    assert!(!stream.finish(&mut out));
    stream.complete(ENDING, &mut out);
    assert_eq!(out.len(), length, "nothing comes after the end");
    let last = data(std::str::from_utf8(&out).unwrap()).pop().unwrap();
    assert_eq!(last["type"], "response.failed");
    assert_eq!(last["response"]["error"], json!({ "code": "rate_limit_exceeded", "message": "Slow down." }));
    assert_eq!(last["response"]["output"][0]["status"], "incomplete");
}

/// What an SDK makes of the events: the items as they are added to and ended, and the last event's response.
fn accumulated(frames: &str) -> (Vec<Value>, Option<Value>) {
    let (mut items, mut last) = (Vec::<Value>::new(), None);
    for event in data(frames) {
        let at = event["output_index"].as_u64().unwrap_or_default() as usize;
        let grow = |place: &mut Value| {
            let grown = format!("{}{}", place.as_str().unwrap_or_default(), event["delta"].as_str().unwrap());
            *place = json!(grown);
        };
        let part = event["content_index"].as_u64().unwrap_or_default() as usize;
        match event["type"].as_str().unwrap() {
            "response.output_item.added" => {
                assert_eq!(at, items.len());
                items.push(event["item"].clone());
            }
            "response.content_part.added" => {
                let content = items[at]["content"].as_array_mut().unwrap();
                assert_eq!(part, content.len());
                content.push(event["part"].clone());
            }
            "response.output_text.delta" => grow(&mut items[at]["content"][part]["text"]),
            "response.output_text.annotation.added" => {
                items[at]["content"][part]["annotations"]
                    .as_array_mut()
                    .unwrap()
                    .push(event["annotation"].clone());
            }
            "response.output_text.done" => assert_eq!(items[at]["content"][part]["text"], event["text"]),
            "response.content_part.done" => assert_eq!(items[at]["content"][part], event["part"]),
            "response.reasoning_summary_part.added" => {
                items[at]["summary"].as_array_mut().unwrap().push(event["part"].clone());
            }
            "response.reasoning_summary_text.delta" => grow(&mut items[at]["summary"][0]["text"]),
            "response.function_call_arguments.delta" => grow(&mut items[at]["arguments"]),
            "response.custom_tool_call_input.delta" => grow(&mut items[at]["input"]),
            "response.output_item.done" => {
                for field in ["status", "encrypted_content"] {
                    if let Some(value) = event["item"].get(field) {
                        items[at][field] = value.clone();
                    }
                }
                assert_eq!(items[at], event["item"], "what was added makes what is done");
            }
            "response.completed" | "response.incomplete" => last = Some(event["response"].clone()),
            _ => {}
        }
    }
    (items, last)
}

#[derive(Debug, Clone)]
enum Piece {
    Text(String, Option<Value>),
    Thought(String, Option<String>),
    Redacted(Vec<u8>),
    Call(&'static str, Option<Value>),
}

fn piece() -> impl Strategy<Value = Piece> {
    let said = "[a-zé\"\\\\\n😀]{1,12}";
    prop_oneof![
        (said, proptest::option::of(Just(cited().remove(0))))
            .prop_map(|(text, cited)| Piece::Text(text, cited)),
        (said, proptest::option::of("[a-z]{1,5}"))
            .prop_map(|(text, signature)| Piece::Thought(text, signature)),
        proptest::collection::vec(any::<u8>(), 1..5).prop_map(Piece::Redacted),
        (prop_oneof![Just("patch"), Just("agents__ask"), Just("f")], proptest::option::of(said))
            .prop_map(|(name, input)| Piece::Call(name, input.map(|it| json!({ "input": it })))),
    ]
}

/// Cuts a text where `cuts` say, at characters.
fn cut(text: &str, cuts: &[usize]) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for (at, letter) in text.chars().enumerate() {
        if cuts.contains(&at) {
            pieces.push(String::new());
        }
        pieces.last_mut().unwrap().push(letter);
    }
    pieces
}

/// The blocks of an answer, and the events of the same cut anywhere.
fn told(pieces: &[Piece], cuts: &[usize], stop: StopReason) -> (Vec<Block>, Vec<Event>) {
    let (mut blocks, mut events) = (Vec::new(), vec![Event::Start]);
    for (at, piece) in pieces.iter().enumerate() {
        let index = at as u32 * 2;
        match piece {
            Piece::Text(said, cited) => {
                events.extend(cut(said, cuts).iter().map(|it| text(index, it)));
                events.extend(cited.iter().map(|it| delta(index, Delta::Citation(it.clone()))));
                blocks.push(match cited {
                    None => Block::Text(said.clone()),
                    Some(it) => Block::Cited(CitedText { text: said.clone(), citations: vec![it.clone()] }),
                });
            }
            Piece::Thought(said, signature) => {
                events.extend(cut(said, cuts).into_iter().map(|it| delta(index, Delta::Reasoning(it))));
                events.extend(signature.iter().map(|it| delta(index, Delta::Signature(it.clone()))));
                blocks.push(Block::Reasoning(Reasoning::Text {
                    text: said.clone(),
                    signature: signature.clone(),
                }));
            }
            Piece::Redacted(bytes) => {
                let bytes = Bytes::from(bytes.clone());
                events.push(delta(index, Delta::RedactedReasoning(bytes.clone())));
                blocks.push(Block::Reasoning(Reasoning::Redacted(bytes)));
            }
            Piece::Call(name, given) => {
                events.push(tool(index, name));
                let json = given.as_ref().map(Value::to_string).unwrap_or_default();
                events.extend(cut(&json, cuts).iter().map(|it| input(index, it)));
                blocks.push(call(name, given.clone().unwrap_or_else(|| json!({}))));
            }
        }
        events.push(end(index));
    }
    let tier = Extra { service_tier: Some(ServiceTier::Flex), ..Extra::default() };
    events.extend([Event::Stop(stop), Event::Extra(Box::new(tier)), Event::Usage(usage())]);
    (blocks, events)
}

proptest! {
    #[test]
    fn any_answer_in_any_pieces_is_the_same_response(
        pieces in proptest::collection::vec(piece(), 0..8),
        cuts in proptest::collection::vec(0..12_usize, 0..4),
        stop in prop_oneof![Just(StopReason::EndTurn), Just(StopReason::MaxTokens)],
    ) {
        let (blocks, events) = told(&pieces, &cuts, stop);
        let (items, last) = accumulated(&written(&events));
        let last = last.unwrap();
        prop_assert_eq!(&Value::Array(items), &last["output"]);
        prop_assert_eq!(last, whole(blocks, stop));
    }
}
