//! Budgets and shares that hold whatever happens on the way.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use outcrop_config::{LimitsConfig, OnUnavailable};
use serde_json::{Value, json};

use crate::harness::{MODEL, Setup, TestApp};

const CHAT: &str = "/v1/chat/completions";

fn ask(text: &str, max_tokens: u32) -> Value {
    json!({"model": MODEL, "max_tokens": max_tokens, "messages": [{"role": "user", "content": text}]})
}

fn setup(rules: &Value, on_unavailable: OnUnavailable) -> Setup {
    let rules = serde_json::from_value(rules.clone()).unwrap();
    let limits = LimitsConfig { on_unavailable, ..LimitsConfig::default() };
    Setup { rules, limits, ..Setup::default() }
}

#[tokio::test]
async fn calls_that_cost_nothing_take_nothing_of_a_budget() {
    let budgets = json!({"budgets": [{"usd": "0.012", "period": "month"}]});
    let app = TestApp::with(setup(&budgets, OnUnavailable::Local)).await;
    // Each is reserved about half a cent.
    for at in 0..10 {
        let answer = app.post(CHAT, &ask("[[fault: throttling]]", 1000)).await;
        assert!(!answer.text.contains("budget"), "{at}: {}", answer.text);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(app.ledger.records.lock().unwrap().is_empty());
    assert_eq!(app.post(CHAT, &ask("hi", 1000)).await.status, 200);
}

#[tokio::test]
async fn what_is_held_in_one_process_is_given_back_while_the_limiter_is_away() {
    let setup = setup(&json!({"concurrent_requests": 2}), OnUnavailable::Local);
    let limiter = Arc::clone(&setup.limiter);
    let app = TestApp::with(setup).await;
    limiter.away.store(true, Ordering::SeqCst);
    for at in 0..5 {
        let mut answer = app.post(CHAT, &ask("hi", 10)).await;
        for _ in 0..100 {
            if answer.status == 200 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            answer = app.post(CHAT, &ask("hi", 10)).await;
        }
        assert_eq!(answer.status, 200, "{at}: {}", answer.text);
    }
}

#[tokio::test]
async fn going_and_coming_gives_no_new_share() {
    let setup = setup(&json!({"requests_per_minute": 8}), OnUnavailable::Local);
    let limiter = Arc::clone(&setup.limiter);
    let app = TestApp::with(setup).await;
    let mut let_in = 0;
    for _ in 0..4 {
        limiter.away.store(true, Ordering::SeqCst);
        for _ in 0..4 {
            let_in += usize::from(app.post(CHAT, &ask("hi", 10)).await.status == 200);
        }
        limiter.away.store(false, Ordering::SeqCst);
        app.post(CHAT, &ask("hi", 10)).await;
    }
    // A minute may have turned in between.
    assert!((4..=8).contains(&let_in), "half of it: {let_in}");
}
