//! Files whose bytes go past us, where the blobs can be reached by clients.

use std::time::Duration;

use chrono::{DateTime, Utc};
use outcrop_ports::{FileInserted, SignedUrl, SignedUse};
use outcrop_types::{FileId, FileStatus, Principal, StoredFile, TeamId};
use outcrop_wire::openai::files::Announcement;

use super::upload::hex;
use super::{AFTERWARDS, FileError, NewFile, blob_key, sent_key};
use crate::JobWorker;

impl JobWorker {
    /// Makes a place for a file, and an address where its bytes are to be sent.
    pub(crate) async fn announce_file(
        &self,
        principal: &Principal,
        announced: Announcement,
    ) -> Result<(StoredFile, SignedUrl, DateTime<Utc>), FileError> {
        let Announcement { filename, purpose, bytes, sha256, expires_after_s } = announced;
        let options = &self.options.files;
        if bytes > options.max_bytes {
            return Err(FileError::TooLarge { max: options.max_bytes });
        }
        let (id, status) = (FileId::new(self.ports.ids.uuid()), FileStatus::Pending);
        let digest = sha256.map(|digest| hex(&digest));
        let new = NewFile { id, filename, purpose, bytes, sha256: digest, status, expires_after_s };
        let blob = sent_key(principal.team, id);
        let file = StoredFile { blob, ..self.new_file(principal, new) };
        let (url, until) = self.sign(&file, &SignedUse::Put { bytes, sha256 }).await?;
        let quota = options.quota_bytes_per_team;
        match self.ports.files.insert_file(&file, quota).await? {
            FileInserted::Yes => Ok((file, url, until)),
            FileInserted::OverQuota { used } => Err(FileError::OverQuota { used, quota }),
        }
    }

    /// The bytes of an announced file are here. What was said of their digest was bound to the address.
    pub(crate) async fn complete_file(&self, team: TeamId, id: FileId) -> Result<StoredFile, FileError> {
        let file = self.get_file(team, id).await?;
        if file.status == FileStatus::Uploaded {
            return Ok(file);
        }
        let found = self.ports.blobs.size(&file.blob).await?.ok_or(FileError::Pending)?;
        if found != file.bytes {
            return Err(FileError::OtherSize { found, announced: file.bytes });
        }
        self.take_over(file).await
    }

    /// Copies what was sent to where nobody can send anything, and makes the copy the file. Until it is, and if we die, the
    /// row of what is left over leads to the copy; afterwards to where it was sent to.
    async fn take_over(&self, file: StoredFile) -> Result<StoredFile, FileError> {
        let (team, id) = (file.team, FileId::new(self.ports.ids.uuid()));
        let copy = StoredFile { id, blob: blob_key(team, id), ..file.clone() };
        let until = self.sendable_until(&file).max(self.ports.clock.now() + AFTERWARDS);
        self.ports.files.insert_leftover(&copy, until, None).await?;
        let completed = match self.ports.blobs.copy(&file.blob, &copy.blob).await? {
            None => Err(FileError::Pending),
            Some(found) if found != file.bytes => Err(FileError::OtherSize { found, announced: file.bytes }),
            Some(found) => Ok(self.ports.files.complete_file(file.id, found, id).await?),
        };
        let Ok(Some(whole)) = completed else {
            self.forget_file(&copy).await?;
            completed?;
            // Somebody else was first.
            return self.get_whole_file(team, file.id).await;
        };
        if let Err(error) = self.ports.blobs.delete(&file.blob).await {
            tracing::warn!(file.id = %file.id, error = error.chain(), "could not remove what was sent; the upkeep will");
        }
        Ok(whole)
    }

    /// An address where the bytes of a file can be had, and until when.
    pub(crate) async fn file_url(
        &self,
        team: TeamId,
        id: FileId,
    ) -> Result<(String, DateTime<Utc>), FileError> {
        let file = self.get_whole_file(team, id).await?;
        let (signed, until) = self.sign(&file, &SignedUse::Get { filename: file.filename.clone() }).await?;
        Ok((signed.url, until))
    }

    async fn sign(
        &self,
        file: &StoredFile,
        usage: &SignedUse,
    ) -> Result<(SignedUrl, DateTime<Utc>), FileError> {
        let seconds = self.options.files.url_ttl_s;
        // Read before it is signed: it is not said to be good for longer than it is.
        let now = self.ports.clock.now();
        let signed = self.ports.blobs.sign(&file.blob, usage, Duration::from_secs(seconds)).await?;
        Ok((signed.ok_or(FileError::NoDirect)?, now + self.url_lasts()))
    }
}
