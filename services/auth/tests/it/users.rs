//! `/admin/v1/users`.

use outcrop_types::{Change, Subject};
use serde_json::json;

use crate::office::{Office, text};

#[actix_web::test]
async fn a_user_is_made_with_a_membership_and_an_invitation() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let ann = office.person("ann", &red, "team_admin").await;
    let body = json!({"name": "dan", "email": "dan@example.com"});
    let (status, made) = office.post(&ann.key, "/users", body).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!((&made["team"], &made["role"]), (&json!(red), &json!("developer")), "of the caller's team");
    let invitation = text(&made["invitation"]);
    assert!(invitation.starts_with("oci_"), "{made}");
    assert_eq!(made["expires_at"], "2027-01-22T08:00:00Z", "a week, as the setting says");
    let path = format!("/users/{}", text(&made["id"]));
    let (_, shown) = office.get(&ann.key, &path).await;
    assert_eq!(
        (&shown["email"], &shown["memberships"][0]["team_name"]),
        (&json!("dan@example.com"), &json!("red"))
    );
    assert!(!shown.to_string().contains("oci_"), "an invitation is shown once");
}

#[actix_web::test]
async fn a_team_admin_sees_of_a_user_what_concerns_its_team() {
    let office = Office::open().await;
    let (red, blue) = (office.team("red").await, office.team("blue").await);
    let ann = office.person("ann", &red, "team_admin").await;
    let dan = office.person("dan", &red, "developer").await;
    let _eve = office.person("eve", &blue, "developer").await;
    office.make(&format!("/teams/{blue}/members"), json!({"user": dan.id, "role": "viewer"})).await;
    let teams = async |key: &str| {
        let (_, user) = office.get(key, &format!("/users/{}", dan.id)).await;
        user["memberships"].as_array().unwrap().iter().map(|it| text(&it["team_name"])).collect::<Vec<_>>()
    };
    assert_eq!(teams(&ann.key).await, ["red"]);
    assert_eq!(teams(&office.root).await, ["red", "blue"]);
    let (_, list) = office.get(&ann.key, "/users").await;
    let names: Vec<_> = list["data"].as_array().unwrap().iter().map(|it| text(&it["name"])).collect();
    assert_eq!(names, ["dan", "ann"], "newest first, its own team only");
    let (_, list) = office.get(&office.root, &format!("/users?team={blue}")).await;
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
    for (method, body) in
        [(reqwest::Method::PATCH, json!({"disabled": true})), (reqwest::Method::DELETE, json!(null))]
    {
        let (status, answer) = office.ask(&ann.key, method, &format!("/users/{}", dan.id), body).await;
        assert_eq!(status, 403, "a user is the platform's: {answer}");
    }
}

#[actix_web::test]
async fn a_user_changes_is_kept_out_and_goes() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let dan = office.person("dan", &red, "developer").await;
    let path = format!("/users/{}", dan.id);
    let heard = [Change::Subject(Subject::User(dan.id.parse().unwrap()))];
    office.world.announced.take();
    let (_, changed) =
        office.patch(&office.root, &path, json!({"name": "daniel", "email": "d@example.com"})).await;
    assert_eq!((&changed["name"], &changed["revision"]), (&json!("daniel"), &json!(1)));
    assert_eq!(office.world.announced.take(), []);
    let (_, cleared) = office.patch(&office.root, &path, json!({"email": null})).await;
    assert_eq!((&cleared["email"], &cleared["name"]), (&json!(null), &json!("daniel")));

    let (_, disabled) = office.patch(&office.root, &path, json!({"disabled": true})).await;
    assert!(disabled["disabled_at"].is_string() && !office.is_good(&dan.key).await);
    assert_eq!(office.world.announced.take(), heard);
    office.patch(&office.root, &path, json!({"disabled": false})).await;
    assert!(office.is_good(&dan.key).await);
    office.world.announced.take();
    assert_eq!(office.delete(&office.root, &path).await.0, 204);
    assert!(!office.is_good(&dan.key).await);
    assert_eq!(office.world.announced.take(), heard);
    assert_eq!(office.delete(&office.root, &path).await.0, 404);
}

#[actix_web::test]
async fn the_last_admin_is_neither_kept_out_nor_removed() {
    let office = Office::open().await;
    let path = format!("/users/{}", office.world.first.admin.id);
    assert_eq!(office.patch(&office.root, &path, json!({"disabled": true})).await.0, 409);
    assert_eq!(office.delete(&office.root, &path).await.0, 409);
    assert!(office.is_good(&office.root).await);
}

#[actix_web::test]
async fn a_bad_field_is_named() {
    let office = Office::open().await;
    office.make("/users", json!({"name": "dan"})).await;
    for (body, status, field) in [
        (json!({"name": "dan"}), 409, "name"),
        (json!({"name": "a\tb"}), 400, "name"),
        (json!({}), 400, "name"),
        (json!({"name": "x", "email": "nowhere"}), 400, "email"),
        (json!({"name": "x", "role": "king"}), 400, "role"),
        (json!({"name": "x", "team": "red"}), 400, "team"),
        (json!({"name": "x", "team": format!("team_{:032}", 7)}), 404, "team"),
        (json!({"name": "x", "password": "secret"}), 400, "password"),
    ] {
        let (got, answer) = office.post(&office.root, "/users", body.clone()).await;
        assert_eq!((got, &answer["param"]), (status, &json!(field)), "{body} -> {answer}");
        assert!(!answer.to_string().contains("secret"));
    }
}
