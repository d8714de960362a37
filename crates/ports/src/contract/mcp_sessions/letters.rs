//! Letters: numbers and bounds.

use std::sync::Arc;

use bytes::Bytes;

use super::super::at_once;
use super::{LONG, MCP_BOUNDS, bytes, key, numbers, opened};
use crate::{McpSessionKey, McpSessions};

pub(super) async fn suite(here: &Arc<dyn McpSessions>, there: &Arc<dyn McpSessions>) {
    letters_are_numbered_and_stay(&**here, &**there).await;
    any_letter_comes_back(&**here).await;
    letters_are_of_their_session(&**here).await;
    old_letters_give_way(&**here, &**there).await;
    large_letters_give_way(&**here).await;
    all_at_once_are_numbered(here, there).await;
}

async fn post(sessions: &dyn McpSessions, key: &McpSessionKey, length: usize) {
    assert!(sessions.post(key, Bytes::from(vec![b'x'; length])).await.unwrap());
}

async fn letters_are_numbered_and_stay(here: &dyn McpSessions, there: &dyn McpSessions) {
    let (key, owner) = opened(here, LONG).await;
    assert_eq!(there.letters(&key, 0).await.unwrap(), []);
    let all = [(1, bytes("a")), (2, bytes("b")), (3, bytes("c"))];
    for (_, letter) in &all {
        assert!(here.post(&key, letter.clone()).await.unwrap());
    }
    for sessions in [here, there, here] {
        for (after, expected) in [(0, &all[..]), (1, &all[1..]), (3, &[]), (9, &[]), (u64::MAX, &[])] {
            assert_eq!(sessions.letters(&key, after).await.unwrap(), expected);
        }
    }
    // They have nothing to do with the state.
    let known = there.touch(&key, &owner, LONG).await.unwrap().unwrap();
    assert_eq!((known.revision, known.letters), (1, 3));
}

async fn any_letter_comes_back(sessions: &dyn McpSessions) {
    let (key, _) = opened(sessions, LONG).await;
    let all: Vec<u8> = (0..=255).collect();
    for letter in [Vec::new(), vec![0], b"\r\n\0{}".to_vec(), all, vec![0xff; 1_000_000]] {
        assert!(sessions.post(&key, Bytes::from(letter.clone())).await.unwrap());
        let found = sessions.letters(&key, 0).await.unwrap().pop().unwrap();
        assert!(found.1 == letter, "{} bytes", letter.len());
    }
}

async fn letters_are_of_their_session(sessions: &dyn McpSessions) {
    let (one, other) = (opened(sessions, LONG).await.0, opened(sessions, LONG).await.0);
    post(sessions, &one, 1).await;
    assert_eq!(sessions.letters(&other, 0).await.unwrap(), []);
    let unknown = key();
    assert!(!sessions.post(&unknown, bytes("x")).await.unwrap());
    assert_eq!(sessions.letters(&unknown, 0).await.unwrap(), []);
}

async fn old_letters_give_way(here: &dyn McpSessions, there: &dyn McpSessions) {
    let (key, _) = opened(here, LONG).await;
    for _ in 0..9 {
        post(here, &key, 1).await;
    }
    assert_eq!(numbers(&there.letters(&key, 0).await.unwrap()), [6, 7, 8, 9]);
    assert_eq!(numbers(&there.letters(&key, 7).await.unwrap()), [8, 9]);
}

async fn large_letters_give_way(sessions: &dyn McpSessions) {
    let (key, _) = opened(sessions, LONG).await;
    for (length, left) in [(30, &[1][..]), (20, &[1, 2]), (10, &[1, 2, 3]), (500, &[2, 3, 4]), (0, &[5])] {
        post(sessions, &key, length).await;
        assert_eq!(numbers(&sessions.letters(&key, 0).await.unwrap()), left, "{length}");
    }
}

async fn all_at_once_are_numbered(here: &Arc<dyn McpSessions>, there: &Arc<dyn McpSessions>) {
    let (key, _) = opened(&**here, LONG).await;
    at_once(16, |number| {
        let sessions = Arc::clone(if number % 2 == 0 { here } else { there });
        async move { post(&*sessions, &key, 1).await }
    })
    .await;
    let left = there.letters(&key, 0).await.unwrap();
    assert_eq!(left.len(), MCP_BOUNDS.letters);
    assert_eq!(left.last().unwrap().0, 16);
}
