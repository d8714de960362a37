//! Prompts and answers in spans: by opt-in only, and masked.

use outcrop_inference::TellingOptions;
use serde_json::{Value, json};

use crate::harness::{MODEL, Setup};
use crate::told::Told;

const CHAT: &str = "/v1/chat/completions";

fn opted_in() -> Setup {
    let telling = TellingOptions { content_bytes: Some(2_000), ..TellingOptions::default() };
    Setup { telling, ..Setup::default() }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test]
async fn whoever_opts_in_sees_what_is_said_and_not_by_whom() {
    for stream in [false, true] {
        let told = Told::with(opted_in()).await;
        let body = json!({"model": "nova-lite", "stream": stream, "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "I am ada@example.org [[say: Dear bob@example.org, hello]]"},
        ]});
        assert_eq!(told.post(CHAT, &body).await.status, 200);
        let (calls, _) = told.spans(2).await;
        let asked = parsed(calls[0].get("gen_ai.input.messages"));
        assert_eq!(asked[0]["role"], "user");
        let content = asked[0]["parts"][0]["content"].as_str().unwrap();
        assert!(content.starts_with("I am [email]"), "{content}");
        assert_eq!(parsed(calls[0].get("gen_ai.system_instructions"))[0]["content"], "Be kind.");
        let said = parsed(calls[0].get("gen_ai.output.messages"));
        let part = json!({"type": "text", "content": "Dear [email], hello"});
        assert_eq!(said, json!([{"role": "assistant", "parts": [part], "finish_reason": "end_turn"}]));
    }
}

#[tokio::test]
async fn bodies_in_a_models_own_words_are_masked_too() {
    for stream in [false, true] {
        let told = Told::with(opted_in()).await;
        let body = json!({"model": MODEL, "max_tokens": 50, "stream": stream, "messages": [
            {"role": "user", "content": "I am ada@example.org [[say: Dear bob@example.org]]"},
        ]});
        assert_eq!(told.post("/v1/messages", &body).await.status, 200);
        let (calls, _) = told.spans(2).await;
        let all = format!("{:?}", calls[0].attributes);
        assert!(all.contains("I am [email]") && all.contains("Dear [email]"), "{all}");
        assert!(!all.contains("example.org"), "{all}");
    }
}

#[tokio::test]
async fn why_a_model_stopped_is_told_of_bodies_in_its_own_words() {
    for method in ["invoke", "invoke-with-response-stream"] {
        let told = Told::with(opted_in()).await;
        let body = json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 50, "messages": [
            {"role": "user", "content": "hi"},
        ]});
        assert_eq!(told.post(&format!("/model/{MODEL}/{method}"), &body).await.status, 200);
        let (calls, _) = told.spans(2).await;
        assert_eq!(calls[0].get("gen_ai.response.finish_reasons"), "[\"end_turn\"]");
        assert_eq!(parsed(calls[0].get("gen_ai.output.messages"))[0]["finish_reason"], "end_turn");
    }
}
