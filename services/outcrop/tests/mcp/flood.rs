//! More than a server can bear, of sessions, streams and answers that nobody reads: what it holds stays bounded.

use std::time::Duration;

use futures::future::join_all;
use reqwest::{Method, Response};
use serde_json::json;

use crate::fleet::Fleet;
use crate::redis::used_memory;
use crate::session::Session;
use crate::wait::until;

const MIB: u64 = 1 << 20;
const MAX_SESSIONS: usize = 100;
const MAX_LISTENERS: usize = 4;
/// Calls that begin together.
const AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn a_flood_of_sessions_is_refused() {
    let fleet = Fleet::together(&[("MCP__MAX_SESSIONS_PER_PRINCIPAL", &MAX_SESSIONS.to_string())]).await;
    let nobody = Session::new(&fleet.url, &fleet.key);
    // Whatever is made once is made now.
    for _ in 0..20 {
        assert_eq!(nobody.initialize().await.status, 200);
    }
    let before = held(&fleet).await;
    let (mut begun, mut refused, mut last) = (20, 0, None);
    for _ in 0..2_000 {
        let told = nobody.initialize().await;
        match told.status {
            200 => (begun, last) = (begun + 1, told.session),
            429 => {
                refused += 1;
                assert!(told.retry_after.is_some(), "{told:#?}");
                assert!(told.body["error"]["message"].as_str().unwrap().contains("session"), "{told:#?}");
            }
            _ => panic!("{told:#?}"),
        }
    }
    assert_eq!(begun, MAX_SESSIONS, "so many at once, and no more");
    assert!(refused > 1_000, "{refused}");
    bounded(&fleet, before, 24 * MIB, 4 * MIB).await;

    let other = Session::begin(&fleet.url, &fleet.other_key).await;
    assert_eq!(other.ask("ping", &json!({})).await.status, 200, "nobody else is refused");
    let one = nobody.with_id(last.as_deref());
    assert_eq!(one.ask("ping", &json!({})).await.status, 200, "those there are go on");
    assert_eq!(one.end().await.status, 204);
    assert_eq!(nobody.initialize().await.status, 200, "there is room again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn a_flood_of_streams_is_refused() {
    let fleet = Fleet::together(&[]).await;
    let session = Session::begin(&fleet.url, &fleet.key).await;
    let before = held(&fleet).await;
    let (mut open, mut refused) = (Vec::<Response>::new(), 0);
    for _ in 0..100 {
        let answer = session.listen(None).await;
        match answer.status().as_u16() {
            200 => open.push(answer),
            409 | 429 => refused += 1,
            status => panic!("{status}: {}", answer.text().await.unwrap()),
        }
    }
    assert!((1..=2 * MAX_LISTENERS).contains(&open.len()), "{} at two replicas", open.len());
    assert_eq!(open.len() + refused, 100);
    assert_eq!(session.ask("ping", &json!({})).await.status, 200);
    drop(open);
    until("room for another stream", async || (session.listen(None).await.status() == 200).then_some(()))
        .await;
    bounded(&fleet, before, 24 * MIB, 4 * MIB).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn answers_that_nobody_reads_are_bounded() {
    let fleet = Fleet::together(&[]).await;
    let session = Session::begin(&fleet.url, &fleet.key).await;
    let call = async |number: usize, prompt: &str| {
        let arguments = json!({ "model": "claude-haiku-4-5", "prompt": prompt });
        let params =
            json!({ "name": "generate", "arguments": arguments, "_meta": { "progressToken": number } });
        let message = json!({ "jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params });
        session.request(Method::POST).body(message.to_string()).send().await.unwrap()
    };
    for number in 0..4 {
        call(number, "[[tokens: 2000]] [[latency: 300]]").await.text().await.unwrap();
    }
    let before = held(&fleet).await;
    // Their answers begin, and nobody ever reads on.
    let mut unread = Vec::new();
    let numbers: Vec<usize> = (0..120).collect();
    for some in numbers.chunks(AT_ONCE) {
        let prompt = "[[tokens: 8000]] [[chunk: 4]] [[latency: 300]] [[rate: 8000]]";
        for answer in join_all(some.iter().map(|number| call(*number, prompt))).await {
            assert!(matches!(answer.status().as_u16(), 200 | 429), "{}", answer.status());
            unread.push(answer);
        }
    }
    fleet.until_idle().await;
    bounded(&fleet, before, 64 * MIB, 64 * MIB).await;
    assert_eq!(session.ask("ping", &json!({})).await.status, 200);
    assert_eq!(session.end().await.status, 204);
    drop(unread);
    until("Redis to let go of the session", async || {
        (used_memory(&fleet.redis.url()).await < before.redis + 4 * MIB).then_some(())
    })
    .await;
}

/// What is held of memory, bytes.
#[derive(Debug, Clone, Copy)]
struct Held {
    replicas: u64,
    redis: u64,
}

async fn held(fleet: &Fleet) -> Held {
    let replicas = fleet.replicas.resident(0).await + fleet.replicas.resident(1).await;
    Held { replicas, redis: used_memory(&fleet.redis.url()).await }
}

/// No more than this was added to what was held before.
async fn bounded(fleet: &Fleet, before: Held, replicas: u64, redis: u64) {
    tokio::time::sleep(Duration::from_millis(200)).await;
    let after = held(fleet).await;
    assert!(after.replicas <= before.replicas + replicas, "{before:?} became {after:?}");
    assert!(after.redis <= before.redis + redis, "{before:?} became {after:?}");
}
