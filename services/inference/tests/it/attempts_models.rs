//! Calls that another model answers than the one they were made ready for.

use std::sync::Arc;

use outcrop_emulator::{FaultKind, FaultRule, Faults};
use outcrop_types::{Policy, PolicyId, Residency, RouteTable, Rules, Target};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{MODEL, Setup, TestApp};
use crate::route_store::MemoryRoutes;

const CHAT: &str = "/v1/chat/completions";

const CLAUDE: &str = "anthropic.claude-haiku-4-5-20251001-v1:0";

/// A model that takes no temperature.
const SECOND: &str = "claude-opus-4-7";

fn routes(table: Value) -> Arc<MemoryRoutes> {
    let table: RouteTable = serde_json::from_value(table).unwrap();
    Arc::new(MemoryRoutes::of(table))
}

/// A route to a Claude, and to another model where that fails.
fn smart(second: &str) -> Arc<MemoryRoutes> {
    routes(json!({"routes": [{"alias": "smart", "groups": [
        {"targets": [{"model": MODEL, "region": "us-east-1"}]},
        {"targets": [{"model": second, "region": "us-west-2"}]},
    ]}]}))
}

fn throttled_first(routes: Arc<MemoryRoutes>) -> Setup {
    let rules = vec![FaultRule::share(FaultKind::Throttling, 1.0)];
    let regions =
        vec![("us-east-1", Faults { rules, ..Faults::default() }), ("us-west-2", Faults::default())];
    Setup { regions, routes, ..Setup::default() }
}

/// A policy for all calls of a model.
fn for_model(pattern: &str, rules: Rules) -> Policy {
    let at = chrono::DateTime::UNIX_EPOCH;
    Policy {
        id: PolicyId::new(Uuid::from_u128(7)),
        target: Target::Platform,
        model: Some(pattern.parse().unwrap()),
        rules,
        created_at: at,
        updated_at: at,
        revision: 1,
    }
}

