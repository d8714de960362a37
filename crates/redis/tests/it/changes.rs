//! Changes that replicas tell each other, and what they hear when Redis fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::BoxStream;
use outcrop_ports::{Changes, Heard, IdGen, PortFailure, contract};
use outcrop_redis::{RedisChanges, RedisOptions};
use outcrop_types::{Change, SessionId};
use uuid::Uuid;

use crate::server::{free_port, signal, start};

/// Longer than anything here takes that does not fail.
const SOON: Duration = Duration::from_secs(20);

/// From the loss of the connection to the word of it, as promised, and what a busy machine adds.
const NOTICED: Duration = Duration::from_millis(500 + 700);

/// Time enough for a call on a machine that is busy with other tests.
const PATIENT: RedisOptions = RedisOptions {
    timeout: Duration::from_secs(5),
    connect_timeout: Duration::from_secs(5),
    failures_to_open: 5,
    cool_down: Duration::from_millis(200),
};

struct Counting(AtomicU8);

impl IdGen for Counting {
    fn uuid(&self) -> Uuid {
        Uuid::nil()
    }

    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0.fetch_add(1, Ordering::Relaxed));
    }
}

fn connect(url: &str, options: RedisOptions) -> RedisChanges {
    RedisChanges::connect(url, options, Arc::new(Counting(AtomicU8::new(0)))).expect("a good URL")
}

fn session(number: u128) -> Change {
    Change::Session(SessionId::new(Uuid::from_u128(number)))
}

async fn next(heard: &mut BoxStream<'static, Heard>) -> Heard {
    tokio::time::timeout(SOON, heard.next()).await.expect("something is heard").expect("there is no end")
}

