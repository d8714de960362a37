//! The table of routes over HTTP: shown, tried, changed, refused, and changed while calls are made.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use outcrop_config::RoutingConfig;
use outcrop_types::{Actor, Role, RouteTable};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Answer, MODEL, Setup, TestApp, models};
use crate::route_store::MemoryRoutes;

const PATH: &str = "/admin/v1/routes";
const OTHER: &str = "nova-lite";

/// The route `fast` to one model.
fn fast(model: &str) -> Value {
    json!({ "routes": [{ "alias": "fast", "groups": [{ "strategy": "weighted", "targets": [{ "model": model }] }] }] })
}

fn setup(routes: &Arc<MemoryRoutes>) -> Setup {
    Setup { role: Role::PlatformAdmin, routes: Arc::clone(routes), ..Setup::default() }
}

async fn admin() -> (TestApp, Arc<MemoryRoutes>) {
    let routes = Arc::new(MemoryRoutes::default());
    (TestApp::with(setup(&routes)).await, routes)
}

async fn put(app: &TestApp, etag: Option<&str>, table: &Value) -> Answer {
    let mut request = app.request(Method::PUT, PATH).header("content-type", "application/json");
    if let Some(etag) = etag {
        request = request.header("if-match", etag);
    }
    Answer::of(request.body(table.to_string()).send().await.unwrap()).await
}

fn ask(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "[[say: hello]]" }] })
}

#[tokio::test]
async fn a_table_is_shown_and_replaced_whole() {
    let (app, routes) = admin().await;
    let shown = app.get(PATH).await;
    assert_eq!((shown.status, shown.header("etag")), (200, Some("\"0\"")), "{}", shown.text);
    assert_eq!(shown.json()["table"], json!({}));
    assert_eq!(shown.json()["source"], "store");

    let replaced = put(&app, Some("\"0\""), &fast(MODEL)).await;
    assert_eq!((replaced.status, replaced.header("etag")), (200, Some("\"1\"")), "{}", replaced.text);
    assert_eq!(replaced.json()["warnings"], json!([]));
    let shown = app.get(PATH).await.json();
    assert_eq!((&shown["table"], &shown["revision"]), (&fast(MODEL), &json!(1)));

    let events = routes.events.lock().unwrap();
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert!(matches!(event.actor, Actor::Principal { .. }));
    assert_eq!(event.action, "routes.replace");
    assert_eq!((event.before.clone(), event.after.clone()), (Some(json!({})), Some(fast(MODEL))));
    assert!(event.request_id.is_some());
}

#[tokio::test]
async fn who_has_not_read_the_table_cannot_replace_it() {
    let (app, routes) = admin().await;
    for wrong in [None, Some("0"), Some("*"), Some("\"x\"")] {
        let refused = put(&app, wrong, &fast(MODEL)).await;
        assert_eq!((refused.status, &refused.json()["param"]), (400, &json!("if-match")), "{wrong:?}");
    }
    let stale = put(&app, Some("\"3\""), &fast(MODEL)).await;
    assert_eq!(stale.status, 409, "{}", stale.text);
    assert!(routes.events.lock().unwrap().is_empty());
    assert_eq!(routes.stored.lock().unwrap().revision, 0);
}

