//! The legacy form: requests, refusals, answers, streams.

use bytes::BytesMut;
use outcrop_chat::{Block, Delta, Event, Reasoning, Response, StopReason};
use outcrop_types::TokenUsage;
use outcrop_wire::openai::completions::{
    Answer, Choice, CompletionStream, Translated, parity, parse, response,
};
use outcrop_wire::openai::stream::StreamHead;
use serde_json::{Value, json};

use crate::show;

fn translated(body: &Value) -> Translated {
    parse(body.to_string().as_bytes()).unwrap().into_chat().unwrap()
}

fn said(words: &str, stop_reason: StopReason) -> Response {
    let thought = Reasoning::Text { text: "Hm.".into(), signature: None };
    let usage = TokenUsage { input: 3, output: 4, reasoning: 1, ..TokenUsage::default() };
    let content = vec![Block::Reasoning(thought), Block::Text(words.into())];
    Response { content, stop_reason, usage, ..Response::default() }
}

#[test]
fn each_prompt_is_a_request() {
    let body = json!({
        "model": "m", "prompt": ["Once upon", "There was"], "n": 2, "best_of": 2, "echo": true, "max_tokens": 9,
        "temperature": 0.5, "top_p": 0.25, "stop": ["END", ""], "user": "me", "suffix": "", "logprobs": 3, "seed": 7,
        "logit_bias": {"1": 2}, "frequency_penalty": 1, "presence_penalty": 0, "zebra": 1,
    });
    let Translated { requests, choices, echo, dropped } = translated(&body);
    let requests: Value = requests.iter().map(show::request).collect();
    let shown = json!({ "requests": requests, "choices": choices, "echo": echo, "dropped": dropped });
    show::check("openai_completions__everything", &show::pretty(&shown));
}

