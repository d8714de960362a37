//! How processes end: by a signal that lets open answers finish, or without warning.

use serde_json::{Value, json};

use crate::client::{Client, ask, ask_streamed};
use crate::platform::{Apart, Platform, Services};
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
    let Apart { gateway, auth, jobs, inference } = platform.services.apart();
    for service in [gateway, jobs, inference, auth] {
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

/// An answer that outlasts the drain is cut, without a false end, and is metered.
async fn cuts_what_outlasts_the_drain(platform: &mut Platform) {
    // Half an hour, if nobody ends it.
    let mut stream = platform.admin.chat_stream(&ask_streamed("[[tokens: 18000]][[rate: 10]]")).await;
    let id = stream.header("x-request-id");
    stream.next().await.expect("an event");
    let inference = platform.services.inference();
    inference.signal("TERM").await;
    assert_eq!(inference.ended().await, Some(0));
    let heard = stream.until_cut().await;
    assert!(
        heard.iter().all(|event| !event.is_done() && !event.data.contains("\"stop\"")),
        "{:?}",
        heard.last()
    );
    platform.services.inference().start_again().await;
    let record = platform.usage_of(&id).await;
    assert_eq!((&record["outcome"], &record["estimated"]), (&json!("cancelled"), &json!(true)), "{record:#}");
}

#[tokio::test]
async fn together_what_outlasts_the_drain_is_cut_and_metered() {
    cuts_what_outlasts_the_drain(&mut Platform::together().await).await;
}

#[tokio::test]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn apart_what_outlasts_the_drain_is_cut_and_metered() {
    cuts_what_outlasts_the_drain(&mut Platform::apart().await).await;
}

/// A job whose worker ends, by whichever signal, is done by the next.
async fn hands_jobs_on(platform: &mut Platform) {
    for signal in ["TERM", "KILL"] {
        let body = ask("[[say: done in the end]][[latency: 2000]]");
        let job = json!({ "path": "/v1/chat/completions", "body": body });
        let taken = platform.admin.post("/v1/jobs", &job).await.expect(202);
        let path = format!("/v1/jobs/{}", taken.body["id"].as_str().unwrap());
        let running = async || (platform.admin.get(&path).await.body["status"] == "running").then_some(());
        until("the job's begin", running).await;
        platform.services.jobs().signal(signal).await;
        let code = platform.services.jobs().ended().await;
        assert_eq!(code, (signal == "TERM").then_some(0));
        platform.services.jobs().start_again().await;
        let job = crate::jobs::ended(&platform.admin, &taken.body["id"]).await;
        // What was given back in good order was no attempt.
        let attempts = if signal == "TERM" { 1 } else { 2 };
        assert_eq!(job["status"], "succeeded", "{signal}: {job:#}");
        assert_eq!(job["attempts"], attempts, "{signal}: {job:#}");
    }
}

#[tokio::test]
async fn together_jobs_are_handed_on() {
    hands_jobs_on(&mut Platform::together().await).await;
}

#[tokio::test]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn apart_jobs_are_handed_on() {
    hands_jobs_on(&mut Platform::apart().await).await;
}
