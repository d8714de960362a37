//! Ends: of a session, of a process, of the store.

use std::time::Duration;

use serde_json::{Value, json};

use super::store::Moody;
use crate::world::{Client, Events, NEWEST, PATIENCE, World, http, initialize, text};

#[actix_web::test]
async fn a_session_that_is_ended_ends_everywhere() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    let call = client.call(1, "stuck", json!({})).await;
    let mut call = Events::of(call);
    let prime = call.next().await.unwrap();
    let news = Events::of(client.get(None).await);
    let rest = Events::of(client.at(&world.b.url).get(Some(prime.id())).await);
    let ended = client.at(&world.b.url).delete().await;
    assert_eq!((ended.status().as_u16(), ended.text().await.unwrap()), (204, String::new()));
    // Each of them ends, and says nothing of another.
    let (call, news, rest) = futures::join!(call.all(), news.all(), rest.all());
    assert!(call.iter().all(|it| it.data["error"]["code"] == 499), "{call:?}");
    assert!(news.iter().chain(&rest).all(|it| it.data.is_null() || it.data["error"]["code"] == 499));
    assert_eq!(client.request(2, "ping", json!({})).await.status(), 404);
    assert_eq!(client.get(None).await.status(), 404);
    assert_eq!(client.delete().await.status(), 404);
    assert_eq!(world.bench.ended(), 0);
}

#[actix_web::test]
async fn a_request_finds_out_by_what_it_says_that_its_session_has_ended_elsewhere() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    let mut call = Events::of(client.call(1, "steps", json!({ "steps": 100, "ms": 100 })).await);
    call.next().await.unwrap();
    assert_eq!(client.at(&world.b.url).delete().await.status(), 204);
    let ended = tokio::time::timeout(Duration::from_millis(900), call.all()).await;
    let told = ended.expect("sooner than one that is silent");
    assert_eq!(told.last().unwrap().data["error"]["code"], 499);
}

#[actix_web::test]
async fn at_the_stop_news_end_at_once_and_requests_when_they_are_done() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    let news = Events::of(client.get(None).await);
    let call = Events::of(client.call(1, "slow", json!({ "ms": 1_500 })).await);
    world.a.stop.cancel();
    let told = news.all().await;
    assert!(told.last().unwrap().retry.is_some(), "{told:?}");
    assert_eq!(world.bench.ended(), 0, "the request goes on");
    assert_eq!(text(&call.all().await[1].data), "slept");
    tokio::time::timeout(PATIENCE, world.a.keeper).await.unwrap().unwrap();
}

#[actix_web::test]
async fn a_request_whose_client_has_left_ends_before_its_process_does() {
    let World { bench, a, b } = World::new();
    let stop = a.stop.clone();
    let (url, process) = a.into_process();
    let process = actix_web::rt::spawn(process);
    let client = Client::open(&url).await;
    let mut call = Events::of(client.call(1, "slow", json!({ "ms": 1_500 })).await);
    let prime = call.next().await.unwrap();
    drop(call);
    let away = Client { http: http(), ..client }.at(&b.url);
    stop.cancel();
    tokio::time::timeout(PATIENCE, process).await.unwrap().unwrap();
    assert_eq!(bench.ended(), 1);
    assert_eq!(text(&Events::of(away.get(Some(prime.id())).await).all().await[0].data), "slept");
}

#[actix_web::test]
async fn what_does_not_end_in_the_time_of_a_stop_is_answered() {
    let world = World::with(|options| options.drain = Duration::from_millis(800));
    let client = Client::open(&world.a.url).await;
    let call = Events::of(client.call(1, "stuck", json!({})).await);
    world.a.stop.cancel();
    let told = call.all().await;
    let error = &told.last().unwrap().data["error"];
    assert_eq!(error["code"], 503);
    assert!(error["message"].as_str().unwrap().contains("again"), "{error}");
    tokio::time::timeout(PATIENCE, world.a.keeper).await.unwrap().unwrap();
}

#[actix_web::test]
async fn without_the_store_nothing_is_said_about_sessions() {
    let world = World::over(Moody::away(), |_| {});
    let refused = initialize(&http(), &world.a.url, NEWEST).await;
    assert_eq!(refused.status(), 503);
    let url = world.a.url.clone();
    let client = Client { http: http(), url, session: "mcps_some".to_owned(), version: NEWEST };
    for answer in [client.request(1, "ping", json!({})).await, client.get(None).await, client.delete().await]
    {
        assert_eq!(answer.status(), 503);
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["error"]["data"]["code"], "unavailable", "{answer}");
    }
}
