//! `/admin/v1/teams`.

use outcrop_types::Change;
use serde_json::json;

use crate::office::{Office, text};

#[actix_web::test]
async fn a_team_is_made_renamed_disabled_enabled_and_removed() {
    let office = Office::open().await;
    let team = office.make("/teams", json!({"name": "  red "})).await;
    assert_eq!((&team["name"], &team["revision"]), (&json!("red"), &json!(0)));
    let path = format!("/teams/{}", text(&team["id"]));
    let dan = office.person("dan", &text(&team["id"]), "developer").await;
    // Its platform admins act for other teams too, so more ends than what is the team's.
    let heard = [Change::Everything];
    office.world.announced.take();

    let (status, renamed) = office.patch(&office.root, &path, json!({"name": "crimson"})).await;
    assert_eq!((status, &renamed["name"], &renamed["revision"]), (200, &json!("crimson"), &json!(1)));
    assert_eq!(office.world.announced.take(), [], "a name decides nothing");
    let (_, disabled) = office.patch(&office.root, &path, json!({"disabled": true})).await;
    assert!(disabled["disabled_at"].is_string());
    assert!(!office.is_good(&dan.key).await, "nobody acts for a team that is disabled");
    assert_eq!(office.world.announced.take(), heard);
    let (_, again) = office.patch(&office.root, &path, json!({"disabled": true})).await;
    assert_eq!(again, disabled, "disabling twice changes nothing");
    let (_, enabled) = office.patch(&office.root, &path, json!({"disabled": false})).await;
    assert_eq!(enabled["disabled_at"], json!(null));
    assert!(office.is_good(&dan.key).await);
    assert_eq!(office.world.announced.take(), heard);

    assert_eq!(office.delete(&office.root, &path).await.0, 204);
    assert!(!office.is_good(&dan.key).await);
    assert_eq!(office.world.announced.take(), heard);
    assert_eq!(office.get(&office.root, &path).await.0, 404);
}

#[actix_web::test]
async fn names_are_the_platforms() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let (status, taken) = office.post(&office.root, "/teams", json!({"name": "red"})).await;
    assert_eq!((status, &taken["param"]), (409, &json!("name")), "{taken}");
    office.team("Red").await;
    let (status, taken) = office.patch(&office.root, &format!("/teams/{red}"), json!({"name": "Red"})).await;
    assert_eq!((status, &taken["param"]), (409, &json!("name")), "{taken}");
    for name in [json!(""), json!(" "), json!("a\nb"), json!("x".repeat(101)), json!(7), json!(null)] {
        let (status, answer) = office.post(&office.root, "/teams", json!({"name": name})).await;
        assert_eq!((status, &answer["param"]), (400, &json!("name")), "{name}: {answer}");
    }
}

#[actix_web::test]
async fn the_last_admin_keeps_its_team() {
    let office = Office::open().await;
    let own = format!("/teams/{}", office.world.first.team.id);
    let (status, answer) = office.patch(&office.root, &own, json!({"disabled": true})).await;
    assert_eq!(status, 409, "{answer}");
    assert_eq!(office.delete(&office.root, &own).await.0, 409);
    assert!(office.is_good(&office.root).await);
}

#[actix_web::test]
async fn a_team_admin_reads_its_team_and_runs_no_platform() {
    let office = Office::open().await;
    let (red, _blue) = (office.team("red").await, office.team("blue").await);
    let ann = office.person("ann", &red, "team_admin").await;
    let (_, list) = office.get(&ann.key, "/teams").await;
    let names: Vec<_> = list["data"].as_array().unwrap().iter().map(|team| text(&team["name"])).collect();
    assert_eq!(names, ["red"]);
    let path = format!("/teams/{red}");
    assert_eq!(office.patch(&ann.key, &path, json!({"name": "x"})).await.0, 403);
    assert_eq!(office.delete(&ann.key, &path).await.0, 403);
    assert_eq!(office.post(&ann.key, "/teams", json!({"name": "x"})).await.0, 403);
}

#[actix_web::test]
async fn a_stale_revision_is_refused() {
    let office = Office::open().await;
    let path = format!("/teams/{}", office.team("red").await);
    assert_eq!(office.patch(&office.root, &path, json!({"name": "b", "revision": 0})).await.0, 200);
    let (status, answer) = office.patch(&office.root, &path, json!({"name": "c", "revision": 0})).await;
    assert_eq!((status, &answer["param"]), (409, &json!("revision")), "{answer}");
}
