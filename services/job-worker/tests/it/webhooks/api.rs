//! Endpoints over HTTP: who may, what is shown, what is refused.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Telling, admin, ask, serve};
use crate::world::developer;

#[actix_web::test]
async fn an_endpoint_is_created_shown_changed_and_removed() {
    let telling = Telling::here().await;
    let new = json!({ "url": "https://hooks.example/", "events": ["batch.completed", "job.failed"] });
    let (status, created) = telling.ask(Method::POST, "/v1/webhooks", Some(new)).await;
    assert_eq!(status, 201, "{created}");
    assert_eq!(created["object"], "webhook");
    assert_eq!(created["events"], json!(["job.failed", "batch.completed"]));
    let path = format!("/v1/webhooks/{}", created["id"].as_str().unwrap());
    let mut shown = created.clone();
    let secret = shown.as_object_mut().unwrap().remove("secret").unwrap();
    assert_eq!(telling.get(&path).await, shown, "all but the secret");
    assert_eq!(telling.get("/api/v1/webhooks").await["data"], json!([shown]));
    let kept = format!("{:?}", telling.kept(&path).await.secrets[0].sealed);
    assert!(!kept.contains(secret.as_str().unwrap()));
    let change = json!({ "enabled": false, "description": "mine", "events": [] });
    let (status, changed) = telling.ask(Method::PATCH, &path, Some(change)).await;
    assert_eq!((status, &changed["url"]), (200, &created["url"]), "what is left out stays");
    assert_eq!(
        (&changed["enabled"], &changed["description"], &changed["events"]),
        (&json!(false), &json!("mine"), &json!([]))
    );
    assert_eq!(telling.ask(Method::DELETE, &path, None).await.0, 204);
    assert_eq!(telling.ask(Method::DELETE, &path, None).await.0, 404);
    assert_eq!(telling.get("/v1/webhooks").await["data"], json!([]));
}

#[actix_web::test]
async fn endpoints_are_their_teams_admins_affair() {
    let telling = Telling::here().await;
    let (path, _) = telling.endpoint("https://hooks.example/").await;
    let delivery = telling.post(&format!("{path}/test")).await;
    let delivery = format!("{path}/deliveries/{}", delivery["id"].as_str().unwrap());
    let calls = [
        (Method::GET, path.clone(), None),
        (Method::PATCH, path.clone(), Some(json!({ "enabled": false }))),
        (Method::DELETE, path.clone(), None),
        (Method::POST, format!("{path}/rotate"), None),
        (Method::POST, format!("{path}/test"), None),
        (Method::GET, format!("{path}/deliveries"), None),
        (Method::GET, delivery.clone(), None),
        (Method::POST, format!("{delivery}/replay"), None),
    ];
    let (others, developers) = (serve(&telling.worker, admin(2)), serve(&telling.worker, developer(1)));
    for (method, path, body) in calls {
        let (status, body_of_others) = ask(&others, method.clone(), &path, body.clone()).await;
        assert_eq!(status, 404, "{method} {path}: {body_of_others}");
        assert_eq!(ask(&developers, method.clone(), &path, body).await.0, 403, "{method} {path}");
    }
    assert_eq!(ask(&others, Method::GET, "/v1/webhooks", None).await.1["data"], json!([]));
    assert_eq!(ask(&developers, Method::GET, "/v1/webhooks", None).await.0, 403);
    assert_eq!(telling.get(&path).await["enabled"], true);
}

#[actix_web::test]
async fn what_is_no_endpoint_is_refused_by_name() {
    let telling = Telling::here().await;
    let url = "https://hooks.example/";
    for (body, param) in [
        (json!({}), "url"),
        (json!({ "url": 7 }), "url"),
        (json!({ "url": "nonsense" }), "url"),
        (json!({ "url": url, "events": ["batch.begun"] }), "events"),
        (json!({ "url": url, "events": ["webhook.test"] }), "events"),
        (json!({ "url": url, "description": "x".repeat(257) }), "description"),
        (json!({ "url": url, "description": "a\u{1b}[31mb" }), "description"),
        (json!({ "url": url, "secret": "whsec_mine" }), "secret"),
    ] {
        let (status, refused) = telling.ask(Method::POST, "/v1/webhooks", Some(body.clone())).await;
        assert_eq!((status, &refused["param"]), (400, &json!(param)), "{body}: {refused}");
    }
    let (path, _) = telling.endpoint(url).await;
    for (body, param) in [(json!({ "url": "ftp://x" }), "url"), (json!({ "id": "x" }), "id")] {
        let (status, refused) = telling.ask(Method::PATCH, &path, Some(body)).await;
        assert_eq!((status, &refused["param"]), (400, &json!(param)), "{refused}");
    }
    for (query, param) in
        [("state=told", "state"), ("limit=0", "limit"), ("after=x", "after"), ("colour=red", "colour")]
    {
        let (status, refused) = telling.ask(Method::GET, &format!("{path}/deliveries?{query}"), None).await;
        assert_eq!((status, &refused["param"]), (400, &json!(param)), "{refused}");
    }
    for path in ["/v1/webhooks/nonsense", "/v1/webhooks/wh_00000000000000000000000000000009"] {
        assert_eq!(telling.ask(Method::GET, path, None).await.0, 404, "{path}");
    }
}

#[actix_web::test]
async fn a_team_has_as_many_as_it_may_and_none_where_they_are_off() {
    let telling = Telling::with(|config| config.max_per_team = 2).await;
    let new = || Some(json!({ "url": "https://hooks.example/" }));
    for status in [201, 201, 409] {
        assert_eq!(telling.ask(Method::POST, "/v1/webhooks", new()).await.0, status);
    }
    let off = Telling::with(|config| config.max_per_team = 0).await;
    assert_eq!(off.ask(Method::POST, "/v1/webhooks", new()).await.0, 403);
}

#[actix_web::test]
async fn deliveries_are_listed_in_pages_and_by_their_state() {
    let telling = Telling::here().await;
    let (path, _) = telling.endpoint("https://hooks.example/").await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.insert(0, telling.post(&format!("{path}/test")).await["id"].clone());
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = telling.get(&format!("{path}/deliveries?limit=2{after}")).await;
        let data = page["data"].as_array().unwrap();
        seen.extend(data.iter().map(|it| it["id"].clone()));
        after = format!("&after={}", seen.last().unwrap().as_str().unwrap());
        if page["has_more"] == Value::Bool(false) {
            break;
        }
    }
    assert_eq!(seen, ids, "newest first");
    let failed = telling.get(&format!("{path}/deliveries?state=failed")).await;
    assert_eq!(failed["data"], json!([]));
    let one = telling.get(&format!("{path}/deliveries/{}", ids[0].as_str().unwrap())).await;
    assert_eq!((&one["type"], &one["state"]), (&json!("webhook.test"), &json!("pending")));
    assert_eq!(one["payload"]["id"], one["event_id"]);
}

#[actix_web::test]
async fn tests_that_nobody_hears_do_not_pile_up() {
    let telling = Telling::here().await;
    let (path, _) = telling.endpoint("https://hooks.example/").await;
    let (other, _) = telling.endpoint("https://other.example/").await;
    for _ in 0..20 {
        telling.post(&format!("{path}/test")).await;
    }
    assert_eq!(telling.ask(Method::POST, &format!("{path}/test"), None).await.0, 429);
    telling.post(&format!("{other}/test")).await;
}
