//! What was answered once is answered again, in every dialect, and no model is called.

use outcrop_types::{CacheState, TeamId};
use uuid::Uuid;

use super::*;

/// The text of an answer, in the words of its dialect, whole or in pieces.
fn said(answer: &Answer) -> String {
    fn texts(value: &Value, out: &mut String) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match (name.as_str(), value) {
                        ("text" | "content" | "output" | "delta", Value::String(text)) => out.push_str(text),
                        // What is whole at the end of a stream repeats its pieces.
                        ("response" | "item" | "part", _) => {}
                        _ => texts(value, out),
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|it| texts(it, out)),
            _ => {}
        }
    }
    let mut out = String::new();
    let is_stream = answer.text.contains("data: ");
    let events = if is_stream { answer.events() } else { vec![answer.json()] };
    for event in events.iter().filter(|it| !it["type"].as_str().is_some_and(|it| it.ends_with(".done"))) {
        texts(event, &mut out);
    }
    out
}

#[tokio::test]
async fn every_dialect_gives_again_what_it_gave() {
    let app = TestApp::with(kept()).await;
    let turn = |text: &str| json!([{"role": "user", "content": text}]);
    let converse = |text: &str| json!({"messages": [{"role": "user", "content": [{"text": text}]}]});
    let say = "[[say: The quick brown fox jumps over the lazy dog, twice.]]";
    let cases = [
        ("/v1/chat/completions", chat(&format!("a{say}"))),
        ("/v1/chat/completions", with(chat(&format!("b{say}")), &json!({"stream": true}))),
        ("/v1/chat/completions", with(chat(&format!("c{say}")), &json!({"n": 2}))),
        ("/v1/chat/completions", with(chat(&format!("d{say}")), &json!({"n": 2, "stream": true}))),
        ("/v1/completions", json!({"model": MODEL, "prompt": format!("e{say}")})),
        ("/v1/responses", json!({"model": MODEL, "input": format!("f{say}")})),
        ("/v1/responses", json!({"model": MODEL, "input": format!("g{say}"), "stream": true})),
        ("/generate", json!({"model": MODEL, "prompt": format!("h{say}")})),
        ("/generate", json!({"model": MODEL, "prompt": format!("i{say}"), "stream": true})),
        ("/v1/messages", json!({"model": MODEL, "max_tokens": 50, "messages": turn(&format!("j{say}"))})),
        (
            "/v1/messages",
            json!({"model": MODEL, "max_tokens": 50, "messages": turn(&format!("k{say}")), "stream": true}),
        ),
        ("/v1/messages", json!({"model": OTHER, "max_tokens": 50, "messages": turn(&format!("l{say}"))})),
        (&format!("/model/{MODEL}/converse"), converse(&format!("m{say}"))),
    ];
    for (path, body) in cases {
        let first = app.post(path, &body).await;
        assert_eq!(state(&first), "miss", "{path} {body}");
        assert!(said(&first).contains("The quick brown fox"), "{path}: {}", first.text);
        let before = calls(&app);
        let again = app.post(path, &body).await;
        assert_eq!(state(&again), "hit", "{path} {body}");
        assert_eq!(calls(&app), before, "{path} {body}");
        assert_eq!(
            said(&again).replace("twice.", "").len(),
            said(&first).replace("twice.", "").len(),
            "{path}"
        );
        assert_eq!(again.header("age"), Some("0"));
        assert!(again.header("x-outcrop-cache-saved-usd").is_some(), "{path}");
        assert_eq!(again.header("x-outcrop-model"), first.header("x-outcrop-model"));
    }
}

#[tokio::test]
async fn a_stream_and_a_whole_answer_are_one() {
    let app = TestApp::with(kept()).await;
    let body = chat("[[think: hm]][[say: One two three.]]");
    let streamed = with(body.clone(), &json!({"stream": true, "stream_options": {"include_usage": true}}));
    assert_eq!(state(&app.post("/v1/chat/completions", &streamed).await), "miss");
    let whole = app.post("/v1/chat/completions", &body).await;
    assert_eq!(state(&whole), "hit");
    assert_eq!(whole.json()["choices"][0]["message"]["content"], "One two three.");
    let other = chat("[[say: Four five six.]]");
    let first = app.post("/v1/chat/completions", &other).await;
    assert_eq!(state(&first), "miss");
    let streamed = with(other, &json!({"stream": true, "stream_options": {"include_usage": true}}));
    let again = app.post("/v1/chat/completions", &streamed).await;
    assert_eq!(state(&again), "hit");
    assert!(again.text.trim_end().ends_with("data: [DONE]"), "{}", again.text);
    let events = again.events();
    assert_eq!(events.last().unwrap()["usage"], first.json()["usage"]);
    assert_eq!(calls(&app), 2);
}

