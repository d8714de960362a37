//! Room that an upload takes up before it is there.

use chrono::TimeDelta;
use outcrop_ports::{FileInserted, PortError};
use outcrop_telemetry::current;
use outcrop_types::{FileId, FilePurpose, FileStatus, Principal};

use super::{AFTERWARDS, FileError, NewFile};
use crate::JobWorker;

/// A row that counts for a file that is coming. If the process dies, the upkeep removes it, and what bytes came.
pub(super) struct Reservation {
    /// The id that the file will have.
    pub(super) id: FileId,
    worker: Option<JobWorker>,
}

impl Reservation {
    /// Reserves so many bytes, if the team has room for them.
    pub(super) async fn make(
        worker: &JobWorker,
        principal: &Principal,
        bytes: u64,
    ) -> Result<Self, FileError> {
        let (options, id) = (&worker.options.files, FileId::new(worker.ports.ids.uuid()));
        let (filename, purpose, status) = (String::new(), FilePurpose::UserData, FileStatus::Pending);
        let new = NewFile { id, filename, purpose, bytes, sha256: None, status, expires_after_s: None };
        let file = worker.new_file(principal, new);
        let longest = i64::try_from(options.transfer_timeout_ms).ok().and_then(TimeDelta::try_milliseconds);
        let until = file.created_at + longest.unwrap_or(AFTERWARDS) + AFTERWARDS;
        let quota = options.quota_bytes_per_team;
        match worker.ports.files.insert_leftover(&file, until, Some(quota)).await? {
            FileInserted::Yes => Ok(Self { id, worker: Some(worker.clone()) }),
            FileInserted::OverQuota { used } => Err(FileError::OverQuota { used, quota }),
        }
    }

    /// Gives the room back.
    pub(super) async fn release(mut self) -> Result<(), PortError> {
        match self.worker.take() {
            Some(worker) => worker.ports.files.forget_file(self.id).await,
            None => Ok(()),
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let (Some(worker), Ok(runtime)) = (self.worker.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        let id = self.id;
        runtime.spawn(current::carry(async move {
            if let Err(error) = worker.ports.files.forget_file(id).await {
                tracing::warn!(file.id = %id, error = error.chain(), "an upload that broke off counts until the upkeep");
            }
        }));
    }
}
