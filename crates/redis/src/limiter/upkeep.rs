//! What goes on in the background while a process lives: signs of life, the renewal of leases, and bringing back what
//! Redis lost.

use std::sync::Weak;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use uuid::Uuid;

use super::calls::{Call, Restore};
use super::shared::{Beat, Shared};
use crate::connection::NoAnswer;

/// Calls in one script: Redis does nothing else meanwhile.
const AT_ONCE: usize = 64;
/// Settlements that failed, tried again with one sign of life.
const RETRIED: usize = 4_096;

/// Why an upkeep was not finished.
#[derive(Debug, thiserror::Error)]
enum Unfinished {
    #[error("Redis got to it too late, or lost its data again")]
    TooLate,
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
}

/// Runs until the limiter is gone.
pub(super) async fn run(shared: Weak<Shared>, mut losses: watch::Receiver<u64>, every: Duration) {
    let mut renewed = Instant::now();
    loop {
        {
            let Some(shared) = shared.upgrade() else { return };
            if let Err(error) = once(&shared, &mut renewed).await {
                tracing::debug!(error = %error, "the limits' upkeep goes on with the next sign of life");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            // Somebody noticed a loss.
            changed = losses.changed() => if changed.is_err() { return },
        }
    }
}

async fn once(shared: &Shared, renewed: &mut Instant) -> Result<(), Unfinished> {
    shared.calls.forget();
    let beat = shared.beat().await?;
    // Before anything is brought back, and before anybody asks the ledger what was spent.
    settle(shared).await?;
    if let Some(restore) = shared.calls.to_restore() {
        bring_back(shared, &beat, &restore).await?;
        shared.calls.restored(&restore);
        tracing::info!("Redis lost its counts; those of this process are brought back");
        // Somebody may wait for that.
        shared.beat().await?;
    }
    if renewed.elapsed() >= shared.lease / 3 {
        let began = Instant::now();
        renew(shared, &beat).await?;
        *renewed = began;
    }
    Ok(())
}

/// Tries again what was not settled.
async fn settle(shared: &Shared) -> Result<(), NoAnswer> {
    for endings in shared.calls.unsettled(RETRIED).chunks(AT_ONCE) {
        let _settling = shared.restoring.read().await;
        shared.settle(endings, true).await?;
    }
    Ok(())
}

async fn bring_back(shared: &Shared, beat: &Beat, restore: &Restore) -> Result<(), Unfinished> {
    for (piece, counts) in &restore.counts {
        if !shared.restore(beat, (&restore.epoch, &piece.to_string()), counts, &[]).await? {
            return Err(Unfinished::TooLate);
        }
    }
    let ids: Vec<_> = shared.calls.open().iter().map(|call| call.id).collect();
    hold_again(shared, beat, &ids).await
}

/// Lets leases run longer, and begins those anew that are not there.
async fn renew(shared: &Shared, beat: &Beat) -> Result<(), Unfinished> {
    for calls in shared.calls.open().chunks(AT_ONCE) {
        let missing = shared.renew(calls).await?;
        hold_again(shared, beat, &missing).await?;
    }
    Ok(())
}

async fn hold_again(shared: &Shared, beat: &Beat, ids: &[Uuid]) -> Result<(), Unfinished> {
    for ids in ids.chunks(AT_ONCE) {
        // Nothing is settled meanwhile, so whatever is open now is still open when it is held again.
        let _settling = shared.restoring.write().await;
        let calls: Vec<Call> = shared.calls.still_open(ids);
        if !calls.is_empty() && !shared.restore(beat, ("", ""), &[], &calls).await? {
            return Err(Unfinished::TooLate);
        }
    }
    Ok(())
}
