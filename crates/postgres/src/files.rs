//! The table `files`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_ports::{FileFilter, FileInserted, FileRemoved, FileStore, PortError};
use outcrop_types::{FileId, FilePurpose, FileStatus, Page, StoredFile, TeamId};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{Connection, FromRow, PgConnection, Postgres, QueryBuilder};

use crate::PostgresStore;
use crate::rows::{Row, one_more};

/// Held by whoever adds a file to a team; the first number means nothing.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7305813, hashtext($1))";

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
impl FileStore for PostgresStore {
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
        .bind(now);
        let row: Option<FileRow> = self.fetch_optional("look up a file", query).await?;
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
        query.push(" AND (expires_at IS NULL OR expires_at > ").push_bind(now).push(")");
        if let Some(purpose) = filter.purpose {
            query.push(" AND purpose = ").push_bind(purpose.name());
        }
        if let Some(after) = after {
            query.push(if filter.ascending { " AND id > " } else { " AND id < " });
            query.push_bind(after.to_string());
        }
        query.push(if filter.ascending { " ORDER BY id LIMIT " } else { " ORDER BY id DESC LIMIT " });
        query.push_bind(one_more(limit));
        let rows = self.fetch_all("list files", query.build_query_as::<FileRow>()).await?;
        let items = rows.into_iter().map(FileRow::read).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_one_too_many(items, limit))
    }

    async fn used_by_files(&self, team: TeamId) -> Result<u64, PortError> {
        self.run("count a team's files", async |connection| used(connection, team).await).await
    }

    async fn complete_file(
        &self,
        id: FileId,
        bytes: u64,
        copy: FileId,
    ) -> Result<Option<StoredFile>, PortError> {
        // Both rows are locked before either is written: who comes second finds that the file is not pending.
        let query = sqlx::query_as(concat!(
            "WITH file AS (
                 SELECT id, blob FROM files WHERE id = $1 AND status = 'pending' AND removed_at IS NULL FOR UPDATE),
             copy AS (SELECT id, blob FROM files WHERE id = $3 AND removed_at IS NOT NULL FOR UPDATE),
             left_over AS (
                 UPDATE files SET blob = file.blob FROM file, copy WHERE files.id = copy.id RETURNING copy.blob AS copied)
             UPDATE files SET status = 'uploaded', bytes = $2, blob = left_over.copied FROM file, left_over
             WHERE files.id = file.id RETURNING ",
            columns!()
        ))
        .bind(id.to_string())
        .bind(signed(bytes))
        .bind(copy.to_string());
        let row: Option<FileRow> = self.fetch_optional("complete a file", query).await?;
        row.map(FileRow::read).transpose()
    }

    async fn remove_file(
        &self,
        id: FileId,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<FileRemoved, PortError> {
        // The flag is read as it was before: a batch that begins meanwhile keeps the bytes, which only go when none
        // needs them.
        let query = sqlx::query_as(concat!(
            "WITH found AS (
                 SELECT id, ",
            in_use!(),
            " AS used FROM files
                 WHERE id = $1 AND removed_at IS NULL AND (expires_at IS NULL OR expires_at > $2) FOR UPDATE),
             removed AS (
                 UPDATE files SET removed_at = $3 FROM found WHERE files.id = found.id AND NOT found.used)
             SELECT used FROM found"
        ))
        .bind(id.to_string())
        .bind(now)
        .bind(until);
        let found: Option<(bool,)> = self.fetch_optional("remove a file", query).await?;
        Ok(match found {
            None => FileRemoved::NotThere,
            Some((true,)) => FileRemoved::InUse,
            Some((false,)) => FileRemoved::Yes,
        })
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
        .bind(now)
        .bind(pending_before)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows: Vec<FileRow> = self.fetch_all("find files to remove", query).await?;
        rows.into_iter().map(FileRow::read).collect()
    }

    async fn forget_file(&self, id: FileId) -> Result<(), PortError> {
        let query = sqlx::query("DELETE FROM files WHERE id = $1").bind(id.to_string());
        self.execute("forget a file", query).await.map(drop)
    }
}

impl PostgresStore {
    async fn insert_within(
        &self,
        file: &StoredFile,
        removed_at: Option<DateTime<Utc>>,
        quota: u64,
    ) -> Result<FileInserted, PortError> {
        self.run("keep a file", async |connection| {
            let mut transaction = connection.begin().await?;
            // Those who add to one team take turns: nobody adds between the sum and the row.
            sqlx::query(LOCK).bind(file.team.to_string()).execute(&mut *transaction).await?;
            let used = used(&mut transaction, file.team).await?;
            if used.saturating_add(file.bytes) > quota {
                transaction.rollback().await?;
                return Ok(FileInserted::OverQuota { used });
            }
            insert_removed(file, removed_at).execute(&mut *transaction).await?;
            transaction.commit().await?;
            Ok(FileInserted::Yes)
        })
        .await
    }
}

/// The statement that adds a file, also for those who do so along with rows of their own.
pub(crate) fn insert(file: &StoredFile) -> Query<'static, Postgres, PgArguments> {
    insert_removed(file, None)
}

fn insert_removed(
    file: &StoredFile,
    removed_at: Option<DateTime<Utc>>,
) -> Query<'static, Postgres, PgArguments> {
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
    .bind(file.created_at)
    .bind(file.expires_at)
    .bind(removed_at)
}

/// What is not removed counts, also what is over: its bytes are still there. So does what was pending: they may come yet.
async fn used(connection: &mut PgConnection, team: TeamId) -> Result<u64, sqlx::Error> {
    let (used,): (i64,) = sqlx::query_as(
        "SELECT COALESCE(SUM(bytes), 0)::BIGINT FROM files WHERE team_id = $1 AND (removed_at IS NULL OR status = 'pending')",
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
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
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
            created_at: self.created_at,
            expires_at: self.expires_at,
            filename: self.filename,
            sha256: self.sha256,
            blob: self.blob,
        })
    }
}
