//! `/admin/v1/policies`: what is written, how it changes, and who hears of it.

mod access;
mod refused;
mod targets;

use chrono::TimeDelta;
use outcrop_types::{Change, PresentedKey};
use serde_json::{Value, json};

use crate::office::{Office, text};

#[actix_web::test]
async fn a_policy_is_made_read_changed_and_removed() {
    let office = Office::open().await;
    let red = office.team("red").await;
    office.world.announced.take();
    let rules = json!({
        "requests_per_minute": 600,
        "tokens_per_minute": 0,
        "budgets": [
            {"usd": "50.5", "period": "month", "time_zone": "Europe/Zurich", "alert_at": [100, 80]},
            {"usd": 7, "period": "rolling", "days": 7},
        ],
        "models": ["claude-*"],
    });
    let target = json!({"level": "team", "team": red});
    let made = office.make("/policies", json!({"target": target, "model": "claude-*", "rules": rules})).await;
    assert_eq!(
        (&made["target"], &made["model"], &made["revision"]),
        (&target, &json!("claude-*"), &json!(0))
    );
    let kept = json!({
        "requests_per_minute": 600,
        "tokens_per_minute": 0,
        "budgets": [
            {"usd": "50.5", "period": "month", "time_zone": "Europe/Zurich", "alert_at": [80, 100]},
            {"usd": "7", "period": "rolling", "days": 7},
        ],
        "models": ["claude-*"],
    });
    assert_eq!(made["rules"], kept);
    assert_eq!(office.world.announced.take(), [Change::Policies]);
    let path = format!("/policies/{}", text(&made["id"]));
    assert_eq!(office.get(&office.root, &path).await, (200, made.clone()));

    office.world.clock.advance(TimeDelta::seconds(9));
    let patch = json!({"rules": {"requests_per_minute": 900, "tokens_per_minute": null, "models": []}});
    let (status, changed) = office.patch(&office.root, &path, patch.clone()).await;
    assert_eq!((status, &changed["revision"]), (200, &json!(1)), "{changed}");
    assert_eq!(changed["rules"], json!({"requests_per_minute": 900, "budgets": kept["budgets"]}));
    assert_eq!(changed["created_at"], made["created_at"]);
    assert_eq!(changed["updated_at"], "2027-01-15T08:00:09Z");
    assert_eq!(office.world.announced.take(), [Change::Policies]);
    let (_, again) = office.patch(&office.root, &path, patch).await;
    assert_eq!((again, office.world.announced.take()), (changed, vec![]), "what is so already is no change");

    assert_eq!(office.delete(&office.root, &path).await, (204, Value::Null));
    assert_eq!(office.world.announced.take(), [Change::Policies]);
    assert_eq!(office.get(&office.root, &path).await.0, 404);
    assert_eq!(office.delete(&office.root, &path).await.0, 404);
}

#[actix_web::test]
async fn where_calls_stay_who_looks_on_and_what_is_kept_are_rules_like_others() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let ann = office.person("ann", &red, "team_admin").await;
    let rules = json!({
        "residency": ["eu", "us-east-1"],
        "guardrails": [{"id": "gr1", "version": "3", "mode": "monitor"}],
        "cache": {"enabled": false},
    });
    let target = json!({"level": "user", "team": red});
    let (status, made) = office.post(&ann.key, "/policies", json!({"target": target, "rules": rules})).await;
    assert_eq!(status, 201, "a team may narrow what its own people do: {made}");
    let shown = json!({
        "residency": ["eu", "us-east-1"],
        "guardrails": [{
            "id": "gr1", "version": "3", "input": true, "output": true, "mode": "monitor", "stream": "sync",
        }],
        "cache": {"enabled": false, "tools": false, "request_control": true},
    });
    assert_eq!(made["rules"], shown);
    let path = format!("/policies/{}", text(&made["id"]));
    let patch = json!({"rules": {"residency": null, "cache": {"ttl_s": 60}}});
    let (status, changed) = office.patch(&ann.key, &path, patch).await;
    assert_eq!(status, 200, "{changed}");
    assert_eq!(
        changed["rules"],
        json!({
            "guardrails": shown["guardrails"],
            "cache": {"enabled": true, "ttl_s": 60, "tools": false, "request_control": true},
        })
    );
    let (_, audit) = office.get(&office.root, "/audit?action=policy.update").await;
    let event = &audit["data"][0];
    assert_eq!(
        (&event["before"]["rules"]["residency"], &event["after"]["rules"]["cache"]["ttl_s"]),
        (&json!(["eu", "us-east-1"]), &json!(60)),
        "{event}"
    );
}

