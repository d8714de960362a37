//! The tables `audit_log` and `audit_head`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_ports::{AuditFilter, AuditLog, PortError};
use outcrop_types::{AuditDraft, AuditHash, AuditOutcome, AuditRow, Page};
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};

use crate::PostgresStore;
use crate::rows::{Row, one_more, storable, unreadable};

macro_rules! columns {
    () => {
        "seq, at, team_id, actor, action, target, outcome, record, previous, hash"
    };
}

#[async_trait]
impl AuditLog for PostgresStore {
    async fn record_audit(&self, draft: &AuditDraft) -> Result<(), PortError> {
        self.audited("write an audit event", draft, |()| true, async |_| Ok(())).await
    }

    async fn list_audit(
        &self,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Page<AuditRow>, PortError> {
        let texts = [&filter.actor, &filter.action, &filter.target];
        if !texts.into_iter().flatten().all(|text| storable(text)) {
            return Ok(Page::from_one_too_many(Vec::new(), limit));
        }
        let mut query = QueryBuilder::new(concat!("SELECT ", columns!(), " FROM audit_log WHERE TRUE"));
        narrow(&mut query, filter);
        if let Some(before) = before {
            query.push(" AND seq < ").push_bind(i64::try_from(before).unwrap_or(i64::MAX));
        }
        query.push(" ORDER BY seq DESC LIMIT ").push_bind(one_more(limit));
        let rows: Vec<StoredRow> = self.fetch_all("list audit events", query.build_query_as()).await?;
        let rows = rows.into_iter().map(StoredRow::read).collect::<Result<_, _>>()?;
        Ok(Page::from_one_too_many(rows, limit))
    }

    async fn read_audit_chain(&self, after: u64, limit: usize) -> Result<Vec<AuditRow>, PortError> {
        let mut query = QueryBuilder::new(concat!("SELECT ", columns!(), " FROM audit_log"));
        // The first page begins with whatever there is: nobody numbers a row below 1 but to hide it.
        if after > 0 {
            query.push(" WHERE seq > ").push_bind(i64::try_from(after).unwrap_or(i64::MAX));
        }
        query.push(" ORDER BY seq LIMIT ").push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows: Vec<StoredRow> =
            self.fetch_all("read the chain of audit events", query.build_query_as()).await?;
        rows.into_iter().map(StoredRow::read).collect()
    }

    async fn audit_head(&self) -> Result<Option<(u64, AuditHash)>, PortError> {
        let query = sqlx::query_as("SELECT seq, hash FROM audit_head");
        let head = self.fetch_optional::<HeadRow>("read the end of the audit log", query).await?;
        let Some(head) = head.map(HeadRow::read).transpose()? else { return Ok(None) };
        Ok((head.seq > 0).then_some((head.seq, head.hash)))
    }
}

fn narrow(query: &mut QueryBuilder<Postgres>, filter: &AuditFilter) {
    if let Some(team) = filter.team {
        query.push(" AND team_id = ").push_bind(team.to_string());
    }
    if let Some(actor) = &filter.actor {
        query.push(" AND actor = ").push_bind(actor.clone());
    }
    if let Some(action) = &filter.action {
        let operator = if action.ends_with('.') { " AND action ^@ " } else { " AND action = " };
        query.push(operator).push_bind(action.clone());
    }
    if let Some(target) = &filter.target {
        query.push(" AND target = ").push_bind(target.clone());
        // As the index has it.
        query.push(" AND left(target, 200) = left(").push_bind(target.clone()).push(", 200)");
    }
    if let Some(outcome) = filter.outcome {
        query.push(" AND outcome = ").push_bind(outcome.name());
    }
    if let Some(since) = filter.since {
        query.push(" AND at >= ").push_bind(since);
    }
    if let Some(until) = filter.until {
        query.push(" AND at < ").push_bind(until);
    }
}

/// The end of the log.
pub(crate) struct Head {
    seq: u64,
    hash: AuditHash,
}

/// Keeps the end of the log where it is until the transaction ends, and says where that is. A database without
/// this row is refused rather than given a new one: it would hide that the log was cut off.
pub(crate) async fn lock_head(connection: &mut PgConnection) -> Result<Head, sqlx::Error> {
    let row: HeadRow =
        sqlx::query_as("SELECT seq, hash FROM audit_head FOR UPDATE").fetch_one(connection).await?;
    row.read().map_err(unreadable)
}

/// Puts an event behind the end that was locked.
pub(crate) async fn append(
    connection: &mut PgConnection,
    head: &Head,
    event: &AuditDraft,
) -> Result<(), sqlx::Error> {
    let row = event.seal(head.seq + 1, head.hash);
    sqlx::query(concat!(
        "WITH appended AS (INSERT INTO audit_log (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10))
         UPDATE audit_head SET seq = $1, hash = $10"
    ))
    .bind(i64::try_from(row.seq).unwrap_or(i64::MAX))
    .bind(row.at)
    .bind(row.team.map(|team| team.to_string()))
    .bind(row.actor)
    .bind(row.action)
    .bind(row.target)
    .bind(row.outcome.name())
    .bind(row.record)
    .bind(row.previous.as_bytes().as_slice())
    .bind(row.hash.as_bytes().as_slice())
    .execute(connection)
    .await
    .map(drop)
    .map_err(|error| match error {
        // No conflict that anybody could resolve by trying again.
        sqlx::Error::Database(inner) if inner.is_unique_violation() => {
            sqlx::Error::Protocol("the audit log has rows behind its end".to_owned())
        }
        other => other,
    })
}

#[derive(FromRow)]
struct HeadRow {
    seq: i64,
    hash: Vec<u8>,
}

impl HeadRow {
    fn read(self) -> Result<Head, PortError> {
        let row = Row { table: "audit_head", id: "1" };
        Ok(Head {
            seq: row.number("seq", self.seq)?,
            hash: AuditHash::from_bytes(row.known("hash", self.hash.try_into().ok())?),
        })
    }
}

#[derive(FromRow)]
struct StoredRow {
    seq: i64,
    at: DateTime<Utc>,
    team_id: Option<String>,
    actor: String,
    action: String,
    target: String,
    outcome: String,
    record: String,
    previous: Vec<u8>,
    hash: Vec<u8>,
}

impl StoredRow {
    fn read(self) -> Result<AuditRow, PortError> {
        let id = self.seq.to_string();
        let row = Row { table: "audit_log", id: &id };
        Ok(AuditRow {
            seq: row.number("seq", self.seq)?,
            at: self.at,
            team: row.parse_optional("team_id", self.team_id.as_deref())?,
            outcome: row.known("outcome", AuditOutcome::parse(&self.outcome))?,
            previous: AuditHash::from_bytes(row.known("previous", self.previous.try_into().ok())?),
            hash: AuditHash::from_bytes(row.known("hash", self.hash.try_into().ok())?),
            actor: self.actor,
            action: self.action,
            target: self.target,
            record: self.record,
        })
    }
}
