//! Streams: numbers, bounds, ends and leases.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::super::at_once;
use super::{LONG, MCP_BOUNDS, OVER, SHORT, bytes, events, numbers, opened, stream, streaming};
use crate::{McpPage, McpSessionKey, McpSessions, McpStreamId};

pub(super) async fn suite(here: &Arc<dyn McpSessions>, there: &Arc<dyn McpSessions>) {
    events_are_numbered_and_read_in_order(&**here, &**there).await;
    any_event_comes_back(&**here).await;
    a_stream_is_of_its_session(&**here).await;
    the_last_event_ends_a_stream(&**here, &**there).await;
    old_events_give_way(&**here, &**there).await;
    large_events_give_way(&**here).await;
    old_streams_give_way(&**here, &**there).await;
    streams_that_nobody_adds_to_give_way_first(&**here).await;
    a_stream_that_is_opened_again_goes_on(&**here, &**there).await;
    all_at_once_are_numbered(here, there).await;
    a_stream_ends_once(here, there).await;
    many_are_kept_at_once(&**here).await;
    leases_end_and_are_renewed(&**here, &**there).await;
}

async fn append(sessions: &dyn McpSessions, key: &McpSessionKey, stream: McpStreamId, length: usize) {
    let event = Bytes::from(vec![b'x'; length]);
    assert!(sessions.append(key, stream, event, false).await.unwrap().is_some());
}

async fn page(sessions: &dyn McpSessions, key: &McpSessionKey, stream: McpStreamId, after: u64) -> McpPage {
    sessions.read(key, stream, after, 2).await.unwrap().unwrap()
}

async fn events_are_numbered_and_read_in_order(here: &dyn McpSessions, there: &dyn McpSessions) {
    let (key, stream) = streaming(here).await;
    let empty = McpPage { events: Vec::new(), is_over: false, is_kept: true };
    assert_eq!(page(there, &key, stream, 0).await, empty);
    let all = [(1, bytes("a")), (2, bytes("b")), (3, bytes("c"))];
    for (number, event) in &all {
        assert_eq!(here.append(&key, stream, event.clone(), false).await.unwrap(), Some(*number));
    }
    for (after, expected) in
        [(0, &all[..2]), (1, &all[1..]), (2, &all[2..]), (3, &[]), (4, &[]), (u64::MAX, &[])]
    {
        let found = page(there, &key, stream, after).await;
        assert_eq!(found, McpPage { events: expected.to_vec(), is_over: false, is_kept: true }, "{after}");
    }
    assert_eq!(there.read(&key, stream, 0, 0).await.unwrap(), Some(empty));
    assert_eq!(events(there, &key, stream).await, all);
}

async fn any_event_comes_back(sessions: &dyn McpSessions) {
    let (key, stream) = streaming(sessions).await;
    let all: Vec<u8> = (0..=255).collect();
    for event in [Vec::new(), vec![0], b"\r\n\0{}".to_vec(), all, vec![0xff; 1_000_000]] {
        let number = sessions.append(&key, stream, Bytes::from(event.clone()), false).await.unwrap();
        let found = events(sessions, &key, stream).await.pop().unwrap();
        assert!(number == Some(found.0) && found.1 == event, "{} bytes", event.len());
    }
}

async fn a_stream_is_of_its_session(sessions: &dyn McpSessions) {
    let (key, stream) = streaming(sessions).await;
    let (other, unknown) = (opened(sessions, LONG).await.0, super::stream());
    append(sessions, &key, stream, 1).await;
    for (key, stream) in [(&other, stream), (&key, unknown), (&super::key(), stream)] {
        assert_eq!(sessions.read(key, stream, 0, 9).await.unwrap(), None);
        assert_eq!(sessions.append(key, stream, bytes("x"), false).await.unwrap(), None);
        sessions.keep(&[(*key, stream)], LONG).await.unwrap();
        assert_eq!(sessions.read(key, stream, 0, 9).await.unwrap(), None);
    }
    // The same name in another session is another stream.
    assert!(sessions.open_stream(&other, stream, LONG).await.unwrap());
    assert_eq!(events(sessions, &other, stream).await, []);
    assert!(!sessions.open_stream(&super::key(), stream, LONG).await.unwrap());
}

