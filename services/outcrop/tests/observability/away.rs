//! A collector that is away, refuses or hangs: nobody who calls the platform notices.

use std::time::{Duration, Instant};

use crate::client::ask;
use crate::pages::{page, sum};
use crate::platform::Platform;
use crate::process::port;
use crate::receiver::{Behaviour, Collector};
use crate::wait::until;
use crate::world::settings;

/// They have more spans than may wait for a collector here.
const CHATS: usize = 60;
const QUEUE: &str = "64";
/// Far more than an answer takes here, and less than one that waits for an export.
const SOON: Duration = Duration::from_secs(1);
/// What may still be handed over at the end, and some time for the rest.
const STOPPED: Duration = Duration::from_secs(15);

#[tokio::test]
async fn a_collector_that_is_not_there_is_not_noticed() {
    let nowhere = format!("http://127.0.0.1:{}", port());
    chats_and_stops(start(&nowhere).await).await;
}

#[tokio::test]
async fn a_collector_that_refuses_is_not_noticed() {
    let collector = Collector::that(Behaviour::Refuses);
    chats_and_stops(start(&collector.url).await).await;
    assert!(collector.exports() > 0, "it was asked");
}

#[tokio::test]
async fn a_collector_that_hangs_is_not_noticed() {
    let collector = Collector::that(Behaviour::Hangs);
    chats_and_stops(start(&collector.url).await).await;
    assert!(collector.exports() > 0, "it was asked");
}

/// And where its metrics are read.
async fn start(collector: &str) -> (Platform, String) {
    let at = format!("127.0.0.1:{}", port());
    let over = [("TRACES__QUEUE_SPANS", QUEUE), ("METRICS__LISTEN", &at)];
    (Platform::together_with(&settings(collector, &over)).await, format!("http://{at}"))
}

async fn chats_and_stops((mut platform, metrics): (Platform, String)) {
    // The first call warms up what all others use.
    platform.admin.chat(&ask("[[say: ok]]")).await.expect(200);
    for number in 0..CHATS {
        let began = Instant::now();
        platform.admin.chat(&ask(&format!("[[say: {number}]]"))).await.expect(200);
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    }
    let spans = async |outcome| {
        sum(&page(&metrics).await, "outcrop_telemetry_spans_total", &[("outcrop_outcome", outcome)])
    };
    // A request, a call and an attempt each.
    until("what is lost is counted", async || {
        let lost = spans("dropped").await + spans("failed").await;
        (lost >= (CHATS * 2) as f64).then_some(())
    })
    .await;
    assert_eq!(spans("exported").await, 0.0);
    let began = Instant::now();
    let service = platform.services.gateway();
    service.signal("TERM").await;
    assert_eq!(service.ended().await, Some(0));
    assert!(began.elapsed() < STOPPED, "{:?}", began.elapsed());
}
