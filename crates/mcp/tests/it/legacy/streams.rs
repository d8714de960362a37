//! Streams: what is said while a request is answered, and how a client comes back for it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Client, Events, NEWEST, Told, World, text, until};

fn progress(told: &[Told]) -> Vec<f64> {
    told.iter().filter_map(|it| it.data["params"]["progress"].as_f64()).collect()
}

#[actix_web::test]
async fn what_is_said_before_the_answer_makes_a_stream_of_it() {
    let world = World::new();
    for (version, primes) in [("2024-11-05", 0), ("2025-03-26", 0), ("2025-06-18", 0), (NEWEST, 1)] {
        let client = Client::open_as(&world.a.url, version).await;
        let told = Events::of(client.call(1, "steps", json!({ "steps": 3 })).await).all().await;
        assert_eq!(told.iter().filter(|it| it.data.is_null()).count(), primes, "{version}");
        assert_eq!(told[0].data.is_null(), primes == 1, "it comes first");
        assert_eq!(progress(&told), [1.0, 2.0, 3.0]);
        assert_eq!(told[primes].data["params"]["progressToken"], "p1");
        assert_eq!(text(&told.last().unwrap().data), "walked");
        let mut ids: Vec<_> = told.iter().map(Told::id).collect();
        ids.dedup();
        assert_eq!(ids.len(), told.len());
    }
}

#[actix_web::test]
async fn what_takes_long_becomes_a_stream() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    let told = Events::of(client.call(1, "slow", json!({ "ms": 300 })).await).all().await;
    assert_eq!(told.len(), 2);
    assert_eq!(text(&told[1].data), "slept");
}

#[actix_web::test]
async fn a_stream_goes_on_after_any_of_its_events_at_any_replica() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    let whole = Events::of(client.call(1, "steps", json!({ "steps": 3 })).await).all().await;
    // Another of the same session, of which nothing may be told.
    Events::of(client.call(2, "steps", json!({ "steps": 2 })).await).all().await;
    for (at, last) in whole.iter().enumerate() {
        for url in [&world.a.url, &world.b.url] {
            let rest = Events::of(client.at(url).get(Some(last.id())).await).all().await;
            assert_eq!(rest, whole[at + 1..], "after {at}");
        }
    }
}

#[actix_web::test]
async fn a_client_that_left_misses_nothing_and_hears_nothing_twice() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    let mut events = Events::of(client.call(1, "steps", json!({ "steps": 6, "ms": 60 })).await);
    let mut told = vec![events.next().await.unwrap(), events.next().await.unwrap()];
    drop(events);
    // It comes back at one replica, leaves again, and comes back at the other.
    let mut events = Events::of(client.at(&world.b.url).get(Some(told[1].id())).await);
    told.push(events.next().await.unwrap());
    told.push(events.next().await.unwrap());
    drop(events);
    told.extend(Events::of(client.get(Some(told[3].id())).await).all().await);
    assert_eq!(progress(&told), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(text(&told.last().unwrap().data), "walked");
    assert_eq!((world.bench.begun(), world.bench.ended()), (1, 1));
}

#[actix_web::test]
async fn who_comes_back_has_one_connection_only() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    let mut first = Events::of(client.call(1, "slow", json!({ "ms": 700 })).await);
    let prime = first.next().await.unwrap();
    let second = Events::of(client.get(Some(prime.id())).await);
    assert_eq!(first.next().await, None);
    assert_eq!(text(&second.all().await[0].data), "slept");
}

#[actix_web::test]
async fn who_comes_back_twice_has_one_connection_too() {
    let world = World::new();
    for url in [&world.a.url, &world.b.url] {
        let client = Client::open(&world.a.url).await;
        let mut first = Events::of(client.call(1, "slow", json!({ "ms": 900 })).await);
        let prime = first.next().await.unwrap();
        let client = client.at(url);
        let second = Events::of(client.get(Some(prime.id())).await);
        let third = Events::of(client.get(Some(prime.id())).await);
        assert_eq!(second.all().await, []);
        assert_eq!(text(&third.all().await[0].data), "slept");
    }
}

