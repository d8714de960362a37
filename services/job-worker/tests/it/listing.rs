//! `GET /v1/jobs`: which jobs, and which of them.

use serde_json::{Value, json};

use crate::world::{World, answer, client, developer};

async fn taken(url: &str, job: &Value) -> Value {
    let (status, job) = answer(client().post(format!("{url}/v1/jobs")).json(job)).await;
    assert_eq!(status, 202, "{job}");
    job["id"].clone()
}

async fn listed(url: &str, query: &str) -> Vec<Value> {
    let (status, list) = answer(client().get(format!("{url}/v1/jobs?{query}"))).await;
    assert_eq!((status, &list["object"]), (200, &json!("list")), "{query}: {list}");
    list["data"].as_array().unwrap().iter().map(|job| job["id"].clone()).collect()
}

#[actix_web::test]
async fn a_filter_lets_through_what_it_names() {
    let world = World::idle().await;
    let server = world.serve(developer(1));
    let url = &server.url;
    let chat = taken(url, &json!({"path": "/v1/chat/completions", "body": {}})).await;
    let short =
        taken(url, &json!({"path": "/generate", "body": {}, "metadata": {"run": "7", "of": "me"}})).await;
    let gone = taken(url, &json!({"path": "/generate", "body": {}, "metadata": {"run": "8"}})).await;
    answer(client().delete(format!("{url}/v1/jobs/{}", gone.as_str().unwrap()))).await;
    let all = [&gone, &short, &chat].map(Clone::clone);
    let cases: [(&str, &[Value]); 12] = [
        ("", &all),
        ("kind=call", &all),
        ("kind=batch", &[]),
        ("status=queued", &all[1..]),
        ("status=cancelled", &all[..1]),
        ("path=/generate", &all[..2]),
        ("metadata[run]=7", &all[1..2]),
        ("metadata%5Brun%5D=8&status=queued", &[]),
        ("dead=true", &[]),
        ("dead=false&limit=1", &all[..1]),
        ("limit=1&after=GONE", &all[1..2]),
        ("path=/generate&status=queued", &all[1..2]),
    ];
    for (query, expected) in cases {
        let query = query.replace("GONE", gone.as_str().unwrap());
        assert_eq!(listed(url, &query).await, expected, "{query}");
    }
    let (_, page) = answer(client().get(format!("{url}/v1/jobs?limit=2"))).await;
    assert_eq!((&page["first_id"], &page["last_id"], &page["has_more"]), (&gone, &short, &json!(true)));
}

#[actix_web::test]
async fn a_filter_that_is_none_is_refused_by_name() {
    let world = World::idle().await;
    let server = world.serve(developer(1));
    let cases = [
        ("stauts=queued", "stauts"),
        ("status=done", "status"),
        ("kind=part", "kind"),
        ("dead=yes", "dead"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("after=x", "after"),
        ("status=queued&status=failed", "status"),
        ("metadata[a]=1&metadata[b]=2", "metadata[b]"),
    ];
    for (query, param) in cases {
        let (status, told) = answer(client().get(format!("{}/v1/jobs?{query}", server.url))).await;
        assert_eq!((status, &told["param"]), (400, &json!(param)), "{query}: {told}");
    }
}
