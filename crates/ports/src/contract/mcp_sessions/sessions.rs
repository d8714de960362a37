//! Sessions: whose they are, how long they stay, how they change.

use std::sync::Arc;

use bytes::Bytes;

use super::super::at_once;
use super::{LONG, OVER, SHORT, bytes, key, opened, owner, stream};
use crate::{McpOpened, McpSession, McpSessionKey, McpSessions, McpStreamId};

pub(super) async fn suite(here: &Arc<dyn McpSessions>, there: &Arc<dyn McpSessions>) {
    a_session_is_there_for_its_owner_alone(&**here, &**there).await;
    any_state_comes_back(&**here).await;
    a_name_opened_again_is_a_new_session(&**here).await;
    a_state_is_replaced_by_whoever_read_it_last(&**here, &**there).await;
    no_change_is_lost(here, there).await;
    what_is_closed_is_gone(&**here, &**there).await;
    tokio::join!(
        time_ends_a_session(&**here, &**there),
        a_touch_renews_what_lives_with_it(&**here, &**there),
        nothing_but_its_owners_touch_renews_a_session(&**here, &**there),
        a_touch_may_leave_less_time(&**here),
    );
}

async fn a_session_is_there_for_its_owner_alone(here: &dyn McpSessions, there: &dyn McpSessions) {
    let (key, owner) = opened(here, LONG).await;
    let expected = McpSession { state: bytes("state"), revision: 1, letters: 0 };
    for sessions in [here, there] {
        assert_eq!(sessions.touch(&key, &owner, LONG).await.unwrap(), Some(expected.clone()));
        for other in ["", &owner[1..], &format!("{owner}x")] {
            assert_eq!(sessions.touch(&key, other, LONG).await.unwrap(), None);
            assert!(!sessions.close(&key, other).await.unwrap());
        }
        assert_eq!(sessions.touch(&super::key(), &owner, LONG).await.unwrap(), None);
    }
    assert_eq!(there.touch(&key, &owner, LONG).await.unwrap(), Some(expected));
}

async fn any_state_comes_back(sessions: &dyn McpSessions) {
    let all: Vec<u8> = (0..=255).collect();
    for state in [Vec::new(), vec![0], all, vec![0xff; 100_000]] {
        let (key, owner) = (key(), owner());
        sessions.open(&key, &owner, Bytes::from(state.clone()), LONG).await.unwrap();
        let known = sessions.touch(&key, &owner, LONG).await.unwrap().unwrap();
        assert!(known.state == state, "{} bytes", state.len());
        assert!(sessions.change(&key, 1, Bytes::from([state.clone(), vec![7]].concat())).await.unwrap());
        let known = sessions.touch(&key, &owner, LONG).await.unwrap().unwrap();
        assert!(known.state.len() == state.len() + 1 && known.state.starts_with(&state));
    }
}

async fn a_name_opened_again_is_a_new_session(sessions: &dyn McpSessions) {
    let (key, first) = opened(sessions, LONG).await;
    let (second, stream) = (owner(), stream());
    lived_in(sessions, &key, stream).await;
    assert_eq!(sessions.open(&key, &second, bytes("new"), LONG).await.unwrap(), McpOpened::Yes);
    assert_eq!(sessions.touch(&key, &first, LONG).await.unwrap(), None);
    let known = sessions.touch(&key, &second, LONG).await.unwrap();
    assert_eq!(known, Some(McpSession { state: bytes("new"), revision: 1, letters: 0 }));
    assert_eq!(sessions.read(&key, stream, 0, 9).await.unwrap(), None);
    assert_eq!(sessions.letters(&key, 0).await.unwrap(), []);
}

async fn a_state_is_replaced_by_whoever_read_it_last(here: &dyn McpSessions, there: &dyn McpSessions) {
    let (key, owner) = opened(here, LONG).await;
    for revision in [0, 2, u64::MAX] {
        assert!(!here.change(&key, revision, bytes("wrong")).await.unwrap());
    }
    assert!(here.change(&key, 1, bytes("second")).await.unwrap());
    assert!(!there.change(&key, 1, bytes("late")).await.unwrap());
    let second = McpSession { state: bytes("second"), revision: 2, letters: 0 };
    assert_eq!(there.touch(&key, &owner, LONG).await.unwrap(), Some(second));
    assert!(there.change(&key, 2, bytes("third")).await.unwrap());
    let third = McpSession { state: bytes("third"), revision: 3, letters: 0 };
    assert_eq!(here.touch(&key, &owner, LONG).await.unwrap(), Some(third));
    assert!(!here.change(&super::key(), 1, bytes("nowhere")).await.unwrap());
}

/// Many count in the state of one session.
async fn no_change_is_lost(here: &Arc<dyn McpSessions>, there: &Arc<dyn McpSessions>) {
    const EACH: u64 = 5;
    let (key, owner) = (key(), owner());
    here.open(&key, &owner, Bytes::from("0"), LONG).await.unwrap();
    at_once(8, |number| {
        let sessions = Arc::clone(if number % 2 == 0 { here } else { there });
        let owner = owner.clone();
        async move {
            for _ in 0..EACH {
                while !count(&*sessions, &key, &owner).await {}
            }
        }
    })
    .await;
    let known = here.touch(&key, &owner, LONG).await.unwrap().unwrap();
    assert_eq!(known, McpSession { state: bytes("40"), revision: 8 * EACH + 1, letters: 0 });
}

