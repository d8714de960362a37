//! Calls whose first target fails: what is tried then, what it costs, and what the client hears of it.

use std::time::{Duration, Instant};

use outcrop_config::RoutingConfig;
use outcrop_emulator::{Counters, FaultKind, FaultRule, Faults};
use outcrop_inference::LocalInference;
use outcrop_ports::{Inference as _, InferenceCall};
use outcrop_types::{Outcome, RequestId, Role, Rules, UsageRecord};
use serde_json::{Value, json};

use crate::harness::{Answer, MODEL, Setup, TestApp, principal};
use crate::route_store::MemoryRoutes;

const CHAT: &str = "/v1/chat/completions";

fn say(text: &str, stream: bool) -> Value {
    json!({"model": MODEL, "stream": stream, "messages": [{"role": "user", "content": text}]})
}

fn always(fault: FaultKind) -> Faults {
    Faults { rules: vec![FaultRule::share(fault, 1.0)], ..Faults::default() }
}

fn slow(latency_ms: u64) -> Faults {
    let rule = FaultRule { latency_ms, ..FaultRule::share(FaultKind::Slow, 1.0) };
    Faults { rules: vec![rule], ..Faults::default() }
}

/// Two regions, of which the first does this wrong.
fn first_does(faults: Faults) -> Setup {
    let regions = vec![("us-east-1", faults), ("us-west-2", Faults::default())];
    Setup { regions, routing: quick(), ..Setup::default() }
}

/// Both do.
fn both_do(faults: &Faults) -> Setup {
    let regions = vec![("us-east-1", faults.clone()), ("us-west-2", faults.clone())];
    Setup { regions, routing: quick(), ..Setup::default() }
}

fn quick() -> RoutingConfig {
    RoutingConfig { backoff_ms: 1, max_backoff_ms: 5, ..RoutingConfig::default() }
}

fn calls(counters: &Counters) -> u64 {
    counters.snapshot().calls.values().sum()
}

#[track_caller]
fn assert_second_answers(answer: &Answer, failure: &str) {
    assert_eq!(answer.status, 200, "{failure}: {}", answer.text);
    let attempts = format!("us-east-1 {failure}, us-west-2 ok");
    assert_eq!(answer.header("x-outcrop-attempts"), Some(attempts.as_str()));
    assert_eq!(answer.header("x-outcrop-region"), Some("us-west-2"));
}

#[track_caller]
fn assert_second(record: &UsageRecord) {
    assert_eq!((record.attempt, record.region.as_str()), (2, "us-west-2"), "{record:?}");
    assert_eq!(record.outcome, Outcome::Completed);
}

#[tokio::test]
async fn another_region_answers_and_what_cost_nothing_is_not_recorded() {
    for (fault, failure) in [
        (FaultKind::Throttling, "throttled"),
        (FaultKind::ModelNotReady, "not_ready"),
        (FaultKind::InternalServer, "internal"),
        (FaultKind::ServiceUnavailable, "unavailable"),
        (FaultKind::Disconnect, "unavailable"),
        (FaultKind::AccessDenied, "denied"),
        (FaultKind::ServiceQuotaExceeded, "quota_exceeded"),
    ] {
        for stream in [false, true] {
            let app = TestApp::with(first_does(always(fault))).await;
            let answer = app.post(CHAT, &say("hello", stream)).await;
            assert_second_answers(&answer, failure);
            let records = app.records(1).await;
            assert_eq!(records.len(), 1, "{fault:?}: {records:?}");
            assert_second(&records[0]);
            assert_eq!((calls(&app.counters[0]), calls(&app.counters[1])), (1, 1), "{fault:?}");
        }
    }
}

