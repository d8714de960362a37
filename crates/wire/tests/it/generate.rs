//! Our own dialect's `/generate`.

use bytes::BytesMut;
use outcrop_chat::{Block, Delta, Event, Reasoning, Response, StopReason};
use outcrop_types::TokenUsage;
use outcrop_wire::outcrop::generate::{GenerateStream, Generation, parse, response};
use serde_json::{Value, json};

use crate::show;

const GENERATION: Generation<'static> =
    Generation { id: "gen-1", created: 1_760_000_000, model: "nova-lite" };

fn usage() -> TokenUsage {
    TokenUsage {
        input: 10,
        cache_read: 4,
        cache_write_5m: 1,
        output: 20,
        reasoning: 7,
        ..TokenUsage::default()
    }
}

#[test]
fn each_fixture_becomes_its_conversation() {
    for (name, body) in show::fixtures("outcrop/generate") {
        let request = parse(&body).unwrap();
        let mut shown = json!({ "model": request.model, "stream": request.stream() });
        shown["request"] = show::request(&request.into_chat().unwrap());
        show::check(&format!("generate__{name}"), &show::pretty(&shown));
    }
}

#[test]
fn what_is_wrong_is_named() {
    let cases = [
        (json!({}), "prompt", "`prompt` is required."),
        (json!({ "prompt": 5 }), "prompt", "`prompt` must be a string, not 5."),
        (json!({ "prompt": " \n" }), "prompt", "`prompt` must not be blank."),
        (
            json!({ "prompt": "a", "max_token": 5 }),
            "max_token",
            "`max_token` is not a field of this request. Did you mean `max_tokens`?",
        ),
        (
            json!({ "prompt": "a", "frobnicate": 5 }),
            "frobnicate",
            "`frobnicate` is not a field of this request.",
        ),
        (json!({ "prompt": "a", "max_tokens": 0 }), "max_tokens", "`max_tokens` must be at least 1."),
        (
            json!({ "prompt": "a", "temperature": 2 }),
            "temperature",
            "`temperature` must be from 0 to 1, which is Bedrock's range, not 2.",
        ),
        (
            json!({ "prompt": "a", "top_p": -1 }),
            "top_p",
            "`top_p` must be from 0 to 1, which is Bedrock's range, not -1.",
        ),
        (
            json!({ "prompt": "a", "stop": {} }),
            "stop",
            "`stop` must be a string or an array of strings, not an object.",
        ),
    ];
    for (body, param, message) in cases {
        let error = parse(body.to_string().as_bytes()).and_then(|it| it.into_chat()).expect_err("a refusal");
        assert_eq!((error.param.as_deref(), error.message.as_str()), (Some(param), message));
    }
}

#[test]
fn the_answer_is_text_with_its_usage() {
    let content = vec![
        Block::Reasoning(Reasoning::Text { text: "Hm.".into(), signature: None }),
        Block::Text("Hello \"you\"".into()),
        Block::Text("!".into()),
    ];
    let body = response(&GENERATION, &Response { content, usage: usage(), ..Response::default() });
    let body: Value = serde_json::from_slice(&body).unwrap();
    show::check("generate_response", &show::pretty(&body));
}

fn stream(events: &[Event]) -> String {
    let mut out = BytesMut::new();
    let mut stream = GenerateStream::new(&GENERATION);
    for event in events {
        stream.push(event, &mut out);
    }
    stream.finish(&mut out);
    stream.finish(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

fn delta(delta: Delta) -> Event {
    Event::Delta { index: 0, delta }
}

#[test]
fn the_stream_is_named_events() {
    let events = [
        Event::Start,
        delta(Delta::Reasoning("Hm.".into())),
        delta(Delta::Signature("s".into())),
        delta(Delta::Text("Hel\n".into())),
        delta(Delta::Text("lo".into())),
        Event::BlockStop { index: 0 },
        Event::Stop(StopReason::MaxTokens),
        Event::Usage(usage()),
    ];
    show::check("generate_stream", &stream(&events));
}

#[test]
fn a_stream_is_only_done_when_the_model_stopped() {
    let text = delta(Delta::Text("x".into()));
    for events in [
        &[][..],
        &[Event::Start, text.clone()],
        &[Event::Start, text.clone(), Event::Stop(StopReason::MalformedModelOutput)],
    ] {
        let out = stream(events);
        assert!(out.contains("event: error\n") && !out.contains("event: done"), "{out}");
        assert_eq!(out.matches("event: error").count(), 1);
    }
    let out = stream(&[Event::Start, text, Event::Stop(StopReason::EndTurn)]);
    assert!(out.ends_with("event: done\ndata: {\"stop_reason\":\"end_turn\",\"usage\":null}\n\n"), "{out}");
}