async fn count(sessions: &dyn McpSessions, key: &McpSessionKey, owner: &str) -> bool {
    let known = sessions.touch(key, owner, LONG).await.unwrap().unwrap();
    let counted: u64 = std::str::from_utf8(&known.state).unwrap().parse().unwrap();
    let state = Bytes::from((counted + 1).to_string());
    sessions.change(key, known.revision, state).await.unwrap()
}

async fn what_is_closed_is_gone(here: &dyn McpSessions, there: &dyn McpSessions) {
    let (key, owner) = opened(here, LONG).await;
    let stream = stream();
    lived_in(here, &key, stream).await;
    assert!(there.close(&key, &owner).await.unwrap());
    for sessions in [here, there] {
        is_gone(sessions, &key, &owner, stream).await;
    }
}

async fn time_ends_a_session(here: &dyn McpSessions, there: &dyn McpSessions) {
    let (key, owner) = opened(here, SHORT).await;
    let stream = stream();
    lived_in(here, &key, stream).await;
    tokio::time::sleep(OVER).await;
    for sessions in [here, there] {
        is_gone(sessions, &key, &owner, stream).await;
    }
    let (key, owner) = opened(here, std::time::Duration::ZERO).await;
    is_gone(here, &key, &owner, stream).await;
}

async fn a_touch_renews_what_lives_with_it(here: &dyn McpSessions, there: &dyn McpSessions) {
    let (key, owner) = opened(here, SHORT).await;
    let streams = [stream(), stream()];
    for stream in streams {
        lived_in(here, &key, stream).await;
    }
    assert!(there.touch(&key, &owner, LONG).await.unwrap().is_some());
    tokio::time::sleep(OVER).await;
    for stream in streams {
        assert_eq!(super::events(here, &key, stream).await, [(1, bytes("event"))]);
        assert_eq!(here.append(&key, stream, bytes("more"), false).await.unwrap(), Some(2));
    }
    assert_eq!(here.letters(&key, 0).await.unwrap().len(), 2);
    assert!(here.touch(&key, &owner, LONG).await.unwrap().is_some());
}

async fn nothing_but_its_owners_touch_renews_a_session(here: &dyn McpSessions, there: &dyn McpSessions) {
    let (key, owner) = opened(here, SHORT).await;
    let stream = stream();
    lived_in(here, &key, stream).await;
    assert_eq!(there.touch(&key, "another", LONG).await.unwrap(), None);
    assert!(there.change(&key, 1, bytes("changed")).await.unwrap());
    here.keep(&[(key, stream)], LONG).await.unwrap();
    here.read(&key, stream, 0, 9).await.unwrap();
    tokio::time::sleep(OVER).await;
    is_gone(there, &key, &owner, stream).await;
}

async fn a_touch_may_leave_less_time(sessions: &dyn McpSessions) {
    let (key, owner) = opened(sessions, LONG).await;
    let stream = stream();
    lived_in(sessions, &key, stream).await;
    assert!(sessions.touch(&key, &owner, SHORT).await.unwrap().is_some());
    tokio::time::sleep(OVER).await;
    is_gone(sessions, &key, &owner, stream).await;
}

/// Begins a stream with an event, and leaves a letter.
async fn lived_in(sessions: &dyn McpSessions, key: &McpSessionKey, stream: McpStreamId) {
    assert!(sessions.open_stream(key, stream, LONG).await.unwrap());
    assert_eq!(sessions.append(key, stream, bytes("event"), false).await.unwrap(), Some(1));
    assert!(sessions.post(key, bytes("letter")).await.unwrap());
}

async fn is_gone(sessions: &dyn McpSessions, key: &McpSessionKey, owner: &str, stream: McpStreamId) {
    assert_eq!(sessions.touch(key, owner, LONG).await.unwrap(), None);
    for revision in 0..3 {
        assert!(!sessions.change(key, revision, bytes("changed")).await.unwrap());
    }
    assert_eq!(sessions.read(key, stream, 0, 9).await.unwrap(), None);
    assert_eq!(sessions.letters(key, 0).await.unwrap(), []);
    assert!(!sessions.open_stream(key, stream, LONG).await.unwrap());
    sessions.keep(&[(*key, stream)], LONG).await.unwrap();
    assert_eq!(sessions.append(key, stream, bytes("event"), true).await.unwrap(), None);
    assert!(!sessions.post(key, bytes("letter")).await.unwrap());
    assert!(!sessions.close(key, owner).await.unwrap());
    // Trying brought nothing back.
    assert_eq!(sessions.read(key, stream, 0, 9).await.unwrap(), None);
    assert_eq!(sessions.letters(key, 0).await.unwrap(), []);
}