#[tokio::test]
async fn the_request_is_made_ready_anew_for_the_model_that_answers() {
    let policy = for_model(SECOND, Rules { max_output_tokens: Some(7), ..Rules::default() });
    let app = TestApp::with(Setup { policies: vec![policy], ..throttled_first(smart(SECOND)) }).await;
    for stream in [false, true] {
        let body = json!({
            "model": "smart", "max_tokens": 500, "stream": stream, "temperature": 0.5,
            "messages": [{"role": "user", "content": "[[tokens: 400]]"}],
        });
        let answer = app.post(CHAT, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let model = answer.header("x-outcrop-model").unwrap();
        assert!(model.contains(SECOND), "{model}");
        assert_eq!(answer.header("x-outcrop-route"), Some("smart"));
        let attempts = answer.header("x-outcrop-attempts").unwrap();
        assert_eq!(attempts, format!("us-east-1 throttled, us-west-2 {model} ok"));
        // The limits of this model hold, and it takes no temperature.
        assert_eq!(answer.header("x-outcrop-max-tokens"), Some("7"));
        assert_eq!(answer.header("x-outcrop-dropped"), Some("temperature"));
    }
    let records = app.records(2).await;
    for record in &records {
        assert!(record.model_served.contains(SECOND), "{record:?}");
        assert_eq!((record.model_asked.as_str(), record.attempt), ("smart", 2));
        assert!(record.tokens.output <= 7, "{record:?}");
    }
}

#[tokio::test]
async fn who_is_strict_gets_no_model_on_which_something_has_no_effect() {
    let app = TestApp::with(throttled_first(smart(SECOND))).await;
    let body = json!({
        "model": "smart", "temperature": 0.5, "messages": [{"role": "user", "content": "hello"}],
    });
    let request = app.request(reqwest::Method::POST, CHAT).header("x-outcrop-strict", "true");
    let answer =
        request.header("content-type", "application/json").body(body.to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 429);
    assert_eq!(app.counters[1].snapshot().calls.values().sum::<u64>(), 0);
}

#[tokio::test]
async fn a_model_whose_limit_has_no_room_is_left_out() {
    let policy = for_model("nova-lite", Rules { requests_per_minute: Some(1), ..Rules::default() });
    let app = TestApp::with(Setup { policies: vec![policy], ..throttled_first(smart("nova-lite")) }).await;
    let body = json!({"model": "smart", "messages": [{"role": "user", "content": "hello"}]});
    assert_eq!(app.post(CHAT, &body).await.status, 200);
    let answer = app.post(CHAT, &body).await;
    // Throttled by Bedrock, which is what stood in the way of what was asked for.
    assert_eq!(answer.status, 429, "{}", answer.text);
    assert!(!answer.text.contains("nova"), "{}", answer.text);
}

#[tokio::test]
async fn claudes_own_body_goes_to_another_claude_and_to_no_other_model() {
    let body =
        json!({"model": "smart", "max_tokens": 20, "messages": [{"role": "user", "content": "hello"}]});
    let app = TestApp::with(throttled_first(smart("claude-sonnet-4-5"))).await;
    let answer = app.post("/v1/messages", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.header("x-outcrop-model").unwrap().contains("sonnet"));
    let app = TestApp::with(throttled_first(smart("nova-lite"))).await;
    let answer = app.post("/v1/messages", &body).await;
    assert_eq!(answer.status, 429, "{}", answer.text);
    assert_eq!(app.counters[1].snapshot().calls.values().sum::<u64>(), 0);
}

#[tokio::test]
async fn no_attempt_leaves_a_residency() {
    let areas: Vec<_> = ["us-east-1"].iter().map(|it| it.parse().unwrap()).collect();
    let rules = Rules { residency: Residency::try_from(areas).unwrap(), ..Rules::default() };
    let setup = Setup { rules, ..throttled_first(Arc::default()) };
    let app = TestApp::with(setup).await;
    let body = json!({"model": "nova-lite", "messages": [{"role": "user", "content": "hello"}]});
    let answer = app.post(CHAT, &body).await;
    assert_eq!(answer.status, 429, "{}", answer.text);
    assert_eq!(app.counters[1].snapshot().calls.values().sum::<u64>(), 0);
    let global = json!({
        "model": "global.anthropic.claude-haiku-4-5-20251001-v1:0",
        "messages": [{"role": "user", "content": "hello"}],
    });
    let answer = app.post(CHAT, &global).await;
    assert_eq!((answer.status, &answer.json()["error"]["param"]), (403, &json!("model")), "{}", answer.text);
}

#[tokio::test]
async fn limits_of_one_way_to_a_model_hold_where_another_way_fails() {
    let ways = |second: &str| {
        routes(json!({"routes": [{"alias": "smart", "groups": [
            {"targets": [{"model": format!("us.{CLAUDE}"), "region": "us-east-1"}]},
            {"targets": [{"model": format!("{second}.{CLAUDE}"), "region": "us-west-2"}]},
        ]}]}))
    };
    let body = json!({"model": "smart", "messages": [{"role": "user", "content": "hello"}]});
    for (second, status) in [("global", 429), ("us", 200)] {
        let policy = for_model("global.*", Rules { requests_per_minute: Some(0), ..Rules::default() });
        let app = TestApp::with(Setup { policies: vec![policy], ..throttled_first(ways(second)) }).await;
        assert_eq!(app.post(CHAT, &body).await.status, status, "{second}");
    }
    // What may write less there would have to be made ready anew.
    for (pattern, status) in [("global.*", 429), ("us.*", 200)] {
        let policy = for_model(pattern, Rules { max_output_tokens: Some(7), ..Rules::default() });
        let app = TestApp::with(Setup { policies: vec![policy], ..throttled_first(ways("global")) }).await;
        assert_eq!(app.post(CHAT, &body).await.status, status, "{pattern}");
    }
}
