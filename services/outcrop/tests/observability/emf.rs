//! CloudWatch's metrics, as lines on stdout.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::client::ask;
use crate::person::new_team;
use crate::wait::until;
use crate::world::World;

#[tokio::test]
async fn lines_on_stdout_tell_cloudwatch_by_architecture() {
    let over = [("METRICS__EMF", "stdout"), ("METRICS__EMF_NAMESPACE", "Proof"), ("METRICS__TOP_TEAMS", "1")];
    let world = World::together(&over).await;
    let mut teams = BTreeSet::new();
    for _ in 0..3 {
        let team = new_team(&world.platform).await;
        let key = json!({ "name": "k", "team": team, "role": "developer" });
        let created = world.platform.create_key(&key).await;
        let client = world.platform.admin.with_key(created.body["key"].as_str().unwrap());
        client.chat(&ask("[[say: ok]]")).await.expect(200);
        teams.insert(team);
    }
    let lines = until("the latency and the cost of all teams", async || {
        let lines = lines(&world);
        let measured =
            lines.iter().any(|it| measures(it, "InferenceLatency", &["Environment", "Architecture"]));
        let other = lines.iter().any(|it| it["Team"] == "other" && !it["Cost"].is_null());
        (measured && other).then_some(lines)
    })
    .await;
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    for line in &lines {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "Proof", "{line}");
        assert!(line["_aws"]["Timestamp"].as_u64().unwrap() > 1_600_000_000_000, "milliseconds: {line}");
        for set in directive["Dimensions"].as_array().unwrap() {
            for dimension in set.as_array().unwrap() {
                assert!(line[dimension.as_str().unwrap()].is_string(), "{dimension} of {line}");
            }
        }
        for metric in directive["Metrics"].as_array().unwrap() {
            let value = &line[metric["Name"].as_str().unwrap()];
            assert!(value.is_number() || value.is_object() || value.is_array(), "{metric} of {line}");
        }
        if !line["Architecture"].is_null() {
            assert_eq!(line["Architecture"], arch, "{line}");
        }
    }
    let latency =
        lines.iter().find(|it| measures(it, "InferenceLatency", &["Environment", "Architecture"])).unwrap();
    let metrics = latency["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
    assert_eq!(metrics.iter().find(|it| it["Name"] == "InferenceLatency").unwrap()["Unit"], "Milliseconds");
    let named: BTreeSet<_> = lines.iter().filter_map(|it| it["Team"].as_str()).collect();
    let known = named.iter().filter(|it| teams.contains(**it)).count();
    assert!(known <= 1 && named.contains("other"), "one team has a name: {named:?}");
}

/// The lines for CloudWatch among those that the process wrote.
fn lines(world: &World) -> Vec<Value> {
    let log = world.platform.services.front().log();
    log.lines().filter(|it| it.contains("\"_aws\"")).map(|it| serde_json::from_str(it).unwrap()).collect()
}

/// Whether a line has this metric by just these dimensions.
fn measures(line: &Value, metric: &str, by: &[&str]) -> bool {
    let directive = &line["_aws"]["CloudWatchMetrics"][0];
    let named = directive["Metrics"].as_array().is_some_and(|all| all.iter().any(|it| it["Name"] == metric));
    let sets = directive["Dimensions"].as_array();
    named && sets.is_some_and(|sets| sets.iter().any(|it| *it == json!(by)))
}
