//! `/admin/v1/service-accounts`.

use outcrop_types::{Change, Subject};
use serde_json::json;

use crate::office::{Office, text};

#[actix_web::test]
async fn an_account_acts_with_its_keys_as_long_as_it_is_there() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let ann = office.person("ann", &red, "team_admin").await;
    let (status, made) = office.post(&ann.key, "/service-accounts", json!({"name": "bot"})).await;
    assert_eq!((status, &made["team"], &made["role"]), (201, &json!(red), &json!("service")), "{made}");
    let id = text(&made["id"]);
    let path = format!("/service-accounts/{id}");
    let (_, key) = office.post(&ann.key, "/keys", json!({"name": "x", "service_account": id})).await;
    assert_eq!(key["subject"], json!({"kind": "service_account", "id": id}));
    let key = text(&key["key"]);
    let heard = [Change::Subject(Subject::ServiceAccount(id.parse().unwrap()))];
    office.world.announced.take();

    let (_, renamed) = office.patch(&ann.key, &path, json!({"name": "robot"})).await;
    assert_eq!((&renamed["name"], office.world.announced.take()), (&json!("robot"), vec![]));
    let (_, disabled) = office.patch(&ann.key, &path, json!({"disabled": true})).await;
    assert!(disabled["disabled_at"].is_string() && !office.is_good(&key).await);
    assert_eq!(office.world.announced.take(), heard);
    office.patch(&ann.key, &path, json!({"disabled": false, "role": "viewer"})).await;
    assert!(office.is_good(&key).await);
    office.world.announced.take();
    assert_eq!(office.delete(&ann.key, &path).await.0, 204);
    assert_eq!(office.world.announced.take(), heard);
    assert!(!office.is_good(&key).await);
    assert_eq!(office.delete(&ann.key, &path).await.0, 404);
}

#[actix_web::test]
async fn names_are_the_teams() {
    let office = Office::open().await;
    let (red, blue) = (office.team("red").await, office.team("blue").await);
    office.make("/service-accounts", json!({"name": "bot", "team": red})).await;
    office.make("/service-accounts", json!({"name": "bot", "team": blue})).await;
    let (status, taken) =
        office.post(&office.root, "/service-accounts", json!({"name": "bot", "team": red})).await;
    assert_eq!((status, &taken["param"]), (409, &json!("name")), "{taken}");
    let (_, list) = office.get(&office.root, &format!("/service-accounts?team={blue}&name_prefix=bo")).await;
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

#[actix_web::test]
async fn a_team_admin_touches_no_account_that_runs_the_platform() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let ann = office.person("ann", &red, "team_admin").await;
    let body = json!({"name": "root-bot", "team": red, "role": "platform_admin"});
    let id = text(&office.make("/service-accounts", body).await["id"]);
    let path = format!("/service-accounts/{id}");
    assert_eq!(office.get(&ann.key, &path).await.0, 200);
    assert_eq!(office.patch(&ann.key, &path, json!({"role": "viewer"})).await.0, 403);
    assert_eq!(office.patch(&ann.key, &path, json!({"disabled": true})).await.0, 403);
    assert_eq!(office.delete(&ann.key, &path).await.0, 403);
    let (status, answer) =
        office.post(&ann.key, "/keys", json!({"name": "x", "service_account": id, "role": "viewer"})).await;
    assert_eq!(status, 403, "{answer}");
}

#[actix_web::test]
async fn a_narrow_key_lets_no_wider_account_back_in() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let ann = office.person("ann", &red, "team_admin").await;
    let body = json!({"name": "bot", "team": red, "role": "team_admin"});
    let path = format!("/service-accounts/{}", text(&office.make("/service-accounts", body).await["id"]));
    let narrow = json!({"role": "team_admin", "scope": {"permissions": ["team:manage"]}});
    let narrow = office.narrowed(&ann.key, narrow).await;
    assert_eq!(office.patch(&narrow, &path, json!({"disabled": true})).await.0, 200, "out it may put it");
    let (status, answer) = office.patch(&narrow, &path, json!({"disabled": false})).await;
    assert_eq!((status, &answer["param"]), (403, &json!("role")), "{answer}");
    assert!(office.get(&ann.key, &path).await.1["disabled_at"].is_string());
    assert_eq!(office.patch(&ann.key, &path, json!({"disabled": false})).await.0, 200);
    assert_eq!(office.patch(&narrow, &path, json!({"disabled": false})).await.0, 200, "it is not disabled");
}