#[tokio::test]
async fn a_region_of_which_nobody_answers_costs_no_request() {
    let dead = Setup { dead: vec!["us-east-1"], ..first_does(Faults::default()) };
    let app = TestApp::with(dead).await;
    for at in 0..20 {
        let answer = app.post(CHAT, &say("hello", at % 2 == 0)).await;
        assert_eq!(answer.status, 200, "{at}: {}", answer.text);
        assert_eq!(answer.header("x-outcrop-region"), Some("us-west-2"));
        let attempts = answer.header("x-outcrop-attempts");
        // After five failures in a row it is left alone.
        if at < 5 {
            assert_eq!(attempts, Some("us-east-1 unavailable, us-west-2 ok"), "{at}");
        }
    }
    assert_eq!(calls(&app.counters[1]), 20);
}

#[tokio::test]
async fn every_operation_goes_to_another_region() {
    let turn = json!([{"role": "user", "content": "hello"}]);
    let claude = json!({"max_tokens": 20, "messages": turn});
    let raw = json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 20, "messages": turn});
    let converse = json!({"messages": [{"role": "user", "content": [{"text": "hello"}]}]});
    let id = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
    let with = |mut body: Value, model: &str, stream: bool| {
        (body["model"], body["stream"]) = (model.into(), stream.into());
        body
    };
    for (path, body) in [
        ("/v1/messages".to_owned(), with(claude.clone(), MODEL, false)),
        ("/v1/messages".to_owned(), with(claude.clone(), MODEL, true)),
        ("/v1/messages".to_owned(), with(claude, "nova-lite", false)),
        ("/v1/completions".to_owned(), json!({"model": MODEL, "prompt": "hello"})),
        ("/v1/responses".to_owned(), json!({"model": MODEL, "input": "hello"})),
        ("/v1/generate".to_owned(), json!({"model": MODEL, "prompt": "hello"})),
        ("/v1/embeddings".to_owned(), json!({"model": "titan-embed-text-v2", "input": "hello"})),
        (format!("/model/{id}/converse"), converse.clone()),
        (format!("/model/{id}/converse-stream"), converse.clone()),
        (format!("/model/{id}/invoke"), raw.clone()),
        (format!("/model/{id}/invoke-with-response-stream"), raw),
    ] {
        let app = TestApp::with(first_does(always(FaultKind::Throttling))).await;
        let answer = Answer::of(app.send(&path, &body).await).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        assert_eq!((calls(&app.counters[0]), calls(&app.counters[1])), (1, 1), "{path}");
        assert_second_answers(&answer, "throttled");
        assert_second(&app.records(1).await[0]);
    }
    let app = TestApp::with(Setup { dead: vec!["us-east-1"], ..first_does(Faults::default()) }).await;
    let count = json!({"input": {"converse": converse}});
    let answer = app.post(&format!("/model/{id}/count-tokens"), &count).await;
    assert_eq!((answer.status, calls(&app.counters[1])), (200, 1), "{}", answer.text);
}

#[tokio::test]
async fn what_comes_too_late_is_recorded_and_paid_for_by_itself() {
    let routing = RoutingConfig { first_event_ms: 200, ..quick() };
    // One call at a time: the second attempt is let in only because the first one's place is given back.
    let rules = Rules { concurrent_requests: Some(1), ..Rules::default() };
    let app = TestApp::with(Setup { routing, rules, ..first_does(slow(3_000)) }).await;
    let answer = app.post(CHAT, &say("hello", true)).await;
    assert_second_answers(&answer, "timed_out");
    let records = app.records(2).await;
    let failed = records.iter().find(|it| it.attempt == 1).unwrap();
    assert_eq!((failed.outcome, failed.region.as_str()), (Outcome::Failed, "us-east-1"));
    assert_eq!(failed.error.as_deref(), Some("timeout"));
    assert!(failed.estimated && failed.tokens.input > 0 && failed.cost.is_some(), "{failed:?}");
    let answered = records.iter().find(|it| it.attempt == 2).unwrap();
    assert_second(answered);
    assert_eq!(failed.request_id, answered.request_id);
    // Nothing is held any more.
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if app.post(CHAT, &say("[[say: again]]", false)).await.status == 200 {
            return;
        }
    }
    panic!("a call that is over holds its place");
}

