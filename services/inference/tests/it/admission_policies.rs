//! Policies, as a client meets them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use outcrop_config::{LimitsConfig, OnUnavailable};
use outcrop_types::{Money, Policy, PolicyId, Rules};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Answer, MODEL, Setup, TestApp};

const CHAT: &str = "/v1/chat/completions";

fn rules(rules: &Value) -> Rules {
    serde_json::from_value(rules.clone()).unwrap()
}

/// A service in which everybody together is held to these rules.
async fn ruled(all: Value) -> TestApp {
    TestApp::with(Setup { rules: rules(&all), ..Setup::default() }).await
}

/// For each team, with the second id.
fn of_each_team(all: &Value) -> Policy {
    Policy {
        id: PolicyId::new(Uuid::from_u128(2)),
        target: serde_json::from_value(json!({"level": "team"})).unwrap(),
        model: None,
        rules: rules(all),
        created_at: chrono::DateTime::UNIX_EPOCH,
        updated_at: chrono::DateTime::UNIX_EPOCH,
        revision: 1,
    }
}

fn ask(text: &str, max_tokens: u32) -> Value {
    json!({"model": MODEL, "max_tokens": max_tokens, "messages": [{"role": "user", "content": text}]})
}

fn spent(app: &TestApp) -> Money {
    app.ledger.records.lock().unwrap().iter().filter_map(|it| Some(it.cost.as_ref()?.usd)).sum()
}

/// Asks until that is let in: what calls held is given back a moment after they end.
async fn until_let_in(app: &TestApp, body: &Value) -> Answer {
    for _ in 0..500 {
        let answer = app.post(CHAT, body).await;
        if answer.status != 429 {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nothing was given back");
}

#[tokio::test]
async fn a_budget_is_spent_and_not_more() {
    let budget = json!({"usd": "0.01", "period": "month", "time_zone": "Europe/Zurich"});
    let policies = vec![of_each_team(&json!({"budgets": [budget]}))];
    let app = TestApp::with(Setup { policies, ..Setup::default() }).await;
    let mut answered = 0;
    let refused = loop {
        let answer = app.post(CHAT, &ask("[[tokens: 200]]", 300)).await;
        match answer.status {
            200 => answered += 1,
            429 if answer.text.contains("held by calls") => {
                tokio::time::sleep(Duration::from_millis(5)).await
            }
            429 => break answer,
            _ => panic!("{}", answer.text),
        }
        assert!(answered < 100, "a cent is not enough for so many");
    };
    app.records(answered).await;
    assert!(answered > 2, "{}", refused.text);
    let budget: Money = "0.01".parse().unwrap();
    assert!(spent(&app) <= budget && spent(&app) > Money::ZERO, "{}", spent(&app));
    let error = &refused.json()["error"];
    assert_eq!(
        (&error["type"], &error["code"]),
        (&json!("insufficient_quota"), &json!("insufficient_quota"))
    );
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("The budget of 0.01 USD per month of this team has 0."), "{message}");
    assert!(message.contains("; it begins anew on 20") && message.contains("-01T00:00:00+0"), "{message}");
    assert_eq!(refused.header("x-should-retry"), Some("false"));
    let limit = refused.header("x-outcrop-limit").unwrap();
    assert_eq!(limit, "level=team; kind=money; policy=pol_00000000000000000000000000000002");
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    assert!(refused.header("retry-after-ms").unwrap().parse::<u64>().unwrap() >= 1);

    // The same in the other dialects.
    let claude = app.post("/v1/messages", &ask("[[tokens: 200]]", 300)).await;
    assert_eq!((claude.status, &claude.json()["error"]["type"]), (429, &json!("rate_limit_error")));
    let own = app.post("/generate", &json!({"prompt": "hi", "max_tokens": 2000})).await.json();
    assert_eq!(
        (&own["status"], &own["level"], &own["kind"]),
        (&json!(429), &json!("team"), &json!("money")),
        "{own}"
    );
    assert_eq!(own["limit"], "0.01 USD per month", "{own}");
    assert!(own["reset"].as_str().unwrap().contains("-01T00:00:00+0"), "{own}");
    let converse = json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}], "inferenceConfig": {"maxTokens": 2000}});
    let aws = app.post(&format!("/model/{MODEL}/converse"), &converse).await;
    let exception = aws.header("x-amzn-errortype");
    assert_eq!((aws.status, exception), (400, Some("ServiceQuotaExceededException")), "{}", aws.text);
}

