//! How requests say it, and what a hit takes of limits.

use outcrop_types::{Budget, Calendar, Period, TimeZone};

use super::*;

const PATH: &str = "/v1/chat/completions";

#[tokio::test]
async fn nothing_is_kept_unless_somebody_asks() {
    let app = TestApp::start().await;
    let body = chat("[[say: hello]]");
    for _ in 0..2 {
        assert_eq!(state(&send(&app, PATH, &[("cache-control", "no-cache")], &body).await), "bypass");
    }
    let asks = with(body.clone(), &json!({"cache": {"ttl": 60}}));
    assert_eq!(state(&app.post(PATH, &asks).await), "miss");
    assert_eq!(state(&app.post(PATH, &asks).await), "hit");
    assert_eq!(state(&send(&app, PATH, &[("x-outcrop-cache-ttl", "9")], &body).await), "hit");
    assert_eq!(state(&app.post(PATH, &body).await), "bypass");
}

#[tokio::test]
async fn time_ends_an_answer() {
    let app = TestApp::start().await;
    let body = with(chat("[[say: hello]]"), &json!({"cache": {"ttl": 1}}));
    assert_eq!(state(&app.post(PATH, &body).await), "miss");
    assert_eq!(state(&app.post(PATH, &body).await), "hit");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let fresh = [("cache-control", "max-age=1")];
    assert_eq!(state(&app.post(PATH, &body).await), "miss");
    assert_eq!(state(&send(&app, PATH, &fresh, &body).await), "hit");
}

#[tokio::test]
async fn a_request_says_what_is_done_with_its_answer() {
    let app = TestApp::with(kept()).await;
    let body = chat("[[say: hello]]");
    let asked = |control: Value| with(body.clone(), &json!({"cache": control}));
    let steps = [
        (json!({"no_store": true}), "miss"),
        (json!({}), "miss"),
        (json!({"no_store": true}), "hit"),
        (json!({"no_cache": true}), "miss"),
        (json!({"no_cache": true, "no_store": true}), "bypass"),
        (json!({"namespace": "a"}), "miss"),
        (json!({"namespace": "b"}), "miss"),
        (json!({"namespace": "a"}), "hit"),
        (json!(null), "hit"),
    ];
    for (control, expected) in steps {
        assert_eq!(state(&app.post(PATH, &asked(control.clone())).await), expected, "{control}");
    }
    for (value, expected) in
        [("no-cache", "miss"), ("no-store", "hit"), ("max-age=0", "miss"), ("no-cache, no-store", "bypass")]
    {
        assert_eq!(state(&send(&app, PATH, &[("cache-control", value)], &body).await), expected, "{value}");
    }
}

#[tokio::test]
async fn a_rule_may_leave_nothing_to_requests() {
    let rule = CacheRule { request_control: false, ..CacheRule::default() };
    let app = TestApp::with(Setup { rules: keep(rule), ..Setup::default() }).await;
    let body = with(chat("[[say: hello]]"), &json!({"cache": {"no_cache": true, "namespace": "a"}}));
    assert_eq!(state(&app.post(PATH, &body).await), "miss");
    assert_eq!(state(&app.post(PATH, &body).await), "hit");
    let off = outcrop_config::ResponseCacheConfig { enabled: false, ..Default::default() };
    let app = TestApp::with(Setup { response_cache: off, ..kept() }).await;
    for _ in 0..2 {
        assert_eq!(state(&app.post(PATH, &body).await), "bypass");
    }
}

#[tokio::test]
async fn hits_spend_no_budget() {
    let mut rules = keep(CacheRule::default());
    let period = Period::Calendar { calendar: Calendar::Month, time_zone: TimeZone::UTC };
    rules.budgets = vec![Budget { usd: "0.01".parse().unwrap(), period, alert_at: vec![] }];
    let app = TestApp::with(Setup { rules, ..Setup::default() }).await;
    let body = with(chat("[[say: hello]][[usage: input=1000,output=400]]"), &json!({"max_tokens": 1000}));
    assert_eq!(state(&app.post(PATH, &body).await), "miss");
    for _ in 0..20 {
        assert_eq!(state(&app.post(PATH, &body).await), "hit");
    }
    assert_eq!(calls(&app), 1);
    let records = app.records(21).await;
    assert!(records.iter().skip(1).all(|it| it.cost.is_none() && it.cache_saved.is_some()));
}

#[tokio::test]
async fn a_cache_that_is_away_is_no_failure() {
    let app = TestApp::with(Setup { role: outcrop_types::Role::TeamAdmin, ..away() }).await;
    for stream in [false, true] {
        let body = with(chat("[[say: hello]]"), &json!({"stream": stream}));
        for _ in 0..2 {
            let answer = app.post(PATH, &body).await;
            assert_eq!(state(&answer), "miss");
            assert!(answer.text.contains("hello"));
        }
    }
    let forget = app.request(reqwest::Method::DELETE, "/v1/cache").send().await.unwrap();
    assert_eq!(forget.status().as_u16(), 503);
}

#[tokio::test]
async fn what_is_said_wrong_is_refused_by_name_in_every_dialect() {
    let app = TestApp::start().await;
    let turns = json!([{"role": "user", "content": "hi"}]);
    let wrong = json!({"cache": {"tll": 1}});
    for (path, body) in [
        (PATH, chat("hi")),
        ("/v1/completions", json!({"model": MODEL, "prompt": "hi"})),
        ("/v1/responses", json!({"model": MODEL, "input": "hi"})),
        ("/v1/embeddings", json!({"input": "hi"})),
        ("/v1/rerank", json!({"model": "cohere-rerank-v3-5", "query": "q", "documents": ["a"]})),
        ("/v1/messages", json!({"model": MODEL, "max_tokens": 9, "messages": turns})),
        ("/v1/messages", json!({"model": OTHER, "max_tokens": 9, "messages": turns})),
        ("/generate", json!({"model": MODEL, "prompt": "hi"})),
    ] {
        let refused = app.post(path, &with(body.clone(), &wrong)).await;
        assert_eq!(refused.status, 400, "{path}: {}", refused.text);
        assert!(refused.text.contains("cache.tll"), "{path}: {}", refused.text);
        let strict = [("x-outcrop-strict", "true")];
        let good = send(&app, path, &strict, &with(body, &json!({"cache": {"ttl": 60}}))).await;
        assert_eq!(good.status, 200, "{path}: {}", good.text);
        assert_eq!(good.header("x-outcrop-dropped"), None, "{path}");
    }
    let headers = [
        ("cache-control", "max-age=soon"),
        ("x-outcrop-cache-ttl", "0"),
        ("x-outcrop-cache-ttl", "604801"),
        ("x-outcrop-cache-namespace", "a/b"),
    ];
    for (name, value) in headers {
        let refused = send(&app, PATH, &[(name, value)], &chat("hi")).await;
        assert_eq!((refused.status, refused.json()["error"]["param"].as_str()), (400, Some(name)), "{value}");
    }
}
