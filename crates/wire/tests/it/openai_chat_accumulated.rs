//! Whatever a model sends, in whatever pieces: a client that puts the stream together holds the whole answer's message.

use bytes::{Bytes, BytesMut};
use outcrop_chat::{
    Block, BlockStart, CitedText, Delta, Event, Extra, Reasoning, Response, ServiceTier, StopReason, ToolUse,
};
use outcrop_types::TokenUsage;
use outcrop_wire::ToolNames;
use outcrop_wire::openai::chat::{Answer, response};
use outcrop_wire::openai::stream::{ChatStream, StreamHead};
use serde_json::{Map, Value, json};

/// Numbers that look random and are the same for the same seed (Knuth's generator).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn words(&mut self) -> String {
        const WORDS: [&str; 8] = ["a", "Ünd ", "\"so\"", "\n", "😀", "\\", "", "{\"x\":"];
        (0..self.roll(6)).map(|_| WORDS[self.roll(WORDS.len())]).collect()
    }
}

/// An answer of random blocks.
fn answer(dice: &mut Dice) -> Response {
    let mut content = Vec::new();
    for at in 0..dice.roll(6) {
        content.push(match dice.roll(6) {
            0 => Block::Text(dice.words()),
            1 => {
                let url = format!("https://{at}.example");
                let page = json!({ "title": dice.words(), "location": { "web": { "url": url } } });
                let report =
                    json!({ "title": dice.words(), "location": { "documentPage": { "documentIndex": at } } });
                let citations = if dice.roll(2) == 0 { vec![page] } else { vec![report, page] };
                Block::Cited(CitedText { text: format!("{}.", dice.words()), citations })
            }
            2 => Block::Reasoning(Reasoning::Text { text: format!("{}…", dice.words()), signature: None }),
            3 => Block::Reasoning(Reasoning::Text { text: dice.words(), signature: Some("c2ln".into()) }),
            4 => Block::Reasoning(Reasoning::Redacted(Bytes::from(format!("x{}", dice.words())))),
            _ => {
                let input = if dice.roll(2) == 0 { json!({}) } else { json!({ "q": dice.words() }) };
                Block::ToolUse(ToolUse { id: format!("tooluse_{at}"), name: "f".into(), input })
            }
        });
    }
    let called = content.iter().any(|it| matches!(it, Block::ToolUse(_)));
    let reasons =
        [StopReason::EndTurn, StopReason::MaxTokens, StopReason::ContentFiltered, StopReason::StopSequence];
    let stop_reason = if called { StopReason::ToolUse } else { reasons[dice.roll(reasons.len())] };
    let usage = TokenUsage { input: 3, cache_read: 2, cache_write_1h: 1, output: 7, ..TokenUsage::default() };
    let extra = Extra { service_tier: Some(ServiceTier::Priority), ..Extra::default() };
    Response { content, stop_reason, usage, extra }
}

/// The answer as Bedrock could stream it: blocks with gaps between their numbers, texts cut anywhere between characters,
/// with or without empty pieces, block stops and input of calls that have none.
fn events(answer: &Response, dice: &mut Dice) -> Vec<Event> {
    let mut events = Vec::new();
    if dice.roll(4) > 0 {
        events.push(Event::Start);
    }
    let mut index = 0;
    for block in &answer.content {
        let mut delta = |delta| events.push(Event::Delta { index, delta });
        match block {
            Block::Text(text) => pieces(text, dice, |it| delta(Delta::Text(it))),
            Block::Cited(cited) => {
                pieces(&cited.text, dice, |it| delta(Delta::Text(it)));
                cited.citations.iter().for_each(|it| delta(Delta::Citation(it.clone())));
            }
            Block::Reasoning(Reasoning::Text { text, signature }) => {
                pieces(text, dice, |it| delta(Delta::Reasoning(it)));
                signature.iter().for_each(|it| delta(Delta::Signature(it.clone())));
            }
            Block::Reasoning(Reasoning::Redacted(bytes)) => delta(Delta::RedactedReasoning(bytes.clone())),
            Block::ToolUse(call) => {
                let start = BlockStart::ToolUse { id: call.id.clone(), name: call.name.clone() };
                events.push(Event::BlockStart { index, start });
                let input = call.input.to_string();
                if input != "{}" || dice.roll(2) == 0 {
                    pieces(&input, dice, |it| {
                        events.push(Event::Delta { index, delta: Delta::ToolInput(it) })
                    });
                }
            }
            other => panic!("{other:?}"),
        }
        if dice.roll(5) > 0 {
            events.push(Event::BlockStop { index });
        }
        index += u32::try_from(1 + dice.roll(3)).unwrap();
    }
    events.push(Event::Stop(answer.stop_reason));
    events.push(Event::Extra(Box::new(answer.extra.clone())));
    events.push(Event::Usage(answer.usage));
    events
}

fn pieces(text: &str, dice: &mut Dice, mut give: impl FnMut(String)) {
    let mut piece = String::new();
    for letter in text.chars() {
        piece.push(letter);
        if dice.roll(3) == 0 {
            give(std::mem::take(&mut piece));
        }
    }
    if !piece.is_empty() || dice.roll(3) == 0 {
        give(piece);
    }
}

