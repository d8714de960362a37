//! Keeping answers in groups: whatever came while the last group was written goes into the next, and nothing waits longer.

use std::time::Duration;

use outcrop_ports::{LinesKept, PortError, PortFailure};
use outcrop_types::{JobId, KeptLine, LeaseToken};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::gate::Slot;
use crate::JobWorker;

/// Most lines that are kept in one step.
const MOST: usize = 64;
/// How long to leave a store alone that is away, and how often: far longer than a lease, which ends the matter.
const PAUSE: Duration = Duration::from_millis(500);
const TRIES: usize = 600;

/// A line to be kept, with its places: they are free once it is.
pub(super) struct ToKeep {
    pub(super) line: KeptLine,
    pub(super) slot: Slot,
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

impl JobWorker {
    /// Keeps lines as they come, until there are no more; how many.
    pub(super) async fn keep_all(
        &self,
        part: JobId,
        lease: LeaseToken,
        mut lines: mpsc::Receiver<ToKeep>,
    ) -> Result<Option<u64>, PortError> {
        let mut kept = 0;
        while let Some(first) = lines.recv().await {
            let (mut group, mut places) = (Vec::with_capacity(8), Vec::with_capacity(8));
            let mut next = Some(first);
            while let Some(ToKeep { line, slot, permit }) = next {
                group.push(line);
                places.push((slot, permit));
                next = if group.len() < MOST { lines.try_recv().ok() } else { None };
            }
            if self.keep_group(part, lease, &group).await? == LinesKept::Lost {
                return Ok(None);
            }
            kept += group.len() as u64;
        }
        Ok(Some(kept))
    }

    /// The answers are paid for: a store that is away is waited for.
    async fn keep_group(
        &self,
        part: JobId,
        lease: LeaseToken,
        group: &[KeptLine],
    ) -> Result<LinesKept, PortError> {
        for _ in 0..TRIES {
            match self.ports.batches.keep_lines(part, lease, group).await {
                Err(error) if error.failure == PortFailure::Unavailable => {
                    tracing::warn!(job.id = %part, error = error.chain(), "could not keep lines of a batch yet");
                    tokio::time::sleep(PAUSE).await;
                }
                other => return other,
            }
        }
        self.ports.batches.keep_lines(part, lease, group).await
    }
}