#[tokio::test]
async fn an_answer_of_claude_has_ids_of_its_own_request() {
    let app = TestApp::with(kept()).await;
    for stream in [false, true] {
        let turns = json!([{"role": "user", "content": format!("[[say: hello {stream}]]")}]);
        let body = json!({"model": MODEL, "max_tokens": 50, "messages": turns, "stream": stream});
        let id = |answer: &Answer| {
            let message = if stream { answer.events()[0]["message"].clone() } else { answer.json() };
            assert_eq!(message["model"], MODEL);
            message["id"].as_str().unwrap().to_owned()
        };
        let first = app.post("/v1/messages", &body).await;
        let again = app.post("/v1/messages", &body).await;
        assert_eq!((state(&first), state(&again)), ("miss", "hit"));
        assert_ne!(id(&first), id(&again));
    }
}

#[tokio::test]
async fn vectors_and_scores_are_kept() {
    let app = TestApp::with(kept()).await;
    let embed = json!({"model": "cohere-embed-multilingual-v3", "input": ["a", "b"]});
    let rank = json!({"model": "cohere-rerank-v3-5", "query": "q", "documents": ["a", "b"]});
    for (path, body) in [("/v1/embeddings", embed), ("/v1/rerank", rank)] {
        let first = app.post(path, &body).await;
        let before = calls(&app);
        let again = app.post(path, &body).await;
        assert_eq!((state(&first), state(&again)), ("miss", "hit"), "{path}");
        assert_eq!(calls(&app), before);
        let plain = |answer: &Answer| with(answer.json(), &json!({"id": ""}));
        assert_eq!(plain(&first), plain(&again), "{path}");
    }
}

#[tokio::test]
async fn what_a_hit_saved_is_on_record_and_nothing_is_paid() {
    let app = TestApp::with(kept()).await;
    for _ in 0..2 {
        app.post("/v1/chat/completions", &chat("[[say: hello]]")).await;
    }
    let records = app.records(2).await;
    let [miss, hit] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((miss.cache, hit.cache), (CacheState::Miss, CacheState::Hit));
    assert_eq!(hit.cache_saved, miss.cost.as_ref().map(|cost| cost.usd));
    assert!(hit.cache_saved.is_some() && hit.cost.is_none() && hit.tokens.is_nothing() && !hit.estimated);
    assert!(hit.cache_age_ms.is_some() && miss.cache_age_ms.is_none());
    assert_eq!(hit.stop_reason, miss.stop_reason);
}

#[tokio::test]
async fn one_teams_answers_are_no_others() {
    let cache: Arc<dyn Cache> = Arc::new(outcrop_embedded::MemoryCache::default());
    let of = |team: u128| {
        let team = TeamId::new(Uuid::from_u128(team));
        TestApp::with(Setup { cache: Arc::clone(&cache), team, ..kept() })
    };
    let (one, replica, other) = (of(1).await, of(1).await, of(2).await);
    let body = chat("[[say: secret]]");
    for (app, expected) in [(&one, "miss"), (&replica, "hit"), (&other, "miss"), (&other, "hit")] {
        assert_eq!(state(&app.post("/v1/chat/completions", &body).await), expected);
    }
    let forget = other.request(reqwest::Method::DELETE, "/v1/cache").send().await.unwrap();
    assert_eq!(forget.status().as_u16(), 403, "a developer does not manage the team");
}

#[tokio::test]
async fn whoever_manages_a_team_has_its_answers_forgotten() {
    let app = TestApp::with(Setup { role: outcrop_types::Role::TeamAdmin, ..kept() }).await;
    let body = chat("[[say: hello]]");
    let named = [("x-outcrop-cache-namespace", "a")];
    let forget = async |query: &str| {
        let path = format!("/v1/cache{query}");
        app.request(reqwest::Method::DELETE, &path).send().await.unwrap().status().as_u16()
    };
    for (query, plain, under_a) in
        [("", "miss", "miss"), ("?namespace=a", "hit", "miss"), ("?namespace=b", "hit", "hit")]
    {
        app.post("/v1/chat/completions", &body).await;
        send(&app, "/v1/chat/completions", &named, &body).await;
        assert_eq!(forget(query).await, 204);
        assert_eq!(state(&app.post("/v1/chat/completions", &body).await), plain, "{query}");
        assert_eq!(state(&send(&app, "/v1/chat/completions", &named, &body).await), under_a, "{query}");
    }
    for wrong in ["?namespace=", "?namespace=a/b", "?team=x"] {
        assert_eq!(forget(wrong).await, 400, "{wrong}");
    }
    let unknown = app.request(reqwest::Method::DELETE, "/v1/cache?namspace=x").send().await.unwrap();
    let told = Answer::of(unknown).await;
    assert!(told.text.contains("`namspace` is not known here; `namespace` is."), "{}", told.text);
}
