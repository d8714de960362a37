//! Conversations that nobody marked for the prompt cache, and that read from it all the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::Duration;
use outcrop_embedded::SystemClock;
use outcrop_emulator::Faults;
use outcrop_ports::contract::samples;
use outcrop_ports::{Changed, Clock as _, Ledger as _, ReportQuery, TeamStore as _, UsageFilter};
use outcrop_sqlite::SqliteStore;
use outcrop_types::{PromptCacheRule, PromptCacheTtl, RouteTable, TimeZone, UsageRecord};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Answer, MODEL, Setup, TestApp};
use crate::route_store::MemoryRoutes;

const HEADER: &str = "x-outcrop-prompt-cache";

fn ruled(ttl: PromptCacheTtl) -> Setup {
    let rule = PromptCacheRule { ttl, ..PromptCacheRule::default() };
    Setup { prompt_caching: Some(rule), ..Setup::default() }
}

/// Longer than any model's minimum.
fn instructions() -> String {
    "word ".repeat(6000)
}

/// The user's and the model's turns, in the words of most dialects.
fn turns(so_far: usize) -> Vec<Value> {
    let said = |at: usize| {
        let role = if at.is_multiple_of(2) { "user" } else { "assistant" };
        json!({"role": role, "content": format!("[[say: yes]] {at} {}", "more ".repeat(300))})
    };
    (0..so_far * 2 - 1).map(said).collect()
}

fn tools(turn: usize) -> Vec<&'static str> {
    // Clients do not always offer their tools in the same order.
    if turn.is_multiple_of(2) { vec!["b", "a"] } else { vec!["a", "b"] }
}

fn chat(turn: usize) -> Value {
    let mut messages = vec![json!({"role": "system", "content": instructions()})];
    messages.extend(turns(turn));
    let tools = tools(turn).into_iter().map(|name| json!({"type": "function", "function": {"name": name}}));
    json!({"model": MODEL, "messages": messages, "tools": tools.collect::<Vec<_>>()})
}

fn responses(turn: usize) -> Value {
    let tools = tools(turn).into_iter().map(|name| json!({"type": "function", "name": name}));
    json!({
        "model": MODEL, "instructions": instructions(), "input": turns(turn), "store": false,
        "tools": tools.collect::<Vec<_>>(),
    })
}

fn messages(turn: usize) -> Value {
    let tools = tools(turn).into_iter().map(|name| json!({"name": name, "input_schema": {"type": "object"}}));
    json!({
        "model": MODEL, "max_tokens": 100, "system": instructions(), "messages": turns(turn),
        "tools": tools.collect::<Vec<_>>(),
    })
}

fn converse(turn: usize) -> Value {
    let tools = tools(turn)
        .into_iter()
        .map(|name| json!({"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object"}}}}));
    let turns =
        turns(turn).into_iter().map(|it| json!({"role": it["role"], "content": [{"text": it["content"]}]}));
    json!({
        "system": [{"text": instructions()}], "messages": turns.collect::<Vec<_>>(),
        "toolConfig": {"tools": tools.collect::<Vec<_>>()},
    })
}

fn streamed(mut body: Value) -> Value {
    body["stream"] = json!(true);
    body
}