#[test]
fn little_is_needed_and_openais_defaults_hold() {
    let Translated { requests, choices, echo, dropped } = translated(&json!({ "prompt": "Once upon" }));
    assert_eq!((requests.len(), choices), (1, 1));
    assert_eq!(requests[0].inference.max_tokens, Some(16));
    assert!(echo.is_empty() && dropped.is_empty());
    let request = parse(br#"{"prompt":"a","stream":true,"stream_options":{"include_usage":true}}"#).unwrap();
    assert!(request.stream && request.include_usage);
}

#[test]
fn refusals_name_the_field() {
    let with = |more: Value| {
        let mut body = json!({ "prompt": "a" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let cases = [
        (json!({}), "prompt"),
        (json!({ "prompt": null }), "prompt"),
        (json!({ "prompt": [] }), "prompt"),
        (json!({ "prompt": " " }), "prompt"),
        (json!({ "prompt": ["a", ""] }), "prompt[1]"),
        (json!({ "prompt": [1, 2] }), "prompt[0]"),
        (json!({ "prompt": [[1, 2]] }), "prompt[0]"),
        (json!({ "prompt": vec!["a"; 33] }), "prompt"),
        (json!({ "prompt": vec!["a"; 20], "n": 2 }), "n"),
        (with(json!({ "n": 0 })), "n"),
        (with(json!({ "n": 33 })), "n"),
        (with(json!({ "best_of": 2 })), "best_of"),
        (with(json!({ "n": 2, "best_of": 3 })), "best_of"),
        (with(json!({ "suffix": "end" })), "suffix"),
        (with(json!({ "max_tokens": 0 })), "max_tokens"),
        (with(json!({ "temperature": 1.5 })), "temperature"),
        (with(json!({ "stream_options": {} })), "stream_options"),
    ];
    for (body, param) in cases {
        let error = parse(body.to_string().as_bytes()).and_then(|it| it.into_chat()).expect_err(param);
        assert_eq!(error.param.as_deref(), Some(param), "{body}: {error}");
    }
    let error = parse(br#"{"prompt":[[1,2]]}"#).unwrap_err();
    assert_eq!(
        error.message,
        "`prompt[0]` must be a string (prompts as tokens are not supported), not an array."
    );
}

#[test]
fn the_table_of_fields_is_true() {
    for (field, fate, _) in parity::FIELDS {
        let value = match *field {
            "model" | "suffix" | "user" => json!("x"),
            "prompt" => json!("other"),
            "stop" => json!(["x"]),
            "stream" | "echo" => json!(true),
            "stream_options" => json!({ "include_usage": true }),
            "temperature" | "top_p" | "frequency_penalty" | "presence_penalty" => json!(0.5),
            "logit_bias" => json!({ "1": 1 }),
            "anthropic_beta" => json!(["a", "b"]),
            "additional_model_request_fields" => json!({ "a": 1 }),
            "additional_model_response_field_paths" => json!(["/a"]),
            "guardrail" => json!({ "guardrailIdentifier": "g", "guardrailVersion": "1" }),
            "performance_config" => json!({ "latency": "optimized" }),
            "request_metadata" => json!({ "a": "b" }),
            _ => json!(3),
        };
        let mut without = json!({ "prompt": "a" });
        if *field == "stream_options" {
            without["stream"] = true.into();
        }
        let mut body = without.clone();
        body[*field] = value;
        let seen = |body: &Value| {
            let asked = parse(body.to_string().as_bytes())?;
            let told = (asked.model.clone(), asked.stream, asked.include_usage);
            Ok::<_, outcrop_chat::InvalidRequest>((asked.into_chat()?, told))
        };
        match (*fate, seen(&body)) {
            ("refused", Err(error)) => assert_eq!(error.param.as_deref(), Some(*field)),
            ("dropped", Ok((found, _))) => assert_eq!(found.dropped, [*field]),
            ("mapped" | "emulated", Ok(found)) => {
                assert!(found.0.dropped.is_empty(), "{field}");
                assert_ne!(found, seen(&without).unwrap(), "{field}");
            }
            (fate, found) => panic!("{field} is {fate}: {found:?}"),
        }
    }
}

#[test]
fn answers_have_openais_shape() {
    let answers = [said(" a time.", StopReason::EndTurn), said(" a \"king\"", StopReason::MaxTokens)];
    let echoes = ["Once upon", ""];
    let choices = answers.iter().zip(echoes).map(|(response, echo)| Choice { echo, response });
    let head = Answer { id: "cmpl-1", created: 1_760_000_000, model: "nova-lite" };
    let body: Value = serde_json::from_slice(&response(&head, choices)).unwrap();
    show::check("openai_completions_response", &show::pretty(&body));
}

fn stream(index: usize, echo: &str) -> CompletionStream {
    let head = StreamHead { id: "cmpl-1", created: 1_760_000_000, model: "nova-lite", include_usage: true };
    CompletionStream::new(head, index, echo.into())
}

fn text(text: &str) -> Event {
    Event::Delta { index: 0, delta: Delta::Text(text.into()) }
}

#[test]
fn streams_have_openais_shape() {
    let mut out = BytesMut::new();
    let (mut one, mut two) = (stream(0, "Once upon"), stream(1, ""));
    one.push(&Event::Start, &mut out);
    two.push(&text("A \"king\""), &mut out);
    one.push(&Event::Delta { index: 0, delta: Delta::Reasoning("Hm.".into()) }, &mut out);
    one.push(&text(" a time"), &mut out);
    one.push(&Event::Stop(StopReason::EndTurn), &mut out);
    assert!(one.end_choice(&mut out));
    two.push(&Event::Stop(StopReason::MaxTokens), &mut out);
    assert!(two.end_choice(&mut out));
    let usage = TokenUsage { input: 3, output: 4, ..TokenUsage::default() };
    stream(0, "").close(Some(usage), &mut out);
    show::check("openai_completions_stream", std::str::from_utf8(&out).unwrap());
}

#[test]
fn what_breaks_off_or_is_malformed_is_an_error_and_no_stop() {
    for last in [text("b"), Event::Stop(StopReason::MalformedModelOutput)] {
        let (mut stream, mut out) = (stream(0, ""), BytesMut::new());
        stream.push(&text("a"), &mut out);
        stream.push(&last, &mut out);
        assert!(!stream.end_choice(&mut out));
        let out = std::str::from_utf8(&out).unwrap();
        assert_eq!(out.matches("upstream_error").count(), 1, "{out}");
        assert!(!out.contains("\"finish_reason\":\""), "{out}");
    }
}
