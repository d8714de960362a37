//! The table `routes`, which has one row.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_ports::{Changed, PortError, RouteStore, StoredRoutes};
use outcrop_types::{AuditDraft, RouteTable};
use sqlx::FromRow;

use crate::SqliteStore;
use crate::change::one_row;
use crate::rows::{Row, json_text, micros};

const ROW: Row<'static> = Row { table: "routes", id: "1" };

#[async_trait]
impl RouteStore for SqliteStore {
    async fn routes(&self) -> Result<StoredRoutes, PortError> {
        let query = sqlx::query_as("SELECT revision, routes, updated_at FROM routes");
        let row = self.read_optional::<RoutesRow>("read the routes", query).await?;
        row.map_or_else(|| Ok(StoredRoutes::default()), RoutesRow::read)
    }

    async fn routes_revision(&self) -> Result<u64, PortError> {
        let query = sqlx::query_as("SELECT revision FROM routes");
        let row = self.read_optional::<(i64,)>("read the revision of the routes", query).await?;
        ROW.number("revision", row.map_or(0, |(revision,)| revision))
    }

    async fn replace_routes(
        &self,
        revision: u64,
        table: &RouteTable,
        at: DateTime<Utc>,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError> {
        // A revision that no row can have is an old one.
        let Ok(revision) = i64::try_from(revision) else { return Ok(Changed::Stale) };
        self.change("change the routes", audit, async |connection| {
            let query = sqlx::query(
                "UPDATE routes SET routes = $2, updated_at = $3, revision = revision + 1 WHERE revision = $1",
            )
            .bind(revision)
            .bind(json_text(table)?)
            .bind(micros(at));
            one_row(connection, query).await
        })
        .await
    }
}

#[derive(FromRow)]
struct RoutesRow {
    revision: i64,
    routes: String,
    updated_at: Option<i64>,
}

impl RoutesRow {
    fn read(self) -> Result<StoredRoutes, PortError> {
        Ok(StoredRoutes {
            revision: ROW.number("revision", self.revision)?,
            table: ROW.json("routes", &self.routes)?,
            updated_at: ROW.time_optional("updated_at", self.updated_at)?,
        })
    }
}
