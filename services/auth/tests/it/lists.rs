//! What all lists have in common: pages, filters, and how a bad query is refused.

use serde_json::{Value, json};

use crate::office::{Office, text};

/// Walks a list in pages and gives the named field of every item.
async fn walk(office: &Office, path: &str, field: &str) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let join = if path.contains('?') { '&' } else { '?' };
        let (status, page) = office.get(&office.root, &format!("{path}{join}limit=2{after}")).await;
        assert_eq!(status, 200, "{page}");
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= 2, "{page}");
        found.extend(data.iter().map(|item| text(&item[field])));
        assert_eq!(page["has_more"].as_bool().unwrap(), page["next"].is_string(), "{page}");
        match &page["next"] {
            Value::Null => return found,
            next => after = format!("&after={}", text(next)),
        }
    }
}

#[actix_web::test]
async fn every_list_is_walked_in_pages_newest_first() {
    let office = Office::open().await;
    let red = office.team("red").await;
    for name in ["a", "b", "c", "d", "e"] {
        office.team(&format!("team {name}")).await;
        office.make("/users", json!({"name": format!("user {name}"), "team": red})).await;
        office.make("/service-accounts", json!({"name": format!("bot {name}"), "team": red})).await;
        office.make("/keys", json!({"name": format!("key {name}"), "team": red})).await;
        // The clock orders keys, whose ids are random.
        office.world.clock.advance(chrono::TimeDelta::seconds(1));
    }
    let named = |noun: &str| ["e", "d", "c", "b", "a"].map(|it| format!("{noun} {it}")).to_vec();
    assert_eq!(walk(&office, "/teams?name_prefix=team", "name").await, named("team"));
    assert_eq!(walk(&office, &format!("/users?team={red}"), "name").await, named("user"));
    assert_eq!(walk(&office, &format!("/teams/{red}/members"), "name").await, named("user"));
    assert_eq!(walk(&office, &format!("/service-accounts?team={red}"), "name").await, named("bot"));
    assert_eq!(walk(&office, &format!("/keys?team={red}"), "name").await, named("key"));
    let actions = walk(&office, "/audit?action=key.", "action").await;
    assert_eq!(actions, vec!["key.create"; 5]);
}

#[actix_web::test]
async fn filters_narrow() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let dan = office.person("dan", &red, "developer").await;
    let eve = office.person("eve", &red, "developer").await;
    office.patch(&office.root, &format!("/users/{}", eve.id), json!({"disabled": true})).await;
    let gone = office.make("/keys", json!({"name": "gone", "team": red})).await;
    office.delete(&office.root, &format!("/keys/{}", text(&gone["id"]))).await;
    for (path, expected) in [
        ("/users?disabled=true".to_owned(), vec!["eve"]),
        ("/users?disabled=false&name_prefix=d".to_owned(), vec!["dan"]),
        (format!("/keys?user={}", dan.id), vec!["dan"]),
        (format!("/keys?team={red}&active=true"), vec!["eve", "dan"]),
        (format!("/keys?team={red}&name_prefix=go"), vec!["gone"]),
        ("/teams?name_prefix=re".to_owned(), vec!["red"]),
        ("/teams?disabled=true".to_owned(), vec![]),
    ] {
        let mut found = walk(&office, &path, "name").await;
        let mut expected = expected;
        // Keys of one moment have no order of age.
        found.sort();
        expected.sort_unstable();
        assert_eq!(found, expected, "{path}");
    }
}

#[actix_web::test]
async fn a_bad_query_is_refused_by_name() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let members = format!("/teams/{red}/members");
    for list in ["/teams", "/users", "/service-accounts", "/keys", "/audit", &members] {
        for (query, field) in [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=", "limit"),
            ("after=%20", "after"),
            ("colour=red", "colour"),
        ] {
            let (status, answer) = office.get(&office.root, &format!("{list}?{query}")).await;
            assert_eq!((status, &answer["param"]), (400, &json!(field)), "{list}?{query}: {answer}");
        }
        assert_eq!(office.get(&office.root, &format!("{list}?limit=100")).await.0, 200, "{list}");
    }
    for (path, field) in [
        ("/keys?active=false", "active"),
        (
            "/keys?user=user_00000000000000000000000000000001&service_account=svc_00000000000000000000000000000001",
            "service_account",
        ),
        ("/users?disabled=maybe", "disabled"),
        ("/audit?since=yesterday", "since"),
        ("/audit?outcome=good", "outcome"),
        ("/teams?name_prefix=%00", "name_prefix"),
    ] {
        let (status, answer) = office.get(&office.root, path).await;
        assert_eq!((status, &answer["param"]), (400, &json!(field)), "{path}: {answer}");
    }
}