#[tokio::test]
async fn nothing_is_tried_once_the_first_byte_has_left() {
    for fault in [FaultKind::StreamThrottling, FaultKind::StreamModelError, FaultKind::Cut] {
        let rule = FaultRule::share(fault, 1.0).after_events(4);
        let app = TestApp::with(first_does(Faults { rules: vec![rule], ..Faults::default() })).await;
        let answer = app.post(CHAT, &say("[[tokens: 40]] [[chunk: 1]]", true)).await;
        assert_eq!(answer.status, 200);
        assert!(answer.events().pop().unwrap()["error"]["message"].is_string(), "{}", answer.text);
        assert_eq!(answer.header("x-outcrop-attempts"), None);
        assert_eq!((calls(&app.counters[0]), calls(&app.counters[1])), (1, 0), "{fault:?}");
        let records = app.records(1).await;
        assert_eq!((records[0].attempt, records[0].outcome), (1, Outcome::Failed));
    }
}

#[tokio::test]
async fn what_is_wrong_is_wrong_everywhere() {
    let app = TestApp::with(first_does(Faults::default())).await;
    let mut body = say("hello", false);
    body["max_tokens"] = 1_000_000.into();
    let answer = app.post(CHAT, &body).await;
    assert_eq!((answer.status, answer.header("x-outcrop-attempts")), (400, None), "{}", answer.text);
    assert!(calls(&app.counters[0]) <= 1);
    assert_eq!(calls(&app.counters[1]), 0);
}