#[actix_web::test]
async fn one_target_has_one_policy_for_the_same_models() {
    let office = Office::open().await;
    let limited = |model: Value| json!({"target": {"level": "platform"}, "model": model, "rules": {"requests_per_minute": 1}});
    let first = office.make("/policies", limited(Value::Null)).await;
    office.make("/policies", limited(json!("claude-*"))).await;
    office.make("/policies", limited(json!("claude-haiku-*"))).await;
    let (status, answer) = office.post(&office.root, "/policies", limited(Value::Null)).await;
    assert_eq!(status, 409);
    assert!(text(&answer["detail"]).contains(first["id"].as_str().unwrap()), "names the other: {answer}");
}

#[actix_web::test]
async fn a_change_made_from_an_old_reading_is_refused() {
    let office = Office::open().await;
    let body = json!({"target": {"level": "team"}, "rules": {"requests_per_minute": 1}});
    let path = format!("/policies/{}", text(&office.make("/policies", body).await["id"]));
    let patch = |requests: u32| json!({"rules": {"requests_per_minute": requests}, "revision": 0});
    assert_eq!(office.patch(&office.root, &path, patch(2)).await.0, 200);
    let (status, answer) = office.patch(&office.root, &path, patch(3)).await;
    assert_eq!((status, &answer["param"]), (409, &json!("revision")), "{answer}");
}

#[actix_web::test]
async fn lists_are_narrowed_and_paged() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let dan = office.person("dan", &red, "developer").await;
    let key = office.make("/keys", json!({"name": "app", "team": red})).await;
    let mut ids = Vec::new();
    for (target, model) in [
        (json!({"level": "platform"}), Value::Null),
        (json!({"level": "team", "team": red}), json!("claude-*")),
        (json!({"level": "user", "user": dan.id, "team": red}), Value::Null),
        (json!({"level": "key", "key": key["id"], "team": red}), Value::Null),
        (json!({"level": "key"}), json!("claude-*")),
    ] {
        let body = json!({"target": target, "model": model, "rules": {"concurrent_requests": 9}});
        ids.push(text(&office.make("/policies", body).await["id"]));
    }
    for (query, expected) in [
        (String::new(), vec![4, 3, 2, 1, 0]),
        (format!("team={red}"), vec![3, 2, 1]),
        (format!("team={red}&level=team"), vec![1]),
        ("level=key".to_owned(), vec![4, 3]),
        (format!("user={}", dan.id), vec![2]),
        (format!("key={}", text(&key["id"])), vec![3]),
        ("model=claude-*".to_owned(), vec![4, 1]),
        ("model=claude-haiku".to_owned(), vec![]),
    ] {
        let (status, list) = office.get(&office.root, &format!("/policies?{query}")).await;
        assert_eq!(status, 200, "{query}: {list}");
        let found: Vec<_> = list["data"].as_array().unwrap().iter().map(|it| text(&it["id"])).collect();
        let expected: Vec<_> = expected.into_iter().map(|at: usize| ids[at].clone()).collect();
        assert_eq!(found, expected, "{query}");
    }
    let (_, page) = office.get(&office.root, "/policies?limit=2").await;
    assert_eq!((&page["has_more"], &page["next"]), (&json!(true), &json!(ids[3])));
    let (_, page) = office.get(&office.root, &format!("/policies?limit=3&after={}", ids[3])).await;
    assert_eq!((page["data"].as_array().unwrap().len(), &page["has_more"]), (3, &json!(false)));
    for query in ["level=everybody", "user=dan", "key=x", "model=", "team=red", "colour=red", "after=x"] {
        let (status, answer) = office.get(&office.root, &format!("/policies?{query}")).await;
        assert_eq!((status, &answer["param"]), (400, &json!(query.split('=').next().unwrap())), "{answer}");
    }
}