/// Listens until this is heard, to nothing else.
async fn expect(heard: &mut BoxStream<'static, Heard>, expected: Heard) {
    assert_eq!(next(heard).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn keeps_the_contract() {
    let url = outcrop_testkit::redis_url();
    contract::changes(|| async { Arc::new(connect(&url, PATIENT)) as Arc<dyn Changes> }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn a_listener_is_linked_before_it_hears_anything() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let _server = start(port, folder.path()).await;
    let changes = connect(&format!("redis://127.0.0.1:{port}"), PATIENT);
    let mut heard = changes.listen();
    expect(&mut heard, Heard::Linked).await;
    changes.announce(&session(1)).await.expect("Redis is there");
    expect(&mut heard, Heard::Changed(session(1))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn resp3_is_heard_too_and_what_cannot_be_read_may_concern_anything() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let _server = start(port, folder.path()).await;
    let url = format!("redis://127.0.0.1:{port}");
    let changes = connect(&format!("{url}/?protocol=resp3"), PATIENT);
    let mut heard = changes.listen();
    expect(&mut heard, Heard::Linked).await;
    let mut other =
        redis::Client::open(url).expect("a good URL").get_multiplexed_async_connection().await.expect("up");
    for text in ["{\"what\": \"weather\", \"id\": 7}", "\u{0}"] {
        let publish =
            redis::cmd("PUBLISH").arg("outcrop:changes").arg(text).query_async::<()>(&mut other).await;
        publish.expect("Redis is there");
        expect(&mut heard, Heard::Changed(Change::Everything)).await;
    }
    changes.announce(&session(1)).await.expect("Redis is there");
    expect(&mut heard, Heard::Changed(session(1))).await;
    // Beats do not disturb it.
    assert!(tokio::time::timeout(Duration::from_secs(1), heard.next()).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn a_listener_that_is_cut_off_says_so_and_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let _server = start(port, folder.path()).await;
    let url = format!("redis://127.0.0.1:{port}");
    let changes = connect(&url, PATIENT);
    let mut heard = changes.listen();
    expect(&mut heard, Heard::Linked).await;
    let mut admin =
        redis::Client::open(url).expect("a good URL").get_multiplexed_async_connection().await.expect("up");
    for round in 1..=3 {
        let kill =
            redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("pubsub").query_async::<u32>(&mut admin).await;
        assert_eq!(kill.expect("Redis is there"), 1, "one connection for one listener");
        let cut = Instant::now();
        expect(&mut heard, Heard::Unlinked).await;
        assert!(cut.elapsed() < NOTICED, "{:?}", cut.elapsed());
        expect(&mut heard, Heard::Linked).await;
        changes.announce(&session(round)).await.expect("Redis is there");
        expect(&mut heard, Heard::Changed(session(round))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn redis_may_be_away_at_the_start_and_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let changes = connect(&format!("redis://127.0.0.1:{port}"), RedisOptions::default());
    let mut heard = changes.listen();
    assert!(tokio::time::timeout(Duration::from_millis(200), heard.next()).await.is_err(), "never linked");
    for _ in 0..2 {
        let mut server = start(port, folder.path()).await;
        expect(&mut heard, Heard::Linked).await;
        assert_heard(&changes, &mut heard, &session(1)).await;
        server.kill().await.expect("killed");
        let killed = Instant::now();
        expect(&mut heard, Heard::Unlinked).await;
        assert!(killed.elapsed() < NOTICED, "{:?}", killed.elapsed());
        let error = changes.announce(&session(2)).await.expect_err("away");
        assert_eq!(error.failure, PortFailure::Unavailable);
        assert!(killed.elapsed() < NOTICED + SOON, "bounded in time");
    }
}

/// A server that accepts and says nothing is worse than none: nothing fails by itself.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn a_frozen_redis_is_noticed_within_half_a_second() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let server = start(port, folder.path()).await;
    let changes = connect(&format!("redis://127.0.0.1:{port}"), RedisOptions::default());
    let mut heard = changes.listen();
    expect(&mut heard, Heard::Linked).await;

    signal(&server, "-STOP").await;
    let frozen = Instant::now();
    let announcing = async {
        assert!(changes.announce(&session(1)).await.is_err());
        frozen.elapsed()
    };
    let hearing = async {
        expect(&mut heard, Heard::Unlinked).await;
        frozen.elapsed()
    };
    let (announced, noticed) = tokio::join!(announcing, hearing);
    assert!(announced < Duration::from_secs(3), "{announced:?}");
    assert!(noticed < NOTICED, "{noticed:?}");

    signal(&server, "-CONT").await;
    // What was announced while it was frozen may come late: the connection that it came on is given up.
    expect(&mut heard, Heard::Linked).await;
    assert_heard(&changes, &mut heard, &session(2)).await;
}

/// Announces until it goes through, and listens until it comes, past what came late.
async fn assert_heard(changes: &RedisChanges, heard: &mut BoxStream<'static, Heard>, change: &Change) {
    let announced = async {
        while changes.announce(change).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        while next(heard).await != Heard::Changed(change.clone()) {}
    };
    tokio::time::timeout(SOON, announced).await.expect("it is heard");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn a_listener_that_is_too_slow_is_told_that_it_missed_something() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let _server = start(port, folder.path()).await;
    let changes = connect(&format!("redis://127.0.0.1:{port}"), PATIENT);
    let mut heard = changes.listen();
    expect(&mut heard, Heard::Linked).await;
    for number in 0..1_500 {
        changes.announce(&session(number)).await.expect("Redis is there");
    }
    let mut last = 0;
    loop {
        match next(&mut heard).await {
            Heard::Changed(change) => {
                assert_eq!(change, session(last), "in order, none left out");
                last += 1;
            }
            Heard::Unlinked => break,
            Heard::Linked => panic!("it is linked"),
        }
    }
    assert!(last < 1_500, "it would have to hold all of them");
    expect(&mut heard, Heard::Linked).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn a_listener_that_leaves_takes_its_connection_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let _server = start(port, folder.path()).await;
    let url = format!("redis://127.0.0.1:{port}");
    let changes = connect(&url, PATIENT);
    let mut heard = changes.listen();
    expect(&mut heard, Heard::Linked).await;
    drop(heard);
    let mut admin =
        redis::Client::open(url).expect("a good URL").get_multiplexed_async_connection().await.expect("up");
    let gone = async {
        loop {
            let mut list = redis::cmd("CLIENT");
            list.arg("LIST").arg("TYPE").arg("pubsub");
            if list.query_async::<String>(&mut admin).await.expect("Redis is there").trim().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, gone).await.expect("it is closed");
}
