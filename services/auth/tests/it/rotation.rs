//! `/admin/v1/keys/{key}/rotate`.

use chrono::TimeDelta;
use outcrop_types::{Change, PresentedKey};
use serde_json::{Value, json};

use crate::office::{Office, key_path, text};

fn rotate(key: &str) -> String {
    format!("{}/rotate", key_path(key))
}

#[actix_web::test]
async fn both_keys_are_good_for_the_overlap() {
    let office = Office::open().await;
    let asked = json!({
        "name": "app", "role": "developer", "tags": {"a": "b"}, "scope": {"models": ["claude-*"]},
        "limits": {"requests_per_minute": 7},
    });
    let old = office.make("/keys", asked).await;
    let old_key = text(&old["key"]);
    office.world.announced.take();
    let (status, new) = office.post(&office.root, &rotate(&old_key), json!({"overlap_s": 3600})).await;
    assert_eq!(status, 201, "{new}");
    let new_key = text(&new["key"]);
    assert_ne!(new_key, old_key);
    for field in ["name", "team", "subject", "role", "tags", "scope", "limits", "expires_at"] {
        assert_eq!(new[field], old[field], "{field}");
    }
    assert_eq!(new["replaces"]["replaced_by"], new["id"]);
    assert_eq!(new["replaces"]["expires_at"], "2027-01-15T09:00:00Z");
    let old_id = PresentedKey::parse(&old_key).unwrap().id().clone();
    assert_eq!(office.world.announced.take(), [Change::Key(old_id)], "gateways learn of the end");

    office.world.clock.advance(TimeDelta::seconds(3_599));
    assert!(office.is_good(&old_key).await && office.is_good(&new_key).await);
    office.world.clock.advance(TimeDelta::seconds(1));
    assert!(!office.is_good(&old_key).await && office.is_good(&new_key).await);
}

#[actix_web::test]
async fn a_key_is_rotated_once() {
    let office = Office::open().await;
    let old = text(&office.make("/keys", json!({"name": "a"})).await["key"]);
    let (_, new) = office.post(&office.root, &rotate(&old), Value::Null).await;
    let (status, again) = office.post(&office.root, &rotate(&old), Value::Null).await;
    assert_eq!(status, 409);
    assert!(text(&again["detail"]).contains(new["id"].as_str().unwrap()), "names its successor: {again}");
    let (status, _) = office.post(&office.root, &rotate(&text(&new["key"])), Value::Null).await;
    assert_eq!(status, 201, "its successor can be rotated");
}

#[actix_web::test]
async fn the_overlap_is_bounded_and_not_prolonged() {
    let office = Office::open().await;
    let key = text(&office.make("/keys", json!({"name": "a"})).await["key"]);
    for overlap in [json!(2_592_001), json!(-1), json!(1.5)] {
        let (status, answer) = office.post(&office.root, &rotate(&key), json!({"overlap_s": overlap})).await;
        assert_eq!((status, &answer["param"]), (400, &json!("overlap_s")), "{answer}");
    }
    assert_eq!(office.post(&office.root, &rotate(&key), json!({"overlap_s": 60})).await.0, 201);
    for later in [json!("2090-01-01T00:00:00Z"), Value::Null] {
        let (status, answer) =
            office.patch(&office.root, &key_path(&key), json!({"expires_at": later})).await;
        assert_eq!(status, 409, "{answer}");
    }
    let sooner = json!({"expires_at": "2027-01-15T08:00:30Z"});
    assert_eq!(office.patch(&office.root, &key_path(&key), sooner).await.0, 200);
}

#[actix_web::test]
async fn without_an_overlap_the_old_key_ends_at_once() {
    let office = Office::open().await;
    let key = text(&office.make("/keys", json!({"name": "a"})).await["key"]);
    let (_, new) = office.post(&office.root, &rotate(&key), json!({"overlap_s": 0})).await;
    assert!(!office.is_good(&key).await);
    assert!(office.is_good(&text(&new["key"])).await);
}

#[actix_web::test]
async fn the_new_key_lives_as_long_as_the_old_one_was_made_for() {
    let office = Office::open().await;
    // The clock stands at 2027-01-15T08:00:00Z.
    let asked = json!({"name": "a", "expires_at": "2027-01-25T08:00:00Z"});
    let key = text(&office.make("/keys", asked).await["key"]);
    office.world.clock.advance(TimeDelta::days(9));
    let (_, new) = office.post(&office.root, &rotate(&key), json!({"overlap_s": 5 * 86_400})).await;
    assert_eq!(new["expires_at"], "2027-02-03T08:00:00Z");
    assert_eq!(new["replaces"]["expires_at"], "2027-01-25T08:00:00Z", "an overlap prolongs nothing");
}

#[actix_web::test]
async fn a_key_of_nobody_is_not_renewed() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let dan = office.person("dan", &red, "developer").await;
    assert_eq!(
        office.patch(&office.root, &format!("/users/{}", dan.id), json!({"disabled": true})).await.0,
        200
    );
    assert_eq!(office.post(&office.root, &rotate(&dan.key), Value::Null).await.0, 409);
}

#[actix_web::test]
async fn of_two_rotations_at_once_one_is_made() {
    let office = Office::open().await;
    let key = text(&office.make("/keys", json!({"name": "a"})).await["key"]);
    let path = rotate(&key);
    let rotate = || office.post(&office.root, &path, Value::Null);
    let (one, other) = tokio::join!(rotate(), rotate());
    let mut statuses = [one.0, other.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "{one:?} {other:?}");
    let (_, keys) = office.get(&office.root, "/keys?name_prefix=a").await;
    assert_eq!(keys["data"].as_array().unwrap().len(), 2, "and one successor is there");
}

#[actix_web::test]
async fn no_new_key_ends_later_than_any_key_may() {
    let office = Office::open().await;
    let last = "9999-12-31T23:00:00Z";
    let key = text(&office.make("/keys", json!({"name": "a", "expires_at": last})).await["key"]);
    office.world.clock.advance(TimeDelta::days(1));
    let (status, new) = office.post(&office.root, &rotate(&key), json!({"overlap_s": 60})).await;
    assert_eq!((status, &new["expires_at"]), (201, &json!(last)), "{new}");
    let (_, kept) = office.get(&office.root, &key_path(&text(&new["key"]))).await;
    assert_eq!(kept["expires_at"], last);
}
