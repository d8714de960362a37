//! For whom policies are: they are there, and what a team says of its own names it.

use serde_json::{Value, json};

use crate::office::{Office, text};

#[actix_web::test]
async fn whom_a_policy_names_is_there() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let bot = office.make("/service-accounts", json!({"name": "bot"})).await;
    let key = office.make("/keys", json!({"name": "app"})).await;
    let nobody = "00000000000000000000000000000009";
    for (target, param) in [
        (json!({"level": "team", "team": format!("team_{nobody}")}), "target.team"),
        (json!({"level": "user", "team": format!("team_{nobody}")}), "target.team"),
        (json!({"level": "user", "user": format!("user_{nobody}")}), "target.user"),
        (json!({"level": "user", "user": format!("svc_{nobody}")}), "target.user"),
        (json!({"level": "user", "user": bot["id"], "team": red}), "target.user"),
        (json!({"level": "key", "key": "aaaaaaaaaaaaaaaa"}), "target.key"),
        (json!({"level": "key", "key": key["id"], "team": red}), "target.key"),
    ] {
        let body = json!({"target": target, "rules": {"requests_per_minute": 5}});
        let (status, answer) = office.post(&office.root, "/policies", body).await;
        assert_eq!((status, answer["param"].as_str()), (404, Some(param)), "{target}: {answer}");
    }
}

#[actix_web::test]
async fn what_the_platform_says_names_a_team_only_if_asked_to() {
    let office = Office::open().await;
    let own = json!(office.world.first.team.id);
    let bot = office.make("/service-accounts", json!({"name": "bot"})).await;
    let key = office.make("/keys", json!({"name": "app"})).await;
    let dan = office.person("dan", &office.team("red").await, "developer").await;
    for (target, team) in [
        (json!({"level": "key", "key": key["id"]}), &Value::Null),
        (json!({"level": "key", "key": key["id"], "team": own}), &own),
        (json!({"level": "user", "user": bot["id"]}), &Value::Null),
        (json!({"level": "user", "user": bot["id"], "team": own}), &own),
        (json!({"level": "user", "user": dan.id}), &Value::Null),
    ] {
        let made =
            office.make("/policies", json!({"target": target, "rules": {"requests_per_minute": 5}})).await;
        assert_eq!(&made["target"]["team"], team, "{made}");
    }
    let named = json!({"level": "key", "key": key["id"]});
    let (status, _) =
        office.post(&office.root, "/policies", json!({"target": named, "rules": {"models": ["*"]}})).await;
    assert_eq!(status, 409, "it is the same target");
}

#[actix_web::test]
async fn what_a_team_admin_says_is_of_its_team() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let ann = office.person("ann", &red, "team_admin").await;
    let bot = office.make("/service-accounts", json!({"name": "bot", "team": red})).await;
    let key = office.make("/keys", json!({"name": "app", "team": red})).await;
    for target in [json!({"level": "key", "key": key["id"]}), json!({"level": "user", "user": bot["id"]})] {
        let body = json!({"target": target, "rules": {"requests_per_minute": 5}});
        let platforms = office.make("/policies", body.clone()).await;
        let (status, made) = office.post(&ann.key, "/policies", body).await;
        assert_eq!((status, &made["target"]["team"]), (201, &json!(red)), "beside the platform's: {made}");
        let path = format!("/policies/{}", text(&platforms["id"]));
        assert_eq!(office.get(&ann.key, &path).await.0, 404, "the platform's is none of its affair");
        assert_eq!(office.delete(&ann.key, &path).await.0, 404);
    }
}

#[actix_web::test]
async fn a_removed_teams_and_users_policies_are_gone() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let dan = office.person("dan", &red, "developer").await;
    let mut paths = Vec::new();
    for target in [
        json!({"level": "team", "team": red}),
        json!({"level": "user", "user": dan.id}),
        json!({"level": "platform"}),
    ] {
        let body = json!({"target": target, "rules": {"requests_per_minute": 5}});
        paths.push(format!("/policies/{}", text(&office.make("/policies", body).await["id"])));
    }
    office.delete(&office.root, &format!("/teams/{red}")).await;
    office.delete(&office.root, &format!("/users/{}", dan.id)).await;
    let mut statuses = Vec::new();
    for path in &paths {
        statuses.push(office.get(&office.root, path).await.0);
    }
    assert_eq!(statuses, [404, 404, 200]);
}
