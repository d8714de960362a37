//! Sessions of MCP clients, and a Redis that forgets, is away or is slow.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use outcrop_embedded::MemoryMcpSessions;
use outcrop_ports::contract::MCP_BOUNDS;
use outcrop_ports::{
    IdGen as _, McpBounds, McpNudge, McpOpened, McpSessionKey, McpSessions, McpStreamId, PortFailure,
    contract,
};
use outcrop_redis::{RedisMcpSessions, RedisOptions};

use crate::limits::{BRISK, Ids, PATIENT, SOON, until};
use crate::server::{free_port, signal, start};

const LONG: Duration = Duration::from_secs(60);
const OWNER: &str = "owner";

pub(crate) fn connect(url: &str, redis: RedisOptions, bounds: McpBounds) -> RedisMcpSessions {
    RedisMcpSessions::connect(url, redis, bounds, Arc::new(Ids)).expect("a good URL")
}

/// No two are alike, in other processes either.
pub(crate) fn key() -> McpSessionKey {
    let mut key = [7; 32];
    key[..16].copy_from_slice(Ids.uuid().as_bytes());
    McpSessionKey(key)
}

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

async fn opened(sessions: &RedisMcpSessions) -> McpSessionKey {
    let key = key();
    let opened = sessions.open(&key, OWNER, bytes("state"), LONG).await.expect("it is there");
    assert_eq!(opened, McpOpened::Yes);
    key
}

async fn hears(nudges: &mut BoxStream<'static, McpNudge>, expected: McpNudge) {
    let heard = async { while nudges.next().await.expect("it has no end") != expected {} };
    tokio::time::timeout(SOON, heard).await.unwrap_or_else(|_| panic!("{expected:?} is not heard"));
}

/// A connection of a test's own.
async fn link(url: &str) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(url).expect("a good URL");
    client.get_multiplexed_async_connection().await.expect("it is there")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs redis: cargo xtask test"]
async fn keeps_the_contract() {
    let url = outcrop_testkit::redis_url();
    // Each with connections of its own, as replicas have.
    contract::mcp_sessions(|| async { Arc::new(connect(&url, PATIENT, MCP_BOUNDS)) as Arc<dyn McpSessions> })
        .await;
}