async fn the_last_event_ends_a_stream(here: &dyn McpSessions, there: &dyn McpSessions) {
    let (key, stream) = streaming(here).await;
    for _ in 0..3 {
        append(here, &key, stream, 1).await;
    }
    assert_eq!(here.append(&key, stream, bytes("answer"), true).await.unwrap(), Some(4));
    for sessions in [here, there] {
        for is_last in [false, true] {
            assert_eq!(sessions.append(&key, stream, bytes("late"), is_last).await.unwrap(), None);
        }
        let over = [0, 1, 2, 3, 4, 5].map(|after| page(sessions, &key, stream, after));
        let over = futures::future::join_all(over).await;
        assert_eq!(
            over.iter().map(|page| (page.events.len(), page.is_over)).collect::<Vec<_>>(),
            [(2, false), (2, false), (2, true), (1, true), (0, true), (0, true)],
        );
        assert!(over.iter().all(|page| page.is_kept));
        assert_eq!(events(sessions, &key, stream).await.last(), Some(&(4, bytes("answer"))));
    }
}

async fn old_events_give_way(here: &dyn McpSessions, there: &dyn McpSessions) {
    let (key, stream) = streaming(here).await;
    for _ in 0..12 {
        append(here, &key, stream, 1).await;
    }
    assert_eq!(numbers(&events(there, &key, stream).await), [8, 9, 10, 11, 12]);
    assert_eq!(numbers(&page(there, &key, stream, 0).await.events), [8, 9], "what is left, from its begin");
    assert_eq!(numbers(&page(there, &key, stream, 9).await.events), [10, 11]);
    assert_eq!(there.append(&key, stream, bytes("answer"), true).await.unwrap(), Some(13));
    assert_eq!(numbers(&events(here, &key, stream).await), [9, 10, 11, 12, 13]);
}

async fn large_events_give_way(sessions: &dyn McpSessions) {
    let (key, stream) = streaming(sessions).await;
    for (length, left) in [
        (60, &[1][..]),
        (40, &[1, 2]),
        (40, &[1, 2, 3]),
        // All but the newest are 140 bytes.
        (0, &[2, 3, 4]),
        (5_000, &[2, 3, 4, 5]),
        // The newest may be of any size, but only as long as it is.
        (1, &[6]),
        (100, &[6, 7]),
        (0, &[7, 8]),
        (100, &[7, 8, 9]),
        (101, &[8, 9, 10]),
        (7, &[11]),
    ] {
        append(sessions, &key, stream, length).await;
        assert_eq!(numbers(&events(sessions, &key, stream).await), left, "{length}");
    }
}

async fn old_streams_give_way(here: &dyn McpSessions, there: &dyn McpSessions) {
    let (key, _) = opened(here, LONG).await;
    let streams: Vec<_> = (0..5).map(|_| stream()).collect();
    for stream in &streams {
        assert!(here.open_stream(&key, *stream, LONG).await.unwrap());
        append(there, &key, *stream, 1).await;
    }
    let (gone, left) = streams.split_at(streams.len() - MCP_BOUNDS.streams);
    for stream in gone {
        assert_eq!(there.read(&key, *stream, 0, 9).await.unwrap(), None);
        assert_eq!(there.append(&key, *stream, bytes("x"), true).await.unwrap(), None);
    }
    for stream in left {
        assert_eq!(numbers(&events(there, &key, *stream).await), [1]);
    }
}

async fn streams_that_nobody_adds_to_give_way_first(sessions: &dyn McpSessions) {
    let (key, _) = opened(sessions, LONG).await;
    let streams: Vec<_> = (0..5).map(|_| stream()).collect();
    for (at, stream) in streams.iter().enumerate() {
        let lease = if at == 1 { Duration::ZERO } else { LONG };
        assert!(sessions.open_stream(&key, *stream, lease).await.unwrap());
        if at == 2 {
            assert_eq!(sessions.append(&key, *stream, bytes("answer"), true).await.unwrap(), Some(1));
        }
    }
    let mut left = Vec::new();
    for stream in &streams {
        left.push(sessions.read(&key, *stream, 0, 9).await.unwrap().is_some());
    }
    assert_eq!(left, [true, false, false, true, true]);
}

