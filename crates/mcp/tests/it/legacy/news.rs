//! News: what a client is told that it subscribed to, over all its connections.

use std::sync::atomic::Ordering;

use outcrop_embedded::MemoryMcpSessions;
use outcrop_ports::McpBounds;
use serde_json::json;

use crate::provider::THING;
use crate::world::{Client, Events, Told, World};

async fn subscribe(client: &Client, uri: &str) -> reqwest::Response {
    client.request(1, "resources/subscribe", json!({ "uri": uri })).await
}

fn change(world: &World) {
    world.bench.thing.fetch_add(1, Ordering::SeqCst);
}

fn is_update(told: &Told) -> bool {
    told.data["method"] == "notifications/resources/updated" && told.data["params"]["uri"] == THING
}

#[actix_web::test]
async fn a_change_of_what_was_subscribed_to_at_one_replica_is_told_at_another() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    let mut events = Events::of(client.at(&world.b.url).get(None).await);
    assert!(events.next().await.unwrap().data.is_null());
    assert_eq!(subscribe(&client, THING).await.status(), 200);
    change(&world);
    assert!(is_update(&events.next().await.unwrap()));
    change(&world);
    assert!(is_update(&events.next().await.unwrap()));
}

#[actix_web::test]
async fn a_change_between_two_connections_is_told_on_the_second() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    subscribe(&client, THING).await;
    let mut events = Events::of(client.get(None).await);
    let prime = events.next().await.unwrap();
    change(&world);
    let first = events.next().await.unwrap();
    assert!(is_update(&first));
    drop(events);
    change(&world);
    // After the last event, and after one before it: whose rest is told again, and nothing twice.
    let mut events = Events::of(client.at(&world.b.url).get(Some(first.id())).await);
    let second = events.next().await.unwrap();
    assert!(is_update(&second) && second.id() != first.id());
    drop(events);
    let mut events = Events::of(client.at(&world.a.url).get(Some(prime.id())).await);
    assert_eq!([events.next().await.unwrap(), events.next().await.unwrap()], [first, second]);
}

#[actix_web::test]
async fn a_change_before_anybody_listens_is_told_to_the_first_who_does() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    subscribe(&client, THING).await;
    change(&world);
    let mut events = Events::of(client.at(&world.b.url).get(None).await);
    assert!(events.next().await.unwrap().data.is_null());
    assert!(is_update(&events.next().await.unwrap()));
}

#[actix_web::test]
async fn of_two_streams_one_is_told_and_the_other_when_that_has_gone() {
    let world = World::with(|options| options.lease = std::time::Duration::from_millis(400));
    let client = Client::open(&world.a.url).await;
    subscribe(&client, THING).await;
    let mut older = Events::of(client.get(None).await);
    older.next().await.unwrap();
    let mut newer = Events::of(client.at(&world.b.url).get(None).await);
    newer.next().await.unwrap();
    change(&world);
    assert!(is_update(&newer.next().await.unwrap()));
    let silent = tokio::time::timeout(std::time::Duration::from_millis(1_700), older.next()).await;
    assert!(silent.is_err(), "{silent:?}");
    drop(newer);
    // It tells what it knows of: the change it was silent about may be told again, none is missed.
    change(&world);
    assert!(is_update(&older.next().await.unwrap()));
}

#[actix_web::test]
async fn news_go_on_after_their_stream_had_to_give_way() {
    let bounds = McpBounds { streams: 1, ..McpBounds::default() };
    let world = World::over(MemoryMcpSessions::new(bounds), |_| {});
    let client = Client::open(&world.a.url).await;
    subscribe(&client, THING).await;
    let mut events = Events::of(client.get(None).await);
    let first = events.next().await.unwrap();
    Events::of(client.call(2, "steps", json!({})).await).all().await;
    change(&world);
    let second = events.next().await.unwrap();
    assert!(second.data.is_null() && second.id() != first.id());
    assert!(is_update(&events.next().await.unwrap()));
}

#[actix_web::test]
async fn who_unsubscribes_is_told_no_more() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    subscribe(&client, THING).await;
    subscribe(&client, "test://many/1").await;
    assert_eq!(client.request(2, "resources/unsubscribe", json!({ "uri": THING })).await.status(), 200);
    let mut events = Events::of(client.get(None).await);
    events.next().await.unwrap();
    change(&world);
    let told = events.next().await.unwrap();
    assert_eq!(told.data["params"]["uri"], "test://many/1");
}

#[actix_web::test]
async fn subscriptions_made_at_once_are_all_kept_and_bounded() {
    let world = World::with(|options| options.max_subscriptions = 6);
    let client = Client::open(&world.a.url).await;
    let one = |at: usize| {
        let client = client.at(if at.is_multiple_of(2) { &world.a.url } else { &world.b.url });
        async move {
            subscribe(&client, &format!("test://many/{at}")).await.json::<serde_json::Value>().await.unwrap()
        }
    };
    for answer in futures::future::join_all((0..6).map(one)).await {
        assert!(answer["result"].is_object(), "{answer}");
    }
    let refused = one(6).await;
    assert_eq!(refused["error"]["code"], 429, "{refused}");
    assert!(one(0).await["result"].is_object(), "it is one of the six");
}

#[actix_web::test]
async fn listeners_are_bounded() {
    let world = World::with(|options| options.max_listeners = 2);
    let client = Client::open(&world.a.url).await;
    let (one, two) = (client.get(None).await, client.get(None).await);
    assert_eq!((one.status().as_u16(), two.status().as_u16()), (200, 200));
    assert_eq!(client.get(None).await.status(), 429);
    // Whoever comes back for a stream has the place that it had.
    let mut two = Events::of(two);
    let prime = two.next().await.unwrap();
    let again = client.get(Some(prime.id())).await;
    assert_eq!((again.status().as_u16(), two.next().await), (200, None));
    assert_eq!(client.get(None).await.status(), 429);
    drop(one);
    let freed = async {
        while client.get(None).await.status() != 200 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(crate::world::PATIENCE, freed).await.expect("a place that was left is free");
}
