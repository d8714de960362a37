//! What every [`McpSessions`] keeps.
//!
//! In real time, because sessions may be in a server, which others may use meanwhile.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

mod alike;
mod letters;
mod nudges;
mod owners;
mod sessions;
mod streams;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use crate::{McpBounds, McpOpened, McpSessionKey, McpSessions, McpStreamId};

pub use alike::mcp_sessions_alike;

/// What adapters keep while they are tested: little, so that it is soon too much.
pub const MCP_BOUNDS: McpBounds = McpBounds {
    sessions_per_owner: 3,
    sessions: 10_000,
    bytes: 64 << 20,
    streams: 3,
    events: 5,
    event_bytes: 100,
    letters: 4,
    letter_bytes: 50,
};

/// Time enough for all that a test does.
const LONG: Duration = Duration::from_secs(60);

/// Time enough for a few calls on a busy machine.
const SHORT: Duration = Duration::from_millis(2_000);

/// When what was given [`SHORT`] is over.
const OVER: Duration = Duration::from_millis(2_150);

/// Runs the suite. What `make` gives has the same sessions, and [`MCP_BOUNDS`].
pub async fn mcp_sessions<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn McpSessions>>,
{
    let (here, there) = (make().await, make().await);
    // Much of it waits for time to pass; none of it gets in another's way.
    tokio::join!(
        sessions::suite(&here, &there),
        owners::suite(&here, &there),
        streams::suite(&here, &there),
        letters::suite(&here, &there),
    );
    nudges::suite(&here, &there).await;
}

#[expect(clippy::disallowed_methods, reason = "adapters may share one server, also with earlier runs")]
fn fresh() -> Uuid {
    Uuid::now_v7()
}

fn key() -> McpSessionKey {
    let mut key = [0; 32];
    key[..16].copy_from_slice(fresh().as_bytes());
    key[16..].copy_from_slice(fresh().as_bytes());
    McpSessionKey(key)
}

fn stream() -> McpStreamId {
    McpStreamId(fresh())
}

fn owner() -> String {
    format!("contract-{}", fresh().simple())
}

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

/// A new session, and its owner.
async fn opened(sessions: &dyn McpSessions, ttl: Duration) -> (McpSessionKey, String) {
    let (key, owner) = (key(), owner());
    assert_eq!(sessions.open(&key, &owner, bytes("state"), ttl).await.unwrap(), McpOpened::Yes);
    (key, owner)
}

/// A new session with a stream.
async fn streaming(sessions: &dyn McpSessions) -> (McpSessionKey, McpStreamId) {
    let (key, _) = opened(sessions, LONG).await;
    let stream = stream();
    assert!(sessions.open_stream(&key, stream, LONG).await.unwrap());
    (key, stream)
}

/// All events of a stream that are left.
async fn events(sessions: &dyn McpSessions, key: &McpSessionKey, stream: McpStreamId) -> Vec<(u64, Bytes)> {
    sessions.read(key, stream, 0, usize::MAX).await.unwrap().unwrap().events
}

fn numbers(of: &[(u64, Bytes)]) -> Vec<u64> {
    of.iter().map(|(number, _)| *number).collect()
}
