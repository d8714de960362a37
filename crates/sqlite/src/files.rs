//! The table `files`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_ports::{FileFilter, FileInserted, FileRemoved, FileStore, PortError};
use outcrop_types::{FileId, FilePurpose, FileStatus, Page, StoredFile, TeamId};
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{FromRow, QueryBuilder, Sqlite, SqliteConnection};

use crate::SqliteStore;
use crate::error::port_error;
use crate::rows::{Row, micros, one_more};

macro_rules! columns {
    () => {
        "files.id, files.team_id, files.owner, files.purpose, files.filename, files.bytes, files.sha256, \
         files.status, files.blob, files.created_at, files.expires_at"
    };
}

/// A batch that has not ended needs its file; these are the statuses of the index `batches_open_by_file`.
macro_rules! in_use {
    () => {
        "EXISTS (SELECT 1 FROM batches WHERE batches.input_file_id = files.id \
         AND batches.status IN ('validating', 'in_progress', 'finalizing', 'cancelling'))"
    };
}

#[async_trait]
impl FileStore for SqliteStore {
    async fn insert_file(&self, file: &StoredFile, quota: u64) -> Result<FileInserted, PortError> {
        self.insert_within(file, None, quota).await
    }

    async fn insert_leftover(
        &self,
        file: &StoredFile,
        until: DateTime<Utc>,
        quota: Option<u64>,
    ) -> Result<FileInserted, PortError> {
        self.insert_within(file, Some(until), quota.unwrap_or(u64::MAX)).await
    }

    async fn lookup_file(&self, id: FileId, now: DateTime<Utc>) -> Result<Option<StoredFile>, PortError> {
        let query = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM files WHERE id = $1 AND removed_at IS NULL AND (expires_at IS NULL OR expires_at > $2)"
        ))
        .bind(id.to_string())
        .bind(micros(now));
        let row: Option<FileRow> = self.read_optional("look up a file", query).await?;
        row.map(FileRow::read).transpose()
    }

    async fn list_files(
        &self,
        filter: &FileFilter,
        after: Option<FileId>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Page<StoredFile>, PortError> {
        let mut query =
            QueryBuilder::new(concat!("SELECT ", columns!(), " FROM files WHERE removed_at IS NULL"));
        query.push(" AND team_id = ").push_bind(filter.team.to_string());
        query.push(" AND (expires_at IS NULL OR expires_at > ").push_bind(micros(now)).push(")");
        if let Some(purpose) = filter.purpose {
            query.push(" AND purpose = ").push_bind(purpose.name());
        }
        if let Some(after) = after {
            query.push(if filter.ascending { " AND id > " } else { " AND id < " });
            query.push_bind(after.to_string());
        }
        query.push(if filter.ascending { " ORDER BY id LIMIT " } else { " ORDER BY id DESC LIMIT " });
        query.push_bind(one_more(limit));
        let rows = self.read_all("list files", query.build_query_as::<FileRow>()).await?;
        let items = rows.into_iter().map(FileRow::read).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_one_too_many(items, limit))
    }

    async fn used_by_files(&self, team: TeamId) -> Result<u64, PortError> {
        const ATTEMPTED: &str = "count a team's files";
        let mut transaction = self.begin_reading(ATTEMPTED).await?;
        used(&mut transaction, team).await.map_err(|error| port_error(ATTEMPTED, error))
    }

    async fn complete_file(
        &self,
        id: FileId,
        bytes: u64,
        copy: FileId,
    ) -> Result<Option<StoredFile>, PortError> {
        const ATTEMPTED: &str = "complete a file";
        const FILE: &str =
            "SELECT blob FROM files WHERE id = $1 AND status = 'pending' AND removed_at IS NULL";
        const COPY: &str = "SELECT blob FROM files WHERE id = $1 AND removed_at IS NOT NULL";
        let failed = |error| port_error(ATTEMPTED, error);
        let mut transaction = self.begin(ATTEMPTED).await?;
        let file = sqlx::query_as(FILE).bind(id.to_string());
        let file: Option<(String,)> = file.fetch_optional(&mut *transaction).await.map_err(failed)?;
        let found = sqlx::query_as(COPY).bind(copy.to_string());
        let found: Option<(String,)> = found.fetch_optional(&mut *transaction).await.map_err(failed)?;
        let Some(((sent,), (copied,))) = file.zip(found) else { return Ok(None) };
        let query = sqlx::query("UPDATE files SET blob = $2 WHERE id = $1").bind(copy.to_string()).bind(sent);
        query.execute(&mut *transaction).await.map_err(failed)?;
        let row: FileRow = sqlx::query_as(concat!(
            "UPDATE files SET status = 'uploaded', bytes = $2, blob = $3 WHERE id = $1 RETURNING ",
            columns!()
        ))
        .bind(id.to_string())
        .bind(signed(bytes))
        .bind(copied)
        .fetch_one(&mut *transaction)
        .await
        .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        row.read().map(Some)
    }

    async fn remove_file(
        &self,
        id: FileId,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<FileRemoved, PortError> {
        const ATTEMPTED: &str = "remove a file";
        let failed = |error| port_error(ATTEMPTED, error);
        let mut transaction = self.begin(ATTEMPTED).await?;
        let used: Option<(bool,)> = sqlx::query_as(concat!(
            "SELECT ",
            in_use!(),
            " FROM files WHERE id = $1 AND removed_at IS NULL AND (expires_at IS NULL OR expires_at > $2)"
        ))
        .bind(id.to_string())
        .bind(micros(now))
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed)?;
        match used {
            None => return Ok(FileRemoved::NotThere),
            Some((true,)) => return Ok(FileRemoved::InUse),
            Some((false,)) => {}
        }
        let query = sqlx::query("UPDATE files SET removed_at = $2 WHERE id = $1");
        query.bind(id.to_string()).bind(micros(until)).execute(&mut *transaction).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(FileRemoved::Yes)
    }

    async fn files_to_remove(
        &self,
        now: DateTime<Utc>,
        pending_before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<StoredFile>, PortError> {
        let query = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM files WHERE (removed_at <= $1
                 OR (removed_at IS NULL AND expires_at <= $1 AND status <> 'pending')
                 OR (removed_at IS NULL AND created_at < $2 AND status = 'pending')) AND NOT ",
            in_use!(),
            " ORDER BY id LIMIT $3"
        ))
        .bind(micros(now))
        .bind(micros(pending_before))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows: Vec<FileRow> = self.read_all("find files to remove", query).await?;
        rows.into_iter().map(FileRow::read).collect()
    }

    async fn forget_file(&self, id: FileId) -> Result<(), PortError> {
        let query = sqlx::query("DELETE FROM files WHERE id = $1").bind(id.to_string());
        self.write("forget a file", query).await.map(drop)
    }
}

