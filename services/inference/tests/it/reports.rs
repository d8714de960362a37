//! What people see of the ledger: sums, records and alerts, each to whom they concern.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use outcrop_config::Config;
use outcrop_embedded::SystemIdGen;
use outcrop_http::testing::TestServer;
use outcrop_inference::reports::Reports;
use outcrop_inference::{alert_routes, report_routes};
use outcrop_ports::contract::samples;
use outcrop_ports::{AlertStore, Ledger as _, TeamStore as _};
use outcrop_sqlite::SqliteStore;
use outcrop_types::{
    Alert, CacheState, Cost, GuardrailState, Level, Money, Outcome, Period, Role, TeamId, TokenUsage,
    UsageRecord,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Answer, principal};

struct World {
    store: Arc<SqliteStore>,
    servers: Vec<(Role, TestServer)>,
    _folder: TempDir,
}

impl World {
    /// A ledger with teams 1 and 2, shown to a platform admin and to a viewer of team 2.
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let store = SqliteStore::connect(&folder.path().join("outcrop.db")).await.unwrap();
        store.migrate().await.unwrap();
        for number in [1, 2] {
            let changed =
                store.insert_team(&samples::team(number), &samples::draft("team.create")).await.unwrap();
            assert_eq!(changed, outcrop_ports::Changed::Done);
        }
        let store = Arc::new(store);
        let config = Config::default();
        let reports =
            Reports::new(store.clone(), outcrop_wiring::names(&config).unwrap(), outcrop_wiring::clock());
        let servers = [Role::PlatformAdmin, Role::Viewer, Role::Service].map(|role| {
            let caller = outcrop_types::Principal { team: samples::team_id(2), ..principal(role) };
            let reports = report_routes(reports.clone());
            let alerts = alert_routes(store.clone());
            let server = TestServer::start(Some(caller), Arc::new(SystemIdGen), Vec::new(), move |app| {
                reports(app);
                alerts(app);
            });
            (role, server)
        });
        Self { store, servers: servers.into(), _folder: folder }
    }

    async fn get(&self, role: Role, path: &str) -> Answer {
        self.get_as(role, path, "*/*").await
    }

    async fn get_as(&self, role: Role, path: &str, accept: &str) -> Answer {
        let (_, server) = self.servers.iter().find(|it| it.0 == role).unwrap();
        let request = reqwest::Client::builder()
            .build()
            .unwrap()
            .get(format!("{}{path}", server.url))
            .header("accept", accept);
        Answer::of(request.send().await.unwrap()).await
    }

    async fn rows(&self, role: Role, query: &str) -> Vec<Value> {
        let answer = self.get(role, &format!("/admin/v1/usage?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
        answer.json()["data"].as_array().unwrap().clone()
    }

    async fn record(&self, records: &[UsageRecord]) {
        self.store.record(records).await.unwrap();
    }
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A call in November of so many dollars.
fn call(number: u32, team: TeamId, model: &str, usd: &str) -> UsageRecord {
    let cost = Cost { usd: usd.parse::<Money>().unwrap(), saved_nano_usd: -5_000_000, price: "row".into() };
    UsageRecord {
        at: at("2026-11-10T10:30:00Z") + Duration::days(i64::from(number)),
        model_served: model.to_owned(),
        cost: Some(cost),
        latency_ms: 100,
        ..samples::record(number, team)
    }
}

const NOVEMBER: &str = "month=2026-11";

/// Two calls of team 1, two of team 2, one of which failed without a price.
async fn november() -> World {
    let world = World::new().await;
    let (one, two) = (samples::team_id(1), samples::team_id(2));
    let failed = UsageRecord {
        outcome: Outcome::Failed,
        error: Some("rate_limited".into()),
        cost: None,
        tags: [("project".to_owned(), "hermes".to_owned())].into(),
        ..call(4, two, "b", "0")
    };
    world
        .record(&[call(1, one, "a", "1"), call(2, one, "b", "2.5"), call(3, two, "a", "0.000000001"), failed])
        .await;
    world
}

#[actix_web::test]
async fn what_caches_and_guardrails_did_is_told_for_each_team() {
    let world = World::new().await;
    let (one, two) = (samples::team_id(1), samples::team_id(2));
    let reused = |number, cache, saved: &str| UsageRecord {
        cache,
        cache_age_ms: (cache == CacheState::Hit).then_some(2_000),
        cache_saved: Some(saved.parse().unwrap()),
        cost: None,
        tokens: TokenUsage::default(),
        guardrail: GuardrailState::None,
        ..call(number, one, "a", "0")
    };
    let stopped = UsageRecord {
        guardrail: GuardrailState::Intervened,
        cache: CacheState::Bypass,
        account: None,
        ..call(4, two, "b", "1")
    };
    // The first attempt may have cost something: it has a record, and so has the second.
    let again = UsageRecord { attempt: 2, again: true, ..call(5, one, "a", "2") };
    world
        .record(&[
            call(1, one, "a", "2"),
            reused(2, CacheState::Hit, "2"),
            reused(3, CacheState::Coalesced, "0.5"),
            stopped,
            again,
        ])
        .await;
    let rows = world.rows(Role::PlatformAdmin, &format!("{NOVEMBER}&group_by=team")).await;
    assert_eq!(
        (&rows[0]["requests"], &rows[0]["retries"], &rows[0]["unpriced"], &rows[0]["cost_usd"]),
        (&json!(3), &json!(1), &json!(0), &json!("4")),
        "{rows:#?}"
    );
    let cache = json!({
        "hits": 1, "misses": 1, "coalesced": 1, "bypassed": 0, "hit_ratio": 0.6666, "saved_usd": "2.5",
        "mean_age_ms": 2000,
    });
    assert_eq!((&rows[0]["cache"], &rows[0]["cache_saved_usd"]), (&cache, &json!("-0.01")));
    let guardrails = json!({"units": 9, "passed": 0, "observed": 0, "intervened": 1});
    assert_eq!(rows[1]["guardrails"], guardrails);
    for (query, requests) in [
        ("cache=hit", 1),
        ("cache=bypass&guardrail=intervened", 1),
        ("guardrail=passed", 0),
        ("account=batch", 3),
        ("account=batch&cache=coalesced&region=us-east-1", 1),
    ] {
        let row = world.rows(Role::PlatformAdmin, &format!("{NOVEMBER}&{query}")).await.remove(0);
        assert_eq!(row["requests"], json!(requests), "{query}");
    }
    let rows = world.rows(Role::PlatformAdmin, &format!("{NOVEMBER}&group_by=account,cache")).await;
    let groups: Vec<_> = rows.iter().map(|row| (&row["group"]["account"], &row["group"]["cache"])).collect();
    let (batch, none) = (&json!("batch"), &Value::Null);
    let named = ["bypass", "coalesced", "hit", "miss"].map(|it| json!(it));
    assert_eq!(groups, [(none, &named[0]), (batch, &named[1]), (batch, &named[2]), (batch, &named[3])]);
}

#[actix_web::test]
async fn sums_are_told_by_what_they_are_grouped_by() {
    let world = november().await;
    let rows = world.rows(Role::PlatformAdmin, &format!("{NOVEMBER}&group_by=team,model")).await;
    let shown: Vec<_> = rows
        .iter()
        .map(|row| {
            (&row["group"]["model"], &row["requests"], &row["errors"], &row["unpriced"], &row["cost_usd"])
        })
        .collect();
    assert_eq!(
        shown,
        [
            (&json!("a"), &json!(1), &json!(0), &json!(0), &json!("1")),
            (&json!("b"), &json!(1), &json!(0), &json!(0), &json!("2.5")),
            (&json!("a"), &json!(1), &json!(0), &json!(0), &json!("0.000000001")),
            (&json!("b"), &json!(1), &json!(1), &json!(1), &json!("0")),
        ]
    );
    let all = world.rows(Role::PlatformAdmin, NOVEMBER).await.remove(0);
    assert_eq!(
        (&all["group"], &all["cost_usd"], &all["cache_saved_usd"]),
        (&json!({}), &json!("3.500000001"), &json!("-0.015"))
    );
    assert_eq!(
        all["tokens"],
        json!({"input": 44, "cache_read": 48, "cache_write_5m": 52, "cache_write_1h": 56,
        "output": 60, "reasoning": 24, "images": 28, "queries": 32, "guardrail_units": 36})
    );
    let p95 = all["latency_ms"]["p95"].as_u64().unwrap();
    assert!((100..=119).contains(&p95) && all["latency_ms"]["p99"].is_u64(), "{all}");
    assert!(all["first_token_ms"].get("p99").is_none() && all["first_token_ms"]["p50"].is_u64(), "{all}");
    // Every way to group finds all calls.
    for by in [
        "user",
        "key",
        "model_asked",
        "region",
        "dialect",
        "operation",
        "tier",
        "tag:project",
        "tag:none",
        "hour",
        "day",
        "month",
    ] {
        let rows = world.rows(Role::PlatformAdmin, &format!("{NOVEMBER}&group_by={by}")).await;
        let requests: u64 = rows.iter().map(|row| row["requests"].as_u64().unwrap()).sum();
        assert_eq!(requests, 4, "{by}: {rows:?}");
        assert!(rows.iter().all(|row| row["group"].get(by).is_some()), "{by}: {rows:?}");
    }
    let days = world.rows(Role::PlatformAdmin, &format!("{NOVEMBER}&group_by=day")).await;
    assert_eq!(days[0]["group"]["day"], "2026-11-11");
    let kept =
        world.rows(Role::PlatformAdmin, &format!("{NOVEMBER}&tag=project:hermes&group_by=tag:project")).await;
    assert_eq!((kept.len(), &kept[0]["group"]["tag:project"]), (1, &json!("hermes")));
    assert_eq!(world.rows(Role::PlatformAdmin, "month=2026-09&group_by=model").await.len(), 0);
}

#[actix_web::test]
async fn a_viewer_sees_its_own_team_and_no_other() {
    let world = november().await;
    let (own, other) = (samples::team_id(2), samples::team_id(1));
    let rows = world.rows(Role::Viewer, &format!("{NOVEMBER}&group_by=team")).await;
    assert_eq!((rows.len(), &rows[0]["group"]["team"], &rows[0]["requests"]), (1, &json!(own), &json!(2)));
    assert_eq!(world.rows(Role::Viewer, &format!("{NOVEMBER}&team={own}")).await[0]["requests"], 2);
    for path in ["/admin/v1/usage", "/v1/usage", "/admin/v1/alerts"] {
        let hidden = world.get(Role::Viewer, &format!("{path}?team={other}")).await;
        assert_eq!(hidden.status, 404, "{path}: {}", hidden.text);
        assert_eq!(world.get(Role::PlatformAdmin, &format!("{path}?team={other}")).await.status, 200);
        assert_eq!(world.get(Role::Service, path).await.status, 403, "{path}");
    }
    let csv = world.get(Role::Viewer, &format!("/admin/v1/usage?{NOVEMBER}&format=csv&team={other}")).await;
    assert_eq!(csv.status, 404);
    let csv = world.get(Role::Viewer, &format!("/admin/v1/usage?{NOVEMBER}&format=csv&group_by=team")).await;
    assert!(!csv.text.contains(&other.to_string()) && csv.text.contains(&own.to_string()), "{}", csv.text);
}

#[actix_web::test]
async fn records_are_told_by_the_same_filters() {
    let world = november().await;
    let count = async |query: &str| {
        let query = format!("from=2026-11-01&until=2026-12-01&{query}");
        let answer = world.get(Role::PlatformAdmin, &format!("/v1/usage?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
        answer.json()["data"].as_array().unwrap().len()
    };
    // Without a team, even for those who see all: their own.
    assert_eq!(count("").await, 2);
    assert_eq!(count(&format!("team={}", samples::team_id(1))).await, 2);
    assert_eq!(count("model=b").await, 1);
    assert_eq!(count("tag=project:hermes").await, 1);
    assert_eq!(count(&format!("user={}", samples::user_id(3))).await, 1);
    assert_eq!((count("region=us-east-1").await, count("region=eu-west-1").await), (2, 0));
    assert_eq!((count("dialect=openai").await, count("dialect=anthropic").await), (2, 0));
    let record = world.get(Role::Viewer, "/v1/usage?model=a&from=2026-11-01&until=2026-12-01").await.json();
    let record = &record["data"][0];
    assert_eq!((&record["cost"]["usd"], &record["cost"]["price"]), (&json!("0.000000001"), &json!("row")));
    assert_eq!(
        (&record["tier"], &record["tags"]["project"], &record["cache"]),
        (&json!("flex"), &json!("atlas"), &json!("miss"))
    );
}

#[actix_web::test]
async fn records_are_looked_for_in_the_last_month_unless_another_time_is_named() {
    let world = World::new().await;
    let now = outcrop_wiring::clock().now();
    let ago = |number, days| UsageRecord {
        at: now - Duration::days(days),
        ..samples::record(number, samples::team_id(2))
    };
    world.record(&[ago(1, 0), ago(2, 20), ago(3, 60)]).await;
    let count =
        async |path: &str| world.get(Role::Viewer, path).await.json()["data"].as_array().unwrap().len();
    assert_eq!(count("/v1/usage").await, 2);
    let from = (now - Duration::days(70)).format("%Y-%m-%d");
    assert_eq!(count(&format!("/v1/usage?from={from}")).await, 3);
    let until = (now - Duration::days(30)).format("%Y-%m-%d");
    assert_eq!(count(&format!("/v1/usage?until={until}")).await, 1);
}

#[actix_web::test]
async fn a_name_means_the_model_by_whichever_id_it_was_called() {
    let world = World::new().await;
    let ids = ["us.", "eu.", "global.", ""].map(|it| format!("{it}anthropic.claude-haiku-4-5-20251001-v1:0"));
    let records: Vec<_> =
        (1..).zip(&ids).map(|(number, id)| call(number, samples::team_id(2), id, "1")).collect();
    world.record(&records).await;
    let requests = async |model: &str| {
        let rows = world.rows(Role::Viewer, &format!("{NOVEMBER}&model={model}")).await;
        rows[0]["requests"].as_u64().unwrap()
    };
    assert_eq!(requests("claude-haiku-4-5").await, 4);
    assert_eq!(requests(&ids[0]).await, 1, "one profile is that one alone");
    assert_eq!(requests("nobody").await, 0);
}

#[actix_web::test]
async fn pages_follow_one_another() {
    let world = november().await;
    let mut path = format!("/admin/v1/usage?{NOVEMBER}&group_by=tag:project,day&limit=1");
    let mut days = Vec::new();
    loop {
        let page = world.get(Role::PlatformAdmin, &path).await.json();
        days.push(page["data"][0]["group"]["day"].as_str().unwrap().to_owned());
        assert_eq!(page["data"].as_array().unwrap().len(), 1);
        match page["next"].as_str() {
            Some(next) => {
                path = format!("/admin/v1/usage?{NOVEMBER}&group_by=tag:project,day&limit=1&after={next}")
            }
            None => break,
        }
        assert!(days.len() < 9, "{days:?}");
    }
    assert_eq!(days, ["2026-11-11", "2026-11-12", "2026-11-13", "2026-11-14"]);
}

#[actix_web::test]
async fn a_file_has_all_rows_and_runs_nothing() {
    let world = World::new().await;
    let team = samples::team_id(1);
    let mut records: Vec<_> = (0..1_500)
        .map(|number| UsageRecord {
            at: at("2026-11-10T10:00:00Z"),
            ..call(number, team, &format!("m{number:04}"), "1")
        })
        .collect();
    records.push(call(2_000, team, "=cmd|'/c calc'!A1,\"x\"", "1"));
    records.last_mut().unwrap().at = at("2026-11-10T10:00:00Z");
    world.record(&records).await;
    let path = format!("/admin/v1/usage?{NOVEMBER}&group_by=model");
    let file = world.get_as(Role::PlatformAdmin, &path, "text/csv").await;
    assert_eq!(
        (file.status, file.header("content-type")),
        (200, Some("text/csv; charset=utf-8; header=present"))
    );
    let lines: Vec<_> = file.text.split("\r\n").collect();
    // The header, the rows, and what stands behind the last line's end.
    assert_eq!(lines.len(), 1 + 1_501 + 1);
    assert!(lines[0].starts_with("model,requests,retries,errors,"), "{}", lines[0]);
    assert!(lines[1].starts_with("\"'=cmd|'/c calc'!A1,\"\"x\"\"\",1,0,"), "{}", lines[1]);
    assert!(
        lines[2].starts_with("m0000,1,0,0,0,0,11,12,13,14,15,6,7,8,9,0,0,1,0,1,0,1,-0.005,"),
        "{}",
        lines[2]
    );
    assert!(lines[1_501].starts_with("m1499,"), "{}", lines[1_501]);
    let some = world.get(Role::PlatformAdmin, &format!("{path}&format=csv&limit=3")).await;
    assert_eq!(some.text.lines().count(), 4);
    let json = world.get_as(Role::PlatformAdmin, &format!("{path}&format=json"), "text/csv").await;
    assert_eq!(json.json()["data"].as_array().unwrap().len(), 100);
}

#[actix_web::test]
async fn what_does_not_do_is_refused_by_name() {
    let world = World::new().await;
    for (path, param) in [
        ("/admin/v1/usage?colour=red", "colour"),
        ("/admin/v1/usage?group_by=colour", "group_by"),
        ("/admin/v1/usage?from=2026-11-02&until=2026-11-01", "from"),
        ("/admin/v1/usage?from=2025-01-01&until=2026-11-01&group_by=hour", "from"),
        ("/admin/v1/usage?format=xml", "format"),
        ("/admin/v1/usage?limit=0", "limit"),
        ("/admin/v1/usage?format=csv&limit=1000001", "limit"),
        ("/admin/v1/usage?after=!", "after"),
        ("/v1/usage?group_by=team", "group_by"),
        ("/v1/usage?tag=x", "tag"),
        ("/v1/usage?from=2025-01-01&until=2026-11-01", "from"),
        ("/v1/usage?from=2026-11-02&until=2026-11-01", "from"),
        ("/v1/usage?until=soon", "until"),
        ("/v1/usage?after=x", "after"),
        ("/admin/v1/alerts?team=x", "team"),
        ("/admin/v1/alerts?model=x", "model"),
    ] {
        let refused = world.get(Role::PlatformAdmin, path).await;
        assert_eq!(refused.status, 400, "{path}: {}", refused.text);
        assert!(refused.text.contains(&format!("`{param}`")), "{path}: {}", refused.text);
    }
}

#[actix_web::test]
async fn alerts_are_listed_for_those_they_concern() {
    let world = World::new().await;
    let teams = [Some(samples::team_id(1)), Some(samples::team_id(2)), None];
    for (number, team) in (1..).zip(teams) {
        let alert = Alert {
            id: outcrop_types::AlertId::new(uuid::Uuid::from_u128(number)),
            at: at("2026-11-21T20:00:00Z"),
            policy: samples::policy_id(1),
            level: Level::User,
            holder: format!("holder {number}"),
            team,
            model: None,
            budget: "10".parse().unwrap(),
            period: Period::Rolling { days: 7 },
            period_start: at("2026-11-21T00:00:00Z"),
            per_cent: 80,
            spent: "8.25".parse().unwrap(),
        };
        assert!(world.store.raise_alert(&alert).await.unwrap());
    }
    let holders = async |role, query: &str| -> Vec<Value> {
        let answer = world.get(role, &format!("/admin/v1/alerts{query}")).await.json();
        answer["data"].as_array().unwrap().iter().map(|alert| alert["holder"].clone()).collect()
    };
    assert_eq!(holders(Role::Viewer, "").await, [json!("holder 2")]);
    assert_eq!(
        holders(Role::PlatformAdmin, "").await,
        [json!("holder 3"), json!("holder 2"), json!("holder 1")]
    );
    let page = world.get(Role::PlatformAdmin, "/admin/v1/alerts?limit=1").await.json();
    assert_eq!(page["has_more"], true);
    let after = page["data"][0]["id"].as_str().unwrap();
    assert_eq!(holders(Role::PlatformAdmin, &format!("?limit=1&after={after}")).await, [json!("holder 2")]);
    let alert = &page["data"][0];
    assert_eq!(alert["budget"], json!({"usd": "10", "period": "rolling", "days": 7}));
    assert_eq!(
        (&alert["spent_usd"], &alert["left_usd"], &alert["per_cent"]),
        (&json!("8.25"), &json!("1.75"), &json!(80))
    );
}
