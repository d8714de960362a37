//! A collector that is away, refuses or hangs: nobody who calls the platform notices.

use std::time::{Duration, Instant};

use crate::client::ask;
use crate::platform::Platform;
use crate::process::port;
use crate::receiver::{Behaviour, Collector};
use crate::world::settings;

const CHATS: usize = 20;
/// Far more than an answer takes here, and less than one that waits for an export.
const SOON: Duration = Duration::from_secs(1);
/// What may still be handed over at the end, and some time for the rest.
const STOPPED: Duration = Duration::from_secs(15);

#[tokio::test]
async fn a_collector_that_is_not_there_is_not_noticed() {
    let nowhere = format!("http://127.0.0.1:{}", port());
    let platform = start(&nowhere).await;
    chats_and_stops(platform).await;
}

#[tokio::test]
async fn a_collector_that_refuses_is_not_noticed() {
    let collector = Collector::that(Behaviour::Refuses);
    let platform = start(&collector.url).await;
    chats_and_stops(platform).await;
    assert!(collector.exports() > 0, "it was asked");
}

#[tokio::test]
async fn a_collector_that_hangs_is_not_noticed() {
    let collector = Collector::that(Behaviour::Hangs);
    let platform = start(&collector.url).await;
    chats_and_stops(platform).await;
    assert!(collector.exports() > 0, "it was asked");
}

async fn start(collector: &str) -> Platform {
    Platform::together_with(&settings(collector, &[])).await
}

async fn chats_and_stops(mut platform: Platform) {
    // The first call warms up what all others use.
    platform.admin.chat(&ask("[[say: ok]]")).await.expect(200);
    for number in 0..CHATS {
        let began = Instant::now();
        platform.admin.chat(&ask(&format!("[[say: {number}]]"))).await.expect(200);
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    }
    let began = Instant::now();
    let service = platform.services.gateway();
    service.signal("TERM").await;
    assert_eq!(service.ended().await, Some(0));
    assert!(began.elapsed() < STOPPED, "{:?}", began.elapsed());
}
