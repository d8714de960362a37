//! What a store does that comes and goes, and what becomes of streams meanwhile.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use super::store::Moody;
use crate::world::{Client, Events, World, text, until};

#[actix_web::test]
async fn a_stream_whose_lease_ran_out_by_the_weather_is_waited_for() {
    let store = Moody::default();
    let world = World::over(store.clone(), |options| options.lease = Duration::from_millis(400));
    let client = Client::open(&world.a.url).await;
    let mut events = Events::of(client.call(1, "slow", json!({ "ms": 2_200 })).await);
    let prime = events.next().await.unwrap();
    store.keeps_nothing.store(true, Ordering::SeqCst);
    let rest = actix_web::rt::spawn({
        let answer = client.at(&world.b.url).get(Some(prime.id())).await;
        async move { Events::of(answer).all().await }
    });
    // The lease is over, and the reader has looked.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    store.keeps_nothing.store(false, Ordering::SeqCst);
    assert_eq!(text(&rest.await.unwrap()[0].data), "slept");
}

#[actix_web::test]
async fn nobody_ends_a_stream_that_its_own_process_adds_to() {
    let store = Moody::default();
    store.keeps_nothing.store(true, Ordering::SeqCst);
    let world = World::over(store, |options| options.lease = Duration::from_millis(100));
    let client = Client::open(&world.a.url).await;
    let mut events = Events::of(client.call(1, "slow", json!({ "ms": 3_600 })).await);
    let prime = events.next().await.unwrap();
    let rest = Events::of(client.get(Some(prime.id())).await).all().await;
    assert_eq!(text(&rest[0].data), "slept");
}

#[actix_web::test]
async fn leases_are_renewed_at_once_when_something_was_missed() {
    let store = Moody::default();
    let world = World::over(store.clone(), |options| options.lease = Duration::from_secs(600));
    let client = Client::open(&world.a.url).await;
    let call = client.call(1, "stuck", json!({})).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(store.kept.load(Ordering::SeqCst), 0);
    store.miss();
    until(|| store.kept.load(Ordering::SeqCst) > 0).await;
    drop(call);
}

#[actix_web::test]
async fn without_the_store_a_connection_hears_all_the_same() {
    let store = Moody::default();
    let world = World::over(store.clone(), |_| {});
    let client = Client::open(&world.a.url).await;
    let mut events = Events::of(client.call(1, "steps", json!({ "steps": 4, "ms": 50 })).await);
    let (prime, first) = (events.next().await.unwrap(), events.next().await.unwrap());
    assert!(prime.id.is_some() && first.id.is_some());
    store.is_away.store(true, Ordering::SeqCst);
    let since = std::time::Instant::now();
    let told = events.all().await;
    assert!(since.elapsed() < Duration::from_secs(2), "nor does it wait for the store");
    assert_eq!(text(&told.last().unwrap().data), "walked");
    assert_eq!(told.last().unwrap().id, None, "nobody can come back to what is not kept");
    assert!(told.len() >= 3);
}

#[actix_web::test]
async fn the_rest_of_a_stream_is_told_once_the_store_is_back() {
    let store = Moody::default();
    let world = World::over(store.clone(), |_| {});
    let client = Client::open(&world.a.url).await;
    let mut events = Events::of(client.call(1, "slow", json!({ "ms": 700 })).await);
    let prime = events.next().await.unwrap();
    let rest = client.at(&world.b.url).get(Some(prime.id())).await;
    drop(events);
    store.is_away.store(true, Ordering::SeqCst);
    // The answer is there, and is tried to be kept.
    until(|| world.bench.ended() == 1).await;
    store.is_away.store(false, Ordering::SeqCst);
    assert_eq!(text(&Events::of(rest).all().await[0].data), "slept");
}

#[actix_web::test]
async fn a_question_is_kept_for_who_comes_back_though_the_store_was_busy() {
    let store = Moody::default();
    let world = World::over(store.clone(), |_| {});
    let client = Client::open(&world.a.url).await;
    store.refuses.store(1, Ordering::SeqCst);
    let mut events = Events::of(client.call(1, "ask", json!({})).await);
    let prime = events.next().await.unwrap();
    drop(events);
    let mut events = Events::of(client.at(&world.b.url).get(Some(prime.id())).await);
    let asked = events.next().await.unwrap().data;
    assert_eq!(asked["method"], "elicitation/create");
    let answer = json!({ "jsonrpc": "2.0", "id": asked["id"], "result": { "action": "accept", "content": { "name": "Ada" } } });
    assert_eq!(client.post(&answer).await.status(), 202);
    assert_eq!(text(&events.next().await.unwrap().data), "Ada");
}

#[actix_web::test]
async fn what_is_being_said_when_the_answer_becomes_a_stream_is_said() {
    let store = Moody::default();
    let world = World::over(store.clone(), |_| {});
    let client = Client::open(&world.a.url).await;
    // Longer than the answer is waited for before it becomes a stream.
    store.takes_ms.store(150, Ordering::SeqCst);
    let told = Events::of(client.call(1, "steps", json!({ "steps": 2 })).await).all().await;
    assert_eq!(text(&told.last().unwrap().data), "walked");
    assert_eq!(told.len(), 4);
}

#[actix_web::test]
async fn a_session_stays_while_something_runs_for_it() {
    let world = World::with(|options| options.session_ttl = Duration::from_millis(900));
    let client = Client::open(&world.a.url).await;
    let told = Events::of(client.call(1, "steps", json!({ "steps": 40, "ms": 50 })).await).all().await;
    assert_eq!(text(&told.last().unwrap().data), "walked");
    assert_eq!(client.request(2, "ping", json!({})).await.status(), 200);
}
