//! Every process restarted in turn while clients go on asking: nobody is to notice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::fleet::{Fleet, ready};
use crate::load::Seen;

const ASKING: usize = 4;
const LISTENING: usize = 6;
/// What a rollout waits after a process is ready, before it takes the next.
const SETTLE: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres, redis, a local AWS and nginx: cargo xtask test"]
async fn a_rolling_restart_under_load_is_not_noticed() {
    let mut fleet = Fleet::start().await;
    let (seen, stop) = (Arc::new(Seen::default()), CancellationToken::new());
    let mut clients = Vec::new();
    for number in 0..ASKING + LISTENING {
        let (seen, stop, url, key) = (seen.clone(), stop.clone(), fleet.url.clone(), fleet.key.clone());
        clients.push(tokio::spawn(async move {
            if number < ASKING {
                seen.ask(&url, &key, number, &stop).await;
            } else {
                seen.listen(&url, &key, &stop).await;
            }
        }));
    }
    tokio::time::sleep(SETTLE).await;
    let began = Instant::now();
    for (name, service) in &mut fleet.services {
        let stopped = Instant::now();
        service.signal("TERM").await;
        assert_eq!(service.ended().await, Some(0), "{name}");
        let drained = stopped.elapsed();
        service.start_again().await;
        ready(service).await;
        eprintln!("{name}: drained in {drained:.1?}, ready again after {:.1?}", stopped.elapsed());
        tokio::time::sleep(SETTLE).await;
    }
    let took = began.elapsed();
    stop.cancel();
    for client in clients {
        client.await.unwrap();
    }
    eprintln!("{} processes restarted in {took:.1?}: {seen}", fleet.services.len());
    assert_eq!(seen.faults(), 0, "{seen}");
    let (requests, streams) = seen.begun();
    assert!(requests > 100 && streams > 20, "there was a load: {seen}");
}
