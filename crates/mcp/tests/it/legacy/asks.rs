//! What is asked of a client, and what it calls off: wherever its answer lands.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Client, Events, World, text, until};

/// Skips what has no message.
async fn next_message(events: &mut Events) -> Value {
    loop {
        let told = events.next().await.expect("there is more");
        if !told.data.is_null() {
            return told.data;
        }
    }
}

#[actix_web::test]
async fn an_answer_is_heard_whichever_replica_it_lands_on() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    for (id, lands) in [(1, &world.a.url), (2, &world.b.url)] {
        let mut events = Events::of(client.call(id, "ask", json!({})).await);
        let ask = next_message(&mut events).await;
        assert_eq!(
            (&ask["method"], &ask["params"]["message"]),
            (&json!("elicitation/create"), &json!("who?"))
        );
        let result = json!({ "action": "accept", "content": { "name": "Ada" } });
        let answer = json!({ "jsonrpc": "2.0", "id": ask["id"], "result": result });
        assert_eq!(client.at(lands).post(&answer).await.status(), 202);
        let answer = next_message(&mut events).await;
        assert_eq!((text(&answer), &answer["id"]), ("Ada", &json!(id)), "{lands}");
        assert_eq!(events.next().await, None, "the answer is the last that is said");
    }
}

#[actix_web::test]
async fn a_refusal_of_the_client_is_heard_too() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    let mut events = Events::of(client.call(1, "ask", json!({})).await);
    let ask = next_message(&mut events).await;
    let refusal = json!({ "jsonrpc": "2.0", "id": ask["id"], "error": { "code": -1, "message": "no" } });
    assert_eq!(client.at(&world.b.url).post(&refusal).await.status(), 202);
    let answer = next_message(&mut events).await;
    assert!(answer["error"]["message"].as_str().unwrap().contains("refused"), "{answer}");
}

#[actix_web::test]
async fn somebody_elses_answer_is_not_heard() {
    let world = World::new();
    let (client, other) = (Client::open(&world.a.url).await, Client::open(&world.a.url).await);
    let mut events = Events::of(client.call(1, "ask", json!({})).await);
    let ask = next_message(&mut events).await;
    let of = |name: &str| {
        let result = json!({ "action": "accept", "content": { "name": name } });
        json!({ "jsonrpc": "2.0", "id": ask["id"], "result": result })
    };
    assert_eq!(other.post(&of("Eve")).await.status(), 202);
    assert_eq!(client.post(&of("Ada")).await.status(), 202);
    assert_eq!(text(&next_message(&mut events).await), "Ada");
}

#[actix_web::test]
async fn an_answer_too_large_to_be_passed_on_is_refused() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    let large = |id: &str| json!({ "jsonrpc": "2.0", "id": id, "result": { "text": "x".repeat(1 << 20) } });
    assert_eq!(client.post(&large(&format!("ask_{}", "0".repeat(32)))).await.status(), 413);
    assert_eq!(client.post(&large("nobody asked")).await.status(), 202, "it is not passed on at all");
}

#[actix_web::test]
async fn what_is_called_off_too_late_is_not_another_request_of_the_same_id() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    client.cancel(99).await;
    for url in [&world.a.url, &world.b.url] {
        let told = Events::of(client.at(url).call(99, "slow", json!({ "ms": 400 })).await).all().await;
        assert_eq!(text(&told.last().unwrap().data), "slept");
    }
}

#[actix_web::test]
async fn all_of_one_id_are_called_off() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    let here = Events::of(client.call(5, "stuck", json!({})).await);
    let there = Events::of(client.at(&world.b.url).call(5, "stuck", json!({})).await);
    client.cancel(5).await;
    for events in [here, there] {
        assert_eq!(events.all().await.last().unwrap().data["error"]["code"], 499);
    }
}

#[actix_web::test]
async fn a_request_is_called_off_whichever_replica_hears_it() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    for (id, lands) in [(1, &world.a.url), (2, &world.b.url)] {
        let events = Events::of(client.call(id, "stuck", json!({})).await);
        client.at(lands).cancel(id).await;
        let told = events.all().await;
        assert_eq!(told.last().unwrap().data["error"]["code"], 499, "{lands}");
    }
    assert_eq!((world.bench.begun(), world.bench.ended()), (2, 0));
}

#[actix_web::test]
async fn what_is_called_off_before_it_streams_is_answered_as_json() {
    let world = World::with(|options| options.stream_after = Duration::from_secs(5));
    let client = Client::open(&world.a.url).await;
    let call = async { client.call(1, "stuck", json!({})).await };
    let cancel = async {
        until(|| world.bench.begun() == 1).await;
        client.cancel(1).await;
    };
    let (answer, ()) = futures::join!(call, cancel);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["error"]["code"], 499);
}
