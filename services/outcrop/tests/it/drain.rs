//! Ctrl-C while somebody is being answered.

use std::time::{Duration, Instant};

use futures::StreamExt;

use crate::home::Home;

#[tokio::test]
async fn an_open_stream_is_finished_before_the_server_leaves() {
    let home = Home::new();
    let mut server = home.start().await;
    let key = server.key().to_owned();
    // About two seconds of answer.
    let response = server.ask(&key, "[[tokens: 40]] [[rate: 20]]", true).await;
    assert_eq!(response.status(), 200);
    let mut stream = response.bytes_stream();
    let mut body = stream.next().await.unwrap().unwrap().to_vec();
    server.signal("INT").await;
    let mut pieces = 0;
    while let Some(piece) = stream.next().await {
        body.extend(piece.unwrap());
        pieces += 1;
    }
    let body = String::from_utf8(body).unwrap();
    assert!(body.ends_with("data: [DONE]\n\n"), "{body}");
    assert!(pieces > 5, "the answer was still on its way when the signal came: {pieces}");
    assert_eq!(server.ended().await, Some(0), "{}", home.log());
    let usage = home.succeed(&["usage", "--json"]).await;
    assert!(usage.contains(r#""outcome":"completed""#), "the last call is metered too: {usage}");
}

#[tokio::test]
async fn an_idle_server_leaves_at_once() {
    let home = Home::new();
    let mut server = home.start().await;
    let started = Instant::now();
    server.signal("TERM").await;
    assert_eq!(server.ended().await, Some(0));
    assert!(started.elapsed() < Duration::from_secs(5), "took {:?}", started.elapsed());
}