#[tokio::test]
#[ignore = "needs redis: cargo xtask test"]
async fn it_answers_as_memory_does() {
    let memory = MemoryMcpSessions::new(MCP_BOUNDS);
    let redis = connect(&outcrop_testkit::redis_url(), PATIENT, MCP_BOUNDS);
    contract::mcp_sessions_alike(&memory, &redis, 7, 150).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn two_replicas_serve_one_session() {
    let url = outcrop_testkit::redis_url();
    let [one, other] = [(); 2].map(|()| connect(&url, PATIENT, McpBounds::default()));
    let (mut at_one, mut at_other) = (one.nudges(), other.nudges());
    hears(&mut at_one, McpNudge::Missed).await;
    hears(&mut at_other, McpNudge::Missed).await;
    let (key, stream) = (opened(&one).await, McpStreamId(Ids.uuid()));
    assert!(other.touch(&key, OWNER, LONG).await.expect("it is there").is_some());
    // One asks the client, which answers at the other; the client comes back there for the rest.
    assert!(one.open_stream(&key, stream, LONG).await.expect("it is there"));
    one.append(&key, stream, bytes("question"), false).await.expect("it is there");
    hears(&mut at_other, McpNudge::Session(key)).await;
    assert!(other.post(&key, bytes("reply")).await.expect("it is there"));
    hears(&mut at_one, McpNudge::Session(key)).await;
    assert_eq!(one.letters(&key, 0).await.expect("it is there"), [(1, bytes("reply"))]);
    one.append(&key, stream, bytes("answer"), true).await.expect("it is there");
    hears(&mut at_other, McpNudge::Session(key)).await;
    let page = other.read(&key, stream, 1, 9).await.expect("it is there").expect("the stream");
    assert_eq!((page.events, page.is_over), (vec![(2, bytes("answer"))], true));
    assert!(other.close(&key, OWNER).await.expect("it is there"));
    hears(&mut at_one, McpNudge::Session(key)).await;
    assert_eq!(one.touch(&key, OWNER, LONG).await.expect("it is there"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn nothing_stays_for_ever_and_little_after_the_end() {
    let (port, folder) = (free_port(), tempfile::tempdir().expect("a folder"));
    let _server = start(port, folder.path()).await;
    let url = format!("redis://127.0.0.1:{port}");
    let sessions = connect(&url, PATIENT, MCP_BOUNDS);
    let mut link = link(&url).await;
    let key = opened(&sessions).await;
    for _ in 0..10 {
        let stream = McpStreamId(Ids.uuid());
        assert!(sessions.open_stream(&key, stream, LONG).await.expect("it is there"));
        for _ in 0..20 {
            sessions.append(&key, stream, bytes("event"), false).await.expect("it is there");
            assert!(sessions.post(&key, bytes("letter")).await.expect("it is there"));
        }
    }
    sessions.change(&key, 1, bytes("changed")).await.expect("it is there");
    for most_s in [60, 20, 90] {
        let ttl = Duration::from_secs(most_s);
        sessions.touch(&key, OWNER, ttl).await.expect("it is there").expect("the session");
        let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query_async(&mut link).await.expect("an answer");
        // The session, what its owner has, and the streams that did not give way.
        assert_eq!(keys.len(), 2 + MCP_BOUNDS.streams);
        for key in keys {
            let left: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut link).await.expect("an answer");
            let most = if key.starts_with(b"outcrop:{mcp}:o:") { 90 } else { most_s };
            assert!((1..=i64::try_from(most).expect("small") * 1_000).contains(&left), "{left}");
            let fields: usize = if key.starts_with(b"outcrop:{mcp}:o:") {
                1
            } else {
                redis::cmd("HLEN").arg(&key).query_async(&mut link).await.expect("an answer")
            };
            assert!(fields <= 12, "{fields}");
        }
    }
    assert!(sessions.close(&key, OWNER).await.expect("it is there"));
    let left: usize = redis::cmd("DBSIZE").query_async(&mut link).await.expect("an answer");
    assert_eq!(left, 0);
}

/// A session that Redis evicted takes no place.
#[tokio::test]
#[ignore = "needs redis: cargo xtask test"]
async fn sessions_that_were_evicted_do_not_count() {
    let url = outcrop_testkit::redis_url();
    let sessions = connect(&url, PATIENT, MCP_BOUNDS);
    let owner = format!("evicted-{}", Ids.uuid());
    let keys = [key(), key(), key()];
    for key in &keys {
        let opened = sessions.open(key, &owner, bytes("state"), LONG).await.expect("it is there");
        assert_eq!(opened, McpOpened::Yes);
    }
    let new = key();
    let full = sessions.open(&new, &owner, bytes("state"), LONG).await.expect("it is there");
    assert_eq!(full, McpOpened::TooMany);
    let evicted = [b"outcrop:{mcp}:s:", &keys[1].0[..]].concat();
    let gone: u8 =
        redis::cmd("DEL").arg(evicted).query_async(&mut link(&url).await).await.expect("an answer");
    assert_eq!(gone, 1);
    let room = sessions.open(&new, &owner, bytes("state"), LONG).await.expect("it is there");
    assert_eq!(room, McpOpened::Yes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn nudges_are_heard_again_after_a_cut() {
    let (port, folder) = (free_port(), tempfile::tempdir().expect("a folder"));
    let _server = start(port, folder.path()).await;
    let url = format!("redis://127.0.0.1:{port}");
    let [one, other] = [(); 2].map(|()| connect(&url, PATIENT, McpBounds::default()));
    let mut nudges = other.nudges();
    hears(&mut nudges, McpNudge::Missed).await;
    let mut admin = link(&url).await;
    for _ in 0..3 {
        let mut kill = redis::cmd("CLIENT");
        kill.arg("KILL").arg("TYPE").arg("pubsub");
        let killed: u32 = kill.query_async(&mut admin).await.expect("it is there");
        assert_eq!(killed, 1, "one connection for one listener");
        // Perhaps nobody hears of this one, so all is to be looked at.
        let key = opened(&one).await;
        assert!(one.post(&key, bytes("letter")).await.expect("it is there"));
        hears(&mut nudges, McpNudge::Missed).await;
        let key = opened(&one).await;
        assert!(one.post(&key, bytes("letter")).await.expect("it is there"));
        hears(&mut nudges, McpNudge::Session(key)).await;
    }
    drop(nudges);
    until("the listener's connection is closed", async || {
        let list: String = redis::cmd("CLIENT")
            .arg("LIST")
            .arg("TYPE")
            .arg("pubsub")
            .query_async(&mut admin)
            .await
            .expect("it is there");
        list.trim().is_empty()
    })
    .await;
}

/// What Redis forgets is gone; nobody waits for it, and all goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn redis_may_stop_and_start_in_the_middle() {
    let (port, folder) = (free_port(), tempfile::tempdir().expect("a folder"));
    let mut server = start(port, folder.path()).await;
    let sessions = connect(&format!("redis://127.0.0.1:{port}"), BRISK, McpBounds::default());
    let mut nudges = sessions.nudges();
    for _ in 0..2 {
        hears(&mut nudges, McpNudge::Missed).await;
        let (key, stream) = (opened(&sessions).await, McpStreamId(Ids.uuid()));
        assert!(sessions.open_stream(&key, stream, LONG).await.expect("it is there"));
        assert!(sessions.post(&key, bytes("letter")).await.expect("it is there"));
        hears(&mut nudges, McpNudge::Session(key)).await;

        server.kill().await.expect("killed");
        let begun = Instant::now();
        for _ in 0..20 {
            let error = sessions.touch(&key, OWNER, LONG).await.expect_err("away");
            assert_eq!(error.failure, PortFailure::Unavailable, "not that there is no session");
            sessions.append(&key, stream, bytes("event"), false).await.expect_err("away");
            sessions.letters(&key, 0).await.expect_err("away");
        }
        assert!(begun.elapsed() < BRISK.timeout * 5, "nobody waits for what is away");

        server = start(port, folder.path()).await;
        until("it is found again", async || sessions.touch(&key, OWNER, LONG).await.is_ok()).await;
        assert_eq!(sessions.touch(&key, OWNER, LONG).await.expect("it is there"), None);
        assert_eq!(sessions.append(&key, stream, bytes("event"), true).await.expect("it is there"), None);
        assert_eq!(sessions.read(&key, stream, 0, 9).await.expect("it is there"), None);
        sessions.keep(&[(key, stream)], LONG).await.expect("it is there");
        assert!(!sessions.post(&key, bytes("letter")).await.expect("it is there"));
    }
}

/// A server that accepts and says nothing: every call is bounded, and nudges go on afterwards.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn a_frozen_redis_holds_nobody_up() {
    let (port, folder) = (free_port(), tempfile::tempdir().expect("a folder"));
    let server = start(port, folder.path()).await;
    let sessions = connect(&format!("redis://127.0.0.1:{port}"), BRISK, McpBounds::default());
    let mut nudges = sessions.nudges();
    hears(&mut nudges, McpNudge::Missed).await;
    let key = opened(&sessions).await;
    signal(&server, "-STOP").await;
    let begun = Instant::now();
    let all = (0..50).map(|_| sessions.touch(&key, OWNER, LONG));
    assert!(futures::future::join_all(all).await.iter().all(Result::is_err));
    assert!(begun.elapsed() < BRISK.timeout * 3, "{:?}", begun.elapsed());
    tokio::time::sleep(Duration::from_secs(1)).await;
    signal(&server, "-CONT").await;
    hears(&mut nudges, McpNudge::Missed).await;
    until("it is found again", async || sessions.post(&key, bytes("letter")).await.is_ok()).await;
    hears(&mut nudges, McpNudge::Session(key)).await;
    assert!(sessions.touch(&key, OWNER, LONG).await.expect("it is there").is_some(), "it forgot nothing");
}
