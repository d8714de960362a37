//! Taking a file in: from the form straight into the blobs, hashed as it passes.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use outcrop_ports::{BlobUpload, FileInserted, PortError};
use outcrop_telemetry::current;
use outcrop_types::{FileId, FileStatus, Principal, StoredFile};
use outcrop_wire::openai::files as wire;
use sha2::{Digest as _, Sha256};

use super::form::{self, Field, Form};
use super::reservation::Reservation;
use super::{FileError, NewFile, blob_key};
use crate::JobWorker;

/// What a form may take besides its file, bytes.
const AROUND: u64 = 1 << 20;

/// An upload that begins.
pub(crate) struct Arriving<'a> {
    /// Whose it is.
    pub(crate) principal: &'a Principal,
    /// The type of the body.
    pub(crate) content_type: &'a str,
    /// How long the body is, where that was said.
    pub(crate) length: Option<u64>,
    /// The digest that the client found.
    pub(crate) sha256: Option<&'a str>,
}

/// What has come of a file.
struct Taken {
    id: FileId,
    filename: String,
    upload: Box<dyn BlobUpload>,
    bytes: u64,
    hasher: Sha256,
}

/// How large a file may be, and the id that it will have.
#[derive(Clone, Copy)]
struct Room {
    id: FileId,
    max: u64,
    used: u64,
    quota: u64,
}

