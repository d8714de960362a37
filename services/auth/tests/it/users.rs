//! `/admin/v1/users`.

use outcrop_testkit::oidc::{KeyAlgorithm, OidcIssuer};
use outcrop_types::{Change, Subject};
use serde_json::json;

use crate::federation::{claims, show, world};
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

#[actix_web::test]
async fn nobody_is_made_to_look_like_somebody_else() {
    let office = Office::open().await;
    let dan = text(&office.make("/users", json!({"name": "dan"})).await["id"]);
    let bot = text(&office.make("/service-accounts", json!({"name": "bot"})).await["id"]);
    for name in [
        "local:ada",
        "admin\u{200d}",
        "adm\u{ad}in",
        "ad\u{2028}min",
        "admin\u{3164}",
        "admin\u{e0041}",
        "admin\u{61c}",
        "ad\u{a0}min",
    ] {
        for (answer, what) in [
            (office.post(&office.root, "/users", json!({"name": name})).await, "user"),
            (office.post(&office.root, "/service-accounts", json!({"name": name})).await, "account"),
            (office.patch(&office.root, &format!("/users/{dan}"), json!({"name": name})).await, "renamed"),
            (
                office.patch(&office.root, &format!("/service-accounts/{bot}"), json!({"name": name})).await,
                "account renamed",
            ),
        ] {
            assert_eq!(
                (answer.0, &answer.1["param"]),
                (400, &json!("name")),
                "{what} {name:?}: {}",
                answer.1
            );
        }
    }
}

#[actix_web::test]
async fn who_comes_from_outside_keeps_its_name() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let office = Office::of(world(&issuer).await);
    let token = issuer.token(&claims(&office.world, &json!({})));
    let Subject::User(ada) = show(&office.world, &token).await.unwrap().principal.subject else {
        panic!("a person")
    };
    let path = format!("/users/{ada}");
    let (_, shown) = office.get(&office.root, &path).await;
    assert_eq!(shown["name"], "local:ada");
    let same = json!({"name": "local:ada", "email": "ada@example.com"});
    assert_eq!(office.patch(&office.root, &path, same).await.0, 200, "its own name is no new one");
    assert_eq!(office.patch(&office.root, &path, json!({"name": "local:eve"})).await.0, 400);
    let members = format!("/teams/{}/members", office.world.first.team.id);
    let (status, set) =
        office.post(&office.root, &members, json!({"user": "local:ada", "role": "viewer"})).await;
    assert_eq!((status, &set["user"]), (200, &json!(ada)), "it is found by it: {set}");
    assert_eq!(office.patch(&office.root, &path, json!({"name": "ada"})).await.0, 200);
}
