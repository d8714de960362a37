//! Refused administrative acts are in the audit log.

use async_trait::async_trait;
use chrono::TimeDelta;
use outcrop_ports::{AuditFilter, AuditLog, PortError};
use outcrop_types::{AuditDraft, AuditHash, AuditOutcome, AuditRow, Page};
use serde_json::{Value, json};
use std::sync::Arc;

use crate::office::{Office, key_path, text};
use crate::world::World;

async fn refusals(office: &Office) -> Vec<Value> {
    let (_, list) = office.get(&office.root, "/audit?outcome=refused&limit=100").await;
    list["data"].as_array().unwrap().clone()
}

#[actix_web::test]
async fn who_was_refused_what_is_told() {
    let office = Office::open().await;
    let (red, blue) = (office.team("red").await, office.team("blue").await);
    let ann = office.person("ann", &red, "team_admin").await;
    let dan = office.person("dan", &red, "developer").await;
    assert_eq!(refusals(&office).await, Vec::<Value>::new());

    assert_eq!(office.get(&dan.key, "/keys").await.0, 403);
    assert_eq!(office.delete(&ann.key, &format!("/teams/{blue}")).await.0, 404);
    assert_eq!(office.post(&office.root, "/teams", json!({"name": "red"})).await.0, 409);
    let rows = refusals(&office).await;
    let told: Vec<_> = rows.iter().map(|row| (text(&row["action"]), text(&row["target"]))).collect();
    let expected = [
        ("POST /admin/v1/teams".to_owned(), "/admin/v1/teams".to_owned()),
        ("DELETE /admin/v1/teams/{team}".to_owned(), format!("/admin/v1/teams/{blue}")),
        ("GET /admin/v1/keys".to_owned(), "/admin/v1/keys".to_owned()),
    ];
    assert_eq!(told, expected);
    let row = &rows[2];
    assert_eq!((&row["actor"]["subject"]["id"], &row["team"]), (&json!(dan.id), &json!(red)), "{row}");
    assert!(text(&row["detail"]).contains("keys:manage"), "what it was told: {row}");
    assert!(row["request_id"].is_string() && row["client_ip"] == "127.0.0.1", "{row}");
    assert!(row.get("before").is_none() && row.get("after").is_none());

    let (_, of_red) = office.get(&ann.key, "/audit?outcome=refused").await;
    assert_eq!(of_red["data"].as_array().unwrap().len(), 2, "its team's admin reads of its own: {of_red}");
}

#[actix_web::test]
async fn what_is_no_refusal_is_not_told() {
    let office = Office::open().await;
    assert_eq!(office.post(&office.root, "/teams", json!({"name": ""})).await.0, 400);
    assert_eq!(office.get("nobody", "/keys").await.0, 401);
    assert_eq!(office.get(&office.root, "/nothing/here").await.0, 404);
    assert_eq!(office.get(&office.root, "/teams").await.0, 200);
    assert_eq!(refusals(&office).await, Vec::<Value>::new());
}

#[actix_web::test]
async fn what_is_kept_is_bounded_and_no_secret() {
    let office = Office::open().await;
    let long = format!("/keys/{}", "x".repeat(5_000));
    assert_eq!(office.get(&office.root, &long).await.0, 404);
    let key = text(&office.make("/keys", json!({"name": "a"})).await["key"]);
    assert_eq!(office.delete(&office.root, &format!("/keys/{key}")).await.0, 404, "a whole key is no id");
    assert_eq!(office.delete(&office.root, &key_path(&key)).await.0, 200);
    assert_eq!(office.post(&office.root, &format!("{}/rotate", key_path(&key)), json!(null)).await.0, 409);
    let rows = refusals(&office).await;
    assert_eq!(rows.len(), 3);
    for row in rows {
        assert!(text(&row["target"]).len() <= 512, "{row}");
        assert!(!row.to_string().contains(&key), "{row}");
    }
}

/// A log that can be read and not written to.
struct Full(Arc<dyn AuditLog>);

#[async_trait]
impl AuditLog for Full {
    async fn record_audit(&self, _: &AuditDraft) -> Result<(), PortError> {
        Err(PortError::unavailable("write an audit event", "the disk is full"))
    }

