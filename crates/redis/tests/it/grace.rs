//! Who is waited for when Redis has lost its data.

use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant};

use outcrop_ports::{Kind, Limiter};
use outcrop_redis::{LimiterOptions, RedisLimiter};

use crate::limits::{
    BRISK, admitted, connect, is_away, meter, options, reserve, settle, stands, until, used,
};
use crate::server::{free_port, start};

/// A process whose background's work stands still until told to go on.
struct Slow {
    limiter: RedisLimiter,
    go_on: Sender<()>,
    stands_still: Receiver<()>,
    stop: Sender<()>,
}

impl Slow {
    fn start(url: &str, options: &LimiterOptions) -> Self {
        let (give, take) = mpsc::channel();
        let (stop, stopped) = mpsc::channel::<()>();
        let (go_on, going_on) = mpsc::channel::<()>();
        let (still, stands_still) = mpsc::channel();
        let (url, options) = (url.to_owned(), options.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("one");
            runtime.block_on(async {
                give.send(connect(&url, BRISK, &options)).expect("awaited");
                while stopped.try_recv() == Err(TryRecvError::Empty) {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                still.send(()).expect("awaited");
                // The whole runtime does.
                if going_on.recv().is_ok() {
                    std::future::pending::<()>().await;
                }
            });
        });
        Self { limiter: take.recv().expect("connected"), go_on, stands_still, stop }
    }

    fn stand_still(&self) {
        self.stop.send(()).expect("it runs");
        self.stands_still.recv().expect("it does");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn nothing_is_let_in_before_the_last_process_has_brought_back_its_part() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let mut server = start(port, folder.path()).await;
    let url = format!("redis://127.0.0.1:{port}");
    let longest_grace = Duration::from_secs(4);
    let grace = Duration::from_millis(500);
    let heartbeat = Duration::from_millis(100);
    let options = LimiterOptions { heartbeat, grace, longest_grace, ..options() };
    let (one, slow) = (connect(&url, BRISK, &options), Slow::start(&url, &options));
    let meters = [meter("t", Kind::Tokens, 100, 30)];
    let mut hold = None;
    until("the grace is over", async || {
        hold = reserve(&slow.limiter, &meters).await.ok();
        hold.is_some()
    })
    .await;
    settle(&slow.limiter, used(&hold.expect("room").0, &[28])).await;
    admitted(&one, &meters).await.expect("room");
    until("both are known", async || one.replicas() == 2).await;
    tokio::time::sleep(options.heartbeat * 2).await;

    slow.stand_still();
    server.kill().await.expect("killed");
    let mut server = start(port, folder.path()).await;
    let restarted = Instant::now();
    while restarted.elapsed() < options.grace * 3 {
        let answer = reserve(&one, &meters).await;
        assert!(is_away(&answer), "somebody has not brought back its part: {answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    slow.go_on.send(()).expect("it waits");
    until("all have", async || reserve(&one, &meters).await.is_ok()).await;
    assert!(restarted.elapsed() < longest_grace, "sooner than without: {:?}", restarted.elapsed());
    assert_eq!(stands(&one, &meters[0]).await, (28, 60), "what both held and used, and the one that came");

    // Nobody is waited for for ever.
    let dead = Slow::start(&url, &options);
    until("it is let in", async || {
        reserve(&dead.limiter, &[meter("c", Kind::Concurrency, 9, 1)]).await.is_ok()
    })
    .await;
    until("all are known", async || one.replicas() == 3).await;
    dead.stand_still();
    server.kill().await.expect("killed");
    let _server = start(port, folder.path()).await;
    let restarted = Instant::now();
    until("the longest grace is over", async || reserve(&one, &meters).await.is_ok()).await;
    assert!(restarted.elapsed() >= longest_grace - Duration::from_millis(300), "{:?}", restarted.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn nothing_is_let_in_before_the_ledger_knows_what_was_spent() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let mut server = start(port, folder.path()).await;
    let url = format!("redis://127.0.0.1:{port}");
    let (longest_grace, grace) = (Duration::from_secs(4), Duration::from_millis(500));
    let heartbeat = Duration::from_millis(100);
    let options = LimiterOptions { heartbeat, grace, longest_grace, ..options() };
    let (one, other) = (connect(&url, BRISK, &options), connect(&url, BRISK, &options));
    let meters = [meter("t", Kind::Tokens, 1_000, 1)];
    for limiter in [&one, &other] {
        until("it is let in", async || reserve(limiter, &meters).await.is_ok()).await;
    }
    until("both are known", async || one.replicas() == 2).await;
    // One of them tells a ledger what was spent.
    other.ledger_knows(0);
    tokio::time::sleep(heartbeat * 2).await;

    server.kill().await.expect("killed");
    let _server = start(port, folder.path()).await;
    let restarted = Instant::now();
    while restarted.elapsed() < grace * 3 {
        let answer = reserve(&one, &meters).await;
        assert!(is_away(&answer), "somebody has not told the ledger: {answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    other.ledger_knows(1);
    until("it has", async || reserve(&one, &meters).await.is_ok()).await;
    assert!(restarted.elapsed() < longest_grace, "sooner than without: {:?}", restarted.elapsed());
}
