//! The table `usage_records`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_ports::{Ledger, PortError};
use outcrop_types::{Outcome, Page, TeamId, TokenUsage, UsageId, UsageRecord};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{FromRow, Postgres, QueryBuilder};

use crate::PostgresStore;
use crate::rows::{Row, one_more};

macro_rules! columns {
    () => {
        "id, request_id, at, team_id, subject, key_id, dialect, operation, model_asked, model_served, region, \
         input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens, \
         reasoning_tokens, images, queries, estimated, streamed, latency_ms, first_token_ms, stop_reason, outcome, error"
    };
}

#[async_trait]
impl Ledger for PostgresStore {
    async fn record(&self, records: &[UsageRecord]) -> Result<(), PortError> {
        if records.is_empty() {
            return Ok(());
        }
        let mut records: Vec<&UsageRecord> = records.iter().collect();
        // Batches that overlap then wait for each other in the same order, and not in a circle.
        records.sort_unstable_by_key(|record| record.id);
        self.execute("record usage", insert(&records)).await.map(drop)
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
        let rows: Vec<UsageRow> = self.fetch_all("list usage", query.build_query_as()).await?;
        let records = rows.into_iter().map(UsageRow::read).collect::<Result<_, _>>()?;
        Ok(Page::from_one_too_many(records, limit))
    }
}

/// One statement whatever the number of records: an array per column, so that it is prepared once.
fn insert<'q>(records: &[&UsageRecord]) -> Query<'q, Postgres, PgArguments> {
    sqlx::query(concat!(
        "INSERT INTO usage_records (",
        columns!(),
        ") SELECT * FROM unnest(
             $1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[],
             $8::text[], $9::text[], $10::text[], $11::text[], $12::bigint[], $13::bigint[],
             $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[],
             $20::bool[], $21::bool[], $22::bigint[], $23::bigint[], $24::text[], $25::text[], $26::text[])
         ON CONFLICT DO NOTHING"
    ))
    .bind(column(records, |record| record.id.to_string()))
    .bind(column(records, |record| record.request_id.as_str().to_owned()))
    .bind(column(records, |record| record.at))
    .bind(column(records, |record| record.team.to_string()))
    .bind(column(records, |record| record.subject.to_string()))
    .bind(column(records, |record| record.key.as_ref().map(|key| key.as_str().to_owned())))
    .bind(column(records, |record| text(&record.dialect)))
    .bind(column(records, |record| text(&record.operation)))
    .bind(column(records, |record| text(&record.model_asked)))
    .bind(column(records, |record| text(&record.model_served)))
    .bind(column(records, |record| text(&record.region)))
    .bind(column(records, |record| count(record.tokens.input)))
    .bind(column(records, |record| count(record.tokens.cache_read)))
    .bind(column(records, |record| count(record.tokens.cache_write_5m)))
    .bind(column(records, |record| count(record.tokens.cache_write_1h)))
    .bind(column(records, |record| count(record.tokens.output)))
    .bind(column(records, |record| count(record.tokens.reasoning)))
    .bind(column(records, |record| count(record.tokens.images)))
    .bind(column(records, |record| count(record.tokens.queries)))
    .bind(column(records, |record| record.estimated))
    .bind(column(records, |record| record.streamed))
    .bind(column(records, |record| count(record.latency_ms)))
    .bind(column(records, |record| record.first_token_ms.map(count)))
    .bind(column(records, |record| record.stop_reason.as_deref().map(text)))
    .bind(column(records, |record| record.outcome.name()))
    .bind(column(records, |record| record.error.as_deref().map(text)))
}

/// One column of all records.
fn column<T>(records: &[&UsageRecord], read: impl Fn(&UsageRecord) -> T) -> Vec<T> {
    records.iter().map(|record| read(record)).collect()
}

/// Text as Postgres takes it: it has no place for the character NUL, and a record that cannot be written
/// would hold up all behind it.
fn text(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
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
    at: DateTime<Utc>,
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
            at: self.at,
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
