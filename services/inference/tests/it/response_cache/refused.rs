//! What is never kept.

use super::*;

const PATH: &str = "/v1/chat/completions";

/// Asks twice, and says whether a model was called twice.
async fn twice(app: &TestApp, path: &str, body: &Value) -> bool {
    let before = calls(app);
    for _ in 0..2 {
        app.post(path, body).await;
    }
    calls(app) == before + 2
}

#[tokio::test]
async fn neither_errors_nor_what_was_stepped_into_is_kept() {
    let app = TestApp::with(kept()).await;
    for text in [
        "[[fault: validation]]",
        "[[say: x]][[stop: guardrail_intervened]]",
        "[[say: x]][[stop: content_filtered]]",
        "[[say: x]][[stop: malformed_model_output]]",
    ] {
        for stream in [false, true] {
            let body = with(chat(text), &json!({"stream": stream}));
            assert!(twice(&app, PATH, &body).await, "{text} {stream}");
        }
    }
    let turns = json!([{"role": "user", "content": "[[say: x]][[stop: guardrail_intervened]]"}]);
    for stream in [false, true] {
        let body = json!({"model": MODEL, "max_tokens": 9, "messages": turns, "stream": stream});
        assert!(twice(&app, "/v1/messages", &body).await, "{stream}");
    }
}

#[tokio::test]
async fn a_stream_that_broke_off_is_not_kept() {
    let app = TestApp::with(kept()).await;
    let body =
        with(chat("[[say: one two three four five six]][[fault: cut after 3]]"), &json!({"stream": true}));
    assert!(twice(&app, PATH, &body).await);
}

#[tokio::test]
async fn turns_with_tools_are_kept_only_where_that_is_asked() {
    let tools =
        json!({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]});
    let body = with(chat("[[tool: f {\"a\": 1}]]"), &tools);
    let app = TestApp::with(kept()).await;
    assert!(twice(&app, PATH, &body).await);
    assert_eq!(state(&app.post(PATH, &body).await), "bypass");
    let rule = CacheRule { tools: true, ..CacheRule::default() };
    let app = TestApp::with(Setup { rules: keep(rule), ..Setup::default() }).await;
    let first = app.post(PATH, &body).await;
    let again = app.post(PATH, &with(body, &json!({"stream": true}))).await;
    assert_eq!((state(&first), state(&again)), ("miss", "hit"));
    assert!(again.text.contains("\"name\":\"f\""), "{}", again.text);
}

#[tokio::test]
async fn what_is_large_is_not_kept() {
    let settings = outcrop_config::ResponseCacheConfig { max_entry_bytes: 1_024, ..Default::default() };
    let app = TestApp::with(Setup { response_cache: settings, ..kept() }).await;
    for stream in [false, true] {
        let body = with(chat("[[tokens: 1000]]"), &json!({"stream": stream, "max_tokens": 2000}));
        assert!(twice(&app, PATH, &body).await);
    }
}
