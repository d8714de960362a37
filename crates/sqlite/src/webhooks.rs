//! The table `webhooks`; deliveries are in [`deliveries`].

mod deliveries;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_ports::{ClaimedDelivery, DeliveryFilter, DeliveryTerms, IdGen, PortError, Told, WebhookStore};
use outcrop_types::{
    DeliveryId, LeaseToken, Page, SealedSecret, TeamId, WebhookDelivery, WebhookEndpoint, WebhookId,
};
use serde::{Deserialize, Serialize};
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{FromRow, Sqlite, SqliteConnection};

use crate::SqliteStore;
use crate::error::port_error;
use crate::rows::{Row, json_text, micros};

macro_rules! columns {
    () => {
        "id, team_id, url, description, events, enabled, secrets, created_at, updated_at"
    };
}

#[async_trait]
impl WebhookStore for SqliteStore {
    async fn insert_webhook(&self, endpoint: &WebhookEndpoint, most: usize) -> Result<bool, PortError> {
        const ATTEMPTED: &str = "add an endpoint";
        let query = sqlx::query(concat!(
            "INSERT INTO webhooks (",
            columns!(),
            ") SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
             WHERE (SELECT count(*) FROM webhooks WHERE team_id = $2) < $10"
        ));
        let query = bind(query, endpoint).map_err(|error| port_error(ATTEMPTED, error))?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        Ok(self.write(ATTEMPTED, query.bind(most)).await? == 1)
    }

    async fn lookup_webhook(&self, id: WebhookId) -> Result<Option<WebhookEndpoint>, PortError> {
        let query = sqlx::query_as(concat!("SELECT ", columns!(), " FROM webhooks WHERE id = $1"));
        let row: Option<WebhookRow> =
            self.read_optional("look up an endpoint", query.bind(id.to_string())).await?;
        row.map(WebhookRow::read).transpose()
    }

    async fn list_webhooks(&self, team: TeamId) -> Result<Vec<WebhookEndpoint>, PortError> {
        let query =
            sqlx::query_as(concat!("SELECT ", columns!(), " FROM webhooks WHERE team_id = $1 ORDER BY id"));
        let rows: Vec<WebhookRow> = self.read_all("list endpoints", query.bind(team.to_string())).await?;
        rows.into_iter().map(WebhookRow::read).collect()
    }

    async fn update_webhook(
        &self,
        endpoint: &WebhookEndpoint,
        unchanged_since: DateTime<Utc>,
    ) -> Result<bool, PortError> {
        const ATTEMPTED: &str = "change an endpoint";
        let query = sqlx::query(
            "UPDATE webhooks SET team_id = $2, url = $3, description = $4, events = $5, enabled = $6,
                 secrets = $7, created_at = $8, updated_at = $9
             WHERE id = $1 AND updated_at = $10",
        );
        let query = bind(query, endpoint).map_err(|error| port_error(ATTEMPTED, error))?;
        Ok(self.write(ATTEMPTED, query.bind(micros(unchanged_since))).await? == 1)
    }

    async fn remove_webhook(&self, id: WebhookId) -> Result<bool, PortError> {
        const ATTEMPTED: &str = "remove an endpoint";
        let mut transaction = self.begin(ATTEMPTED).await?;
        let removed = remove(&mut transaction, id).await.map_err(|error| port_error(ATTEMPTED, error))?;
        transaction.commit().await.map_err(|error| port_error(ATTEMPTED, error))?;
        Ok(removed)
    }

