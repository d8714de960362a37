//! People and teams: bootstrapped, invited, given another role, kept out.

use serde_json::{Value, json};

use crate::client::{Client, ask};
use crate::person::{PASSWORD, Person, new_name, new_team};
use crate::platform::Platform;
use crate::wait::until;

pub(crate) async fn journey(platform: &Platform) {
    the_first_admin_runs_the_platform(platform).await;
    an_invitation_is_good_once(platform).await;
    a_changed_role_counts_at_once(platform).await;
    a_disabled_person_is_out_with_all_keys(platform).await;
    one_person_acts_in_several_teams(platform).await;
    the_last_admin_stays(platform).await;
    what_was_done_is_in_the_audit_log(platform).await;
}

/// Waits until this caller is answered with this status: changes reach every replica within a second.
async fn becomes(client: &Client, path: &str, status: u16) {
    let what = format!("{path} to answer {status}");
    until(&what, async || (client.get(path).await.status == status).then_some(())).await;
}

async fn the_first_admin_runs_the_platform(platform: &Platform) {
    let me = platform.admin.get("/auth/me").await.expect(200).body;
    assert_eq!(me["role"], "platform_admin", "{me:#}");
    let roles = platform.admin.get("/admin/v1/roles").await.expect(200).body;
    assert_eq!(roles["data"].as_array().unwrap().len(), 5, "{roles:#}");
}

async fn an_invitation_is_good_once(platform: &Platform) {
    let team = new_team(platform).await;
    let created = platform
        .admin
        .post("/admin/v1/users", &json!({ "name": new_name("guest"), "team": team, "role": "viewer" }))
        .await
        .expect(201);
    let nobody = platform.admin.without_key();
    let accept = json!({ "invitation": created.body["invitation"], "password": PASSWORD });
    let short = json!({ "invitation": created.body["invitation"], "password": "short" });
    let refused = nobody.post("/auth/password", &short).await.expect(400);
    assert_eq!(refused.body["param"], "password", "{refused:#?}");
    nobody.post("/auth/password", &accept).await.expect(204);
    let again = nobody.post("/auth/password", &accept).await;
    assert!(matches!(again.status, 400 | 401), "{again:#?}");
    // The name is taken now.
    let twin = json!({ "name": created.body["name"], "team": team });
    platform.admin.post("/admin/v1/users", &twin).await.expect(409);
}

async fn a_changed_role_counts_at_once(platform: &Platform) {
    let team = new_team(platform).await;
    let person = Person::new(platform, &team, "developer").await;
    let login = person.log_in(platform).await;
    login.client.chat(&ask("[[say: ok]]")).await.expect(200);
    let path = format!("/admin/v1/teams/{team}/members/{}", person.id);
    for _ in 0..2 {
        platform.admin.put(&path, &json!({ "role": "viewer" })).await.expect(200);
    }
    // The token is the same; what its bearer may is not.
    until("a viewer to be refused", async || {
        (login.client.chat(&ask("[[say: ok]]")).await.status == 403).then_some(())
    })
    .await;
    login.client.get("/v1/models").await.expect(200);
    platform.admin.delete(&path).await.expect(204);
    becomes(&login.client, "/v1/models", 401).await;
}

async fn a_disabled_person_is_out_with_all_keys(platform: &Platform) {
    let team = new_team(platform).await;
    let person = Person::new(platform, &team, "team_admin").await;
    let login = person.log_in(platform).await;
    let created = login.client.post("/admin/v1/keys", &json!({ "name": "own" })).await.expect(201);
    let key = platform.admin.with_key(created.body["key"].as_str().unwrap());
    key.get("/v1/models").await.expect(200);
    let path = format!("/admin/v1/users/{}", person.id);
    for _ in 0..2 {
        platform.admin.patch(&path, &json!({ "disabled": true })).await.expect(200);
    }
    becomes(&login.client, "/v1/models", 401).await;
    becomes(&key, "/v1/models", 401).await;
    assert_eq!(person.grant(platform, PASSWORD).await.expect(400).body["error"], "invalid_grant");
    platform.admin.patch(&path, &json!({ "disabled": false })).await.expect(200);
    becomes(&key, "/v1/models", 200).await;
    platform.admin.delete(&path).await.expect(204);
    becomes(&key, "/v1/models", 401).await;
    platform.admin.get(&path).await.expect(404);
}

async fn one_person_acts_in_several_teams(platform: &Platform) {
    let (first, second) = (new_team(platform).await, new_team(platform).await);
    let person = Person::new(platform, &first, "viewer").await;
    let path = format!("/admin/v1/teams/{second}/members/{}", person.id);
    platform.admin.put(&path, &json!({ "role": "developer" })).await.expect(201);
    for (team, role) in [(&first, "viewer"), (&second, "developer")] {
        let asked = json!({
            "grant_type": "password", "username": person.name, "password": PASSWORD, "team": team,
        });
        let given = platform.admin.without_key().post("/auth/token", &asked).await.expect(200);
        let client = platform.admin.with_key(given.body["access_token"].as_str().unwrap());
        let me = client.get("/auth/me").await.expect(200).body;
        assert_eq!(
            (&me["role"], given.body["team"].as_str().unwrap()),
            (&json!(role), team.as_str()),
            "{me:#}"
        );
    }
    let undecided = json!({ "grant_type": "password", "username": person.name, "password": PASSWORD });
    platform.admin.without_key().post("/auth/token", &undecided).await.expect(400);
}

async fn the_last_admin_stays(platform: &Platform) {
    let me = platform.admin.get("/auth/me").await.expect(200).body;
    let id = me["subject"]["id"].as_str().unwrap();
    let path = format!("/admin/v1/users/{id}");
    platform.admin.patch(&path, &json!({ "disabled": true })).await.expect(409);
    platform.admin.delete(&path).await.expect(409);
}

async fn what_was_done_is_in_the_audit_log(platform: &Platform) {
    let viewer = platform.caller("viewer").await;
    let refused = viewer.post("/admin/v1/teams", &json!({ "name": new_name("coup") })).await.expect(403);
    let recorded = async |query: &str| -> Vec<Value> {
        let listed = platform.admin.get(&format!("/admin/v1/audit?limit=100&{query}")).await.expect(200);
        listed.body["data"].as_array().unwrap().clone()
    };
    let acts = recorded("outcome=refused").await;
    let act = acts.iter().find(|act| act["request_id"] == refused.request_id()).expect("the refused act");
    assert_eq!(act["target"], "/admin/v1/teams", "{act:#}");
    let done = recorded("action=user.").await;
    assert!(done.iter().any(|act| act["action"] == "user.create"), "{done:#?}");
    let all = json!(recorded("").await).to_string();
    for secret in ["ock_", "oci_", "argon2", PASSWORD] {
        let found = all.match_indices(secret).any(|(at, _)| {
            // A key's prefix may be shown; its secret part may not.
            all[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').count() > 20
                || secret.len() > 4
        });
        assert!(!found, "{secret} is in the audit log");
    }
}