#[tokio::test]
async fn a_limit_of_nothing_has_room_at_no_time() {
    let app = ruled(json!({"requests_per_minute": 0})).await;
    let refused = app.post(CHAT, &ask("hi", 50)).await;
    assert_eq!(
        (refused.status, refused.json()["error"]["code"].as_str()),
        (429, Some("rate_limit_exceeded"))
    );
    assert_eq!(refused.header("x-ratelimit-limit-requests"), Some("0"));
    assert_eq!(refused.header("x-ratelimit-reset-requests"), None);
    let claude = app.post("/v1/messages", &ask("hi", 50)).await;
    assert_eq!(claude.header("anthropic-ratelimit-requests-limit"), Some("0"));
    assert_eq!(claude.header("anthropic-ratelimit-requests-reset"), None);
    let own = app.post("/generate", &json!({"prompt": "hi"})).await.json();
    assert_eq!((&own["kind"], own.get("reset")), (&json!("requests"), None), "{own}");
}

#[tokio::test]
async fn what_is_larger_than_a_limit_hears_so() {
    let budget = json!({"usd": "0.001", "period": "rolling", "days": 7});
    for (all, says) in [
        (json!({"budgets": [budget]}), "more than the whole budget of 0.001 USD in 7 days of the platform."),
        (
            json!({"tokens_per_minute": 2000}),
            "more than the limit of 2000 tokens per minute for the platform.",
        ),
    ] {
        let app = ruled(all).await;
        let refused = app.post(CHAT, &ask("hi", 5000)).await;
        assert_eq!(refused.status, 429, "{}", refused.text);
        assert!(refused.text.contains(says), "{}", refused.text);
        assert_eq!(refused.header("x-should-retry"), Some("false"));
        assert_eq!(refused.header("retry-after"), None, "never");
        // AWS's SDKs would try a `ThrottlingException` again, whatever the headers say.
        let turn = json!([{"role": "user", "content": [{"text": "hi"}]}]);
        let body = json!({"messages": turn, "inferenceConfig": {"maxTokens": 5000}});
        let aws = app.post(&format!("/model/{MODEL}/converse"), &body).await;
        let exception = aws.header("x-amzn-errortype");
        assert_eq!((aws.status, exception), (400, Some("ServiceQuotaExceededException")), "{}", aws.text);
    }
}

#[tokio::test]
async fn tokens_are_reserved_at_most_and_settled_at_what_was_used() {
    let app = ruled(json!({"tokens_per_minute": 10_000})).await;
    let first = app.post(CHAT, &ask("[[tokens: 50]]", 6000)).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(first.header("x-ratelimit-limit-tokens"), Some("10000"));
    let remaining =
        |answer: &Answer| answer.header("x-ratelimit-remaining-tokens").unwrap().parse::<u64>().unwrap();
    assert!(remaining(&first) < 4000, "{}", remaining(&first));
    // Had it kept what it reserved, there were no room for another.
    let second = until_let_in(&app, &ask("[[tokens: 50]]", 6000)).await;
    assert_eq!(second.status, 200, "{}", second.text);
    let records = app.records(2).await;
    let used = records[0].tokens.input + records[0].tokens.output;
    assert!(used < 200 && remaining(&second) <= 4000 - used, "{used}, {}", remaining(&second));
    let third = app.post(CHAT, &ask("hi", 9900)).await;
    assert_eq!(third.status, 429, "{}", third.text);
    assert_eq!(third.json()["error"]["code"], "rate_limit_exceeded");
    assert_eq!((third.header("x-should-retry"), third.header("retry-after").is_some()), (None, true));
}