    async fn fan_out_events(
        &self,
        ids: &dyn IdGen,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<usize, PortError> {
        self.fan_out(ids, now, limit).await
    }

    async fn insert_delivery(&self, delivery: &WebhookDelivery) -> Result<bool, PortError> {
        self.write_delivery(delivery).await
    }

    async fn claim_deliveries(&self, terms: DeliveryTerms) -> Result<Vec<ClaimedDelivery>, PortError> {
        self.claim(terms).await
    }

    async fn delivery_told(
        &self,
        id: DeliveryId,
        lease: LeaseToken,
        told: &Told,
        now: DateTime<Utc>,
    ) -> Result<bool, PortError> {
        self.told(id, lease, told, now).await
    }

    async fn lookup_delivery(&self, id: DeliveryId) -> Result<Option<WebhookDelivery>, PortError> {
        self.delivery(id).await
    }

    async fn list_deliveries(
        &self,
        filter: &DeliveryFilter,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Page<WebhookDelivery>, PortError> {
        self.deliveries(filter, after, limit).await
    }

    async fn replay_delivery(
        &self,
        id: DeliveryId,
        now: DateTime<Utc>,
    ) -> Result<Option<WebhookDelivery>, PortError> {
        self.replay(id, now).await
    }

    async fn forget_deliveries(&self, before: DateTime<Utc>, limit: usize) -> Result<usize, PortError> {
        self.forget(before, limit).await
    }
}

/// Removes what is a team's affair.
pub(crate) async fn remove_of_team(
    connection: &mut SqliteConnection,
    team: TeamId,
) -> Result<(), sqlx::Error> {
    for statement in
        ["DELETE FROM webhooks WHERE team_id = $1", "DELETE FROM webhook_deliveries WHERE team_id = $1"]
    {
        sqlx::query(statement).bind(team.to_string()).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn remove(connection: &mut SqliteConnection, id: WebhookId) -> Result<bool, sqlx::Error> {
    let query = sqlx::query("DELETE FROM webhooks WHERE id = $1").bind(id.to_string());
    let removed = query.execute(&mut *connection).await?.rows_affected() == 1;
    let query = sqlx::query("DELETE FROM webhook_deliveries WHERE webhook_id = $1").bind(id.to_string());
    query.execute(connection).await?;
    Ok(removed)
}

fn bind<'q>(
    query: Query<'q, Sqlite, SqliteArguments>,
    endpoint: &WebhookEndpoint,
) -> Result<Query<'q, Sqlite, SqliteArguments>, sqlx::Error> {
    let secrets: Vec<KeptSecret> = endpoint.secrets.iter().map(KeptSecret::from).collect();
    Ok(query
        .bind(endpoint.id.to_string())
        .bind(endpoint.team.to_string())
        .bind(endpoint.url.clone())
        .bind(endpoint.description.clone())
        .bind(json_text(&endpoint.events)?)
        .bind(endpoint.enabled)
        .bind(json_text(&secrets)?)
        .bind(micros(endpoint.created_at))
        .bind(micros(endpoint.updated_at)))
}

/// A secret as the column has it.
#[derive(Serialize, Deserialize)]
struct KeptSecret {
    sealed: Vec<u8>,
    until: Option<DateTime<Utc>>,
}

impl From<&SealedSecret> for KeptSecret {
    fn from(secret: &SealedSecret) -> Self {
        Self { sealed: secret.sealed.clone(), until: secret.until }
    }
}

#[derive(FromRow)]
struct WebhookRow {
    id: String,
    team_id: String,
    url: String,
    description: String,
    events: String,
    enabled: bool,
    secrets: String,
    created_at: i64,
    updated_at: i64,
}

impl WebhookRow {
    fn read(self) -> Result<WebhookEndpoint, PortError> {
        let row = Row { table: "webhooks", id: &self.id };
        let secrets: Vec<KeptSecret> = row.json("secrets", &self.secrets)?;
        Ok(WebhookEndpoint {
            id: row.parse("id", &self.id)?,
            team: row.parse("team_id", &self.team_id)?,
            events: row.json("events", &self.events)?,
            enabled: self.enabled,
            secrets: secrets
                .into_iter()
                .map(|it| SealedSecret { sealed: it.sealed, until: it.until })
                .collect(),
            created_at: row.time("created_at", self.created_at)?,
            updated_at: row.time("updated_at", self.updated_at)?,
            url: self.url,
            description: self.description,
        })
    }
}
