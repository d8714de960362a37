//! The tables `audit_log` and `audit_head`.

use async_trait::async_trait;
use outcrop_ports::{AuditFilter, AuditLog, PortError};
use outcrop_types::{AuditDraft, AuditHash, AuditOutcome, AuditRow, Page};
use sqlx::{FromRow, QueryBuilder, Sqlite, SqliteConnection};

use crate::SqliteStore;
use crate::rows::{Row, micros, one_more, unreadable};

macro_rules! columns {
    () => {
        "seq, at, team_id, actor, action, target, outcome, record, previous, hash"
    };
}

#[async_trait]
impl AuditLog for SqliteStore {
    async fn record_audit(&self, draft: &AuditDraft) -> Result<(), PortError> {
        self.audited("write an audit event", draft, |()| true, async |_| Ok(())).await
    }

    async fn list_audit(
        &self,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Page<AuditRow>, PortError> {
        let mut query = QueryBuilder::new(concat!("SELECT ", columns!(), " FROM audit_log WHERE TRUE"));
        narrow(&mut query, filter);
        if let Some(before) = before {
            query.push(" AND seq < ").push_bind(number(before));
        }
        query.push(" ORDER BY seq DESC LIMIT ").push_bind(one_more(limit));
        let rows: Vec<StoredRow> = self.read_all("list audit events", query.build_query_as()).await?;
        let rows = rows.into_iter().map(StoredRow::read).collect::<Result<_, _>>()?;
        Ok(Page::from_one_too_many(rows, limit))
    }

    async fn read_audit_chain(&self, after: u64, limit: usize) -> Result<Vec<AuditRow>, PortError> {
        let mut query = QueryBuilder::new(concat!("SELECT ", columns!(), " FROM audit_log"));
        // The first page begins with whatever there is: nobody numbers a row below 1 but to hide it.
        if after > 0 {
            query.push(" WHERE seq > ").push_bind(number(after));
        }
        query.push(" ORDER BY seq LIMIT ").push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows: Vec<StoredRow> =
            self.read_all("read the chain of audit events", query.build_query_as()).await?;
        rows.into_iter().map(StoredRow::read).collect()
    }

    async fn audit_head(&self) -> Result<Option<(u64, AuditHash)>, PortError> {
        let query = sqlx::query_as("SELECT seq, hash FROM audit_head");
        let head = self.read_optional::<HeadRow>("read the end of the audit log", query).await?;
        let Some((seq, hash)) = head.map(HeadRow::read).transpose()? else { return Ok(None) };
        Ok((seq > 0).then_some((seq, hash)))
    }
}

/// Puts an event behind the end of the log, within the transaction of what it tells of. A database without the
/// row that knows the end is refused rather than given a new one: that would hide that the log was cut off.
pub(crate) async fn append(connection: &mut SqliteConnection, event: &AuditDraft) -> Result<(), sqlx::Error> {
    let head: HeadRow =
        sqlx::query_as("SELECT seq, hash FROM audit_head").fetch_one(&mut *connection).await?;
    let (last, hash) = head.read().map_err(unreadable)?;
    let row = event.seal(last + 1, hash);
    let insert = sqlx::query(concat!(
        "INSERT INTO audit_log (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    ))
    .bind(number(row.seq))
    .bind(micros(row.at))
    .bind(row.team.map(|team| team.to_string()))
    .bind(row.actor)
    .bind(row.action)
    .bind(row.target)
    .bind(row.outcome.name())
    .bind(row.record)
    .bind(row.previous.as_bytes().as_slice())
    .bind(row.hash.as_bytes().as_slice());
    insert.execute(&mut *connection).await?;
    let advance = sqlx::query("UPDATE audit_head SET seq = $1, hash = $2")
        .bind(number(row.seq))
        .bind(row.hash.as_bytes().as_slice());
    advance.execute(connection).await.map(drop)
}

fn narrow(query: &mut QueryBuilder<Sqlite>, filter: &AuditFilter) {
    if let Some(team) = filter.team {
        query.push(" AND team_id = ").push_bind(team.to_string());
    }
    if let Some(actor) = &filter.actor {
        query.push(" AND actor = ").push_bind(actor.clone());
    }
    if let Some(action) = &filter.action {
        match action.strip_suffix('.') {
            // All that begins with `key.` stands between `key.` and `key/`, and so the index can find it.
            Some(noun) => {
                query.push(" AND action >= ").push_bind(action.clone());
                query.push(" AND action < ").push_bind(format!("{noun}/"));
            }
            None => {
                query.push(" AND action = ").push_bind(action.clone());
            }
        }
    }
    if let Some(target) = &filter.target {
        query.push(" AND target = ").push_bind(target.clone());
    }
    if let Some(outcome) = filter.outcome {
        query.push(" AND outcome = ").push_bind(outcome.name());
    }
    if let Some(since) = filter.since {
        query.push(" AND at >= ").push_bind(micros(since));
    }
    if let Some(until) = filter.until {
        query.push(" AND at < ").push_bind(micros(until));
    }
}

/// The number of a row as it is stored.
fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

#[derive(FromRow)]
struct HeadRow {
    seq: i64,
    hash: Vec<u8>,
}

impl HeadRow {
    fn read(self) -> Result<(u64, AuditHash), PortError> {
        let row = Row { table: "audit_head", id: "1" };
        let hash = row.known("hash", self.hash.try_into().ok())?;
        Ok((row.number("seq", self.seq)?, AuditHash::from_bytes(hash)))
    }
}

#[derive(FromRow)]
struct StoredRow {
    seq: i64,
    at: i64,
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
            at: row.time("at", self.at)?,
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
