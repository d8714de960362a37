//! Anthropic's requests, as conversations and as bodies for Claude.

use bytes::Bytes;
use outcrop_chat::normalise;
use outcrop_wire::anthropic::invoke::{self, ClaudeBody, Traits};
use outcrop_wire::anthropic::{Betas, Purpose, Translated, Version, parse};
use serde_json::{Value, json};

use crate::show;

/// A model that takes everything.
pub(crate) const TRAITS: Traits<'_> = Traits {
    anthropic_version: "2026-10-21",
    max_output_tokens: Some(64_000),
    sampling: true,
    exclusive_sampling: false,
    thinks_by_budget: true,
};

const FOLDERS: [(&str, Version); 2] =
    [("anthropic/messages", Version::V20230601), ("anthropic/messages_2026", Version::V20261021)];

/// Every request of the corpus.
fn corpus() -> Vec<(String, Version, Bytes)> {
    let mut all = Vec::new();
    for (folder, version) in FOLDERS {
        let suffix = if version == Version::V20261021 { "__2026" } else { "" };
        let fixtures = show::fixtures(folder).into_iter();
        all.extend(fixtures.map(|(name, body)| (format!("{name}{suffix}"), version, Bytes::from(body))));
    }
    all
}

pub(crate) fn for_claude(body: &Value, betas: &[&str], traits: Traits<'_>) -> (Value, ClaudeBody) {
    let betas = Betas::parse(betas.iter().copied()).unwrap();
    let body = invoke::body(body.to_string().as_bytes(), Version::V20230601, &betas, traits, Purpose::Answer)
        .unwrap();
    (serde_json::from_slice(&body.body).unwrap(), body)
}

#[test]
fn each_fixture_becomes_its_conversation() {
    for (name, version, body) in corpus() {
        let translated = parse(&body, version, &Betas::default(), Purpose::Answer);
        let Translated { request, dropped, hide_thinking, .. } =
            translated.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(normalise(request.clone()), request, "{name}: nothing is left to normalise");
        let mut shown = json!({ "request": show::request(&request), "dropped": dropped });
        if hide_thinking {
            shown["hide_thinking"] = json!(true);
        }
        show::check(&format!("anthropic__{name}"), &show::pretty(&shown));
    }
}

#[test]
fn each_fixture_reaches_claude_whole() {
    const CHANGED: [&str; 18] = [
        "model",
        "stream",
        "metadata",
        "service_tier",
        "inference_geo",
        "container",
        "mcp_servers",
        "speed",
        "diagnostics",
        "user_profile_id",
        "cache_control",
        "anthropic_version",
        // Converse's own go beside the body, or are the body's.
        "anthropic_beta",
        "guardrail",
        "performance_config",
        "request_metadata",
        "additional_model_request_fields",
        "reasoning",
    ];
    for (name, version, body) in corpus() {
        let sent = invoke::body(&body, version, &Betas::default(), TRAITS, Purpose::Answer).unwrap();
        let mut sent: Value = serde_json::from_slice(&sent.body).unwrap();
        let mut given: Value = serde_json::from_slice(&body).unwrap();
        let expected = if version == Version::V20261021 { "2026-10-21" } else { "bedrock-2023-05-31" };
        assert_eq!(sent["anthropic_version"], expected, "{name}");
        let automatic = given["cache_control"].is_object();
        for value in [&mut sent, &mut given] {
            let fields = value.as_object_mut().unwrap();
            fields.retain(|field, value| !CHANGED.contains(&field.as_str()) && !value.is_null());
            if automatic {
                value.as_object_mut().unwrap().remove("messages");
            }
        }
        assert_eq!(sent, given, "{name}");
    }
}