/// Three turns of one conversation; what each used.
async fn conversation(path: &str, body: impl Fn(usize) -> Value) -> Vec<UsageRecord> {
    let app = TestApp::with(ruled(PromptCacheTtl::FiveMinutes)).await;
    for turn in 1..=3 {
        let answer = app.post(path, &body(turn)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        // Tools alone are too short; behind the instructions and the user's last two turns.
        let placed = if turn == 1 { "placed=2" } else { "placed=3" };
        assert_eq!(answer.header(HEADER), Some(placed), "{path}");
        assert_eq!(answer.header("x-outcrop-dropped"), None, "{path}");
    }
    let mut records = app.records(3).await;
    records.sort_by_key(|it| it.id);
    records
}

/// What is said of the records all together.
async fn saved(records: &[UsageRecord]) -> i64 {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::connect(&folder.path().join("outcrop.db")).await.unwrap();
    store.migrate().await.unwrap();
    let team = store.insert_team(&samples::team(2), &samples::draft("team.create")).await.unwrap();
    assert_eq!(team, Changed::Done);
    store.record(records).await.unwrap();
    let query = ReportQuery {
        from: (SystemClock::default().now() - Duration::days(1))
            .date_naive()
            .and_hms_opt(0, 0, 0)
            .unwrap()
            .and_utc(),
        until: (SystemClock::default().now() + Duration::days(2))
            .date_naive()
            .and_hms_opt(0, 0, 0)
            .unwrap()
            .and_utc(),
        group_by: Vec::new(),
        filter: UsageFilter::default(),
        time_zone: TimeZone::default(),
        after: None,
        limit: 1,
    };
    store.report(&query).await.unwrap().items[0].totals.saved_nano_usd
}

#[tokio::test]
async fn every_dialect_reads_in_the_second_turn_what_it_wrote_in_the_first() {
    let own = format!("/model/{MODEL}");
    type Turn = fn(usize) -> Value;
    let cases: [(String, Turn); 8] = [
        ("/v1/chat/completions".into(), chat),
        ("/v1/chat/completions".into(), |turn| streamed(chat(turn))),
        ("/v1/responses".into(), responses),
        ("/v1/responses".into(), |turn| streamed(responses(turn))),
        ("/v1/messages".into(), messages),
        ("/v1/messages".into(), |turn| streamed(messages(turn))),
        (format!("{own}/converse"), converse),
        (format!("{own}/converse-stream"), converse),
    ];
    for (path, body) in cases {
        let records = conversation(&path, body).await;
        let used: Vec<_> = records.iter().map(|it| it.tokens).collect();
        assert!(used[0].cache_read == 0 && used[0].cache_write_5m > 6000, "{path}: {used:?}");
        for turn in [1, 2] {
            let (before, now) = (used[turn - 1], used[turn]);
            // All that was there before is read, and what came since is written.
            assert_eq!(now.cache_read, before.cache_read + before.cache_write_5m, "{path}: {used:?}");
            assert!(now.cache_write_5m > 100 && now.input < 100, "{path}: {used:?}");
            assert!(records[turn].cost.as_ref().unwrap().saved_nano_usd > 0, "{path}");
        }
        assert!(saved(&records).await > 0, "{path}");
    }
}

#[tokio::test]
async fn an_hour_for_what_stays_and_five_minutes_for_turns() {
    for (path, body) in [("/v1/chat/completions", chat as fn(usize) -> Value), ("/v1/messages", messages)] {
        let app = TestApp::with(ruled(PromptCacheTtl::Auto)).await;
        app.post(path, &body(1)).await;
        let used = app.records(1).await[0].tokens;
        assert!(used.cache_write_1h > 6000 && used.cache_write_5m > 100, "{path}: {used:?}");
    }
}

#[tokio::test]
async fn short_prompts_and_models_without_a_cache_are_asked_as_they_are() {
    let app = TestApp::with(ruled(PromptCacheTtl::Auto)).await;
    let short = json!({"model": MODEL, "messages": [{"role": "user", "content": "[[say: yes]]"}]});
    let mut other = chat(1);
    other["model"] = json!("llama3-3-70b");
    for body in [short, other] {
        let answer = app.post("/v1/chat/completions", &body).await;
        assert_eq!((answer.status, answer.header(HEADER)), (200, None), "{}", answer.text);
    }
}

#[tokio::test]
async fn without_a_rule_nothing_is_placed_but_what_the_request_asks_for() {
    let app = TestApp::start().await;
    let with = |field: &str, value: Value| {
        let mut body = chat(2);
        body[field] = value;
        body
    };
    let header = |answer: Answer| answer.header(HEADER).map(str::to_owned);
    let path = "/v1/chat/completions";
    assert_eq!(header(app.post(path, &chat(2)).await), None);
    let wish = json!({"prompt_caching": {"system": true}});
    assert_eq!(header(app.post(path, &with("extra_body", wish)).await).as_deref(), Some("placed=1"));
    let wish = json!({"system": true, "messages": true});
    assert_eq!(
        header(app.post(path, &with("prompt_caching", wish.clone())).await).as_deref(),
        Some("placed=3")
    );
    let wish_of_openais = json!({"mode": "implicit"});
    assert_eq!(
        header(app.post(path, &with("prompt_cache_options", wish_of_openais)).await).as_deref(),
        Some("placed=2")
    );
    let mut own = messages(2);
    own["prompt_caching"] = wish.clone();
    assert_eq!(header(app.post("/v1/messages", &own).await).as_deref(), Some("placed=3"));
    let generate =
        json!({"model": MODEL, "prompt": "[[say: x]]", "system": instructions(), "prompt_caching": wish});
    assert_eq!(header(app.post("/generate", &generate).await).as_deref(), Some("placed=2"));
}

#[tokio::test]
async fn a_wish_that_no_cache_hears_is_named_and_may_be_refused() {
    let app = TestApp::start().await;
    let mut body = json!({"model": MODEL, "messages": turns(1), "prompt_cache_retention": "24h"});
    body["prompt_cache_key"] = json!("k");
    let answer = app.post("/v1/chat/completions", &body).await;
    assert_eq!(answer.header("x-outcrop-dropped"), Some("prompt_cache_retention"));
    body["model"] = json!("llama3-3-70b");
    let _ = body.as_object_mut().unwrap().remove("prompt_cache_retention");
    body["prompt_caching"] = json!({"system": true});
    let answer = app.post("/v1/chat/completions", &body).await;
    assert_eq!(answer.header("x-outcrop-dropped"), Some("prompt_caching"));
}

#[tokio::test]
async fn a_clients_own_marks_are_left_as_they_are() {
    let app = TestApp::with(ruled(PromptCacheTtl::Auto)).await;
    let control = json!({"type": "ephemeral"});
    let mut body = messages(1);
    body["system"] = json!([{"type": "text", "text": instructions(), "cache_control": control}]);
    let answer = app.post("/v1/messages", &body).await;
    assert_eq!((answer.status, answer.header(HEADER)), (200, None), "{}", answer.text);
    let used = app.records(1).await[0].tokens;
    assert!(used.cache_write_5m > 6000 && used.cache_write_1h == 0 && used.input > 100, "{used:?}");
    body["prompt_caching"] = json!({"messages": true});
    let answer = app.post("/v1/messages", &body).await;
    assert_eq!((answer.status, answer.header(HEADER)), (200, None), "{}", answer.text);
    assert_eq!(answer.header("x-outcrop-dropped"), Some("prompt_caching"), "what is not done is named");
}

/// A model that is called `fast`, wherever it is.
fn two_regions() -> RouteTable {
    let table = json!({"routes": [{
        "alias": "fast", "options": {"prompt_cache": {}},
        "groups": [{"targets": [{"model": MODEL}]}],
    }]});
    serde_json::from_value(table).unwrap()
}

#[tokio::test]
async fn a_response_that_continues_another_goes_where_that_one_went() {
    let regions = ["us-east-1", "us-west-2"].map(|it| (it, Faults::default())).to_vec();
    let routes = Arc::new(MemoryRoutes::of(two_regions()));
    let app = TestApp::with(Setup { regions, routes, ..Setup::default() }).await;
    let mut seen = BTreeSet::new();
    for number in 0..8 {
        let mut body = responses(1);
        body["model"] = json!("fast");
        body["store"] = json!(true);
        body["input"] = json!(format!("[[say: yes]] conversation {number}"));
        let first = app.post("/v1/responses", &body).await;
        assert_eq!(first.status, 200, "{}", first.text);
        body["previous_response_id"] = first.json()["id"].clone();
        body["input"] = json!("[[say: yes]] and on");
        let next = app.post("/v1/responses", &body).await;
        assert_eq!(next.header("x-outcrop-region"), first.header("x-outcrop-region"), "{}", next.text);
        seen.insert(next.header("x-outcrop-region").unwrap().to_owned());
    }
    assert_eq!(seen.len(), 2, "and conversations are spread over the regions");
}

#[tokio::test]
async fn a_conversation_goes_to_the_region_that_keeps_it() {
    let regions = ["us-east-1", "us-west-2"].map(|it| (it, Faults::default())).to_vec();
    let routes = Arc::new(MemoryRoutes::of(two_regions()));
    let app = TestApp::with(Setup { regions, routes, ..Setup::default() }).await;
    let mut seen = BTreeSet::new();
    for number in 0..6 {
        for (path, first, body) in [
            ("/v1/chat/completions", "/messages/1/content", chat as fn(usize) -> Value),
            ("/v1/messages", "/messages/0/content", messages),
            ("/v1/responses", "/input/0/content", responses),
        ] {
            let ask = |turn: usize| {
                let mut body = body(turn);
                body["model"] = json!("fast");
                *body.pointer_mut(first).unwrap() = json!(format!("[[say: yes]] conversation {number}"));
                body
            };
            let mut regions = Vec::new();
            for turn in 1..=3 {
                let answer = app.post(path, &ask(turn)).await;
                assert_eq!(answer.status, 200, "{}", answer.text);
                regions.push(answer.header("x-outcrop-region").unwrap().to_owned());
            }
            assert!(regions.iter().all(|it| *it == regions[0]), "{path} {number}: {regions:?}");
            seen.insert(regions.remove(0));
        }
    }
    assert_eq!(seen.len(), 2, "and conversations are spread over the regions");
}
