//! The table `usage_records`.

use async_trait::async_trait;
use outcrop_ports::{Ledger, PortError};
use outcrop_types::{Outcome, Page, TeamId, TokenUsage, UsageId, UsageRecord};
use sqlx::{FromRow, QueryBuilder, Sqlite};

use crate::SqliteStore;
use crate::error::port_error;
use crate::rows::{Row, micros, one_more};

macro_rules! columns {
    () => {
        "id, request_id, at, team_id, subject, key_id, dialect, operation, model_asked, model_served, region, \
         input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens, \
         reasoning_tokens, images, queries, estimated, streamed, latency_ms, first_token_ms, stop_reason, outcome, error"
    };
}

/// Rows of one statement: 26 values each, and SQLite takes 32,766 in all
/// (<https://www.sqlite.org/limits.html#max_variable_number>).
const ROWS: usize = 500;

#[async_trait]
impl Ledger for SqliteStore {
    async fn record(&self, records: &[UsageRecord]) -> Result<(), PortError> {
        const ATTEMPTED: &str = "record usage";
        if records.is_empty() {
            return Ok(());
        }
        let mut transaction = self.begin(ATTEMPTED).await?;
        for chunk in records.chunks(ROWS) {
            let mut query = insert(chunk);
            // Not kept prepared: there would be one for every number of rows.
            let query = query.build().persistent(false);
            query.execute(&mut *transaction).await.map_err(|error| port_error(ATTEMPTED, error))?;
        }
        transaction.commit().await.map_err(|error| port_error(ATTEMPTED, error))
    }

    async fn list_usage(
        &self,
        team: Option<TeamId>,
        after: Option<UsageId>,
        limit: usize,
    ) -> Result<Page<UsageRecord>, PortError> {
        let mut query = QueryBuilder::new(concat!("SELECT ", columns!(), " FROM usage_records WHERE TRUE"));
        if let Some(team) = team {
            query.push(" AND team_id = ").push_bind(team.to_string());
        }
        if let Some(after) = after {
            query.push(" AND id < ").push_bind(after.to_string());
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(one_more(limit));
        let rows: Vec<UsageRow> = self.read_all("list usage", query.build_query_as()).await?;
        let records = rows.into_iter().map(UsageRow::read).collect::<Result<_, _>>()?;
        Ok(Page::from_one_too_many(records, limit))
    }
}

fn insert(records: &[UsageRecord]) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new(concat!("INSERT INTO usage_records (", columns!(), ") "));
    query.push_values(records, |mut row, record| {
        row.push_bind(record.id.to_string())
            .push_bind(record.request_id.as_str().to_owned())
            .push_bind(micros(record.at))
            .push_bind(record.team.to_string())
            .push_bind(record.subject.to_string())
            .push_bind(record.key.as_ref().map(|key| key.as_str().to_owned()))
            .push_bind(record.dialect.clone())
            .push_bind(record.operation.clone())
            .push_bind(record.model_asked.clone())
            .push_bind(record.model_served.clone())
            .push_bind(record.region.clone())
            .push_bind(count(record.tokens.input))
            .push_bind(count(record.tokens.cache_read))
            .push_bind(count(record.tokens.cache_write_5m))
            .push_bind(count(record.tokens.cache_write_1h))
            .push_bind(count(record.tokens.output))
            .push_bind(count(record.tokens.reasoning))
            .push_bind(count(record.tokens.images))
            .push_bind(count(record.tokens.queries))
            .push_bind(record.estimated)
            .push_bind(record.streamed)
            .push_bind(count(record.latency_ms))
            .push_bind(record.first_token_ms.map(count))
            .push_bind(record.stop_reason.clone())
            .push_bind(record.outcome.name())
            .push_bind(record.error.clone());
    });
    query.push(" ON CONFLICT DO NOTHING");
    query
}

/// A count as it is stored. An impossible one is cut down rather than refused: a record that cannot be
/// written would hold up all behind it.
fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[derive(FromRow)]
struct UsageRow {
    id: String,
    request_id: String,
    at: i64,
    team_id: String,
    subject: String,
    key_id: Option<String>,
    dialect: String,
    operation: String,
    model_asked: String,
    model_served: String,
    region: String,
    input_tokens: i64,
    cache_read_tokens: i64,
    cache_write_5m_tokens: i64,
    cache_write_1h_tokens: i64,
    output_tokens: i64,
    reasoning_tokens: i64,
    images: i64,
    queries: i64,
    estimated: bool,
    streamed: bool,
    latency_ms: i64,
    first_token_ms: Option<i64>,
    stop_reason: Option<String>,
    outcome: String,
    error: Option<String>,
}

impl UsageRow {
    fn read(self) -> Result<UsageRecord, PortError> {
        let row = Row { table: "usage_records", id: &self.id };
        Ok(UsageRecord {
            id: row.parse("id", &self.id)?,
            at: row.time("at", self.at)?,
            team: row.parse("team_id", &self.team_id)?,
            subject: row.subject("subject", &self.subject)?,
            key: row.parse_optional("key_id", self.key_id.as_deref())?,
            tokens: TokenUsage {
                input: row.number("input_tokens", self.input_tokens)?,
                cache_read: row.number("cache_read_tokens", self.cache_read_tokens)?,
                cache_write_5m: row.number("cache_write_5m_tokens", self.cache_write_5m_tokens)?,
                cache_write_1h: row.number("cache_write_1h_tokens", self.cache_write_1h_tokens)?,
                output: row.number("output_tokens", self.output_tokens)?,
                reasoning: row.number("reasoning_tokens", self.reasoning_tokens)?,
                images: row.number("images", self.images)?,
                queries: row.number("queries", self.queries)?,
            },
            latency_ms: row.number("latency_ms", self.latency_ms)?,
            first_token_ms: row.number_optional("first_token_ms", self.first_token_ms)?,
            outcome: row.known("outcome", Outcome::parse(&self.outcome))?,
            request_id: row.known("request_id", outcrop_types::RequestId::parse(&self.request_id))?,
            dialect: self.dialect,
            operation: self.operation,
            model_asked: self.model_asked,
            model_served: self.model_served,
            region: self.region,
            estimated: self.estimated,
            streamed: self.streamed,
            stop_reason: self.stop_reason,
            error: self.error,
        })
    }
}
