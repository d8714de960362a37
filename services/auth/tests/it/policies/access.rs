//! Who may do what with whose policies.

use reqwest::Method;
use serde_json::{Value, json};

use crate::office::{Office, text};

/// Two teams, and a policy of each kind.
struct Offices {
    office: Office,
    red: String,
    blue: String,
    /// By what it is for: `platform`, `each_team`, `red`, `red_user`, `blue_user`, and so on.
    policies: Vec<(&'static str, String)>,
}

impl Offices {
    async fn open() -> Self {
        let office = Office::open().await;
        let (red, blue) = (office.team("red").await, office.team("blue").await);
        let mut policies = Vec::new();
        for (name, target) in [
            ("platform", json!({"level": "platform"})),
            ("each_team", json!({"level": "team"})),
            ("each_user", json!({"level": "user"})),
            ("each_key", json!({"level": "key"})),
            ("red", json!({"level": "team", "team": red})),
            ("red_user", json!({"level": "user", "team": red})),
            ("red_key", json!({"level": "key", "team": red})),
            ("blue", json!({"level": "team", "team": blue})),
            ("blue_user", json!({"level": "user", "team": blue})),
        ] {
            let body = json!({"target": target, "rules": {"requests_per_minute": 5}});
            policies.push((name, text(&office.make("/policies", body).await["id"])));
        }
        Self { office, red, blue, policies }
    }

