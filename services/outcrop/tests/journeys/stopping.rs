//! How processes end: by a signal that lets open answers finish, or without warning.

use serde_json::Value;

use crate::client::{Client, ask, ask_streamed};
use crate::platform::{Platform, Services};
use crate::process::Service;
use crate::sse::text;
use crate::wait::until;

/// Three seconds of text, of which the first have been heard.
async fn stream_in_the_middle(platform: &Platform) -> crate::sse::Stream {
    let mut stream = platform.admin.chat_stream(&ask_streamed("[[tokens: 30]][[rate: 10]]")).await;
    for _ in 0..3 {
        stream.next().await.expect("an event");
    }
    stream
}

/// Two events of text have been heard already.
fn assert_finished(chunks: &[Value]) {
    assert!(
        text(chunks).ends_with("light falls on quiet water below the river turns a stone and"),
        "{chunks:#?}"
    );
    assert_eq!(crate::sse::finish_reason(chunks), "stop");
}

/// An open stream goes on to its end after SIGTERM, and only then the process leaves, well.
async fn drains(platform: &mut Platform, pick: impl Fn(&mut Services) -> &mut Service) {
    let stream = stream_in_the_middle(platform).await;
    let id = stream.header("x-request-id");
    let service = pick(&mut platform.services);
    service.signal("TERM").await;
    let door = Client::new(&service.url, None);
    until("draining", async || (door.get("/readyz").await.body["status"] == "draining").then_some(())).await;
    assert_finished(&stream.chunks().await);
    let service = pick(&mut platform.services);
    assert_eq!(service.ended().await, Some(0));
    service.start_again().await;
    until("an answer", async || (platform.admin.chat(&ask("[[say: ok]]")).await.status == 200).then_some(()))
        .await;
    assert_eq!(platform.usage_of(&id).await["outcome"], "completed");
}

#[tokio::test]
async fn together_open_streams_finish() {
    drains(&mut Platform::together().await, Services::inference).await;
}

#[tokio::test]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn apart_open_streams_finish() {
    let mut platform = Platform::apart().await;
    drains(&mut platform, Services::gateway).await;
    drains(&mut platform, Services::inference).await;
    for service in platform.services.all_mut() {
        service.signal("TERM").await;
        assert_eq!(service.ended().await, Some(0));
    }
}

/// Whatever was answered before `kill -9` is in the ledger after the next start, once.
async fn loses_no_usage(platform: &mut Platform) {
    let open = stream_in_the_middle(platform).await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(platform.admin.chat(&ask("[[say: ok]]")).await.expect(200).request_id());
    }
    let streamed = platform.admin.chat_stream(&ask_streamed("[[say: ok]]")).await;
    ids.push(streamed.header("x-request-id"));
    streamed.chunks().await;
    platform.services.inference().kill().await;
    drop(open);
    platform.services.inference().start_again().await;
    for id in &ids {
        assert_eq!(platform.usage_of(id).await["outcome"], "completed");
    }
    platform.admin.chat(&ask("[[say: ok]]")).await.expect(200);
}

#[tokio::test]
async fn together_a_killed_process_loses_no_usage() {
    loses_no_usage(&mut Platform::together().await).await;
}

#[tokio::test]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn apart_a_killed_process_loses_no_usage() {
    loses_no_usage(&mut Platform::apart().await).await;
}
