//! Looking how far a batch is, until it has ended.

use std::time::Duration;

use reqwest::StatusCode;

use super::Batch;
use super::progress::{Progress, Shown};
use crate::failure::Failure;
use crate::output;
use crate::remote::{Refused, Remote};

/// How often it looks at first, and later.
const EAGER: Duration = Duration::from_secs(1);
const CALM: Duration = Duration::from_secs(5);
/// After this it is calm.
const EAGER_FOR: Duration = Duration::from_secs(60);
/// How long a server may be away before it is given up. The batch is not.
const AWAY: Duration = Duration::from_secs(600);

/// Waits until nothing of the batch changes any more.
pub(super) async fn to_the_end(remote: &Remote, id: &str, poll: Option<Duration>) -> Result<Batch, Failure> {
    let clock = outcrop_wiring::clock();
    let started = clock.monotonic();
    let (mut progress, mut seen) = (Progress::new(), started);
    loop {
        let now = clock.monotonic();
        match look(remote, id).await {
            Ok(batch) => {
                seen = now;
                let is_final = ["completed", "failed", "expired", "cancelled"].contains(&&*batch.status);
                let counts = batch.request_counts;
                let shown = Shown { status: &batch.status, counts, cost: batch.cost() };
                progress.show(now, &shown);
                if is_final {
                    return Ok(batch);
                }
            }
            Err(refused) if refused.is_passing() && now.saturating_sub(seen) < AWAY => {
                progress.end_line();
                output::complain(&format!("{}; the batch goes on, trying again", refused.words));
            }
            Err(refused) if refused.status == Some(StatusCode::NOT_FOUND) => {
                let line = format!(
                    "{}: {id} is forgotten; remove the .outcrop-batch.json beside the output to begin anew",
                    refused.words
                );
                return Err(Failure::failed(line));
            }
            Err(refused) => {
                let line =
                    format!("{}; {id} goes on: run the same command again for its answers", refused.words);
                return Err(Failure::failed(line));
            }
        }
        let usual = if now.saturating_sub(started) < EAGER_FOR { EAGER } else { CALM };
        tokio::time::sleep(poll.unwrap_or(usual)).await;
    }
}

async fn look(remote: &Remote, id: &str) -> Result<Batch, Refused> {
    let batch = remote.get(&format!("/v1/batches/{id}")).await?;
    serde_json::from_value(batch)
        .map_err(|error| Refused::here(format!("the server's batch cannot be read: {error}")))
}