impl JobWorker {
    /// Takes a file in. Of one that is not taken in nothing stays.
    pub(crate) async fn receive_file<E>(
        &self,
        arriving: &Arriving<'_>,
        body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<StoredFile, FileError> {
        let boundary = multer::parse_boundary(arriving.content_type).map_err(|_| FileError::NoForm)?;
        let digest = arriving.sha256.map(|text| wire::digest("x-outcrop-sha256", text)).transpose()?;
        let _turn = self.uploads.take(arriving.principal.team).await?;
        let (room, reserved) = self.room(arriving).await?;
        let mut taken = None;
        let fields = self.read_upload(arriving.principal, room, boundary, body, &mut taken).await;
        let checked = fields.and_then(|fields| Ok((fields.finish()?, check(taken.as_ref(), digest)?)));
        match (checked, taken) {
            (Ok(((purpose, expires_after_s), sha256)), Some(taken)) => {
                let Taken { id, filename, upload, bytes, .. } = taken;
                let (sha256, status) = (Some(sha256), FileStatus::Uploaded);
                let new = NewFile { id, filename, purpose, bytes, sha256, status, expires_after_s };
                self.keep_upload(self.new_file(arriving.principal, new), upload, reserved).await
            }
            (checked, taken) => {
                if let Some(taken) = taken {
                    taken.upload.abort().await;
                }
                reserved.release().await?;
                Err(checked.err().unwrap_or(FileError::Malformed))
            }
        }
    }

    /// How much there is room for, which nobody else can take meanwhile. What cannot fit is refused before it is sent.
    async fn room(&self, arriving: &Arriving<'_>) -> Result<(Room, Reservation), FileError> {
        let (max, quota) = (self.options.files.max_bytes, self.options.files.quota_bytes_per_team);
        let used = self.ports.files.used_by_files(arriving.principal.team).await?;
        let mut room = Room { id: FileId::new(self.ports.ids.uuid()), max, used, quota };
        let least = arriving.length.unwrap_or_default().saturating_sub(AROUND).max(1);
        room.check(least)?;
        // Of unknown length: as much as it may have.
        let bytes = if arriving.length.is_some() { least } else { max.min(quota.saturating_sub(used)) };
        let reserved = Reservation::make(self, arriving.principal, bytes).await?;
        room.id = reserved.id;
        Ok((room, reserved))
    }

    /// Reads the form while it comes. What has come of the file is in `taken`, whatever happens.
    async fn read_upload<E>(
        &self,
        principal: &Principal,
        room: Room,
        boundary: String,
        body: impl Stream<Item = Result<Bytes, E>> + Unpin,
        taken: &mut Option<Taken>,
    ) -> Result<wire::Form, FileError> {
        let options = &self.options.files;
        let (inlet, form) = form::open(boundary);
        let filling = inlet.fill(body, Duration::from_millis(options.idle_timeout_ms));
        let both = async {
            let (mut filling, mut reading) =
                (pin!(filling), pin!(self.read_form(principal, room, form, taken)));
            tokio::select! {
                fields = &mut reading => fields,
                filled = &mut filling => match filled {
                    Ok(()) => reading.await,
                    Err(error) => Err(error),
                },
            }
        };
        let longest_ms = options.transfer_timeout_ms;
        let ended = tokio::time::timeout(Duration::from_millis(longest_ms), both).await;
        ended.unwrap_or(Err(FileError::Slow { longest_ms }))
    }

    async fn read_form(
        &self,
        principal: &Principal,
        room: Room,
        mut form: Form,
        taken: &mut Option<Taken>,
    ) -> Result<wire::Form, FileError> {
        let mut fields = wire::Form::default();
        while let Some(field) = form.next().await? {
            let name = field.name().ok_or(FileError::Malformed)?.to_owned();
            if name == "file" {
                if taken.is_some() {
                    return Err(FileError::invalid("file", "`file` is given twice."));
                }
                let id = room.id;
                let filename = wire::filename(field.file_name());
                let upload = self.ports.blobs.upload(&blob_key(principal.team, id)).await?;
                let begun = Taken { id, filename, upload, bytes: 0, hasher: Sha256::new() };
                taken.insert(begun).read(field, room).await?;
            } else if wire::Form::knows(&name) {
                fields.set(&name, &field.text().await?)?;
            } else {
                // Not a byte of it is read.
                fields.set(&name, "")?;
            }
        }
        Ok(fields)
    }

    /// Ends the upload and writes the row. Goes on if the client is gone meanwhile: a blob without a row would stay for ever.
    async fn keep_upload(
        &self,
        file: StoredFile,
        upload: Box<dyn BlobUpload>,
        reserved: Reservation,
    ) -> Result<StoredFile, FileError> {
        let (worker, quota) = (self.clone(), self.options.files.quota_bytes_per_team);
        let kept = tokio::spawn(current::carry(async move {
            upload.finish().await?;
            // Its row takes the place of the one that held the room.
            reserved.release().await?;
            let inserted = worker.ports.files.insert_file(&file, quota).await;
            if matches!(inserted, Ok(FileInserted::Yes)) {
                return Ok(file);
            }
            // Where it cannot be told whether the row is there, it must not stay without its bytes.
            if let Err(error) = worker.forget_file(&file).await {
                tracing::warn!(
                    blob = file.blob,
                    error = error.chain(),
                    "could not remove the bytes of a refused file"
                );
            }
            match inserted? {
                FileInserted::OverQuota { used } => Err(FileError::OverQuota { used, quota }),
                FileInserted::Yes => Ok(file),
            }
        }));
        kept.await.unwrap_or_else(|error| Err(PortError::broken("keep a file", error).into()))
    }
}

impl Room {
    fn check(&self, bytes: u64) -> Result<(), FileError> {
        let Self { max, used, quota, .. } = *self;
        if bytes > max {
            return Err(FileError::TooLarge { max });
        }
        if used.saturating_add(bytes) > quota {
            return Err(FileError::OverQuota { used, quota });
        }
        Ok(())
    }
}

impl Taken {
    async fn read(&mut self, mut field: Field, room: Room) -> Result<(), FileError> {
        while let Some(chunk) = field.chunk().await? {
            self.bytes += chunk.len() as u64;
            room.check(self.bytes)?;
            self.hasher.update(&chunk);
            self.upload.write(chunk).await?;
        }
        Ok(())
    }
}

/// The digest of what came, if it is a file and the one that was meant.
fn check(taken: Option<&Taken>, expected: Option<[u8; 32]>) -> Result<String, FileError> {
    let missing = || FileError::invalid("file", "Missing required parameter: 'file'.");
    let taken = taken.ok_or_else(missing)?;
    if taken.bytes == 0 {
        return Err(FileError::invalid("file", "`file` is empty."));
    }
    let digest = taken.hasher.clone().finalize();
    if expected.is_some_and(|expected| expected != *digest) {
        return Err(FileError::OtherDigest);
    }
    Ok(hex(&digest))
}

/// In hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
