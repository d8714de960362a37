//! The contract, and how memory is bounded.

use std::sync::Arc;

use outcrop_ports::contract;
use uuid::Uuid;

use super::*;

const LONG: Duration = Duration::from_secs(60);

fn key(number: usize) -> McpSessionKey {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&(number as u64).to_be_bytes());
    McpSessionKey(key)
}

fn stream(number: usize) -> McpStreamId {
    McpStreamId(Uuid::from_u128(number as u128))
}

fn bytes(length: usize) -> Bytes {
    Bytes::from(vec![b'x'; length])
}

/// Sessions and what they count.
fn stands(sessions: &MemoryMcpSessions) -> (usize, usize) {
    sessions.shelf().0.stands()
}

async fn open(sessions: &MemoryMcpSessions, number: usize) {
    let opened = sessions.open(&key(number), "owner", bytes(10), LONG).await.unwrap();
    assert_eq!(opened, McpOpened::Yes);
}

/// Without using it: a look would be a use.
fn has(sessions: &MemoryMcpSessions, number: usize) -> bool {
    sessions.shelf().0.has(&key(number))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keeps_the_contract() {
    let sessions = Arc::new(MemoryMcpSessions::new(contract::MCP_BOUNDS));
    contract::mcp_sessions(|| async { Arc::clone(&sessions) as Arc<dyn McpSessions> }).await;
    stands(&sessions);
}

#[tokio::test]
async fn two_of_them_answer_alike() {
    let [one, other] = [(); 2].map(|()| MemoryMcpSessions::new(contract::MCP_BOUNDS));
    contract::mcp_sessions_alike(&one, &other, 7, 200).await;
    assert_eq!(stands(&one), stands(&other));
}

#[tokio::test]
async fn the_least_lately_used_session_gives_way() {
    let sessions = MemoryMcpSessions::new(McpBounds { sessions: 5, ..McpBounds::default() });
    for number in 0..5 {
        open(&sessions, number).await;
    }
    sessions.touch(&key(0), "owner", LONG).await.unwrap().unwrap();
    assert!(sessions.post(&key(2), bytes(1)).await.unwrap());
    // A look by somebody else is no use of it.
    assert_eq!(sessions.touch(&key(1), "another", LONG).await.unwrap(), None);
    for number in 5..7 {
        open(&sessions, number).await;
    }
    assert_eq!(
        [0, 1, 2, 3, 4, 5, 6].map(|number| has(&sessions, number)),
        [true, false, true, false, true, true, true]
    );
    assert_eq!(stands(&sessions).0, 5);
}

#[tokio::test]
async fn bytes_are_bounded_whatever_comes() {
    const MOST: usize = 300_000;
    let bounds = McpBounds { bytes: MOST, sessions: 100, ..McpBounds::default() };
    let sessions = MemoryMcpSessions::new(bounds);
    let mut fullest = 0;
    for turn in 0..20_000 {
        let (session, stream) = (key(turn / 40 * 7 % 127), stream(turn % 3));
        let owner = format!("o{}", turn / 40 % 3);
        match turn % 40 {
            0 => drop(sessions.open(&session, &owner, bytes(turn % 500), LONG).await),
            1..4 => drop(sessions.open_stream(&session, stream, LONG).await),
            4 => drop(sessions.change(&session, 1, bytes(turn * 11 % 900)).await),
            5..20 => drop(sessions.post(&session, bytes(turn * 37 % 900)).await),
            20 => drop(sessions.close(&session, "o0").await),
            _ => drop(sessions.append(&session, stream, bytes(turn * 31 % 5_000), turn % 97 == 0).await),
        }
        if turn % 7 == 0 {
            let (count, bytes) = stands(&sessions);
            assert!(count <= 100 && bytes <= MOST, "{count} {bytes}");
            fullest = fullest.max(bytes);
        }
    }
    assert!(fullest > MOST * 9 / 10, "it was never full: {fullest}");
    // One that is larger than everything may be gives way as well.
    open(&sessions, 500).await;
    assert!(sessions.post(&key(500), bytes(MOST)).await.unwrap());
    assert_eq!(stands(&sessions).0, 0);
}

/// What one session counts when all of it is full, with the bounds that are the default.
#[tokio::test]
async fn a_full_session_has_a_known_size() {
    let bounds = McpBounds::default();
    let newest = 100_000;
    let sessions = MemoryMcpSessions::new(bounds);
    open(&sessions, 0).await;
    for number in 0..bounds.streams + 5 {
        assert!(sessions.open_stream(&key(0), stream(number), LONG).await.unwrap());
        for _ in 0..bounds.events + 50 {
            let event = bytes(bounds.event_bytes / bounds.events);
            sessions.append(&key(0), stream(number), event, false).await.unwrap().unwrap();
        }
        sessions.append(&key(0), stream(number), bytes(newest), true).await.unwrap().unwrap();
    }
    for _ in 0..bounds.letters * 2 {
        sessions.post(&key(0), bytes(bounds.letter_bytes / bounds.letters)).await.unwrap();
    }
    let (_, counted) = stands(&sessions);
    let content = bounds.streams * (bounds.event_bytes + newest) + bounds.letter_bytes;
    let upkeep = 128 * (bounds.streams * bounds.events + bounds.letters) + (16 << 10);
    assert!(counted <= content + upkeep, "{counted}");
    assert!(counted >= content * 9 / 10, "{counted}");
    assert!(counted * 4 < bounds.bytes, "some of them fit: {counted}");
}

#[tokio::test(start_paused = true)]
async fn what_is_over_is_let_go_of() {
    let sessions = MemoryMcpSessions::new(McpBounds::default());
    for number in 0..100 {
        let ttl = Duration::from_secs(1 + number as u64 % 2);
        sessions.open(&key(number), &format!("o{number}"), bytes(10), ttl).await.unwrap();
        sessions.open_stream(&key(number), stream(1), LONG).await.unwrap();
        sessions.append(&key(number), stream(1), bytes(1_000), false).await.unwrap();
    }
    assert_eq!(stands(&sessions).0, 100);
    for expected in [50, 0] {
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(sessions.letters(&key(1_000), 0).await.unwrap(), [], "whatever is asked for");
        assert_eq!(stands(&sessions).0, expected);
    }
    assert_eq!(stands(&sessions), (0, 0));
}

#[tokio::test]
async fn a_piece_does_not_keep_the_whole() {
    let sessions = MemoryMcpSessions::new(McpBounds::default());
    open(&sessions, 0).await;
    let whole = bytes(1_000_000);
    sessions.open_stream(&key(0), stream(0), LONG).await.unwrap();
    sessions.append(&key(0), stream(0), whole.slice(..5), false).await.unwrap();
    sessions.post(&key(0), whole.slice(..5)).await.unwrap();
    sessions.change(&key(0), 1, whole.slice(..5)).await.unwrap();
    sessions.open(&key(1), "owner", whole.slice(..5), LONG).await.unwrap();
    assert!(whole.is_unique());
}

#[tokio::test]
async fn what_clients_said_is_not_logged() {
    let sessions = MemoryMcpSessions::default();
    sessions.open(&key(7), "owner", Bytes::from_static(b"hunter2"), LONG).await.unwrap();
    let shown = format!("{sessions:?}");
    assert_eq!(shown, "MemoryMcpSessions { .. }");
}