#[test]
fn a_picture_stays_where_it_is_in_the_body() {
    let data = "iVBORw0KGgoAAAAN".repeat(1000);
    let body = json!({ "max_tokens": 5, "messages": [{ "role": "user", "content": [
        { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": data } },
    ] }] });
    let body = Bytes::from(body.to_string());
    let translated = parse(&body, Version::V20230601, &Betas::default(), Purpose::Answer).unwrap();
    let outcrop_chat::Block::Image(image) = &translated.request.messages[0].content[0] else { panic!() };
    let outcrop_chat::Source::Base64(kept) = &image.source else { panic!("decoded") };
    assert!(body.as_ptr_range().contains(&kept.as_ptr()), "copied");
}

#[test]
fn what_claude_would_be_refused_for_is_taken_and_named() {
    let body = json!({
        "model": "m", "max_tokens": 5, "messages": [], "temperature": 1, "top_p": 0.9, "top_k": 5, "speed": "fast",
        "metadata": {"user_id": "u-1"}, "anthropic_beta": ["effort-2025-11-24", "b"], "context_management": {"edits": []},
    });
    let betas = ["context-management-2025-06-27,claude-code-20250219", "interleaved-thinking-2025-05-14"];
    let (sent, told) = for_claude(&body, &betas, TRAITS);
    let taken =
        json!(["context-management-2025-06-27", "interleaved-thinking-2025-05-14", "effort-2025-11-24"]);
    assert_eq!(sent["anthropic_beta"], taken);
    assert_eq!(told.dropped, ["speed", "anthropic-beta"]);
    assert_eq!(told.dropped_betas, ["claude-code-20250219", "b"]);
    assert_eq!(told.metadata["user_id"], "u-1");
    assert_eq!(sent["context_management"], json!({"edits": []}));

    let new = Traits { sampling: false, thinks_by_budget: false, ..TRAITS };
    let (sent, told) = for_claude(&body, &betas, new);
    assert_eq!(told.dropped, ["temperature", "top_k", "top_p", "speed", "anthropic-beta"]);
    assert_eq!(sent["anthropic_beta"], json!(["context-management-2025-06-27", "effort-2025-11-24"]));
    let (_, told) = for_claude(&body, &[], Traits { exclusive_sampling: true, ..TRAITS });
    assert_eq!(told.dropped, ["top_p", "speed", "anthropic-beta"]);
}

#[test]
fn automatic_caching_marks_the_last_block_that_can_be_kept() {
    let control = json!({"type": "ephemeral", "ttl": "1h"});
    let text = |text: &str| json!({"type": "text", "text": text});
    let marked = |text: &str| json!({"type": "text", "text": text, "cache_control": control});
    let thought = json!({"type": "thinking", "thinking": "x", "signature": "y"});
    let own = json!({"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}});
    let cases = [
        (json!("a"), json!([marked("a")])),
        (json!([text("a"), text("b")]), json!([text("a"), marked("b")])),
        (json!([text("a"), thought]), json!([marked("a"), thought])),
        (json!([text("a"), own]), json!([text("a"), own])),
        (json!([]), json!([])),
        (json!(5), json!(5)),
    ];
    for (content, expected) in cases {
        let messages = json!([{"role": "user", "content": "before"}, {"role": "user", "content": content}]);
        let body = json!({"max_tokens": 5, "messages": messages, "cache_control": control});
        let (sent, _) = for_claude(&body, &[], TRAITS);
        assert_eq!(sent["messages"][1]["content"], expected, "{content}");
        assert_eq!(sent["messages"][0]["content"], "before");
        assert_eq!(sent.get("cache_control"), None);
    }
}

#[test]
fn links_for_claude_are_found_and_replaced_where_they_stand() {
    let link = |kind: &str, name: &str| json!({"type": kind, "source": {"type": "url", "url": format!("https://e.com/{name}")}});
    let body = json!({"max_tokens": 5, "messages": [
        {"role": "user", "content": "a \"url\" in words"},
        {"role": "user", "content": [link("image", "a"), {"type": "text", "text": "x"}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [link("image", "b"), link("document", "c")]}]},
    ]});
    let bytes = Bytes::from(body.to_string());
    let links = invoke::find(&bytes);
    let found: Vec<_> = links.iter().map(|it| (it.url.as_str(), it.param.as_str())).collect();
    assert_eq!(
        found,
        [
            ("https://e.com/a", "messages[1].content[0].source.url"),
            ("https://e.com/b", "messages[2].content[0].content[0].source.url"),
            ("https://e.com/c", "messages[2].content[0].content[1].source.url"),
        ]
    );
    let fetched = ["image/png", "image/gif", "text/plain"];
    let fetched = fetched.map(|media_type| invoke::Inlined { media_type, bytes: Bytes::from_static(b"abc") });
    let inlined: Value = serde_json::from_slice(&invoke::inline(&bytes, fetched.to_vec())).unwrap();
    let source = |media_type: &str, kind: &str| json!({"type": kind, "media_type": media_type, "data": if kind == "text" { "abc" } else { "YWJj" }});
    let mut expected = body;
    expected["messages"][1]["content"][0]["source"] = source("image/png", "base64");
    expected["messages"][2]["content"][0]["content"][0]["source"] = source("image/gif", "base64");
    expected["messages"][2]["content"][0]["content"][1]["source"] = source("text/plain", "text");
    assert_eq!(inlined, expected);
    assert!(invoke::find(br#"{"messages":[{"role":"user","content":"no link"}]}"#).is_empty());
}

#[test]
fn counting_needs_no_max_tokens_and_sends_one() {
    let body = Bytes::from_static(br#"{"messages":[{"role":"user","content":"x"}],"max_tokens":0}"#);
    assert!(parse(&body, Version::V20230601, &Betas::default(), Purpose::Count).is_ok());
    let sent = invoke::body(&body, Version::V20230601, &Betas::default(), TRAITS, Purpose::Count).unwrap();
    let sent: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(sent["max_tokens"], 1);
}

#[test]
fn what_another_field_contradicts_is_named() {
    let schema = json!({"type": "json_schema", "schema": {"type": "object"}});
    let cases: [(Value, &[&str]); 5] = [
        (json!({"thinking": {"type": "adaptive", "budget_tokens": 2000}}), &["thinking.budget_tokens"]),
        (json!({"thinking": {"type": "disabled", "budget_tokens": 2000}}), &["thinking.budget_tokens"]),
        (json!({"thinking": {"type": "enabled", "budget_tokens": 2000}}), &[]),
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 2000}, "output_config": {"effort": "low"}}),
            &["output_config.effort"],
        ),
        (json!({"output_config": {"format": schema}, "output_format": schema}), &["output_format"]),
    ];
    for (fields, dropped) in cases {
        let mut body = json!({"max_tokens": 5000, "messages": [{"role": "user", "content": "x"}]});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let body = Bytes::from(body.to_string());
        let found = parse(&body, Version::V20230601, &Betas::default(), Purpose::Answer).unwrap();
        assert_eq!(found.dropped, dropped, "{fields}");
    }
}
