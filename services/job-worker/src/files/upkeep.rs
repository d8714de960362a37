//! Removing files that nobody may read any more.

use std::time::Duration;

use chrono::TimeDelta;
use outcrop_ports::PortError;
use tokio_util::sync::CancellationToken;

use super::AFTERWARDS;
use crate::JobWorker;

/// How often it is looked for what can be removed.
const PAUSE: Duration = Duration::from_secs(60);
/// Most files that are read at a time.
const PAGE: usize = 100;
/// How long the bytes of an announced file are waited for, at least.
const PENDING: TimeDelta = TimeDelta::days(1);

impl JobWorker {
    /// Removes the bytes of files that were removed, are over or never came, for ever.
    pub(crate) async fn keep_files(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let removed = tokio::select! {
                () = stop.cancelled() => return,
                removed = self.forget_files() => removed,
            };
            match removed {
                Ok(0) => {}
                Ok(files) => tracing::info!(files, "removed files whose time was over"),
                Err(error) => tracing::warn!(error = error.chain(), "could not remove old files"),
            }
            let _ = tokio::time::timeout(PAUSE, stop.cancelled()).await;
        }
    }

    async fn forget_files(&self) -> Result<usize, PortError> {
        let now = self.ports.clock.now();
        // An address may be good for longer, if somebody configured it so: its upload would have no row.
        let pending_before = now - PENDING.max(self.url_lasts() + AFTERWARDS);
        let mut removed = 0;
        loop {
            let page = self.ports.files.files_to_remove(now, pending_before, PAGE).await?;
            for file in &page {
                self.forget_file(file).await?;
            }
            removed += page.len();
            if page.len() < PAGE {
                return Ok(removed);
            }
        }
    }
}