#[actix_web::test]
async fn every_change_leaves_its_row() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let ann = office.person("ann", &red, "team_admin").await;
    let target = json!({"level": "user", "team": red});
    let body = json!({"target": target, "rules": {"requests_per_minute": 5}});
    let (_, made) = office.post(&ann.key, "/policies", body).await;
    let path = format!("/policies/{}", text(&made["id"]));
    office.patch(&ann.key, &path, json!({"rules": {"requests_per_minute": 6}})).await;
    office.delete(&ann.key, &path).await;
    let (_, rows) = office.get(&ann.key, "/audit?action=policy.").await;
    let rows: Vec<_> = rows["data"].as_array().unwrap().iter().rev().cloned().collect();
    let state =
        |requests: u32| json!({"target": target, "model": null, "rules": {"requests_per_minute": requests}});
    for (row, (action, before, after)) in rows.iter().zip([
        ("policy.create", Value::Null, state(5)),
        ("policy.update", state(5), state(6)),
        ("policy.delete", state(6), Value::Null),
    ]) {
        assert_eq!((&row["action"], &row["target"]), (&json!(action), &made["id"]), "{row}");
        assert_eq!((&row["before"], &row["after"]), (&before, &after), "{row}");
        assert_eq!((&row["team"], &row["outcome"]), (&json!(red), &json!("done")), "{row}");
    }
    assert_eq!(rows.len(), 3);
}

#[actix_web::test]
async fn a_rotated_key_takes_its_limits_along() {
    let office = Office::open().await;
    let made = office.make("/keys", json!({"name": "app"})).await;
    let limited = |model: Value, requests: u32| {
        let rules = json!({"requests_per_minute": requests});
        json!({"target": {"level": "key", "key": made["id"]}, "model": model, "rules": rules})
    };
    office.make("/policies", limited(Value::Null, 5)).await;
    office.make("/policies", limited(json!("claude-*"), 6)).await;
    let unlimited = office.make("/keys", json!({"name": "other"})).await;
    office.world.announced.take();
    let rotate = format!("/keys/{}/rotate", text(&made["id"]));
    let (status, next) = office.post(&office.root, &rotate, json!({"overlap_s": 60})).await;
    assert_eq!(status, 201, "{next}");
    let old = PresentedKey::parse(&text(&made["key"])).unwrap().id().clone();
    assert_eq!(office.world.announced.take(), [Change::Key(old), Change::Policies]);
    let of = async |key: &Value| {
        let (_, list) = office.get(&office.root, &format!("/policies?key={}", text(&key["id"]))).await;
        let found = list["data"].as_array().unwrap().clone();
        found.into_iter().map(|it| (it["model"].clone(), it["rules"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(of(&next).await.len(), 2);
    let (mut new, mut old) = (of(&next).await, of(&made).await);
    new.sort_by_key(|it| it.0.to_string());
    old.sort_by_key(|it| it.0.to_string());
    assert_eq!(new, old, "until it ends, the old one has them too");

    office.world.clock.advance(TimeDelta::seconds(60));
    let rotate = format!("/keys/{}/rotate", text(&unlimited["id"]));
    assert_eq!(office.post(&office.root, &rotate, Value::Null).await.0, 201);
    assert_eq!(of(&made).await.len(), 2, "another key's rotation is not its affair");
    let rotate = format!("/keys/{}/rotate", text(&next["id"]));
    office.world.announced.take();
    assert_eq!(office.post(&office.root, &rotate, Value::Null).await.0, 201);
    assert!(of(&made).await.is_empty(), "what has ended is limited by nothing");
    assert_eq!(office.world.announced.take().pop(), Some(Change::Policies));
    let (_, rows) = office.get(&office.root, "/audit?action=policy.delete").await;
    assert_eq!(rows["data"].as_array().unwrap().len(), 2, "{rows}");
}