#[tokio::test]
async fn one_target_is_tried_again_a_little_later() {
    let rules = vec![FaultRule::next(FaultKind::Throttling, 2)];
    let regions = vec![("us-east-1", Faults { rules, ..Faults::default() })];
    let app = TestApp::with(Setup { regions, routing: quick(), ..Setup::default() }).await;
    let answer = app.post(CHAT, &say("hello", false)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let attempts = "us-east-1 throttled, us-east-1 throttled, us-east-1 ok";
    assert_eq!(answer.header("x-outcrop-attempts"), Some(attempts));
    assert_eq!(app.records(1).await[0].attempt, 3);
}

#[tokio::test]
async fn a_failure_of_all_tells_what_was_tried_and_holds_nothing() {
    let rules = Rules { budgets: budget("0.012"), ..Rules::default() };
    let app = TestApp::with(Setup { rules, ..both_do(&always(FaultKind::Throttling)) }).await;
    // Each holds about half a cent.
    for at in 0..6 {
        let mut body = say("hello", at % 2 == 0);
        body["max_tokens"] = 1_000.into();
        let answer = app.post(CHAT, &body).await;
        assert_eq!(answer.status, 429, "{at}: {}", answer.text);
        assert!(!answer.text.contains("budget"), "{at}: {}", answer.text);
        if at == 0 {
            let tried = "us-east-1 throttled, us-west-2 throttled, us-east-1 throttled";
            assert_eq!(answer.header("x-outcrop-attempts"), Some(tried));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(app.ledger.records.lock().unwrap().is_empty());
}

fn budget(usd: &str) -> Vec<outcrop_types::Budget> {
    serde_json::from_value(json!([{"usd": usd, "period": "month"}])).unwrap()
}

#[tokio::test]
async fn a_brown_out_is_not_amplified() {
    let routing = RoutingConfig { retry_budget: 2, breaker_failures: 10_000, ..quick() };
    let app = TestApp::with(Setup { routing, ..both_do(&always(FaultKind::InternalServer)) }).await;
    for _ in 0..60 {
        assert_eq!(app.post(CHAT, &say("hello", false)).await.status, 500);
    }
    let made = calls(&app.counters[0]) + calls(&app.counters[1]);
    // What both targets have saved up is used up by their first failures, and then there are no retries.
    assert_eq!(made, 63);
}

#[tokio::test]
async fn the_callers_deadline_bounds_all_attempts() {
    let app = TestApp::with(both_do(&slow(5_000))).await;
    for path in [CHAT, "/v1/messages", "/v1/embeddings"] {
        let mut body = say("hello", false);
        body["max_tokens"] = 10.into();
        if path.ends_with("embeddings") {
            body = json!({"model": "titan-embed-text-v2", "input": "hello"});
        }
        let begun = Instant::now();
        let call = InferenceCall {
            way: outcrop_types::Way::OnDemand,
            response: None,
            principal: principal(Role::Service),
            path: path.into(),
            body: body.to_string().into(),
            request_id: RequestId::parse("job-1").unwrap(),
            deadline: Duration::from_millis(400),
        };
        let answer = LocalInference::new(app.service.clone()).call(call).await.unwrap();
        assert_eq!(answer.status, 504, "{path}: {:?}", answer.body);
        assert!(begun.elapsed() < Duration::from_secs(3), "{path}: {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn of_all_failures_the_one_is_told_that_says_what_to_do() {
    let throttled = always(FaultKind::Throttling);
    for last in [FaultKind::AccessDenied, FaultKind::ServiceUnavailable] {
        let regions = vec![("us-east-1", throttled.clone()), ("us-west-2", always(last))];
        let app = TestApp::with(Setup { regions, routing: quick(), ..Setup::default() }).await;
        let answer = app.post(CHAT, &say("hello", false)).await;
        assert_eq!(answer.status, 429, "{last:?}: {}", answer.text);
    }
}

#[tokio::test]
async fn nobody_waits_for_the_rest_of_what_keeps_failing() {
    let app = TestApp::with(Setup {
        routing: RoutingConfig { breaker_failures: 2, ..RoutingConfig::default() },
        ..both_do(&always(FaultKind::ServiceUnavailable))
    })
    .await;
    // Pauses are below a fifth of a second, a rest is a whole one.
    for _ in 0..6 {
        app.post(CHAT, &say("hello", false)).await;
    }
    for _ in 0..4 {
        let begun = Instant::now();
        let answer = app.post(CHAT, &say("hello", false)).await;
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert!(begun.elapsed() < Duration::from_millis(800), "{:?}", begun.elapsed());
        assert!(answer.header("retry-after").is_some(), "when they come back is known");
    }
}

#[tokio::test]
async fn a_hasty_route_does_not_close_a_target_to_others() {
    let table = json!({"routes": [{
        "alias": "hasty", "options": {"first_event_ms": 20, "attempts": 1},
        "groups": [{"targets": [{"model": MODEL, "region": "us-east-1"}]}],
    }]});
    let routes = MemoryRoutes::of(serde_json::from_value(table).unwrap());
    let app = TestApp::with(Setup { routes: routes.into(), ..first_does(slow(300)) }).await;
    for _ in 0..6 {
        let mut body = say("hello", true);
        body["model"] = "hasty".into();
        assert_eq!(app.post(CHAT, &body).await.status, 504);
    }
    let answer = app.post(CHAT, &say("hello", true)).await;
    assert_eq!(answer.header("x-outcrop-region"), Some("us-east-1"), "{}", answer.text);
}

#[tokio::test]
async fn an_answer_that_is_none_is_asked_of_another_target() {
    let app = TestApp::with(first_does(Faults::default())).await;
    let answer = app.post(CHAT, &say("[[stop: malformed_model_output]]", false)).await;
    assert_eq!(answer.status, 502, "{}", answer.text);
    assert_eq!(answer.header("x-outcrop-attempts"), Some("us-east-1 model, us-west-2 model"));
    // What each of them used is known.
    for record in app.records(2).await {
        assert!(!record.estimated && record.outcome == Outcome::Failed, "{record:?}");
    }
}
