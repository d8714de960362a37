//! Where the rows of clients' files are kept. Their bytes are blobs.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_types::{FileId, FilePurpose, Page, StoredFile, TeamId};

use crate::PortError;

/// Which files to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFilter {
    /// Whose.
    pub team: TeamId,
    /// Only those for this.
    pub purpose: Option<FilePurpose>,
    /// Oldest first.
    pub ascending: bool,
}

/// What became of a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileInserted {
    /// It is there.
    Yes,
    /// The team has no room for it.
    OverQuota {
        /// What its files take, bytes.
        used: u64,
    },
}

/// What became of a file that was to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileRemoved {
    /// It is gone.
    Yes,
    /// It is not there.
    NotThere,
    /// It stays: it is the input of a batch that has not ended.
    InUse,
}

/// Records of files. A file that was removed or is over does not exist; its row waits for its bytes to be removed.
#[async_trait]
pub trait FileStore: Send + Sync + 'static {
    /// Adds a file, unless the team's files would take more than `quota` bytes with it: one step, whoever adds at the same
    /// time.
    async fn insert_file(&self, file: &StoredFile, quota: u64) -> Result<FileInserted, PortError>;

    /// The file with this id, unless it is over by `now`.
    async fn lookup_file(&self, id: FileId, now: DateTime<Utc>) -> Result<Option<StoredFile>, PortError>;

    /// A team's files, by age. `after` is the last id of the page before.
    async fn list_files(
        &self,
        filter: &FileFilter,
        after: Option<FileId>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Page<StoredFile>, PortError>;

    /// Adds a row that is only there to be removed at `until`, with the bytes that may lie at its blob: nobody finds it.
    /// It must be pending. Its bytes count, but are refused only where a `quota` is given.
    async fn insert_leftover(
        &self,
        file: &StoredFile,
        until: DateTime<Utc>,
        quota: Option<u64>,
    ) -> Result<FileInserted, PortError>;

    /// What a team's files take, bytes. One that is over counts until it is removed, and one that was pending until its row
    /// is gone: somebody may still send its bytes.
    async fn used_by_files(&self, team: TeamId) -> Result<u64, PortError>;

    /// A pending file has arrived: its size, and the leftover that its bytes were copied to. The two exchange their blobs in
    /// one step: the file has the copy, and where it was sent to is what is left over. `None` if it is not pending (any
    /// more), or the leftover is gone.
    async fn complete_file(
        &self,
        id: FileId,
        bytes: u64,
        copy: FileId,
    ) -> Result<Option<StoredFile>, PortError>;

    /// Removes a file, unless a batch still needs it. Its row stays until [`forget_file`](Self::forget_file), and is among
    /// [`files_to_remove`](Self::files_to_remove) from `until` on.
    async fn remove_file(
        &self,
        id: FileId,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<FileRemoved, PortError>;

    /// Files whose bytes can be removed: removed by somebody, here and over by `now`, or pending since before
    /// `pending_before`. Those that are the input of a batch that has not ended are left out.
    async fn files_to_remove(
        &self,
        now: DateTime<Utc>,
        pending_before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<StoredFile>, PortError>;

    /// Removes the row of a file whose bytes are gone.
    async fn forget_file(&self, id: FileId) -> Result<(), PortError>;
}
