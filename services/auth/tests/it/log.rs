//! `/admin/v1/log`: what every process logs, for a while.

use std::sync::Mutex;

use outcrop_telemetry::filter;
use outcrop_types::Change;
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;

use crate::office::{Office, text};

/// The filters that the process was told to log by, as the log itself would be.
static TOLD: Mutex<Vec<Option<String>>> = Mutex::new(Vec::new());

/// A log whose filter can be changed, once for all tests of this process.
fn listen() {
    let check =
        |wanted: &str| EnvFilter::builder().parse(wanted).map(drop).map_err(|error| error.to_string());
    filter::install("info".into(), check, move |wanted| {
        check(wanted.unwrap_or("info"))?;
        TOLD.lock().unwrap().push(wanted.map(str::to_owned));
        Ok(())
    });
}

#[actix_web::test]
async fn a_filter_holds_for_a_while_and_everybody_hears_of_it() {
    listen();
    let office = Office::open().await;
    office.world.announced.take();
    let usual = json!({ "filter": "info", "configured": "info", "until": null });
    assert_eq!(office.get(&office.root, "/log").await, (200, usual.clone()));

    let wanted = "info,outcrop=debug";
    let (status, set) = office.put(&office.root, "/log", json!({ "filter": wanted })).await;
    let held = json!({ "filter": wanted, "configured": "info", "until": "2027-01-15T08:15:00Z" });
    assert_eq!((status, &set), (200, &held), "a quarter of an hour, if nothing else is said");
    assert_eq!(office.get(&office.root, "/log").await, (200, held));
    assert_eq!(TOLD.lock().unwrap().last().unwrap().as_deref(), Some(wanted));
    let until = "2027-01-15T08:15:00Z".parse().unwrap();
    assert_eq!(office.world.announced.take(), [Change::Log { filter: Some(wanted.into()), until }]);

    let (_, set) = office.put(&office.root, "/log", json!({ "filter": "warn", "for_s": 86_400 })).await;
    assert_eq!(set["until"], "2027-01-16T08:00:00Z");
    office.world.announced.take();
    assert_eq!(office.delete(&office.root, "/log").await, (204, Value::Null));
    assert_eq!(office.get(&office.root, "/log").await, (200, usual));
    let now = "2027-01-15T08:00:00Z".parse().unwrap();
    assert_eq!(office.world.announced.take(), [Change::Log { filter: None, until: now }]);
    assert_eq!(TOLD.lock().unwrap().last().unwrap(), &None);

    let (_, audit) = office.get(&office.root, "/audit?action=log.set").await;
    let first = &audit["data"][1];
    assert_eq!((&first["target"], &first["before"]["filter"]), (&json!("log"), &json!("info")), "{first}");
    assert_eq!(first["after"], json!({ "filter": wanted, "until": "2027-01-15T08:15:00Z" }));
    let (_, audit) = office.get(&office.root, "/audit?action=log.reset").await;
    assert_eq!(audit["data"][0]["before"]["filter"], "warn", "{audit}");
}

#[actix_web::test]
async fn what_is_no_filter_is_refused_by_its_field() {
    listen();
    let office = Office::open().await;
    office.world.announced.take();
    for (body, param) in [
        (json!({ "filter": "outcrop=loud" }), "filter"),
        (json!({ "filter": "" }), "filter"),
        (json!({ "filter": "info\noutcrop=debug" }), "filter"),
        (json!({ "filter": "a".repeat(1_001) }), "filter"),
        (json!({ "for_s": 5 }), "filter"),
        (json!({ "filter": "debug", "for_s": 0 }), "for_s"),
        (json!({ "filter": "debug", "for_s": 86_401 }), "for_s"),
        (json!({ "filter": "debug", "for_s": "900" }), "for_s"),
        (json!({ "filter": "debug", "for": 900 }), "for"),
    ] {
        let (status, refused) = office.put(&office.root, "/log", body.clone()).await;
        assert_eq!((status, text(&refused["param"])), (400, param.to_owned()), "{body}: {refused}");
    }
    assert_eq!(office.world.announced.take(), []);
    let (_, audit) = office.get(&office.root, "/audit?action=log.set").await;
    assert_eq!(audit["data"], json!([]), "what was not done is not noted as done");
}

#[actix_web::test]
async fn only_who_runs_the_platform_decides_what_is_logged() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let ann = office.person("ann", &red, "team_admin").await;
    office.world.announced.take();
    assert_eq!(office.get(&ann.key, "/log").await.0, 403);
    assert_eq!(office.put(&ann.key, "/log", json!({ "filter": "debug" })).await.0, 403);
    assert_eq!(office.delete(&ann.key, "/log").await.0, 403);
    assert_eq!(office.world.announced.take(), []);
}