#[actix_web::test]
async fn a_connection_that_is_let_go_says_when_to_come_back() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    let told = Events::of(client.call(1, "poll", json!({ "ms": 200 })).await).all().await;
    assert_eq!(told.len(), 2);
    assert_eq!((told[0].data.is_null(), told[1].retry), (true, Some(10)));
    let rest = Events::of(client.at(&world.b.url).get(Some(told[0].id())).await).all().await;
    assert_eq!(text(&rest[0].data), "polled");
    // Older clients do not know how.
    let client = Client::open_as(&world.a.url, "2025-06-18").await;
    let told = Events::of(client.call(1, "poll", json!({ "ms": 200 })).await).all().await;
    assert_eq!(text(&told[0].data), "polled");
}

#[actix_web::test]
async fn an_event_that_is_none_is_refused() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    let told = Events::of(client.call(1, "steps", json!({})).await).all().await;
    let (stream, _) = told[0].id().split_once('_').unwrap();
    let zeroes = "0".repeat(32);
    let wrong =
        ["", "x", "1", stream, &format!("{stream}_0"), &format!("{stream}_99"), &format!("{zeroes}_1")];
    for wrong in wrong {
        let answer = client.get(Some(wrong)).await;
        assert_eq!(answer.status(), 400, "{wrong}");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["error"]["code"], -32600);
    }
    // Of another session.
    let other = Client::open(&world.a.url).await;
    assert_eq!(other.get(Some(told[0].id())).await.status(), 400);
}

#[actix_web::test]
async fn a_stream_of_a_process_that_died_ends_with_an_answer() {
    let world = World::with(|options| options.lease = Duration::from_millis(400));
    let client = Client::open(&world.a.url).await;
    let mut events = Events::of(client.call(7, "stuck", json!({})).await);
    let prime = events.next().await.unwrap();
    world.a.keeper.abort();
    let started = std::time::Instant::now();
    let rest = Events::of(client.at(&world.b.url).get(Some(prime.id())).await).all().await;
    assert!(started.elapsed() >= Duration::from_millis(100), "it was waited for");
    assert_eq!(rest.len(), 1);
    assert_eq!((&rest[0].data["id"], &rest[0].data["error"]["code"]), (&json!(7), &json!(503)));
    assert!(rest[0].data["error"]["message"].as_str().unwrap().contains("again"));
    // Said once, for everybody.
    let again = Events::of(client.get(Some(prime.id())).await).all().await;
    assert_eq!(again, rest);
}

#[actix_web::test]
async fn a_stream_of_a_process_that_lives_is_waited_for() {
    let world = World::with(|options| options.lease = Duration::from_millis(400));
    let client = Client::open(&world.a.url).await;
    let mut events = Events::of(client.call(1, "slow", json!({ "ms": 1_500 })).await);
    let prime = events.next().await.unwrap();
    drop(events);
    let rest = Events::of(client.at(&world.b.url).get(Some(prime.id())).await).all().await;
    assert_eq!(text(&rest[0].data), "slept");
}

#[actix_web::test]
async fn a_request_has_its_time_and_no_more() {
    let world = World::with(|options| options.call_timeout = Duration::from_millis(300));
    let client = Client::open(&world.a.url).await;
    let told = Events::of(client.call(1, "stuck", json!({})).await).all().await;
    let error = &told.last().unwrap().data["error"];
    assert_eq!((&error["code"], &error["data"]["code"]), (&json!(504), &json!("timeout")));
    assert_eq!(world.bench.ended(), 0);
}

#[actix_web::test]
async fn a_session_has_so_many_requests_open_at_once() {
    let world = World::with(|options| options.stream_after = Duration::from_millis(1));
    let client = Client::open(&world.a.url).await;
    let mut open = Vec::new();
    for id in 0..24 {
        open.push(client.call(id, "stuck", json!({})).await);
    }
    let refused = client.call(99, "echo", json!({})).await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    client.cancel(0).await;
    Events::of(open.remove(0)).all().await;
    assert_eq!(client.call(99, "echo", json!({})).await.status(), 200);
    until(|| world.bench.ended() == 1).await;
}
