//! Clients' files.

use outcrop_types::{FileId, FilePurpose, FileStatus, StoredFile, Subject, TeamId};
use uuid::Uuid;

use super::{at, user_id};

/// A file's id.
#[must_use]
pub fn file_id(number: u32) -> FileId {
    FileId::new(Uuid::from_u128(number.into()))
}

/// A team's file of 100 bytes for a batch, that came at second `number` and is kept for ever.
#[must_use]
pub fn file(number: u32, team: TeamId) -> StoredFile {
    StoredFile {
        id: file_id(number),
        team,
        owner: Subject::User(user_id(number)),
        purpose: FilePurpose::Batch,
        filename: format!("lines {number} \u{1f980}.jsonl"),
        bytes: 100,
        sha256: Some(format!("{number:064x}")),
        status: FileStatus::Uploaded,
        blob: format!("files/{number}"),
        created_at: at(number.into()),
        expires_at: None,
    }
}
