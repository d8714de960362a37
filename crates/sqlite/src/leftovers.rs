//! The table `leftovers`: blobs that nobody needs any more, until they are removed.

use outcrop_ports::PortError;
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::error::port_error;
use crate::rows::json_text;

/// Notes names of blobs that nobody needs once this transaction is written. Whoever crashes after it leaves none behind.
pub(crate) async fn insert_leftovers(
    connection: &mut SqliteConnection,
    blobs: &[String],
) -> Result<(), sqlx::Error> {
    if blobs.is_empty() {
        return Ok(());
    }
    let blobs = json_text(&blobs)?;
    sqlx::query(
        "INSERT INTO leftovers (blob) SELECT value FROM json_each($1) WHERE true ON CONFLICT DO NOTHING",
    )
    .bind(blobs)
    .execute(connection)
    .await
    .map(drop)
}

impl SqliteStore {
    pub(crate) async fn leftovers_after(&self, after: &str, limit: usize) -> Result<Vec<String>, PortError> {
        let query = sqlx::query_as("SELECT blob FROM leftovers WHERE blob > $1 ORDER BY blob LIMIT $2")
            .bind(after.to_owned())
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows: Vec<(String,)> = self.read_all("list blobs to remove", query).await?;
        Ok(rows.into_iter().map(|(blob,)| blob).collect())
    }

    pub(crate) async fn strike_leftovers(&self, blobs: &[String]) -> Result<(), PortError> {
        const ATTEMPTED: &str = "strike removed blobs off";
        let blobs = json_text(&blobs).map_err(|error| port_error(ATTEMPTED, error))?;
        let query =
            sqlx::query("DELETE FROM leftovers WHERE blob IN (SELECT value FROM json_each($1))").bind(blobs);
        self.write(ATTEMPTED, query).await.map(drop)
    }
}