#[tokio::test]
async fn several_answers_reserve_for_each() {
    let app = ruled(json!({"tokens_per_minute": 10_000, "requests_per_minute": 100})).await;
    let mut body = ask("hi", 4000);
    body["n"] = 3.into();
    let refused = app.post(CHAT, &body).await;
    assert_eq!(refused.status, 429, "{}", refused.text);
    body["n"] = 2.into();
    let answer = app.post(CHAT, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        answer.header("x-ratelimit-remaining-requests"),
        Some("98"),
        "the refused ones are not counted"
    );
}

#[tokio::test]
async fn vectors_count_what_they_read() {
    let app = ruled(json!({"tokens_per_minute": 1000})).await;
    let body = json!({"model": "cohere-embed-multilingual-v3", "input": ["a short text"]});
    let answer = app.post("/v1/embeddings", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let remaining: u64 = answer.header("x-ratelimit-remaining-tokens").unwrap().parse().unwrap();
    assert!((900..1000).contains(&remaining), "{remaining}");
}

#[tokio::test]
async fn calls_under_way_are_limited_and_given_back_however_they_end() {
    let app = ruled(json!({"concurrent_requests": 1})).await;
    let mut long = ask("[[tokens: 100]] [[rate: 1]]", 100);
    long["stream"] = true.into();
    let open = app.send(CHAT, &long).await;
    assert_eq!(open.status(), 200);
    let refused = app.post(CHAT, &ask("hi", 10)).await;
    assert_eq!(refused.status, 429, "{}", refused.text);
    assert!(refused.text.contains("1 requests at the same time for the platform"), "{}", refused.text);
    assert_eq!(refused.header("retry-after"), Some("1"));
    // The client goes away.
    drop(open);
    assert_eq!(until_let_in(&app, &ask("hi", 10)).await.status, 200);
    // The model fails.
    assert_eq!(until_let_in(&app, &ask("[[fault: internalServer]]", 10)).await.status, 500);
    assert_eq!(until_let_in(&app, &ask("hi", 10)).await.status, 200);
}

#[tokio::test]
async fn a_policy_allows_some_models() {
    let app = ruled(json!({"models": ["nova-*"]})).await;
    let refused = app.post(CHAT, &ask("hi", 10)).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    let message = format!("A policy of the platform does not allow the model `{MODEL}`.");
    assert_eq!(refused.json()["error"]["message"], message);
    assert_eq!(app.get(&format!("/v1/models/{MODEL}")).await.status, 404);
    let list = app.get("/v1/models").await.json();
    let ids: Vec<_> = list["data"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert!(!ids.is_empty() && ids.iter().all(|id| id.starts_with("nova-")), "{ids:?}");
    assert_eq!(
        app.post(CHAT, &json!({"model": ids[0], "messages": [{"role": "user", "content": "hi"}]}))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_clamp_bounds_what_is_written() {
    let app = ruled(json!({"max_output_tokens": 7})).await;
    for body in [
        ask("[[tokens: 50]]", 40),
        json!({"model": MODEL, "messages": [{"role": "user", "content": "[[tokens: 50]]"}]}),
    ] {
        let answer = app.post(CHAT, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json()["usage"]["completion_tokens"], 7, "{}", answer.text);
        assert_eq!(answer.json()["choices"][0]["finish_reason"], "length");
    }
    // Nothing can be put into what is passed on as it is.
    let body = |most: u32| json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": most, "messages": [{"role": "user", "content": "hi"}]});
    let path = format!("/model/{MODEL}/invoke");
    let refused = app.post(&path, &body(40)).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(
        refused.text.contains("allows at most 7 tokens of output, and this request asks for 40"),
        "{}",
        refused.text
    );
    assert_eq!(app.post(&path, &body(7)).await.status, 200);
}

#[tokio::test]
async fn a_default_is_for_who_does_not_ask() {
    let app = ruled(json!({"default_output_tokens": 5})).await;
    let mut body = ask("[[tokens: 50]]", 9);
    assert_eq!(app.post(CHAT, &body).await.json()["usage"]["completion_tokens"], 9);
    body.as_object_mut().unwrap().remove("max_tokens");
    assert_eq!(app.post(CHAT, &body).await.json()["usage"]["completion_tokens"], 5);
}

#[tokio::test]
async fn what_was_spent_before_counts() {
    let before = TestApp::start().await;
    assert_eq!(before.post(CHAT, &ask("[[tokens: 2000]]", 2000)).await.status, 200);
    before.records(1).await;
    let budget = json!({"usd": "0.01", "period": "month"});
    let (rules, ledger) = (rules(&json!({"budgets": [budget]})), Arc::clone(&before.ledger));
    let app = TestApp::with(Setup { rules, ledger, ..Setup::default() }).await;
    let refused = app.post(CHAT, &ask("hi", 10)).await;
    assert_eq!(refused.status, 429, "{}", refused.text);
    assert!(
        refused.text.contains("The budget of 0.01 USD per month of the platform is spent"),
        "{}",
        refused.text
    );
}

#[tokio::test]
async fn without_the_ledger_no_budget_is_known() {
    let budget = json!({"usd": "1", "period": "day"});
    let app = ruled(json!({"budgets": [budget]})).await;
    app.ledger.away.store(true, Ordering::SeqCst);
    assert_eq!(app.post(CHAT, &ask("hi", 10)).await.status, 503);
    app.ledger.away.store(false, Ordering::SeqCst);
    assert_eq!(app.post(CHAT, &ask("hi", 10)).await.status, 200);
}

#[tokio::test]
async fn while_the_limiter_is_away_each_kind_goes_its_own_way() {
    let limits = LimitsConfig::default();
    let budget = json!({"usd": "1", "period": "day"});
    let setups = [
        // Its share is half of it, and a call takes all of that.
        (json!({"requests_per_minute": 2}), limits, [200, 429]),
        (
            json!({"requests_per_minute": 2}),
            LimitsConfig { on_unavailable: OnUnavailable::Open, ..limits },
            [200, 200],
        ),
        (
            json!({"requests_per_minute": 2}),
            LimitsConfig { on_unavailable_requests: Some(OnUnavailable::Closed), ..limits },
            [503, 503],
        ),
        (json!({"budgets": [budget]}), limits, [503, 503]),
        // What was left when it went away, about 0.008 USD, is shared by two.
        (
            json!({"budgets": [{"usd": "0.0135", "period": "day"}]}),
            LimitsConfig { on_unavailable_money: Some(OnUnavailable::Local), ..limits },
            [503, 503],
        ),
        (
            json!({"budgets": [{"usd": "0.02", "period": "day"}]}),
            LimitsConfig { on_unavailable_money: Some(OnUnavailable::Local), ..limits },
            [200, 429],
        ),
    ];
    for (all, limits, expected) in setups {
        let case = format!("{all} {limits:?}");
        let setup = Setup { rules: rules(&all), limits, ..Setup::default() };
        let limiter = Arc::clone(&setup.limiter);
        let app = TestApp::with(setup).await;
        let body = ask("[[tokens: 1000]]", 1000);
        assert_eq!(app.post(CHAT, &body).await.status, 200, "{case}");
        app.records(1).await;
        limiter.away.store(true, Ordering::SeqCst);
        for status in expected {
            let answer = app.post(CHAT, &body).await;
            assert_eq!(answer.status, status, "{case}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn under_a_budget_nothing_is_called_without_a_price() {
    let app = TestApp::start().await;
    let list = app.get("/v1/models").await.json();
    let unpriced =
        |it: &&Value| it["outcrop"]["price"].is_null() && it["price"].is_null() && it["pricing"].is_null();
    let model = list["data"].as_array().unwrap().iter().find(unpriced);
    let Some(model) = model.map(|it| it["id"].as_str().unwrap().to_owned()) else {
        panic!("every model has a price: {}", list["data"][0]);
    };
    let body = json!({"model": model, "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]});
    let budget = json!({"usd": "1", "period": "day"});
    let app = ruled(json!({"budgets": [budget]})).await;
    let refused = app.post(CHAT, &body).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    assert!(refused.text.contains("under the budget of the platform"), "{}", refused.text);
    let app = ruled(json!({"budgets": [budget], "allow_unpriced": [model]})).await;
    assert_ne!(app.post(CHAT, &body).await.status, 403);
}
