//! The table `leftovers`: blobs that nobody needs any more, until they are removed.

use outcrop_ports::PortError;
use sqlx::PgConnection;

use crate::PostgresStore;

/// Notes names of blobs that nobody needs once this transaction is written. Whoever crashes after it leaves none behind.
pub(crate) async fn insert_leftovers(
    connection: &mut PgConnection,
    blobs: &[String],
) -> Result<(), sqlx::Error> {
    if blobs.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO leftovers (blob) SELECT DISTINCT unnest($1::text[]) ORDER BY 1 ON CONFLICT DO NOTHING",
    )
    .bind(blobs)
    .execute(connection)
    .await
    .map(drop)
}

impl PostgresStore {
    pub(crate) async fn leftovers_after(&self, after: &str, limit: usize) -> Result<Vec<String>, PortError> {
        let query = sqlx::query_as("SELECT blob FROM leftovers WHERE blob > $1 ORDER BY blob LIMIT $2")
            .bind(after.to_owned())
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows: Vec<(String,)> = self.fetch_all("list blobs to remove", query).await?;
        Ok(rows.into_iter().map(|(blob,)| blob).collect())
    }

    pub(crate) async fn strike_leftovers(&self, blobs: &[String]) -> Result<(), PortError> {
        let query = sqlx::query("DELETE FROM leftovers WHERE blob = ANY($1)").bind(blobs);
        self.execute("strike removed blobs off", query).await.map(drop)
    }
}
