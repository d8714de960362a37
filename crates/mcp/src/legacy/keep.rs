//! What goes on beside the requests: what other replicas do is heard, and this one says that it lives.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use crate::server::Inner;

/// Streams whose lease is renewed by one call.
const CHUNK: usize = 256;
/// How long to wait before hearing again, where that ended.
const PAUSE: Duration = Duration::from_secs(1);
/// Shortest time between two signs of life, however often something was missed.
const REST: Duration = Duration::from_millis(100);
/// How long what was cut off has to be answered.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Hears what other replicas do and says that this one lives, until told to stop and until what runs has ended: within the time a
/// stop may take.
pub(crate) async fn run(server: &Arc<Inner>, stop: CancellationToken) {
    let work = async {
        tokio::join!(hear(server), keep(server));
    };
    tokio::pin!(work);
    tokio::select! {
        () = stop.cancelled() => {}
        () = &mut work => {}
    }
    server.stopping.cancel();
    let drained = async {
        let drain = server.options.drain.saturating_sub(LAST_WORDS);
        if tokio::time::timeout(drain, server.in_flight.idle()).await.is_err() {
            tracing::warn!(open = server.in_flight.count(), "drain time is over; cutting open MCP requests");
            server.live.cut.cancel();
            drop(tokio::time::timeout(LAST_WORDS, server.in_flight.idle()).await);
        }
    };
    // What runs is kept, and its letters are read, to the end.
    tokio::select! {
        () = drained => {}
        () = work => {}
    }
}

/// The time between two signs of life.
pub(super) fn between_signs(lease: Duration) -> Duration {
    lease / 4
}

/// Wakes whoever waits for what other replicas do.
async fn hear(server: &Inner) {
    loop {
        let mut nudges = server.ports.sessions.nudges();
        while let Some(nudge) = nudges.next().await {
            server.live.wake(nudge);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Says of each stream that is added to here that it still is.
async fn keep(server: &Inner) {
    let lease = server.options.lease;
    loop {
        tokio::time::sleep(REST).await;
        // What was missed may be that the store was away, and leases ran out meanwhile.
        let missed = server.live.missed.notified();
        drop(tokio::time::timeout(between_signs(lease).saturating_sub(REST), missed).await);
        for chunk in server.live.streams().chunks(CHUNK) {
            if let Err(error) = server.ports.sessions.keep(chunk, lease).await {
                tracing::warn!(error = error.chain(), "the leases of MCP streams cannot be renewed");
            }
        }
    }
}
