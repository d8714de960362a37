//! Clients' files: taken in piece by piece, given out again, removed when their time is over.

mod announce;
mod download;
mod error;
mod form;
mod reservation;
mod turn;
mod upkeep;
mod upload;

use chrono::{DateTime, TimeDelta, Utc};
use outcrop_ports::{FileFilter, FileRemoved, PortError};
use outcrop_types::{FileId, FilePurpose, FileStatus, Page, Principal, StoredFile, TeamId};

pub(crate) use download::{Download, Part};
pub(crate) use error::FileError;
pub(crate) use turn::Turns;
pub(crate) use upload::Arriving;

use crate::JobWorker;

/// How long after its address has ended an upload that began in time may still come to its end.
const AFTERWARDS: TimeDelta = TimeDelta::hours(1);

/// What is known of a file before its bytes.
struct NewFile {
    id: FileId,
    filename: String,
    purpose: FilePurpose,
    bytes: u64,
    sha256: Option<String>,
    status: FileStatus,
    expires_after_s: Option<u64>,
}

impl JobWorker {
    /// A file of this team.
    pub(crate) async fn get_file(&self, team: TeamId, id: FileId) -> Result<StoredFile, FileError> {
        let found = self.ports.files.lookup_file(id, self.ports.clock.now()).await?;
        found.filter(|file| file.team == team).ok_or(FileError::NoFile)
    }

    /// A file of this team whose bytes are here.
    pub(crate) async fn get_whole_file(&self, team: TeamId, id: FileId) -> Result<StoredFile, FileError> {
        let file = self.get_file(team, id).await?;
        if file.status == FileStatus::Uploaded { Ok(file) } else { Err(FileError::Pending) }
    }

    /// A page of a team's files.
    pub(crate) async fn list_files(
        &self,
        filter: &FileFilter,
        after: Option<FileId>,
        limit: usize,
    ) -> Result<Page<StoredFile>, FileError> {
        Ok(self.ports.files.list_files(filter, after, limit, self.ports.clock.now()).await?)
    }

    /// Removes a file, its bytes with it.
    pub(crate) async fn remove_file(&self, team: TeamId, id: FileId) -> Result<(), FileError> {
        let file = self.get_file(team, id).await?;
        let now = self.ports.clock.now();
        let awaited = file.status == FileStatus::Pending;
        // Its bytes may still be sent, or sent again: they are removed once more when nobody can any longer.
        let until = if awaited { self.sendable_until(&file) } else { now };
        match self.ports.files.remove_file(id, now, until).await? {
            FileRemoved::Yes => {}
            FileRemoved::NotThere => return Err(FileError::NoFile),
            FileRemoved::InUse => return Err(FileError::InUse),
        }
        let forgotten = match awaited {
            true => self.ports.blobs.delete(&file.blob).await,
            false => self.forget_file(&file).await,
        };
        if let Err(error) = forgotten {
            tracing::warn!(file.id = %id, error = error.chain(), "could not remove a file's bytes; the upkeep will");
        }
        Ok(())
    }

    /// Removes the bytes of a file that nobody may read any more, then its row: of what breaks off in between the row
    /// remains, and the next one finds it.
    async fn forget_file(&self, file: &StoredFile) -> Result<(), PortError> {
        self.ports.blobs.delete(&file.blob).await?;
        self.ports.files.forget_file(file.id).await
    }

    /// Until when bytes of an announced file may come, whatever is done with it: its address cannot be taken back.
    fn sendable_until(&self, file: &StoredFile) -> DateTime<Utc> {
        file.created_at + self.url_lasts() + AFTERWARDS
    }

    /// How long an address is good for: S3 has none that is good for longer than a week.
    fn url_lasts(&self) -> TimeDelta {
        let week = TimeDelta::days(7);
        let asked = i64::try_from(self.options.files.url_ttl_s).ok().and_then(TimeDelta::try_seconds);
        asked.unwrap_or(week).min(week)
    }

    fn new_file(&self, principal: &Principal, new: NewFile) -> StoredFile {
        let NewFile { id, filename, purpose, bytes, sha256, status, expires_after_s } = new;
        let created_at = self.ports.clock.now();
        let (team, owner) = (principal.team, principal.subject);
        let blob = blob_key(team, id);
        let expires_at = self.expiry(created_at, expires_after_s);
        StoredFile { id, team, owner, purpose, filename, bytes, sha256, status, blob, created_at, expires_at }
    }

    fn expiry(&self, from: DateTime<Utc>, asked_s: Option<u64>) -> Option<DateTime<Utc>> {
        let days = i64::from(self.options.files.expire_days);
        let kept = match asked_s.map(i64::try_from) {
            Some(Ok(seconds)) => TimeDelta::try_seconds(seconds),
            Some(Err(_)) => None,
            None => (days > 0).then(|| TimeDelta::days(days)),
        };
        kept.and_then(|kept| from.checked_add_signed(kept))
    }
}

/// Where clients send bytes to past us. Nothing is read there: an address is good after the file is whole, too.
fn sent_key(team: TeamId, id: FileId) -> String {
    format!("uploads/{team}/{id}")
}

fn blob_key(team: TeamId, id: FileId) -> String {
    format!("files/{team}/{id}")
}
