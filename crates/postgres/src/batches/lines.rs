//! The table `batch_lines`: how lines ended, until their part is done.

use outcrop_ports::LinesKept;
use outcrop_types::{JobId, KeptLine, LeaseToken, Used};
use sqlx::PgConnection;

use super::{jobs, signed};
use crate::rows::{Row, unreadable};

/// Most lines that one statement adds.
const AT_ONCE: usize = 64;

pub(super) async fn keep(
    connection: &mut PgConnection,
    part: JobId,
    lease: LeaseToken,
    lines: &[KeptLine],
) -> Result<LinesKept, sqlx::Error> {
    if !jobs::is_held(connection, part, lease).await? {
        return Ok(LinesKept::Lost);
    }
    let (mut completed, mut failed, mut used) = (0_i64, 0_i64, Used::default());
    for some in lines.chunks(AT_ONCE) {
        for line in insert(connection, part, some).await? {
            let Some(kept) = some.iter().find(|kept| signed(kept.line).is_ok_and(|number| number == line))
            else {
                continue;
            };
            *(if kept.ok { &mut completed } else { &mut failed }) += 1;
            used += kept.used;
        }
    }
    let query = sqlx::query(
        "UPDATE batch_parts SET completed = completed + $2, failed = failed + $3 WHERE job_id = $1",
    )
    .bind(part.to_string())
    .bind(completed)
    .bind(failed);
    query.execute(&mut *connection).await?;
    if used != Used::default() {
        jobs::add_use(connection, part, used).await?;
    }
    if completed + failed > 0 {
        // Those workers that died over it before are no fault of its.
        jobs::step_forward(connection, part).await?;
    }
    Ok(LinesKept::Kept)
}

/// The numbers of those that were not there before.
async fn insert(
    connection: &mut PgConnection,
    part: JobId,
    lines: &[KeptLine],
) -> Result<Vec<i64>, sqlx::Error> {
    let numbers = lines.iter().map(|line| signed(line.line)).collect::<Result<Vec<_>, _>>()?;
    let query = sqlx::query_as(
        "INSERT INTO batch_lines (job_id, line, ok, text, blob)
         SELECT $1, line, ok, text, blob
         FROM UNNEST($2::BIGINT[], $3::BOOLEAN[], $4::TEXT[], $5::TEXT[]) AS kept (line, ok, text, blob)
         ON CONFLICT DO NOTHING RETURNING line",
    )
    .bind(part.to_string())
    .bind(numbers)
    .bind(lines.iter().map(|line| line.ok).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.blob.as_deref()).collect::<Vec<_>>());
    let rows: Vec<(i64,)> = query.fetch_all(connection).await?;
    Ok(rows.into_iter().map(|(line,)| line).collect())
}

pub(super) async fn numbers(connection: &mut PgConnection, part: JobId) -> Result<Vec<u64>, sqlx::Error> {
    let id = part.to_string();
    let rows: Vec<(i64,)> = sqlx::query_as("SELECT line FROM batch_lines WHERE job_id = $1 ORDER BY line")
        .bind(id.clone())
        .fetch_all(connection)
        .await?;
    super::read_all(rows, |(line,)| Row { table: "batch_lines", id: &id }.number("line", line))
}

pub(super) async fn read(
    connection: &mut PgConnection,
    part: JobId,
    after: u64,
    limit: usize,
) -> Result<Vec<KeptLine>, sqlx::Error> {
    let id = part.to_string();
    let query = sqlx::query_as(
        "SELECT line, ok, text, blob FROM batch_lines WHERE job_id = $1 AND line > $2 ORDER BY line LIMIT $3",
    )
    .bind(id.clone())
    .bind(signed(after)?)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let rows: Vec<(i64, bool, String, Option<String>)> = query.fetch_all(connection).await?;
    let row = Row { table: "batch_lines", id: &id };
    rows.into_iter()
        .map(|(line, ok, text, blob)| {
            let line = row.number("line", line).map_err(unreadable)?;
            Ok(KeptLine { line, ok, text, blob, used: Used::default() })
        })
        .collect()
}

/// Forgets the lines of a part, whose blobs are left over then.
pub(super) async fn forget(connection: &mut PgConnection, part: JobId) -> Result<(), sqlx::Error> {
    for statement in [
        "INSERT INTO leftovers (blob) SELECT blob FROM batch_lines WHERE job_id = $1 AND blob IS NOT NULL
         ON CONFLICT DO NOTHING",
        "DELETE FROM batch_lines WHERE job_id = $1",
    ] {
        sqlx::query(statement).bind(part.to_string()).execute(&mut *connection).await?;
    }
    Ok(())
}
