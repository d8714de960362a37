//! Messages: what is taken, and how it is answered.

use serde_json::{Value, json};

use crate::provider::THING;
use crate::world::{BOTH, Client, Events, NEWEST, World, text};

#[actix_web::test]
async fn a_quick_answer_is_one_json_message_and_nothing_is_kept() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    let answer = client.call(1, "echo", json!({ "text": "hello" })).await;
    assert_eq!(answer.headers()["content-type"], "application/json");
    let answer: Value = answer.json().await.unwrap();
    assert_eq!((text(&answer), &answer["id"]), ("hello", &json!(1)));
    let answer: Value =
        client.request(2, "resources/read", json!({ "uri": THING })).await.json().await.unwrap();
    assert_eq!(answer["result"]["contents"][0]["text"], "0");
}

#[actix_web::test]
async fn what_is_wrong_with_a_request_is_its_answer() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    let cases = [
        ("no/such", json!({}), -32601),
        ("tools/call", json!({ "name": "nothing" }), -32602),
        ("tools/call", json!({}), -32602),
        ("resources/read", json!({ "uri": "test://nothing" }), -32002),
        ("resources/subscribe", json!({ "uri": "test://nothing" }), -32002),
        ("logging/setLevel", json!({ "level": "loud" }), -32602),
        ("tools/list", json!({ "cursor": "x" }), -32602),
    ];
    for (method, params, code) in cases {
        let answer = client.request(1, method, params).await;
        assert_eq!(answer.status(), 200, "{method}");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(1), &json!(code)), "{method}");
    }
}

#[actix_web::test]
async fn a_progress_token_has_a_bound() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    for (length, is_taken) in [(256, true), (257, false)] {
        let meta = json!({ "progressToken": "x".repeat(length) });
        let params = json!({ "name": "echo", "arguments": {}, "_meta": meta });
        let answer: Value = client.request(1, "tools/call", params).await.json().await.unwrap();
        assert_eq!(answer["result"].is_object(), is_taken, "{answer}");
        assert_eq!(answer["error"]["code"] == -32602, !is_taken);
    }
}

#[actix_web::test]
async fn a_client_must_read_both_kinds_of_answers() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    let with = async |method: reqwest::Method, accept: &str| {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
        client.builder(method).header("accept", accept).json(&message).send().await.unwrap().status().as_u16()
    };
    assert_eq!(with(reqwest::Method::POST, "application/json").await, 406);
    assert_eq!(with(reqwest::Method::POST, "text/event-stream").await, 406);
    assert_eq!(with(reqwest::Method::POST, BOTH).await, 200);
    assert_eq!(with(reqwest::Method::GET, "application/json").await, 406);
}

#[actix_web::test]
async fn what_is_no_message_is_refused() {
    let world = World::with(|options| options.bounds.max_body_bytes = 1_000);
    let client = Client::open(&world.a.url).await;
    let send = async |body: String| {
        let builder = client.builder(reqwest::Method::POST).header("accept", BOTH);
        let answer = builder.header("content-type", "application/json").body(body).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.text().await.unwrap())
    };
    for (body, status, code) in [("{", 400, "-32700"), ("[]", 400, "-32600"), ("7", 400, "-32600")] {
        let (answered, text) = send(body.to_owned()).await;
        assert!(answered == status && text.contains(code), "{body}: {answered} {text}");
    }
    let long =
        reqwest::Body::wrap_stream(futures::stream::iter([Ok::<_, std::io::Error>("x".repeat(2_000))]));
    let builder = client.builder(reqwest::Method::POST).header("accept", BOTH);
    let answer = builder.header("content-type", "application/json").body(long).send().await.unwrap();
    assert_eq!(answer.status(), 413);
    assert!(answer.json::<Value>().await.unwrap()["error"].is_object());
}

#[actix_web::test]
async fn what_is_not_to_be_answered_is_taken() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    let taken = [
        json!({ "jsonrpc": "2.0", "method": "notifications/roots/list_changed" }),
        json!({ "jsonrpc": "2.0", "method": "notifications/no_such" }),
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 77 } }),
        json!({ "jsonrpc": "2.0", "id": "nobody asked", "result": {} }),
        json!({ "jsonrpc": "2.0", "id": 3, "error": { "code": 1, "message": "no" } }),
    ];
    for message in taken {
        let answer = client.post(&message).await;
        assert_eq!(answer.status(), 202, "{message}");
        assert_eq!(answer.text().await.unwrap(), "");
    }
}

#[actix_web::test]
async fn a_batch_is_answered_message_by_message_in_the_one_revision_that_has_it() {
    let world = World::new();
    let batch = json!([
        { "jsonrpc": "2.0", "id": 1, "method": "ping" },
        { "jsonrpc": "2.0", "method": "notifications/no_such" },
        { "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": { "name": "echo", "arguments": { "text": "b" } } },
        { "jsonrpc": "2.0", "id": 3, "method": "initialize" },
        { "jsonrpc": "2.0", "id": 4, "method": 4 },
    ]);
    let client = Client::open_as(&world.a.url, "2025-03-26").await;
    let answers: Vec<Value> = client.post(&batch).await.json().await.unwrap();
    let of = |id: u64| answers.iter().find(|it| it["id"] == id).unwrap();
    assert_eq!(answers.len(), 4);
    assert!(of(1)["result"].is_object());
    assert_eq!(text(of(2)), "b");
    assert_eq!((&of(3)["error"]["code"], &of(4)["error"]["code"]), (&json!(-32600), &json!(-32600)));
    let silent = json!([{ "jsonrpc": "2.0", "method": "notifications/no_such" }]);
    assert_eq!(client.post(&silent).await.status(), 202);
    for version in ["2024-11-05", "2025-06-18", NEWEST] {
        let refused = Client::open_as(&world.a.url, version).await.post(&batch).await;
        assert_eq!(refused.status(), 400, "{version}");
        assert!(refused.text().await.unwrap().contains("-32600"));
    }
}

#[actix_web::test]
async fn a_slow_batch_is_a_stream_whose_last_event_answers_all_of_it() {
    let world = World::new();
    let client = Client::open_as(&world.a.url, "2025-03-26").await;
    let slow = |id: u64| {
        let params = json!({ "name": "slow", "arguments": { "ms": 200 } });
        json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
    };
    let told = Events::of(client.post(&json!([slow(1), slow(2)])).await).all().await;
    let answers = told.last().unwrap().data.as_array().unwrap();
    assert_eq!(answers.iter().map(text).collect::<Vec<_>>(), ["slept", "slept"]);
}

#[actix_web::test]
async fn one_id_is_open_once() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    let open = client.call(1, "stuck", json!({})).await;
    let again = client.call(1, "echo", json!({})).await;
    assert_eq!(again.status(), 400);
    client.cancel(1).await;
    assert_eq!(Events::of(open).all().await.last().unwrap().data["error"]["code"], 499);
    assert_eq!(client.call(1, "echo", json!({})).await.status(), 200);
}

#[actix_web::test]
async fn a_client_hears_what_it_wants_to_hear() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    let logs = async |id| {
        let told =
            Events::of(client.at(&world.b.url).call(id, "steps", json!({ "steps": 2 })).await).all().await;
        told.iter().filter(|it| it.data["method"] == "notifications/message").count()
    };
    assert_eq!(logs(1).await, 0, "what is for debugging is not told unasked");
    assert_eq!(client.request(2, "logging/setLevel", json!({ "level": "debug" })).await.status(), 200);
    assert_eq!(logs(3).await, 2);
}
