//! Fields that nobody knows are named, and those that the dialects know are not among them.

use bytes::Bytes;
use outcrop_wire::anthropic::invoke;
use outcrop_wire::anthropic::{self, Betas, Purpose, Version};
use outcrop_wire::openai::{chat, completions, embeddings, images, rerank, responses};
use serde_json::{Value, json};

use crate::anthropic_requests::TRAITS;
use crate::show::fixtures;

fn messages(body: &Bytes, version: Version) -> Option<Vec<String>> {
    anthropic::parse(body, version, &Betas::default(), Purpose::Answer).ok().map(|it| it.unknown)
}

/// The unknown fields of a body, where it can be read.
fn unknown(folder: &str, body: &Bytes) -> Option<Vec<String>> {
    match folder {
        "openai/chat" => chat::parse(body).ok().map(|it| it.unknown),
        "openai/responses" => responses::parse(body).ok().map(|it| it.unknown),
        "openai/completions" => completions::parse(body).ok().map(|it| it.unknown),
        "openai/embeddings" => embeddings::parse(body).ok().map(|it| it.unknown),
        "openai/images" => images::parse(body).ok().map(|it| it.unknown),
        "openai/rerank" => rerank::parse(body).ok().map(|it| it.unknown),
        "anthropic/messages" => messages(body, Version::V20230601),
        "anthropic/messages_2026" => messages(body, Version::V20261021),
        other => panic!("{other}"),
    }
}

#[test]
fn no_fixture_has_unknown_fields_but_those_made_for_it() {
    let folders = [
        "openai/chat",
        "openai/responses",
        "openai/embeddings",
        "openai/images",
        "openai/rerank",
        "anthropic/messages",
        "anthropic/messages_2026",
    ];
    for folder in folders {
        let mut read = 0;
        for (name, body) in fixtures(folder) {
            let Some(unknown) = unknown(folder, &Bytes::from(body)) else { continue };
            let made = name.starts_with("unknown_fields")
                || [["some_future_field"], ["truncation"]].iter().any(|it| unknown == *it);
            assert!(unknown.is_empty() || made, "{folder}/{name}: {unknown:?}");
            read += 1;
        }
        assert!(read > 0, "{folder}");
    }
}

#[test]
fn every_dialect_names_what_it_does_not_know() {
    let turns = json!([{ "role": "user", "content": "hi", "nested": 1 }]);
    let cases = [
        ("openai/chat", json!({ "messages": turns })),
        ("openai/responses", json!({ "input": "hi" })),
        ("openai/completions", json!({ "prompt": "hi" })),
        ("openai/embeddings", json!({ "input": "hi" })),
        ("openai/images", json!({ "prompt": "hi" })),
        ("openai/rerank", json!({ "query": "hi", "documents": ["a"] })),
        ("anthropic/messages", json!({ "messages": turns, "max_tokens": 9, "model": "m", "stream": false })),
    ];
    for (folder, mut body) in cases {
        body["temprature"] = json!(0.5);
        body["nothing"] = Value::Null;
        let body = Bytes::from(body.to_string());
        assert_eq!(unknown(folder, &body).unwrap(), ["temprature"], "{folder}");
    }
}

#[test]
fn a_guardrail_is_asked_for_in_every_dialect_that_chats() {
    for name in ["guardrail", "guardrailConfig", "guardrail_config"] {
        let given = json!({ "guardrailIdentifier": "gr1", "guardrailVersion": "2" });
        let body = |mut body: Value| {
            body[name] = given.clone();
            body["performanceConfig"] = json!({ "latency": "optimized" });
            Bytes::from(body.to_string())
        };
        let turns = json!([{ "role": "user", "content": "hi" }]);
        let message = body(json!({ "messages": turns, "max_tokens": 9 }));
        let say = body(json!({ "messages": turns }));
        let ask = body(json!({ "input": "hi" }));
        let complete = body(json!({ "prompt": "hi" }));
        let (version, betas) = (Version::V20230601, Betas::default());
        let requests = [
            chat::parse(&say).unwrap().into_chat().unwrap().request,
            responses::parse(&ask).unwrap().into_chat("m", &responses::Earlier::default()).unwrap().request,
            completions::parse(&complete).unwrap().into_chat().unwrap().requests.remove(0),
            anthropic::parse(&message, version, &betas, Purpose::Answer).unwrap().request,
        ];
        for request in requests {
            assert_eq!(request.guardrail.unwrap().id, "gr1", "{name}");
            assert!(request.optimized_latency);
        }
        let sent = invoke::body(&message, version, &betas, TRAITS, Purpose::Answer).unwrap();
        assert_eq!(sent.guardrail.unwrap().version, "2");
        assert!(sent.optimized_latency);
        let left: Value = serde_json::from_slice(&sent.body).unwrap();
        assert_eq!((left.get(name), left.get("performanceConfig")), (None, None));
    }
}
