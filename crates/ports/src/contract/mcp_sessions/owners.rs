//! How many sessions an owner may have.

use std::sync::Arc;
use std::time::Duration;

use super::super::at_once;
use super::{LONG, MCP_BOUNDS, OVER, SHORT, bytes, key, owner};
use crate::{McpOpened, McpSessionKey, McpSessions};

pub(super) async fn suite(here: &Arc<dyn McpSessions>, there: &Arc<dyn McpSessions>) {
    an_owner_has_so_many_at_once(&**here, &**there).await;
    a_session_that_changes_hands_is_counted_once(&**here).await;
    nobody_slips_in_beside_others(here, there).await;
    tokio::join!(
        sessions_that_are_over_do_not_count(&**here, &**there),
        sessions_that_are_used_count(&**here, &**there),
    );
}

async fn open(sessions: &dyn McpSessions, key: &McpSessionKey, owner: &str, ttl: Duration) -> McpOpened {
    sessions.open(key, owner, bytes("state"), ttl).await.unwrap()
}

/// As many as it may have.
async fn all(sessions: &dyn McpSessions, owner: &str, ttl: Duration) -> Vec<McpSessionKey> {
    let keys: Vec<_> = (0..MCP_BOUNDS.sessions_per_owner).map(|_| key()).collect();
    for key in &keys {
        assert_eq!(open(sessions, key, owner, ttl).await, McpOpened::Yes);
    }
    keys
}

async fn an_owner_has_so_many_at_once(here: &dyn McpSessions, there: &dyn McpSessions) {
    let (one, other) = (owner(), owner());
    let keys = all(here, &one, LONG).await;
    let refused = key();
    for sessions in [here, there] {
        assert_eq!(open(sessions, &refused, &one, LONG).await, McpOpened::TooMany);
    }
    assert_eq!(there.touch(&refused, &one, LONG).await.unwrap(), None);
    assert_eq!(open(there, &key(), &other, LONG).await, McpOpened::Yes, "another's do not count");
    for key in &keys {
        assert!(there.touch(key, &one, LONG).await.unwrap().is_some(), "none gave way");
    }
    assert!(there.close(&keys[1], &one).await.unwrap());
    assert_eq!(open(here, &refused, &one, LONG).await, McpOpened::Yes);
    assert_eq!(open(there, &key(), &one, LONG).await, McpOpened::TooMany);
}

async fn a_session_that_changes_hands_is_counted_once(sessions: &dyn McpSessions) {
    let (one, other) = (owner(), owner());
    let keys = all(sessions, &one, LONG).await;
    assert_eq!(open(sessions, &keys[0], &one, LONG).await, McpOpened::Yes, "it takes its own place");
    assert_eq!(open(sessions, &keys[0], &other, LONG).await, McpOpened::Yes);
    assert_eq!(open(sessions, &key(), &one, LONG).await, McpOpened::Yes, "there is a place");
    assert_eq!(open(sessions, &key(), &one, LONG).await, McpOpened::TooMany);
}

async fn nobody_slips_in_beside_others(here: &Arc<dyn McpSessions>, there: &Arc<dyn McpSessions>) {
    let owner = owner();
    let opened = at_once(16, |number| {
        let sessions = Arc::clone(if number % 2 == 0 { here } else { there });
        let owner = owner.clone();
        async move { open(&*sessions, &key(), &owner, LONG).await }
    })
    .await;
    let yes = opened.iter().filter(|opened| **opened == McpOpened::Yes).count();
    assert_eq!(yes, MCP_BOUNDS.sessions_per_owner);
}

async fn sessions_that_are_over_do_not_count(here: &dyn McpSessions, there: &dyn McpSessions) {
    let owner = owner();
    all(here, &owner, SHORT).await;
    tokio::time::sleep(OVER).await;
    all(there, &owner, LONG).await;
    assert_eq!(open(here, &key(), &owner, LONG).await, McpOpened::TooMany);
}

async fn sessions_that_are_used_count(here: &dyn McpSessions, there: &dyn McpSessions) {
    let owner = owner();
    for key in all(here, &owner, SHORT).await {
        assert!(there.touch(&key, &owner, LONG).await.unwrap().is_some());
    }
    tokio::time::sleep(OVER).await;
    assert_eq!(open(here, &key(), &owner, LONG).await, McpOpened::TooMany);
}
