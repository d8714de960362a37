//! What belongs to another team is not there: on every route that names something.

use reqwest::Method;
use serde_json::{Value, json};

use crate::office::{Office, key_path, text};

#[actix_web::test]
async fn another_teams_things_are_not_there() {
    let office = Office::open().await;
    let (red, blue) = (office.team("red").await, office.team("blue").await);
    let bob = office.person("bob", &blue, "team_admin").await;
    let dan = office.person("dan", &red, "developer").await;
    let account = json!({"name": "bot", "team": red});
    let account = text(&office.make("/service-accounts", account).await["id"]);
    let key = key_path(&dan.key);
    let (team, user) = (format!("/teams/{red}"), format!("/users/{}", dan.id));
    let (members, bot) = (format!("{team}/members"), format!("/service-accounts/{account}"));
    let member = format!("{members}/{}", dan.id);
    let own = format!("/teams/{blue}/members/{}", dan.id);
    let cases = [
        (Method::GET, team.clone(), Value::Null),
        (Method::PATCH, team.clone(), json!({"name": "mine"})),
        (Method::DELETE, team, Value::Null),
        (Method::GET, members.clone(), Value::Null),
        (Method::POST, members, json!({"user": bob.id, "role": "viewer"})),
        (Method::GET, member.clone(), Value::Null),
        (Method::PUT, member.clone(), json!({"role": "viewer"})),
        (Method::DELETE, member, Value::Null),
        (Method::GET, own.clone(), Value::Null),
        (Method::DELETE, own, Value::Null),
        (Method::GET, user.clone(), Value::Null),
        (Method::PATCH, user.clone(), json!({"disabled": true})),
        (Method::DELETE, user.clone(), Value::Null),
        (Method::POST, format!("{user}/invitation"), Value::Null),
        (Method::POST, "/users".to_owned(), json!({"name": "x", "team": red})),
        (Method::GET, format!("/users?team={red}"), Value::Null),
        (Method::POST, "/service-accounts".to_owned(), json!({"name": "x", "team": red})),
        (Method::GET, format!("/service-accounts?team={red}"), Value::Null),
        (Method::GET, bot.clone(), Value::Null),
        (Method::PATCH, bot.clone(), json!({"disabled": true})),
        (Method::DELETE, bot, Value::Null),
        (Method::POST, "/keys".to_owned(), json!({"name": "x", "team": red})),
        (Method::POST, "/keys".to_owned(), json!({"name": "x", "user": dan.id})),
        (Method::POST, "/keys".to_owned(), json!({"name": "x", "service_account": account})),
        (Method::GET, format!("/keys?team={red}"), Value::Null),
        (Method::GET, key.clone(), Value::Null),
        (Method::PATCH, key.clone(), json!({"name": "mine"})),
        (Method::POST, format!("{key}/rotate"), Value::Null),
        (Method::DELETE, key.clone(), Value::Null),
        (Method::GET, format!("/audit?team={red}"), Value::Null),
    ];
    for (method, path, body) in cases {
        let (status, answer) = office.ask(&bob.key, method.clone(), &path, body).await;
        assert_eq!(status, 404, "{method} {path}: {answer}");
        assert!(!answer.to_string().contains("dan"), "{method} {path}: {answer}");
    }
    assert!(office.is_good(&dan.key).await, "nothing of it was done");
    for list in ["/teams", "/users", "/keys", "/service-accounts", "/audit"] {
        let (status, answer) = office.get(&bob.key, list).await;
        assert_eq!(status, 200, "{list}: {answer}");
        let told = answer["data"].to_string();
        for stranger in [&dan.id, &account, &key.replace("/keys/", "")] {
            // Its own refusals name what it asked for.
            assert!(list == "/audit" || !told.contains(stranger.as_str()), "{list}: {told}");
        }
        assert!(!told.contains("\"dan\"") && !told.contains("\"red\""), "{list}: {told}");
    }
}

#[actix_web::test]
async fn what_is_not_there_is_not_there_for_anybody() {
    let office = Office::open().await;
    let none = format!("{:032x}", 7);
    for path in [
        format!("/teams/team_{none}"),
        format!("/teams/team_{none}/members"),
        format!("/users/user_{none}"),
        format!("/service-accounts/svc_{none}"),
        "/keys/aaaaaaaaaaaaaaaa".to_owned(),
        "/teams/nonsense".to_owned(),
        "/users/nonsense".to_owned(),
        "/service-accounts/nonsense".to_owned(),
        "/keys/nonsense".to_owned(),
    ] {
        let (status, answer) = office.get(&office.root, &path).await;
        assert_eq!(status, 404, "{path}: {answer}");
    }
}

#[actix_web::test]
async fn who_is_nobody_is_asked_who_it_is() {
    let office = Office::open().await;
    for path in ["/teams", "/users", "/keys", "/service-accounts", "/audit", "/roles"] {
        let (status, _) = office.get("no-key", path).await;
        assert_eq!(status, 401, "{path}");
    }
}

#[actix_web::test]
async fn who_manages_nothing_is_refused_at_home() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let dan = office.person("dan", &red, "developer").await;
    let ann = office.person("ann", &red, "team_admin").await;
    for (method, path, body) in [
        (Method::POST, "/teams".to_owned(), json!({"name": "x"})),
        (Method::PATCH, format!("/teams/{red}"), json!({"name": "x"})),
        (Method::DELETE, format!("/teams/{red}"), Value::Null),
        (Method::GET, "/teams".to_owned(), Value::Null),
        (Method::GET, format!("/teams/{red}"), Value::Null),
        (Method::GET, format!("/teams/{red}/members"), Value::Null),
        (Method::GET, "/users".to_owned(), Value::Null),
        (Method::GET, format!("/users/{}", ann.id), Value::Null),
        (Method::POST, "/users".to_owned(), json!({"name": "x"})),
        (Method::GET, "/service-accounts".to_owned(), Value::Null),
        (Method::POST, "/service-accounts".to_owned(), json!({"name": "x"})),
        (Method::GET, "/keys".to_owned(), Value::Null),
        (Method::GET, key_path(&dan.key), Value::Null),
        (Method::POST, format!("{}/rotate", key_path(&dan.key)), Value::Null),
        (Method::GET, "/audit".to_owned(), Value::Null),
    ] {
        let (status, answer) = office.ask(&dan.key, method.clone(), &path, body).await;
        assert_eq!(status, 403, "{method} {path}: {answer}");
    }
    let (_, itself) = office.get(&dan.key, &format!("/users/{}", dan.id)).await;
    assert_eq!((&itself["name"], &itself["memberships"][0]["role"]), (&json!("dan"), &json!("developer")));
}
