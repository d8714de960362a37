//! `/admin/v1/audit`: every change, who made it, and what it was before and after.

use serde_json::{Value, json};

use crate::office::{Office, key_path, text};

async fn rows(office: &Office, query: &str) -> Vec<Value> {
    let (status, list) = office.get(&office.root, &format!("/audit?limit=100{query}")).await;
    assert_eq!(status, 200, "{list}");
    list["data"].as_array().unwrap().clone()
}

#[actix_web::test]
async fn every_change_leaves_its_row() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let team = format!("/teams/{red}");
    office.patch(&office.root, &team, json!({"name": "crimson"})).await;
    let dan = office.person("dan", &red, "developer").await;
    let (user, member) = (format!("/users/{}", dan.id), format!("{team}/members/{}", dan.id));
    office.put(&office.root, &member, json!({"role": "viewer"})).await;
    office.patch(&office.root, &user, json!({"email": "d@example.com"})).await;
    office.post(&office.root, &format!("{user}/invitation"), Value::Null).await;
    let bot = office.make("/service-accounts", json!({"name": "bot", "team": red})).await;
    let bot = format!("/service-accounts/{}", text(&bot["id"]));
    office.patch(&office.root, &bot, json!({"role": "viewer"})).await;
    office.delete(&office.root, &bot).await;
    let key = key_path(&dan.key);
    office.patch(&office.root, &key, json!({"name": "renamed"})).await;
    office.post(&office.root, &format!("{key}/rotate"), Value::Null).await;
    office.delete(&office.root, &key).await;
    office.delete(&office.root, &member).await;
    office.delete(&office.root, &user).await;
    office.delete(&office.root, &team).await;
    let mut actions: Vec<_> = rows(&office, "").await.iter().map(|row| text(&row["action"])).collect();
    actions.reverse();
    let expected = [
        "platform.bootstrap",
        "team.create",
        "team.update",
        "user.create",
        "key.create",
        "member.set",
        "user.update",
        "invitation.create",
        "service_account.create",
        "service_account.update",
        "service_account.delete",
        "key.update",
        "key.rotate",
        "key.revoke",
        "member.remove",
        "user.delete",
        "team.delete",
    ];
    assert_eq!(actions, expected);
}

#[actix_web::test]
async fn a_row_tells_who_did_what_from_where() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let ann = office.person("ann", &red, "team_admin").await;
    let dan = office.person("dan", &red, "developer").await;
    office.put(&ann.key, &format!("/teams/{red}/members/{}", dan.id), json!({"role": "viewer"})).await;
    let rows = rows(&office, "&action=member.set").await;
    let row = &rows[0];
    assert_eq!(row["actor"]["subject"]["id"], ann.id.as_str());
    assert_eq!(format!("/keys/{}", text(&row["actor"]["key"])), key_path(&ann.key), "with which key");
    assert_eq!(
        (&row["team"], &row["target"], &row["outcome"]),
        (&json!(red), &json!(dan.id), &json!("done"))
    );
    assert_eq!((&row["before"]["role"], &row["after"]["role"]), (&json!("developer"), &json!("viewer")));
    assert_eq!((&row["client_ip"], &row["at"]), (&json!("127.0.0.1"), &json!("2027-01-15T08:00:00Z")));
    assert!(row["request_id"].is_string() && row["seq"].is_u64(), "{row}");
    assert_eq!(text(&row["hash"]).len(), 64);
}

#[actix_web::test]
async fn filters_narrow() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let ann = office.person("ann", &red, "team_admin").await;
    office.world.clock.advance(chrono::TimeDelta::hours(1));
    office.post(&ann.key, "/keys", json!({"name": "late"})).await;
    let count = async |query: String| rows(&office, &query).await.len();
    assert_eq!(count(format!("&actor={}", ann.id)).await, 1);
    assert_eq!(count("&action=key.create".to_owned()).await, 2);
    assert_eq!(count("&action=key.".to_owned()).await, 2);
    assert_eq!(count(format!("&target={red}")).await, 1);
    assert_eq!(count(format!("&team={red}")).await, 4, "the team, its admin and two keys");
    assert_eq!(count("&since=2027-01-15T08:30:00Z".to_owned()).await, 1);
    assert_eq!(count("&until=2027-01-15T08:30:00Z".to_owned()).await, 4);
    assert_eq!(count("&outcome=refused".to_owned()).await, 0);
    let (_, own) = office.get(&ann.key, "/audit").await;
    assert_eq!(own["data"].as_array().unwrap().len(), 4, "a team's admin reads of its team: {own}");
}

#[actix_web::test]
async fn a_time_that_no_database_reaches_is_refused_by_name() {
    let office = Office::open().await;
    for field in ["since", "until"] {
        for time in ["-5000-01-01T00:00:00Z", "0000-12-31T23:59:59Z", "%2B10000-01-01T00:00:00Z"] {
            let (status, answer) = office.get(&office.root, &format!("/audit?{field}={time}")).await;
            assert_eq!((status, &answer["param"]), (400, &json!(field)), "{time}: {answer}");
        }
        for time in ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"] {
            assert_eq!(office.get(&office.root, &format!("/audit?{field}={time}")).await.0, 200, "{time}");
        }
    }
}

#[actix_web::test]
async fn no_secret_is_in_any_answer_or_row() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let user = office.make("/users", json!({"name": "dan", "team": red})).await;
    let again = office.make(&format!("/users/{}/invitation", text(&user["id"])), Value::Null).await;
    let key = office.make("/keys", json!({"name": "a", "team": red})).await;
    let path = key_path(&text(&key["key"]));
    let next = office.make(&format!("{path}/rotate"), Value::Null).await;
    office.delete(&office.root, &path).await;
    let secrets: Vec<_> = [&user["invitation"], &again["invitation"], &key["key"], &next["key"]]
        .map(|whole| text(whole).rsplit('_').next().unwrap().to_owned())
        .into_iter()
        .collect();
    let hash = office.world.options.hasher.hash(&office.world.first.key);
    let hex: String = hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    for path in ["/audit?limit=100", "/keys", "/users", "/teams", "/service-accounts", &path] {
        let (status, told) = office.get(&office.root, path).await;
        let told = told.to_string();
        assert_eq!(status, 200, "{told}");
        for secret in &secrets {
            assert!(!told.contains(secret.as_str()), "{path}: {told}");
        }
        assert!(
            !told.contains(&hex) && !told.contains("oci_") && !told.contains("\"hash\":["),
            "{path}: {told}"
        );
    }
}
