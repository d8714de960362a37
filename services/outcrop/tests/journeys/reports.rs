//! Sums of what was used: the ledger's, the emulator's and the clients' figures are the same.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, ask, ask_with};
use crate::person::new_team;
use crate::platform::Platform;

pub(crate) async fn journey(platform: &Platform) {
    let team = new_team(platform).await;
    let [developer, viewer] = [key(platform, &team, "developer").await, key(platform, &team, "viewer").await];
    let before = counters(platform).await;
    let used = calls(platform, &developer, &viewer).await;
    let after = counters(platform).await;
    assert_eq!([after[0] - before[0], after[1] - before[1]], used, "the emulator's count is the clients'");
    sums_are_those(platform, &team, used).await;
    each_sees_its_own(platform, &team, &viewer).await;
    a_caller_sees_what_it_used(platform, &team, &developer, used).await;
}

async fn key(platform: &Platform, team: &str, role: &str) -> Client {
    let created = platform.create_key(&json!({ "name": role, "team": team, "role": role })).await;
    platform.admin.with_key(created.body["key"].as_str().unwrap())
}

async fn counters(platform: &Platform) -> [u64; 2] {
    let counters = platform.emulator.counters().await;
    ["inputTokens", "outputTokens"].map(|name| counters[name].as_u64().unwrap())
}

/// Three calls of two models; the tokens that their answers say were read and written.
async fn calls(platform: &Platform, developer: &Client, viewer: &Client) -> [u64; 2] {
    let mut used = [0, 0];
    let other = ask_with("[[usage: input=21,output=13]]", json!({ "model": "nova-lite" }));
    for request in [ask("Hello"), ask("[[usage: input=1000,output=500]]"), other] {
        let answer = developer.chat(&request).await.expect(200);
        for (sum, name) in used.iter_mut().zip(["prompt_tokens", "completion_tokens"]) {
            *sum += answer.body["usage"][name].as_u64().unwrap();
        }
        platform.usage_of_team(viewer, &answer.request_id()).await;
    }
    used
}

fn tokens(row: &Value) -> [u64; 2] {
    ["input", "output"].map(|name| row["tokens"][name].as_u64().unwrap())
}

async fn sums_are_those(platform: &Platform, team: &str, used: [u64; 2]) {
    let path = format!("/admin/v1/usage?team={team}&group_by=model");
    let report = platform.admin.get(&path).await.expect(200).body;
    let rows = report["data"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{report:#}");
    let sum = rows.iter().map(tokens).fold([0, 0], |sum, row| [sum[0] + row[0], sum[1] + row[1]]);
    assert_eq!(sum, used, "{report:#}");
    let requests: Vec<_> = rows.iter().map(|row| row["requests"].as_u64().unwrap()).collect();
    assert_eq!(requests.iter().sum::<u64>(), 3, "{report:#}");
    assert!(rows.iter().all(|row| row["cost_usd"].is_string() && row["unpriced"] == 0), "{report:#}");
    let request = platform.admin.request(Method::GET, &path).header("accept", "text/csv");
    let response = request.send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.headers()["content-disposition"].to_str().unwrap()),
        (200, "attachment; filename=\"usage.csv\"")
    );
    assert_eq!(response.text().await.unwrap().lines().count(), 3);
    let refused = platform.admin.get("/admin/v1/usage?colour=red").await.expect(400);
    assert!(refused.body.to_string().contains("colour"), "{refused:#?}");
}

async fn each_sees_its_own(platform: &Platform, team: &str, viewer: &Client) {
    let report = viewer.get("/admin/v1/usage?group_by=team").await.expect(200).body;
    assert_eq!(report["data"].as_array().unwrap().len(), 1, "{report:#}");
    assert_eq!(report["data"][0]["group"]["team"], team);
    let others = new_team(platform).await;
    let stranger = key(platform, &others, "viewer").await;
    for path in ["/admin/v1/usage", "/admin/v1/alerts", "/v1/usage"] {
        stranger.get(&format!("{path}?team={team}")).await.expect(404);
        let own = stranger.get(path).await.expect(200).body;
        assert!(own["data"].is_array(), "{own:#}");
    }
    // Where a key may be used holds here too.
    let narrow = json!({ "name": "narrow", "team": team, "scope": { "routes": ["/v1/models"] } });
    let narrow = platform.create_key(&narrow).await;
    let narrow = platform.admin.with_key(narrow.body["key"].as_str().unwrap());
    narrow.get("/admin/v1/usage").await.expect(403);
}

async fn a_caller_sees_what_it_used(platform: &Platform, team: &str, developer: &Client, used: [u64; 2]) {
    let policy = json!({
        "target": { "level": "team", "team": team },
        "rules": { "requests_per_minute": 1000, "budgets": [{ "usd": "50", "period": "month" }] },
    });
    platform.admin.post("/admin/v1/policies", &policy).await.expect(201);
    let me = crate::wait::until("the limits of the policy", async || {
        let me = developer.get("/v1/usage/me").await.expect(200).body;
        (me["limits"].as_array().unwrap().len() >= 2).then_some(me)
    })
    .await;
    assert_eq!(me["team"], team);
    for of in ["by_subject", "by_key"] {
        // The subject is the admin, who has other teams; only this one's calls are its.
        assert_eq!(
            (&me[of]["today"]["requests"], tokens(&me[of]["this_month"])),
            (&json!(3), used),
            "{me:#}"
        );
    }
    let limits = me["limits"].as_array().unwrap();
    let budget = limits.iter().find(|limit| limit["kind"] == "money").unwrap();
    assert_eq!(
        (&budget["level"], &budget["period"], &budget["limit"]),
        (&json!("team"), &json!("month"), &json!("50"))
    );
    assert_ne!(budget["used"], "0", "what was spent before the policy counts: {me:#}");
    // Programs have no permission to read usage; their own they may.
    key(platform, team, "service").await.get("/v1/usage/me").await.expect(200);
    platform.admin.without_key().get("/v1/usage/me").await.expect(401);
}