#[tokio::test]
async fn of_a_bad_table_every_fault_is_told() {
    let (app, routes) = admin().await;
    let mut bad = fast("no-such-model");
    bad["routes"][0]["groups"][0]["targets"][0]["weight"] = json!(2);
    let targets = bad["routes"][0]["groups"][0]["targets"].as_array_mut().unwrap();
    targets.push(json!({ "model": MODEL, "account": "nobodys" }));
    let refused = put(&app, Some("\"0\""), &bad).await;
    assert_eq!((refused.status, refused.header("content-type")), (400, Some("application/problem+json")));
    let told = refused.json();
    let paths: Vec<&str> =
        told["faults"].as_array().unwrap().iter().map(|it| it["path"].as_str().unwrap()).collect();
    let target = "routes[0].groups[0].targets";
    assert_eq!(paths, [format!("{target}[0].model"), format!("{target}[1].account")], "{told}");
    assert_eq!((&told["status"], &told["code"]), (&json!(400), &json!("invalid_request")), "{told}");

    let mut slip = fast(MODEL);
    slip["routes"][0]["groups"][0]["targets"][0]["wieght"] = json!(2);
    let refused = put(&app, Some("\"0\""), &slip).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("did you mean `weight`?"), "{}", refused.text);
    assert_eq!(put(&app, Some("\"0\""), &json!([])).await.status, 400);
    assert!(routes.events.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_table_can_be_tried() {
    let (app, routes) = admin().await;
    let check = "/admin/v1/routes/check";
    let good = app.post(check, &fast(MODEL)).await;
    assert_eq!((good.status, &good.json()["ok"]), (200, &json!(true)), "{}", good.text);
    let bad = app.post(check, &fast("no-such-model")).await;
    assert_eq!((bad.status, &bad.json()["ok"]), (200, &json!(false)));
    assert_eq!(bad.json()["faults"][0]["path"], "routes[0].groups[0].targets[0].model");
    let mut strange = fast(OTHER);
    strange["routes"][0]["alias"] = json!(MODEL);
    let strange = app.post(check, &strange).await.json();
    assert_eq!(strange["ok"], true);
    assert_eq!(strange["warnings"][0]["path"], "routes[0].alias");
    assert_eq!(routes.stored.lock().unwrap().revision, 0);
}

#[tokio::test]
async fn routes_are_for_those_who_run_the_platform() {
    for role in [Role::TeamAdmin, Role::Developer, Role::Viewer, Role::Service] {
        let app = TestApp::with(Setup { role, ..Setup::default() }).await;
        assert_eq!(app.get(PATH).await.status, 403, "{role:?}");
        assert_eq!(app.get("/admin/v1/routes/targets").await.status, 403, "{role:?}");
        assert_eq!(put(&app, Some("\"0\""), &fast(MODEL)).await.status, 403, "{role:?}");
        assert_eq!(app.post("/admin/v1/routes/check", &fast(MODEL)).await.status, 403, "{role:?}");
    }
}

#[tokio::test]
async fn a_store_that_is_away_is_said_to_be() {
    let (app, routes) = admin().await;
    routes.away.store(true, Ordering::SeqCst);
    assert_eq!(app.get(PATH).await.status, 503);
    assert_eq!(put(&app, Some("\"0\""), &fast(MODEL)).await.status, 503);
    assert_eq!(app.post("/v1/chat/completions", &ask(MODEL)).await.status, 200, "calls go on");
}

#[tokio::test]
async fn routes_of_a_file_are_changed_there() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("routes.json");
    fs::write(&file, fast(MODEL).to_string()).unwrap();
    let routing = RoutingConfig { routes: Some(file.clone()), ..RoutingConfig::default() };
    let app = TestApp::with(Setup { role: Role::PlatformAdmin, routing, ..Setup::default() }).await;
    let shown = app.get(PATH).await;
    assert_eq!((shown.status, shown.header("etag")), (200, None));
    assert_eq!((&shown.json()["source"], &shown.json()["table"]), (&json!("file"), &fast(MODEL)));
    let refused = put(&app, Some("\"0\""), &fast(OTHER)).await;
    assert_eq!(refused.status, 409);
    assert!(refused.text.contains("routing.routes"), "{}", refused.text);

    // A bad file is refused as a whole, and the old routes go on serving; a good one takes effect.
    fs::write(&file, fast("no-such-model").to_string()).unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(app.get(PATH).await.json()["table"], fast(MODEL));
    assert_eq!(app.post("/v1/chat/completions", &ask("fast")).await.status, 200);
    fs::write(&file, fast(OTHER).to_string()).unwrap();
    for _ in 0..500 {
        if app.get(PATH).await.json()["table"] == fast(OTHER) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the file's routes are not in force");
}

/// Calls without an end to `fast` while its table changes: none fails, and each goes where one of the good tables says.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn routes_change_under_load_without_a_failed_call() {
    let table: RouteTable = serde_json::from_value(fast(MODEL)).unwrap();
    let routes = Arc::new(MemoryRoutes::of(table));
    let app = Arc::new(TestApp::with(setup(&routes)).await);
    let (over, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (app, over, calls) = (Arc::clone(&app), Arc::clone(&over), Arc::clone(&calls));
            tokio::spawn(async move {
                while !over.load(Ordering::SeqCst) {
                    let answer = app.post("/v1/chat/completions", &ask("fast")).await;
                    assert_eq!(answer.status, 200, "{}", answer.text);
                    calls.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for round in 0..20_u64 {
        let etag = format!("\"{}\"", round + 1);
        assert_eq!(put(&app, Some(&etag), &fast("no-such-model")).await.status, 400);
        let model = if round % 2 == 0 { OTHER } else { MODEL };
        let replaced = put(&app, Some(&etag), &fast(model)).await;
        assert_eq!(replaced.status, 200, "{}", replaced.text);
        // Some calls are made by each table.
        let before = calls.load(Ordering::SeqCst);
        while calls.load(Ordering::SeqCst) < before + 8 && !callers.iter().any(|it| it.is_finished()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    over.store(true, Ordering::SeqCst);
    for caller in callers {
        caller.await.unwrap();
    }
    let records = app.records(calls.load(Ordering::SeqCst)).await;
    let served = |part: &str| records.iter().filter(|it| it.model_served.contains(part)).count();
    let (haiku, nova) = (served("claude-haiku-4-5"), served("nova-lite"));
    assert!(haiku > 0 && nova > 0 && haiku + nova == records.len(), "{haiku} {nova} {}", records.len());
}

#[tokio::test]
async fn a_replaced_table_is_in_force_when_the_answer_comes() {
    let (app, _) = admin().await;
    assert_eq!(app.post("/v1/chat/completions", &ask("fast")).await.status, 404);
    assert_eq!(put(&app, Some("\"0\""), &fast(OTHER)).await.status, 200);
    let answered = app.post("/v1/chat/completions", &ask("fast")).await;
    assert_eq!(answered.status, 200, "{}", answered.text);
    assert!(app.records(1).await.last().unwrap().model_served.contains("nova-lite"));
    assert_eq!(put(&app, Some("\"1\""), &json!({})).await.status, 200);
    assert_eq!(app.post("/v1/chat/completions", &ask("fast")).await.status, 404);
}

#[tokio::test]
async fn the_list_of_models_has_the_routes_that_the_caller_may_take() {
    let other_team = "team_00000000000000000000000000000009";
    let mut table = fast(MODEL);
    let mut anothers = table["routes"][0].clone();
    (anothers["alias"], anothers["team"]) = (json!("theirs"), json!(other_team));
    table["routes"].as_array_mut().unwrap().push(anothers);
    let mut secret = table["routes"][0].clone();
    secret["alias"] = json!("secret");
    secret["groups"][0]["targets"][0]["model"] = json!(OTHER);
    table["routes"].as_array_mut().unwrap().push(secret);
    let table: RouteTable = serde_json::from_value(table).unwrap();
    let listed = async |scope| {
        let routes = Arc::new(MemoryRoutes::of(table.clone()));
        let app = TestApp::with(Setup { routes, scope, ..Setup::default() }).await;
        let list = app.get("/v1/models").await.json();
        let named = |it: &Value| (it["id"].as_str().unwrap().to_owned(), it["owned_by"].clone());
        list["data"].as_array().unwrap().iter().map(named).collect::<Vec<_>>()
    };
    let has = |listed: &[(String, Value)], name: &str| listed.iter().any(|(id, _)| id == name);
    let all = listed(outcrop_types::Scope::default()).await;
    assert!(has(&all, "fast") && has(&all, "secret") && has(&all, MODEL), "{all:?}");
    assert!(all.contains(&("fast".to_owned(), json!("outcrop"))), "{all:?}");
    assert!(!has(&all, "theirs"), "another team's: {all:?}");
    // Allowed by the name that is asked for, or by the target's model.
    let some = listed(models(&["claude-*"])).await;
    assert!(has(&some, "fast") && !has(&some, "secret"), "{some:?}");
    let named = listed(models(&["secret"])).await;
    assert!(has(&named, "secret") && !has(&named, "fast"), "{named:?}");
}