    async fn list_audit(
        &self,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Page<AuditRow>, PortError> {
        self.0.list_audit(filter, before, limit).await
    }

    async fn read_audit_chain(&self, after: u64, limit: usize) -> Result<Vec<AuditRow>, PortError> {
        self.0.read_audit_chain(after, limit).await
    }

    async fn audit_head(&self) -> Result<Option<(u64, AuditHash)>, PortError> {
        self.0.audit_head().await
    }
}

#[actix_web::test]
async fn a_refusal_stands_though_it_cannot_be_told() {
    let world = World::with(|ports, _| ports.audit = Arc::new(Full(ports.audit.clone()))).await;
    let office = Office::of(world);
    let (status, answer) = office.get(&office.root, "/teams/nonsense").await;
    assert_eq!((status, &answer["detail"]), (404, &json!("there is no such team")), "{answer}");
    let filter = AuditFilter { outcome: Some(AuditOutcome::Refused), ..AuditFilter::default() };
    let rows = office.world.ports.audit.list_audit(&filter, None, 10).await.unwrap();
    assert_eq!(rows.items, []);
}

#[actix_web::test]
async fn a_credential_that_is_not_good_here_is_refused_and_noted() {
    let office = Office::open().await;
    for (scope, told) in [
        (json!({ "routes": ["/v1/*"] }), "for this path"),
        (json!({ "networks": ["203.0.113.0/24"] }), "from this address"),
    ] {
        let asked = json!({ "name": "elsewhere", "role": "platform_admin", "scope": scope });
        let (_, made) = office.post(&office.root, "/keys", asked).await;
        let key = made["key"].as_str().unwrap();
        let (status, answer) = office.get(key, "/teams").await;
        assert_eq!(status, 403, "{answer}");
        let (_, list) = office.get(&office.root, "/audit?outcome=refused&limit=1").await;
        let row = &list["data"][0];
        assert!(row["detail"].as_str().unwrap().contains(told), "{row}");
        assert_eq!(row["actor"]["key"], made["id"], "{row}");
    }
}

#[actix_web::test]
async fn whoever_is_refused_without_end_fills_no_log() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let dan = office.person("dan", &red, "developer").await;
    for number in 0..130 {
        let (status, answer) = office.get(&dan.key, "/keys").await;
        assert_eq!(status, 403, "the answer stays what it is, {number}: {answer}");
    }
    assert_eq!(noted(&office).await, 120);
    let (_, list) = office.get(&office.root, "/audit?outcome=refused&limit=2").await;
    let told = |row: usize| text(&list["data"][row]["detail"]).contains("only in the log");
    assert!(told(0) && !told(1), "the last one says that it is: {list}");

    office.world.clock.advance(TimeDelta::seconds(60));
    assert_eq!(office.get(&dan.key, "/keys").await.0, 403);
    assert_eq!(noted(&office).await, 121, "the next minute is another one");
}

#[actix_web::test]
async fn reads_that_are_refused_without_end_hide_no_change() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let dan = office.person("dan", &red, "developer").await;
    for _ in 0..125 {
        assert_eq!(office.get(&dan.key, "/keys").await.0, 403);
    }
    assert_eq!(noted(&office).await, 120);
    assert_eq!(office.post(&dan.key, "/keys", json!({"name": "mine"})).await.0, 403);
    let (_, list) = office.get(&office.root, "/audit?outcome=refused&limit=1").await;
    assert_eq!(list["data"][0]["action"], "POST /admin/v1/keys", "{list}");
}

#[actix_web::test]
async fn a_body_that_does_not_read_keeps_no_refusal_out_of_the_log() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let ann = office.person("ann", &red, "team_admin").await;
    let dan = office.person("dan", &red, "developer").await;
    let bad = json!({"nonsense": 1});
    for (key, path, permission) in [
        (&dan.key, "/teams", "platform:manage"),
        (&ann.key, "/teams", "platform:manage"),
        (&dan.key, "/users", "team:manage"),
        (&dan.key, "/service-accounts", "team:manage"),
        (&dan.key, "/keys", "keys:manage"),
    ] {
        let (status, answer) = office.post(key, path, bad.clone()).await;
        assert_eq!(status, 403, "{path}: {answer}");
        let (_, list) = office.get(&office.root, "/audit?outcome=refused&limit=1").await;
        let row = &list["data"][0];
        assert_eq!(row["action"], format!("POST /admin/v1{path}"), "{row}");
        assert!(text(&row["detail"]).contains(permission), "{row}");
    }
    for (key, path) in [(&office.root, "/teams"), (&ann.key, "/users"), (&ann.key, "/keys")] {
        assert_eq!(office.post(key, path, bad.clone()).await.0, 400, "{path}");
    }
    assert_eq!(noted(&office).await, 5);
}

#[actix_web::test]
async fn what_was_refused_shuts_out_nothing_that_is_allowed() {
    let office = Office::open().await;
    let spare = text(&office.make("/keys", json!({"name": "spare"})).await["key"]);
    for number in 0..125 {
        assert_eq!(office.get(&office.root, &format!("/keys/none{number}")).await.0, 404);
    }
    let (status, answer) = office.delete(&office.root, &key_path(&spare)).await;
    assert_eq!(status, 200, "{answer}");
    assert!(!office.is_good(&spare).await);
}

/// How many refused acts are in the audit log.
async fn noted(office: &Office) -> usize {
    let filter = AuditFilter { outcome: Some(AuditOutcome::Refused), ..AuditFilter::default() };
    office.world.ports.audit.list_audit(&filter, None, 1_000).await.unwrap().items.len()
}
