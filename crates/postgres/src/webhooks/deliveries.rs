//! The table `webhook_deliveries`, and how events of jobs come into it.

use chrono::{DateTime, Utc};
use outcrop_ports::{ClaimedDelivery, DeliveryFilter, DeliveryTerms, IdGen, PortError, Told};
use outcrop_types::{DeliveryId, DeliveryState, LeaseToken, Page, WebhookDelivery, WebhookEvent, WebhookId};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{Connection, FromRow, PgConnection, Postgres, QueryBuilder};

use super::WebhookRow;
use crate::PostgresStore;
use crate::rows::{Row, one_more, unreadable};

macro_rules! columns {
    () => {
        "id, webhook_id, team_id, event, name, payload, state, attempts, next_at, last_status, last_error, \
         created_at, delivered_at"
    };
}

/// Of several who claim at once, each sees what the one before it took: only so is a bound over all of them kept.
const CLAIMING: &str = "SELECT pg_advisory_xact_lock(7305813)";

/// One that is due and nobody tells just now; `$1` is now.
macro_rules! due {
    () => {
        "state = 'pending' AND next_at <= $1 AND (lease_until IS NULL OR lease_until <= $1)"
    };
}

impl PostgresStore {
    pub(super) async fn fan_out(
        &self,
        ids: &dyn IdGen,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<usize, PortError> {
        self.run("make deliveries of events", async |connection| {
            let mut transaction = connection.begin().await?;
            let count = fan_out(&mut transaction, ids, now, limit).await?;
            transaction.commit().await?;
            Ok(count)
        })
        .await
    }

    pub(super) async fn write_delivery(&self, delivery: &WebhookDelivery) -> Result<bool, PortError> {
        Ok(self.execute("add a delivery", insert(delivery)).await? == 1)
    }

    pub(super) async fn claim(&self, terms: DeliveryTerms) -> Result<Vec<ClaimedDelivery>, PortError> {
        let due = sqlx::query_as(concat!(
            "SELECT 1 FROM webhooks WHERE enabled AND EXISTS
                 (SELECT 1 FROM webhook_deliveries WHERE webhook_id = webhooks.id AND ",
            due!(),
            ") LIMIT 1"
        ));
        let claimed = self
            .run("claim deliveries", async |connection| {
                // Whoever finds nothing keeps nobody waiting.
                let any: Option<(i32,)> = due.bind(terms.now).fetch_optional(&mut *connection).await?;
                if any.is_none() {
                    return Ok(Vec::new());
                }
                let mut transaction = connection.begin().await?;
                sqlx::query(CLAIMING).execute(&mut *transaction).await?;
                let claimed = claim(&mut transaction, terms).await?;
                transaction.commit().await?;
                Ok(claimed)
            })
            .await?;
        claimed.into_iter().map(|(row, webhook)| row.read(webhook)).collect()
    }

    pub(super) async fn told(
        &self,
        id: DeliveryId,
        lease: LeaseToken,
        told: &Told,
        now: DateTime<Utc>,
    ) -> Result<bool, PortError> {
        let query = sqlx::query(
            "UPDATE webhook_deliveries SET state = $3, attempts = attempts + 1, next_at = $4, lease_until = NULL,
                 last_status = $5, last_error = $6, delivered_at = $7
             WHERE id = $1 AND claims = $2 AND lease_until IS NOT NULL",
        )
        .bind(id.to_string())
        .bind(lease.0)
        .bind(told.state.name())
        .bind(told.next_at)
        .bind(told.status.map(i64::from))
        .bind(told.error.clone())
        .bind((told.state == DeliveryState::Delivered).then_some(now));
        Ok(self.execute("note how a delivery went", query).await? == 1)
    }

    pub(super) async fn delivery(&self, id: DeliveryId) -> Result<Option<WebhookDelivery>, PortError> {
        let query = sqlx::query_as(concat!("SELECT ", columns!(), " FROM webhook_deliveries WHERE id = $1"));
        let row: Option<DeliveryRow> =
            self.fetch_optional("look up a delivery", query.bind(id.to_string())).await?;
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
        let rows: Vec<DeliveryRow> = self.fetch_all("list deliveries", query.build_query_as()).await?;
        let deliveries = rows.into_iter().map(DeliveryRow::read).collect::<Result<_, _>>()?;
        Ok(Page::from_one_too_many(deliveries, limit))
    }

    pub(super) async fn replay(
        &self,
        id: DeliveryId,
        now: DateTime<Utc>,
    ) -> Result<Option<WebhookDelivery>, PortError> {
        let query = sqlx::query_as(concat!(
            "UPDATE webhook_deliveries SET state = 'pending', attempts = 0, next_at = $2, last_status = NULL,
                 last_error = NULL, delivered_at = NULL
             WHERE id = $1 RETURNING ",
            columns!()
        ));
        let query = query.bind(id.to_string()).bind(now);
        let row: Option<DeliveryRow> = self.fetch_optional("replay a delivery", query).await?;
        row.map(DeliveryRow::read).transpose()
    }

    pub(super) async fn forget(&self, before: DateTime<Utc>, limit: usize) -> Result<usize, PortError> {
        let query = sqlx::query(
            "DELETE FROM webhook_deliveries WHERE id IN
                 (SELECT id FROM webhook_deliveries WHERE created_at < $1 AND (state <> 'pending' OR NOT EXISTS
                     (SELECT 1 FROM webhooks WHERE webhooks.id = webhook_id AND enabled)) LIMIT $2)",
        );
        let query = query.bind(before).bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let removed = self.execute("forget deliveries", query).await?;
        Ok(usize::try_from(removed).unwrap_or(usize::MAX))
    }
}

async fn fan_out(
    connection: &mut PgConnection,
    ids: &dyn IdGen,
    now: DateTime<Utc>,
    limit: usize,
) -> Result<usize, sqlx::Error> {
    let events: Vec<EventRow> = sqlx::query_as(
        "UPDATE job_events SET told_at = $1 WHERE (job_id, seq) IN
             (SELECT job_id, seq FROM job_events WHERE told_at IS NULL AND tells ORDER BY at, job_id LIMIT $2 FOR UPDATE SKIP LOCKED)
         RETURNING team_id, name, subject, at",
    )
    .bind(now)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(&mut *connection)
    .await?;
    for event in &events {
        let endpoints: Vec<(String,)> = sqlx::query_as(
            "SELECT id FROM webhooks WHERE team_id = $1 AND enabled AND
                 (events = '[]' OR events::jsonb ? $2) FOR SHARE",
        )
        .bind(&event.team_id)
        .bind(&event.name)
        .fetch_all(&mut *connection)
        .await?;
        let row = Row { table: "job_events", id: &event.subject };
        let told = WebhookEvent::new(ids.uuid(), event.name.clone(), event.subject.clone(), event.at);
        let team = row.parse("team_id", &event.team_id).map_err(unreadable)?;
        for (endpoint,) in endpoints {
            let webhook: WebhookId = row.parse("webhook_id", &endpoint).map_err(unreadable)?;
            let delivery = told.delivery(DeliveryId::new(ids.uuid()), webhook, team);
            insert(&delivery).execute(&mut *connection).await?;
        }
    }
    Ok(events.len())
}

fn insert(delivery: &WebhookDelivery) -> Query<'_, Postgres, PgArguments> {
    sqlx::query(concat!(
        "INSERT INTO webhook_deliveries (",
        columns!(),
        ") SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
         FROM webhooks WHERE id = $2 FOR SHARE"
    ))
    .bind(delivery.id.to_string())
    .bind(delivery.webhook.to_string())
    .bind(delivery.team.to_string())
    .bind(&delivery.event)
    .bind(&delivery.name)
    .bind(&delivery.payload)
    .bind(delivery.state.name())
    .bind(i64::from(delivery.attempts))
    .bind(delivery.next_at)
    .bind(delivery.last_status.map(i64::from))
    .bind(delivery.last_error.as_deref())
    .bind(delivery.created_at)
    .bind(delivery.delivered_at)
}

/// Looks, endpoint by endpoint, at no more of each than may be taken, however much there is for it.
async fn claim(
    connection: &mut PgConnection,
    terms: DeliveryTerms,
) -> Result<Vec<(ClaimedRow, WebhookRow)>, sqlx::Error> {
    let rows: Vec<ClaimedRow> = sqlx::query_as(concat!(
        "UPDATE webhook_deliveries SET lease_until = $2, claims = claims + 1
         WHERE id IN (
             SELECT turn.id FROM webhooks
             CROSS JOIN LATERAL (
                 SELECT count(*) AS count FROM webhook_deliveries
                 WHERE webhook_id = webhooks.id AND lease_until > $1) AS under_way
             CROSS JOIN LATERAL (
                 SELECT id, next_at, row_number() OVER (ORDER BY next_at, id) AS number FROM webhook_deliveries
                 WHERE webhook_id = webhooks.id AND ",
        due!(),
        "        ORDER BY next_at, id LIMIT greatest($3 - under_way.count, 0)) AS turn
             WHERE enabled
             ORDER BY under_way.count + turn.number, turn.next_at, turn.id LIMIT $4)
         AND ",
        due!(),
        " RETURNING ",
        columns!(),
        ", claims"
    ))
    .bind(terms.now)
    .bind(terms.lease_until)
    .bind(i64::try_from(terms.most_per_endpoint).unwrap_or(i64::MAX))
    .bind(i64::try_from(terms.limit).unwrap_or(i64::MAX))
    .fetch_all(&mut *connection)
    .await?;
    let ids: Vec<&str> = rows.iter().map(|row| row.delivery.webhook_id.as_str()).collect();
    let webhooks: Vec<WebhookRow> = sqlx::query_as(
        "SELECT id, team_id, url, description, events, enabled, secrets, created_at, updated_at
         FROM webhooks WHERE id = ANY($1)",
    )
    .bind(&ids)
    .fetch_all(connection)
    .await?;
    // One whose endpoint was removed just now goes with it.
    let with = |row: ClaimedRow| {
        let webhook = webhooks.iter().find(|it| it.id == row.delivery.webhook_id)?.clone();
        Some((row, webhook))
    };
    Ok(rows.into_iter().filter_map(with).collect())
}

#[derive(FromRow)]
struct EventRow {
    team_id: String,
    name: String,
    subject: String,
    at: DateTime<Utc>,
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
    next_at: Option<DateTime<Utc>>,
    last_status: Option<i64>,
    last_error: Option<String>,
    created_at: DateTime<Utc>,
    delivered_at: Option<DateTime<Utc>>,
}

impl ClaimedRow {
    fn read(self, webhook: WebhookRow) -> Result<ClaimedDelivery, PortError> {
        let (delivery, endpoint) = (self.delivery.read()?, webhook.read()?);
        Ok(ClaimedDelivery { delivery, endpoint, lease: LeaseToken(self.claims) })
    }
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
            next_at: self.next_at,
            last_status: row.number_optional("last_status", self.last_status)?,
            created_at: self.created_at,
            delivered_at: self.delivered_at,
            event: self.event,
            name: self.name,
            payload: self.payload,
            last_error: self.last_error,
        })
    }
}
