//! Somebody with a password, invited and logged in.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::platform::Platform;

/// Good enough for every person here.
pub(crate) const PASSWORD: &str = "a horse, a battery, a staple";

/// A user that has accepted its invitation.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) team: String,
}

/// What a login gave.
#[derive(Debug)]
pub(crate) struct Login {
    /// Calls with the access token.
    pub(crate) client: Client,
    pub(crate) refresh: String,
}

/// A name that nobody on this platform has yet.
pub(crate) fn new_name(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{what}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A new team; its id.
pub(crate) async fn new_team(platform: &Platform) -> String {
    let created = platform.admin.post("/admin/v1/teams", &json!({ "name": new_name("team") })).await;
    created.expect(201).body["id"].as_str().unwrap().to_owned()
}

impl Person {
    /// Invited by the platform's admin, with a password set.
    pub(crate) async fn new(platform: &Platform, team: &str, role: &str) -> Self {
        let name = new_name(role);
        let asked = json!({ "name": name, "team": team, "role": role });
        let created = platform.admin.post("/admin/v1/users", &asked).await.expect(201);
        let invitation = created.body["invitation"].as_str().unwrap();
        let accept = json!({ "invitation": invitation, "password": PASSWORD });
        platform.admin.without_key().post("/auth/password", &accept).await.expect(204);
        let id = created.body["id"].as_str().unwrap().to_owned();
        Self { id, name, team: team.to_owned() }
    }

    /// Logs in with the password, for the team that this person was invited to.
    pub(crate) async fn log_in(&self, platform: &Platform) -> Login {
        let given = self.grant(platform, PASSWORD).await.expect(200);
        Login::from(platform, &given.body)
    }

    /// Asks for a token with this password.
    pub(crate) async fn grant(&self, platform: &Platform, password: &str) -> Answer {
        let asked = json!({
            "grant_type": "password", "username": self.name, "password": password, "team": self.team,
        });
        platform.admin.without_key().post("/auth/token", &asked).await
    }
}

impl Login {
    /// What the token endpoint answered.
    pub(crate) fn from(platform: &Platform, given: &Value) -> Self {
        let text = |field: &str| given[field].as_str().unwrap_or_default().to_owned();
        assert_eq!(given["token_type"], "Bearer", "{given:#}");
        Self { client: platform.admin.with_key(&text("access_token")), refresh: text("refresh_token") }
    }

    /// Uses the refresh token up.
    pub(crate) async fn refreshed(&self, platform: &Platform) -> Answer {
        let asked = json!({ "grant_type": "refresh_token", "refresh_token": self.refresh });
        platform.admin.without_key().post("/auth/token", &asked).await
    }
}
