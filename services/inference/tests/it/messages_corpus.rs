//! Every request of the corpus of Anthropic's dialect, to models of several kinds: it is answered, or refused by a field.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::harness::{Answer, TestApp};

const CLAUDE: [&str; 2] = ["claude-haiku-4-5", "claude-opus-4-8"];
const OTHERS: [&str; 5] = ["nova-lite", "nova-2-lite", "llama3-3-70b", "gpt-6-sol", "gpt-oss-120b"];

/// What Anthropic itself would refuse, or what this version of it does not take on Bedrock; the last are for the models
/// that think by a budget, or no longer do.
const REFUSED_BY_CLAUDE: [&str; 20] = [
    "blank_content",
    "cache_control",
    "cache_control_automatic",
    "document_url",
    "dropped",
    "image_media_type_wrong",
    "image_url",
    "prefill",
    "sampling",
    "system_turn",
    "system_turn_after_tool_results",
    "thinking_adaptive",
    "thinking_between_tools",
    "thinking_given_back",
    "tool_choice_tool",
    "tool_history_without_tools",
    "tool_ids_and_names_rewritten",
    "tool_results_of_every_kind",
    "unknown_fields",
    "vendor_fields",
];

fn corpus() -> Vec<(String, Value, &'static str)> {
    let mut all = Vec::new();
    for (folder, version) in [("messages", "2023-06-01"), ("messages_2026", "2026-10-21")] {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/wire/fixtures/anthropic");
        for entry in std::fs::read_dir(fixtures.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            all.push((name, serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap(), version));
        }
    }
    assert!(!all.is_empty());
    all
}

async fn answered(app: &TestApp, model: &str, body: &Value, version: &str) -> Answer {
    let mut body = body.clone();
    body["model"] = model.into();
    let request = app.request(reqwest::Method::POST, "/v1/messages").header("anthropic-version", version);
    Answer::of(request.body(body.to_string()).send().await.unwrap()).await
}

#[tokio::test]
async fn other_models_answer_or_a_field_is_named() {
    let app = TestApp::start().await;
    for (name, body, version) in corpus() {
        for model in OTHERS {
            let answer = answered(&app, model, &body, version).await;
            if answer.status == 200 {
                continue;
            }
            // What Bedrock refused would be in its own words.
            let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
            assert!(answer.status == 400 && message.starts_with('`'), "{name} to {model}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn claude_answers_all_but_what_it_refuses_itself() {
    let app = TestApp::start().await;
    let mut refused = BTreeSet::new();
    for (name, body, version) in corpus() {
        for model in CLAUDE {
            let answer = answered(&app, model, &body, version).await;
            assert!(matches!(answer.status, 200 | 400), "{name} to {model}: {}", answer.text);
            assert!(!answer.text.contains("Malformed"), "{name} to {model}: {}", answer.text);
            if answer.status == 400 {
                refused.insert(name.clone());
            }
        }
    }
    let expected: BTreeSet<String> = REFUSED_BY_CLAUDE.into_iter().map(str::to_owned).collect();
    assert_eq!(refused, expected);
}
