//! `GET /v1/jobs/{id}/events`.

use std::sync::Arc;
use std::time::Duration;

use outcrop_ports::contract::samples;
use outcrop_ports::{JobStore as _, UserStore as _};
use serde_json::{Value, json};

use crate::keeper::SetClock;
use crate::world::{Scripted, World, answer, client, developer, done, ended, submit};

/// The events of a stream that comes to its end, as `(id, name, data)`.
async fn events(request: reqwest::RequestBuilder) -> Vec<(Option<u32>, String, Value)> {
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let text = answer.text().await.unwrap();
    let frames = text.split("\n\n").filter(|it| !it.is_empty() && !it.starts_with(':'));
    let field = |frame: &str, name: &str| {
        let found = frame.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        found.map(str::to_owned)
    };
    frames
        .map(|frame| {
            let id = field(frame, "id").map(|it| it.parse().unwrap());
            let data = serde_json::from_str(&field(frame, "data").unwrap()).unwrap();
            (id, field(frame, "event").unwrap(), data)
        })
        .collect()
}

fn names(events: &[(Option<u32>, String, Value)]) -> Vec<&str> {
    events.iter().map(|(_, name, _)| name.as_str()).collect()
}

#[actix_web::test]
async fn a_stream_tells_what_happened_and_ends_with_the_job() {
    let world = World::working(Scripted { delay: Duration::from_millis(300), ..Scripted::default() }).await;
    let server = world.serve(developer(1));
    let id = submit(&world, developer(1)).await;
    let url = format!("{}/v1/jobs/{id}/events", server.url);
    // While it happens, and afterwards.
    let live = events(client().get(&url)).await;
    assert_eq!(names(&live), ["job.queued", "job.running", "job.succeeded"]);
    assert_eq!(live.iter().map(|it| it.0).collect::<Vec<_>>(), [Some(1), Some(2), Some(3)]);
    assert_eq!((&live[0].2["seq"], &live[0].2["name"]), (&json!(1), &json!("job.queued")));
    assert_eq!(events(client().get(&url)).await, live);
}

#[actix_web::test]
async fn whoever_comes_back_misses_nothing_and_hears_nothing_twice() {
    let world = World::working(Scripted::default()).await;
    let server = world.serve(developer(1));
    let id = submit(&world, developer(1)).await;
    ended(&world, id).await;
    let url = format!("{}/v1/jobs/{id}/events", server.url);
    let rest = events(client().get(&url).header("last-event-id", "1")).await;
    assert_eq!(names(&rest), ["job.running", "job.succeeded"]);
    assert_eq!(names(&events(client().get(format!("{url}?after=2"))).await), ["job.succeeded"]);
    let both = client().get(format!("{url}?after=0")).header("last-event-id", "2");
    assert_eq!(names(&events(both).await), ["job.succeeded"], "what a client saw last goes before the URL");
    assert!(events(client().get(&url).header("last-event-id", "3")).await.is_empty());
    for wrong in [client().get(&url).header("last-event-id", "x"), client().get(format!("{url}?after=x"))] {
        assert_eq!(answer(wrong).await.0, 400);
    }
    for (query, param) in [("after=x", "after"), ("foo=1", "foo"), ("after=1&after=2", "after")] {
        let (status, told) = answer(client().get(format!("{url}?{query}"))).await;
        assert_eq!((status, &told["param"]), (400, &json!(param)), "{told}");
    }
}

#[actix_web::test]
async fn a_stream_waits_for_what_is_to_come_and_says_so_at_once() {
    let world = World::idle().await;
    let server = world.serve(developer(1));
    let id = submit(&world, developer(1)).await;
    let request = client().get(format!("{}/v1/jobs/{id}/events", server.url));
    let mut stream = request.send().await.unwrap();
    assert_eq!(stream.chunk().await.unwrap().unwrap(), ": connected\n\n");
    let queued = stream.chunk().await.unwrap().unwrap();
    assert!(queued.starts_with(b"id: 1\nevent: job.queued\n"), "{queued:?}");
    world.store.cancel_job(id, world.ports.clock.now()).await.unwrap();
    let cancelled = stream.chunk().await.unwrap().unwrap();
    assert!(cancelled.starts_with(b"id: 2\nevent: job.cancelled\n"), "{cancelled:?}");
    assert_eq!(stream.chunk().await.unwrap(), None);
}

#[actix_web::test]
async fn a_stop_ends_the_stream() {
    let world = World::working(Scripted { delay: Duration::from_secs(30), ..Scripted::default() }).await;
    let server = world.serve(developer(1));
    let id = submit(&world, developer(1)).await;
    let request = client().get(format!("{}/v1/jobs/{id}/events", server.url));
    let mut stream = request.send().await.unwrap();
    assert!(stream.chunk().await.unwrap().is_some());
    world.stop.cancel();
    let to_the_end = async { while stream.chunk().await.unwrap().is_some() {} };
    tokio::time::timeout(Duration::from_secs(6), to_the_end).await.expect("the stream ends");
}

#[actix_web::test]
async fn another_teams_events_do_not_exist() {
    let world = World::idle().await;
    let id = submit(&world, developer(1)).await;
    let stranger = world.serve(developer(2));
    assert_eq!(answer(client().get(format!("{}/v1/jobs/{id}/events", stranger.url))).await.0, 404);
}

#[actix_web::test]
async fn whoever_may_listen_no_longer_hears_no_more() {
    let clock = Arc::new(SetClock::at("2026-11-22T05:00:00Z"));
    let set = clock.clone();
    let world = World::new(Scripted::default(), None, |ports| ports.clock = set).await;
    let server = world.serve(developer(1));
    let id = submit(&world, developer(1)).await;
    let request = client().get(format!("{}/v1/jobs/{id}/events", server.url));
    let mut stream = request.send().await.unwrap();
    for begins in [": connected", "id: 1"] {
        let piece = stream.chunk().await.unwrap().unwrap();
        assert!(piece.starts_with(begins.as_bytes()), "{piece:?}");
    }
    clock.forward(61);
    assert!(
        tokio::time::timeout(Duration::from_secs(2), stream.chunk()).await.is_err(),
        "a member goes on listening"
    );
    let (user, now) = (samples::user(1), world.ports.clock.now());
    done(world.store.delete_user(&user, now, &samples::draft("user.delete")).await);
    clock.forward(61);
    let end = tokio::time::timeout(Duration::from_secs(8), stream.chunk()).await;
    assert_eq!(end.expect("the stream ends").unwrap(), None);
}

#[actix_web::test]
async fn a_job_has_so_many_streams_and_no_more() {
    let world = World::idle().await;
    let server = world.serve(developer(1));
    let url = format!("{}/v1/jobs/{}/events", server.url, submit(&world, developer(1)).await);
    let mut streams = Vec::new();
    for _ in 0..16 {
        let mut stream = client().get(&url).send().await.unwrap();
        assert_eq!((stream.status().as_u16(), stream.chunk().await.unwrap().is_some()), (200, true));
        streams.push(stream);
    }
    let (status, refused) = answer(client().get(&url)).await;
    assert_eq!(status, 429, "{refused}");
}
