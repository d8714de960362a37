//! The table `webhook_deliveries`, and how events of jobs come into it.

use chrono::{DateTime, Utc};
use outcrop_ports::{ClaimedDelivery, DeliveryFilter, DeliveryTerms, IdGen, PortError, Told};
use outcrop_types::{DeliveryId, DeliveryState, LeaseToken, Page, WebhookDelivery, WebhookEvent, WebhookId};
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{FromRow, QueryBuilder, Sqlite, SqliteConnection};

use super::WebhookRow;
use crate::SqliteStore;
use crate::error::port_error;
use crate::rows::{Row, micros, one_more, unreadable};

macro_rules! columns {
    () => {
        "id, webhook_id, team_id, event, name, payload, state, attempts, next_at, last_status, last_error, \
         created_at, delivered_at"
    };
}

/// One that is due and nobody tells just now; `?1` is now.
macro_rules! due {
    () => {
        "state = 'pending' AND next_at <= ?1 AND (lease_until IS NULL OR lease_until <= ?1)"
    };
}

impl SqliteStore {
    pub(super) async fn fan_out(
        &self,
        ids: &dyn IdGen,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<usize, PortError> {
        const ATTEMPTED: &str = "make deliveries of events";
        // Whoever finds nothing keeps no writer waiting.
        let any = sqlx::query_as("SELECT 1 FROM job_events WHERE told_at IS NULL AND tells = 1 LIMIT 1");
        if self.read_optional::<(i64,)>(ATTEMPTED, any).await?.is_none() {
            return Ok(0);
        }
        let mut transaction = self.begin(ATTEMPTED).await?;
        let done = fan_out(&mut transaction, ids, now, limit).await;
        let count = done.map_err(|error| port_error(ATTEMPTED, error))?;
        transaction.commit().await.map_err(|error| port_error(ATTEMPTED, error))?;
        Ok(count)
    }

    pub(super) async fn write_delivery(&self, delivery: &WebhookDelivery) -> Result<bool, PortError> {
        Ok(self.write("add a delivery", insert(delivery)).await? == 1)
    }

    pub(super) async fn claim(&self, terms: DeliveryTerms) -> Result<Vec<ClaimedDelivery>, PortError> {
        const ATTEMPTED: &str = "claim deliveries";
        let now = micros(terms.now);
        let any = sqlx::query_as(concat!(
            "SELECT 1 FROM webhooks WHERE enabled AND EXISTS
                 (SELECT 1 FROM webhook_deliveries WHERE webhook_id = webhooks.id AND ",
            due!(),
            ") LIMIT 1"
        ));
        if self.read_optional::<(i64,)>(ATTEMPTED, any.bind(now)).await?.is_none() {
            return Ok(Vec::new());
        }
        let mut transaction = self.begin(ATTEMPTED).await?;
        let claimed = claim(&mut transaction, terms).await;
        let claimed = claimed.map_err(|error| port_error(ATTEMPTED, error))?;
        transaction.commit().await.map_err(|error| port_error(ATTEMPTED, error))?;
        Ok(claimed)
    }

    pub(super) async fn told(
        &self,
        id: DeliveryId,
        lease: LeaseToken,
        told: &Told,
        now: DateTime<Utc>,
    ) -> Result<bool, PortError> {
        let query = sqlx::query(
            "UPDATE webhook_deliveries SET state = ?3, attempts = attempts + 1, next_at = ?4, lease_until = NULL,
                 last_status = ?5, last_error = ?6, delivered_at = ?7
             WHERE id = ?1 AND claims = ?2 AND lease_until IS NOT NULL",
        )
        .bind(id.to_string())
        .bind(lease.0)
        .bind(told.state.name())
        .bind(told.next_at.map(micros))
        .bind(told.status)
        .bind(told.error.clone())
        .bind((told.state == DeliveryState::Delivered).then(|| micros(now)));
        Ok(self.write("note how a delivery went", query).await? == 1)
    }

    pub(super) async fn delivery(&self, id: DeliveryId) -> Result<Option<WebhookDelivery>, PortError> {
        let query = sqlx::query_as(concat!("SELECT ", columns!(), " FROM webhook_deliveries WHERE id = $1"));
        let row: Option<DeliveryRow> =
            self.read_optional("look up a delivery", query.bind(id.to_string())).await?;
        row.map(DeliveryRow::read).transpose()
    }

    pub(super) async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Page<WebhookDelivery>, PortError> {
        let mut query =
            QueryBuilder::new(concat!("SELECT ", columns!(), " FROM webhook_deliveries WHERE webhook_id = "));
        query.push_bind(filter.webhook.to_string());
        if let Some(state) = filter.state {
            query.push(" AND state = ").push_bind(state.name());
        }
        if let Some(name) = filter.name {
            query.push(" AND name = ").push_bind(name);
        }
        if let Some(after) = after {
            query.push(" AND id < ").push_bind(after.to_string());
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(one_more(limit));
        let rows: Vec<DeliveryRow> = self.read_all("list deliveries", query.build_query_as()).await?;
        let deliveries = rows.into_iter().map(DeliveryRow::read).collect::<Result<_, _>>()?;
        Ok(Page::from_one_too_many(deliveries, limit))
    }

    pub(super) async fn replay(
        &self,
        id: DeliveryId,
        now: DateTime<Utc>,
    ) -> Result<Option<WebhookDelivery>, PortError> {
        let query = sqlx::query_as(concat!(
            "UPDATE webhook_deliveries SET state = 'pending', attempts = 0, next_at = ?2, last_status = NULL,
                 last_error = NULL, delivered_at = NULL
             WHERE id = ?1 RETURNING ",
            columns!()
        ));
        let query = query.bind(id.to_string()).bind(micros(now));
        let row: Option<DeliveryRow> = self.write_optional("replay a delivery", query).await?;
        row.map(DeliveryRow::read).transpose()
    }

    pub(super) async fn forget(&self, before: DateTime<Utc>, limit: usize) -> Result<usize, PortError> {
        let query = sqlx::query(
            "DELETE FROM webhook_deliveries WHERE id IN
                 (SELECT id FROM webhook_deliveries WHERE created_at < ?1 AND (state <> 'pending' OR NOT EXISTS
                     (SELECT 1 FROM webhooks WHERE webhooks.id = webhook_id AND enabled)) LIMIT ?2)",
        );
        let query = query.bind(micros(before)).bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let removed = self.write("forget deliveries", query).await?;
        Ok(usize::try_from(removed).unwrap_or(usize::MAX))
    }
}

async fn fan_out(
    connection: &mut SqliteConnection,
    ids: &dyn IdGen,
    now: DateTime<Utc>,
    limit: usize,
) -> Result<usize, sqlx::Error> {
    let events: Vec<EventRow> = sqlx::query_as(
        "UPDATE job_events SET told_at = ?1 WHERE (job_id, seq) IN
             (SELECT job_id, seq FROM job_events WHERE told_at IS NULL AND tells = 1 ORDER BY at, job_id LIMIT ?2)
         RETURNING team_id, name, subject, at",
    )
    .bind(micros(now))
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(&mut *connection)
    .await?;
    for event in &events {
        let endpoints: Vec<(String,)> = sqlx::query_as(
            "SELECT id FROM webhooks WHERE team_id = ?1 AND enabled AND
                 (events = '[]' OR EXISTS (SELECT 1 FROM json_each(events) WHERE value = ?2))",
        )
        .bind(&event.team_id)
        .bind(&event.name)
        .fetch_all(&mut *connection)
        .await?;
        let row = Row { table: "job_events", id: &event.subject };
        let told = WebhookEvent::new(
            ids.uuid(),
            event.name.clone(),
            event.subject.clone(),
            row.time("at", event.at).map_err(unreadable)?,
        );
        let team = row.parse("team_id", &event.team_id).map_err(unreadable)?;
        for (endpoint,) in endpoints {
            let webhook: WebhookId = row.parse("webhook_id", &endpoint).map_err(unreadable)?;
            let delivery = told.delivery(DeliveryId::new(ids.uuid()), webhook, team);
            insert(&delivery).execute(&mut *connection).await?;
        }
    }
    Ok(events.len())
}

fn insert(delivery: &WebhookDelivery) -> Query<'_, Sqlite, SqliteArguments> {
    sqlx::query(concat!(
        "INSERT INTO webhook_deliveries (",
        columns!(),
        ") SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
         WHERE EXISTS (SELECT 1 FROM webhooks WHERE id = $2)"
    ))
    .bind(delivery.id.to_string())
    .bind(delivery.webhook.to_string())
    .bind(delivery.team.to_string())
    .bind(&delivery.event)
    .bind(&delivery.name)
    .bind(&delivery.payload)
    .bind(delivery.state.name())
    .bind(i64::from(delivery.attempts))
    .bind(delivery.next_at.map(micros))
    .bind(delivery.last_status)
    .bind(delivery.last_error.as_deref())
    .bind(micros(delivery.created_at))
    .bind(delivery.delivered_at.map(micros))
}

/// Endpoint by endpoint looks at no more of each than may be taken, however much there is for it.
async fn claim(
    connection: &mut SqliteConnection,
    terms: DeliveryTerms,
) -> Result<Vec<ClaimedDelivery>, sqlx::Error> {
    let (now, until) = (micros(terms.now), micros(terms.lease_until));
    let most = i64::try_from(terms.most_per_endpoint).unwrap_or(i64::MAX);
    let endpoints: Vec<(String, i64)> = sqlx::query_as(concat!(
        "SELECT id, (SELECT count(*) FROM webhook_deliveries
                     WHERE webhook_id = webhooks.id AND lease_until IS NOT NULL AND lease_until > ?1)
         FROM webhooks WHERE enabled AND EXISTS
             (SELECT 1 FROM webhook_deliveries WHERE webhook_id = webhooks.id AND ",
        due!(),
        ")"
    ))
    .bind(now)
    .fetch_all(&mut *connection)
    .await?;
    let mut turns: Vec<(i64, i64, String)> = Vec::new();
    for (endpoint, under_way) in endpoints {
        let query = sqlx::query_as(concat!(
            "SELECT next_at, id FROM webhook_deliveries WHERE webhook_id = ?2 AND ",
            due!(),
            " ORDER BY next_at, id LIMIT ?3"
        ));
        let query = query.bind(now).bind(&endpoint).bind(most.saturating_sub(under_way).max(0));
        let due: Vec<(i64, String)> = query.fetch_all(&mut *connection).await?;
        turns.extend((under_way..).zip(due).map(|(before, (at, id))| (before, at, id)));
    }
    turns.sort_unstable();
    let mut claimed = Vec::new();
    for (_, _, id) in turns.into_iter().take(terms.limit) {
        let query = sqlx::query_as(concat!(
            "UPDATE webhook_deliveries SET lease_until = ?2, claims = claims + 1 WHERE id = ?1 RETURNING ",
            columns!(),
            ", claims"
        ));
        let row: ClaimedRow = query.bind(&id).bind(until).fetch_one(&mut *connection).await?;
        let query = sqlx::query_as(
            "SELECT id, team_id, url, description, events, enabled, secrets, created_at, updated_at
             FROM webhooks WHERE id = $1",
        );
        let webhook: WebhookRow = query.bind(&row.delivery.webhook_id).fetch_one(&mut *connection).await?;
        claimed.push(ClaimedDelivery {
            delivery: row.delivery.read().map_err(unreadable)?,
            endpoint: webhook.read().map_err(unreadable)?,
            lease: LeaseToken(row.claims),
        });
    }
    Ok(claimed)
}

#[derive(FromRow)]
struct EventRow {
    team_id: String,
    name: String,
    subject: String,
    at: i64,
}

#[derive(FromRow)]
struct ClaimedRow {
    #[sqlx(flatten)]
    delivery: DeliveryRow,
    claims: i64,
}

#[derive(FromRow)]
struct DeliveryRow {
    id: String,
    webhook_id: String,
    team_id: String,
    event: String,
    name: String,
    payload: String,
    state: String,
    attempts: i64,
    next_at: Option<i64>,
    last_status: Option<i64>,
    last_error: Option<String>,
    created_at: i64,
    delivered_at: Option<i64>,
}

impl DeliveryRow {
    fn read(self) -> Result<WebhookDelivery, PortError> {
        let row = Row { table: "webhook_deliveries", id: &self.id };
        Ok(WebhookDelivery {
            id: row.parse("id", &self.id)?,
            webhook: row.parse("webhook_id", &self.webhook_id)?,
            team: row.parse("team_id", &self.team_id)?,
            state: row.known("state", DeliveryState::parse(&self.state))?,
            attempts: row.number("attempts", self.attempts)?,
            next_at: row.time_optional("next_at", self.next_at)?,
            last_status: row.number_optional("last_status", self.last_status)?,
            created_at: row.time("created_at", self.created_at)?,
            delivered_at: row.time_optional("delivered_at", self.delivered_at)?,
            event: self.event,
            name: self.name,
            payload: self.payload,
            last_error: self.last_error,
        })
    }
}