    /// The statuses of one method, by policy.
    async fn statuses(&self, key: &str, method: &Method, body: Value) -> Vec<(&'static str, u16)> {
        let mut statuses = Vec::new();
        for (name, id) in &self.policies {
            let path = format!("/policies/{id}");
            statuses.push((*name, self.office.ask(key, method.clone(), &path, body.clone()).await.0));
        }
        statuses
    }
}

fn all(statuses: &[(&'static str, u16)], expected: impl Fn(&str) -> u16) -> Vec<(&'static str, u16)> {
    statuses.iter().map(|(name, _)| (*name, expected(name))).collect()
}

#[actix_web::test]
async fn a_team_admin_sees_its_teams_and_changes_those_of_its_people_and_keys() {
    let offices = Offices::open().await;
    let ann = offices.office.person("ann", &offices.red, "team_admin").await;
    let seen = offices.statuses(&ann.key, &Method::GET, Value::Null).await;
    assert_eq!(seen, all(&seen, |name| if name.starts_with("red") { 200 } else { 404 }));
    let change = json!({"rules": {"requests_per_minute": 6}});
    let own = |name: &str, done| match name {
        "red" => 403,
        "red_user" | "red_key" => done,
        _ => 404,
    };
    let changed = offices.statuses(&ann.key, &Method::PATCH, change).await;
    assert_eq!(changed, all(&changed, |name| own(name, 200)));
    let removed = offices.statuses(&ann.key, &Method::DELETE, Value::Null).await;
    assert_eq!(removed, all(&removed, |name| own(name, 204)));

    let (status, list) = offices.office.get(&ann.key, "/policies").await;
    assert_eq!((status, list["data"].as_array().unwrap().len()), (200, 1), "the team's own is left: {list}");
    let (status, answer) = offices.office.get(&ann.key, &format!("/policies?team={}", offices.blue)).await;
    assert_eq!((status, &answer["param"]), (404, &json!("team")));
}

#[actix_web::test]
async fn a_team_admin_makes_policies_for_its_people_and_keys_alone() {
    let offices = Offices::open().await;
    let (office, red, blue) = (&offices.office, &offices.red, &offices.blue);
    let ann = office.person("ann", red, "team_admin").await;
    let (dan, eve) =
        (office.person("dan", red, "developer").await, office.person("eve", blue, "viewer").await);
    let key = |team: &str| json!({"name": "app", "team": team});
    let (ours, theirs) = (
        office.make("/keys", key(red)).await["id"].clone(),
        office.make("/keys", key(blue)).await["id"].clone(),
    );
    let bot = office.make("/service-accounts", json!({"name": "bot", "team": red})).await["id"].clone();
    let their_bot =
        office.make("/service-accounts", json!({"name": "bot", "team": blue})).await["id"].clone();
    for (target, status, param) in [
        (json!({"level": "user", "user": dan.id, "team": red}), 201, None),
        (json!({"level": "user", "user": bot}), 201, None),
        (json!({"level": "key", "key": ours}), 201, None),
        (json!({"level": "platform"}), 403, Some("target.level")),
        (json!({"level": "team"}), 403, Some("target.level")),
        (json!({"level": "team", "team": red}), 403, Some("target.level")),
        (json!({"level": "team", "team": blue}), 404, Some("target.team")),
        (json!({"level": "user"}), 403, Some("target.team")),
        (json!({"level": "user", "user": dan.id}), 403, Some("target.team")),
        (json!({"level": "user", "team": blue}), 404, Some("target.team")),
        (json!({"level": "user", "user": eve.id, "team": red}), 404, Some("target.user")),
        (json!({"level": "user", "user": their_bot}), 404, Some("target.user")),
        (json!({"level": "key"}), 403, Some("target.team")),
        (json!({"level": "key", "team": blue}), 404, Some("target.team")),
        (json!({"level": "key", "key": theirs}), 404, Some("target.key")),
    ] {
        let body = json!({"target": target, "model": "claude-*", "rules": {"requests_per_minute": 5}});
        let (got, answer) = office.post(&ann.key, "/policies", body).await;
        assert_eq!((got, answer["param"].as_str()), (status, param), "{target}: {answer}");
    }
}

#[actix_web::test]
async fn those_who_manage_no_team_see_none() {
    let offices = Offices::open().await;
    let body = json!({"target": {"level": "user", "team": offices.red}, "rules": {"requests_per_minute": 5}});
    for role in ["developer", "viewer", "service"] {
        let key = json!({"name": role, "team": offices.red, "role": role});
        let key = text(&offices.office.make("/keys", key).await["key"]);
        for method in [Method::GET, Method::DELETE] {
            let statuses = offices.statuses(&key, &method, Value::Null).await;
            assert_eq!(statuses, all(&statuses, |_| 403), "{role} {method}");
        }
        assert_eq!(offices.office.get(&key, "/policies").await.0, 403);
        assert_eq!(offices.office.post(&key, "/policies", body.clone()).await.0, 403);
    }
}

#[actix_web::test]
async fn a_platform_admin_decides_about_all() {
    let offices = Offices::open().await;
    let root = offices.office.root.clone();
    for (method, body, status) in [
        (Method::GET, Value::Null, 200),
        (Method::PATCH, json!({"rules": {"requests_per_minute": 6}}), 200),
        (Method::DELETE, Value::Null, 204),
    ] {
        let statuses = offices.statuses(&root, &method, body).await;
        assert_eq!(statuses, all(&statuses, |_| status), "{method}");
    }
}

#[actix_web::test]
async fn a_narrowed_credential_does_no_more_than_its_scope() {
    let offices = Offices::open().await;
    let office = &offices.office;
    let narrowed = async |permission: &str| {
        let body = json!({"role": "platform_admin", "scope": {"permissions": [permission]}});
        office.narrowed(&office.root, body).await
    };
    let staff = narrowed("team:manage").await;
    let seen = offices.statuses(&staff, &Method::GET, Value::Null).await;
    assert_eq!(seen, all(&seen, |_| 200), "every team's, and the platform's");
    let change = json!({"rules": {"requests_per_minute": 6}});
    let changed = offices.statuses(&staff, &Method::PATCH, change).await;
    let of_people_and_keys = |name: &str| ["red_user", "red_key", "blue_user"].contains(&name);
    assert_eq!(changed, all(&changed, |name| if of_people_and_keys(name) { 200 } else { 403 }));
    let platform = narrowed("platform:manage").await;
    let seen = offices.statuses(&platform, &Method::GET, Value::Null).await;
    assert_eq!(seen, all(&seen, |_| 403), "`team:manage` is what reads policies");
}