fn streamed(events: &[Event]) -> String {
    let head = StreamHead { id: "chatcmpl-1", created: 1, model: "m", include_usage: true };
    let mut stream = ChatStream::new(head, ToolNames::default());
    let mut out = BytesMut::new();
    events.iter().for_each(|event| stream.push(event, &mut out));
    stream.finish(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

/// What openai-python's accumulator makes of two values (`openai.lib.streaming._deltas`).
fn accumulate(held: &mut Map<String, Value>, delta: Map<String, Value>) {
    for (key, value) in delta {
        match (held.get_mut(&key), value) {
            (None | Some(Value::Null), value) => drop(held.insert(key, value)),
            (Some(_), Value::Null) => {}
            (Some(_), value) if key == "index" || key == "type" => drop(held.insert(key, value)),
            (Some(Value::String(held)), Value::String(more)) => held.push_str(&more),
            (Some(Value::Object(held)), Value::Object(more)) => accumulate(held, more),
            (Some(Value::Array(held)), Value::Array(more)) => {
                for entry in more {
                    let Value::Object(entry) = entry else { panic!("{entry}") };
                    let at = usize::try_from(entry["index"].as_u64().expect("an index")).unwrap();
                    match held.get_mut(at) {
                        Some(Value::Object(held)) => accumulate(held, entry),
                        _ => held.insert(at, Value::Object(entry)),
                    }
                }
            }
            (held, more) => panic!("{key}: {held:?} and {more}"),
        }
    }
}

/// The chat completion that a client holds at the end of a stream.
fn held(stream: &str) -> Value {
    let (mut message, mut finish, mut last) = (Map::new(), Value::Null, Value::Null);
    let mut events = stream.split_terminator("\n\n").peekable();
    while let Some(event) = events.next() {
        let data = event.strip_prefix("data: ").unwrap();
        if data == "[DONE]" {
            assert!(events.peek().is_none(), "nothing after [DONE]");
            return json!({ "message": message, "finish_reason": finish, "usage": last["usage"],
                "service_tier": last["service_tier"] });
        }
        let mut chunk: Value = serde_json::from_str(data).unwrap();
        if let Some(choice) = chunk["choices"].get_mut(0) {
            let Value::Object(delta) = choice["delta"].take() else { panic!("{chunk}") };
            accumulate(&mut message, delta);
            if !choice["finish_reason"].is_null() {
                assert!(finish.is_null(), "one finish reason");
                finish = choice["finish_reason"].take();
            }
        }
        last = chunk;
    }
    panic!("no [DONE]: {stream}")
}

/// The same of a whole answer.
fn whole(answer: &Response) -> Value {
    let head = Answer { id: "chatcmpl-1", created: 1, model: "m", functions: false };
    let body: Value = serde_json::from_slice(&response(&head, answer, &ToolNames::default())).unwrap();
    let choice = &body["choices"][0];
    json!({ "message": choice["message"], "finish_reason": choice["finish_reason"], "usage": body["usage"],
        "service_tier": body["service_tier"] })
}

/// Leaves out what says nothing, and the places in lists, which only streams need.
fn told(mut answer: Value) -> Value {
    let message = answer["message"].as_object_mut().unwrap();
    if message.get("content").is_some_and(Value::is_null) {
        message.insert("content".into(), "".into());
    }
    message.retain(|_, value| !value.is_null() && *value != json!([]));
    if message.get("reasoning_content") == Some(&json!("")) {
        message.remove("reasoning_content");
    }
    for list in ["tool_calls", "thinking_blocks"] {
        for entry in message.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            entry.as_object_mut().unwrap().remove("index");
        }
    }
    answer
}

#[test]
fn a_stream_put_together_is_the_whole_answer() {
    let mut seen = [0; 4];
    for seed in 0..1_000 {
        let mut dice = Dice(seed);
        let answer = answer(&mut dice);
        let expected = told(whole(&answer));
        seen[0] += usize::from(expected["message"].get("tool_calls").is_some());
        seen[1] += usize::from(expected["message"].get("thinking_blocks").is_some());
        seen[2] += usize::from(expected["message"].get("annotations").is_some());
        seen[3] += usize::from(expected["message"].get("provider_specific_fields").is_some());
        for _ in 0..4 {
            let events = events(&answer, &mut dice);
            let stream = streamed(&events);
            assert_eq!(told(held(&stream)), expected, "seed {seed}: {events:?}");
        }
    }
    assert!(seen.iter().all(|count| *count > 100), "the answers are of all kinds: {seen:?}");
}

#[test]
fn cut_short_anywhere_a_stream_ends_in_an_error() {
    for seed in 0..500 {
        let mut dice = Dice(seed);
        let answer = answer(&mut dice);
        let mut events = events(&answer, &mut dice);
        let stop = events.iter().position(|it| matches!(it, Event::Stop(_))).unwrap();
        events.truncate(dice.roll(stop + 1));
        let stream = streamed(&events);
        let last = stream.trim_end().rsplit("\n\n").next().unwrap();
        assert!(last.starts_with("data: {\"error\":") && !stream.contains("[DONE]"), "seed {seed}: {stream}");
        assert!(!stream.contains("\"finish_reason\":\""), "seed {seed}: no false stop");
    }
}