async fn a_stream_that_is_opened_again_goes_on(here: &dyn McpSessions, there: &dyn McpSessions) {
    let (key, stream) = streaming(here).await;
    append(here, &key, stream, 1).await;
    here.keep(&[(key, stream)], Duration::ZERO).await.unwrap();
    assert!(there.open_stream(&key, stream, LONG).await.unwrap());
    assert!(page(here, &key, stream, 0).await.is_kept);
    assert_eq!(there.append(&key, stream, bytes("b"), true).await.unwrap(), Some(2));
    assert!(there.open_stream(&key, stream, LONG).await.unwrap());
    assert!(page(here, &key, stream, 2).await.is_over, "what is over stays so");
}

async fn all_at_once_are_numbered(here: &Arc<dyn McpSessions>, there: &Arc<dyn McpSessions>) {
    let (key, stream) = streaming(&**here).await;
    let told = at_once(16, |number| {
        let sessions = Arc::clone(if number % 2 == 0 { here } else { there });
        async move {
            let event = Bytes::from(format!("{number}"));
            let at = sessions.append(&key, stream, event.clone(), false).await.unwrap().unwrap();
            (at, event)
        }
    })
    .await;
    let mut sorted = told.clone();
    sorted.sort_unstable();
    assert_eq!(numbers(&sorted), (1..=16).collect::<Vec<_>>());
    assert_eq!(events(&**there, &key, stream).await, sorted[16 - MCP_BOUNDS.events..]);
}

async fn a_stream_ends_once(here: &Arc<dyn McpSessions>, there: &Arc<dyn McpSessions>) {
    let (key, stream) = streaming(&**here).await;
    let told = at_once(8, |number| {
        let sessions = Arc::clone(if number % 2 == 0 { here } else { there });
        async move { sessions.append(&key, stream, bytes("answer"), true).await.unwrap() }
    })
    .await;
    assert_eq!(told.into_iter().flatten().collect::<Vec<_>>(), [1]);
    assert_eq!(events(&**there, &key, stream).await, [(1, bytes("answer"))]);
}

async fn many_are_kept_at_once(sessions: &dyn McpSessions) {
    let (key, stream) = streaming(sessions).await;
    sessions.keep(&[(key, stream)], Duration::ZERO).await.unwrap();
    let mut all: Vec<_> = (0..1_200).map(|_| (super::key(), super::stream())).collect();
    all.push((key, stream));
    sessions.keep(&all, LONG).await.unwrap();
    assert!(page(sessions, &key, stream, 0).await.is_kept);
    assert_eq!(sessions.read(&all[0].0, all[0].1, 0, 9).await.unwrap(), None);
    sessions.keep(&[], LONG).await.unwrap();
}

async fn leases_end_and_are_renewed(here: &dyn McpSessions, there: &dyn McpSessions) {
    let (key, _) = opened(here, LONG).await;
    let [left, renewed, over] = [stream(), stream(), stream()];
    for stream in [left, renewed, over] {
        assert!(here.open_stream(&key, stream, SHORT).await.unwrap());
        assert!(page(there, &key, stream, 0).await.is_kept);
    }
    here.keep(&[(key, renewed)], LONG).await.unwrap();
    assert_eq!(here.append(&key, over, bytes("answer"), true).await.unwrap(), Some(1));
    tokio::time::sleep(OVER).await;
    assert!(!page(there, &key, left, 0).await.is_kept);
    assert!(page(there, &key, renewed, 0).await.is_kept);
    assert!(page(there, &key, over, 0).await.is_kept, "nobody need add to it");
    // Whoever was only late goes on.
    append(here, &key, left, 1).await;
    assert!(!page(there, &key, left, 0).await.is_kept);
    here.keep(&[(key, left)], LONG).await.unwrap();
    assert!(page(there, &key, left, 0).await.is_kept);
}