impl SqliteStore {
    async fn insert_within(
        &self,
        file: &StoredFile,
        removed_at: Option<DateTime<Utc>>,
        quota: u64,
    ) -> Result<FileInserted, PortError> {
        const ATTEMPTED: &str = "keep a file";
        let failed = |error| port_error(ATTEMPTED, error);
        // Writers take turns from their first statement on: nobody adds between the sum and the row.
        let mut transaction = self.begin(ATTEMPTED).await?;
        let used = used(&mut transaction, file.team).await.map_err(failed)?;
        if used.saturating_add(file.bytes) > quota {
            return Ok(FileInserted::OverQuota { used });
        }
        insert_removed(file, removed_at).execute(&mut *transaction).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(FileInserted::Yes)
    }
}

/// The statement that adds a file, also for those who do so along with rows of their own.
pub(crate) fn insert(file: &StoredFile) -> Query<'static, Sqlite, SqliteArguments> {
    insert_removed(file, None)
}

fn insert_removed(
    file: &StoredFile,
    removed_at: Option<DateTime<Utc>>,
) -> Query<'static, Sqlite, SqliteArguments> {
    sqlx::query(
        "INSERT INTO files (id, team_id, owner, purpose, filename, bytes, sha256, status, blob, created_at,
             expires_at, removed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(file.id.to_string())
    .bind(file.team.to_string())
    .bind(file.owner.to_string())
    .bind(file.purpose.name())
    .bind(file.filename.clone())
    .bind(signed(file.bytes))
    .bind(file.sha256.clone())
    .bind(file.status.name())
    .bind(file.blob.clone())
    .bind(micros(file.created_at))
    .bind(file.expires_at.map(micros))
    .bind(removed_at.map(micros))
}

/// What is not removed counts, also what is over: its bytes are still there. So does what was pending: they may come yet.
async fn used(connection: &mut SqliteConnection, team: TeamId) -> Result<u64, sqlx::Error> {
    // Each sum has an index of its own.
    let (used,): (i64,) = sqlx::query_as(
        "SELECT (SELECT COALESCE(SUM(bytes), 0) FROM files WHERE team_id = $1 AND removed_at IS NULL)
             + (SELECT COALESCE(SUM(bytes), 0) FROM files
                WHERE team_id = $1 AND removed_at IS NOT NULL AND status = 'pending')",
    )
    .bind(team.to_string())
    .fetch_one(connection)
    .await?;
    Ok(u64::try_from(used).unwrap_or(0))
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[derive(FromRow)]
struct FileRow {
    id: String,
    team_id: String,
    owner: String,
    purpose: String,
    filename: String,
    bytes: i64,
    sha256: Option<String>,
    status: String,
    blob: String,
    created_at: i64,
    expires_at: Option<i64>,
}

impl FileRow {
    fn read(self) -> Result<StoredFile, PortError> {
        let row = Row { table: "files", id: &self.id };
        Ok(StoredFile {
            id: row.parse("id", &self.id)?,
            team: row.parse("team_id", &self.team_id)?,
            owner: row.subject("owner", &self.owner)?,
            purpose: row.known("purpose", FilePurpose::parse(&self.purpose))?,
            bytes: row.number("bytes", self.bytes)?,
            status: row.known("status", FileStatus::parse(&self.status))?,
            created_at: row.time("created_at", self.created_at)?,
            expires_at: row.time_optional("expires_at", self.expires_at)?,
            filename: self.filename,
            sha256: self.sha256,
            blob: self.blob,
        })
    }
}
