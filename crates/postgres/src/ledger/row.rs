//! A row of `usage_records`.

use chrono::{DateTime, Utc};
use outcrop_ports::PortError;
use outcrop_types::{
    CacheState, Cost, GuardrailState, Money, Outcome, PriceTier, RequestId, TokenUsage, UsageId, UsageRecord,
};
use sqlx::FromRow;

use crate::rows::Row;

macro_rules! columns {
    () => {
        "id, request_id, at, team_id, subject, key_id, dialect, operation, model_asked, model_served, region, \
         tier, tags, cache, cache_age_ms, cache_saved_nano_usd, attempt, again, account, guardrail, input_tokens, \
         cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens, reasoning_tokens, images, \
         queries, guardrail_units, estimated, streamed, latency_ms, first_token_ms, stop_reason, outcome, error, \
         cost_nano_usd, saved_nano_usd, price"
    };
}
pub(super) use columns;

#[derive(FromRow)]
pub(super) struct UsageRow {
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
    tier: String,
    tags: String,
    cache: String,
    cache_age_ms: Option<i64>,
    cache_saved_nano_usd: Option<i64>,
    attempt: i64,
    again: bool,
    account: Option<String>,
    guardrail: String,
    input_tokens: i64,
    cache_read_tokens: i64,
    cache_write_5m_tokens: i64,
    cache_write_1h_tokens: i64,
    output_tokens: i64,
    reasoning_tokens: i64,
    images: i64,
    queries: i64,
    guardrail_units: i64,
    estimated: bool,
    streamed: bool,
    latency_ms: i64,
    first_token_ms: Option<i64>,
    stop_reason: Option<String>,
    outcome: String,
    error: Option<String>,
    cost_nano_usd: Option<i64>,
    saved_nano_usd: Option<i64>,
    price: Option<String>,
}

impl UsageRow {
    pub(super) fn read(self) -> Result<UsageRecord, PortError> {
        let row = Row { table: "usage_records", id: &self.id };
        Ok(UsageRecord {
            id: row.parse("id", &self.id)?,
            at: self.at,
            team: row.parse("team_id", &self.team_id)?,
            subject: row.subject("subject", &self.subject)?,
            key: row.parse_optional("key_id", self.key_id.as_deref())?,
            tier: row.known("tier", PriceTier::parse(&self.tier))?,
            tags: row.json("tags", &self.tags)?,
            cache: row.known("cache", CacheState::parse(&self.cache))?,
            cache_age_ms: row.number_optional("cache_age_ms", self.cache_age_ms)?,
            cache_saved: row
                .number_optional("cache_saved_nano_usd", self.cache_saved_nano_usd)?
                .map(Money::from_nano_usd),
            attempt: row.known("attempt", u8::try_from(self.attempt).ok())?,
            again: self.again,
            account: row.parse_optional("account", self.account.as_deref())?,
            guardrail: row.known("guardrail", GuardrailState::parse(&self.guardrail))?,
            tokens: self.tokens(&row)?,
            latency_ms: row.number("latency_ms", self.latency_ms)?,
            first_token_ms: row.number_optional("first_token_ms", self.first_token_ms)?,
            outcome: row.known("outcome", Outcome::parse(&self.outcome))?,
            request_id: row.known("request_id", RequestId::parse(&self.request_id))?,
            cost: cost(&row, self.cost_nano_usd, self.saved_nano_usd, self.price.as_deref())?,
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

    fn tokens(&self, row: &Row<'_>) -> Result<TokenUsage, PortError> {
        Ok(TokenUsage {
            input: row.number("input_tokens", self.input_tokens)?,
            cache_read: row.number("cache_read_tokens", self.cache_read_tokens)?,
            cache_write_5m: row.number("cache_write_5m_tokens", self.cache_write_5m_tokens)?,
            cache_write_1h: row.number("cache_write_1h_tokens", self.cache_write_1h_tokens)?,
            output: row.number("output_tokens", self.output_tokens)?,
            reasoning: row.number("reasoning_tokens", self.reasoning_tokens)?,
            images: row.number("images", self.images)?,
            queries: row.number("queries", self.queries)?,
            guardrail_units: row.number("guardrail_units", self.guardrail_units)?,
        })
    }
}

/// What may change of a record.
#[derive(FromRow)]
pub(super) struct CostRow {
    id: String,
    cost_nano_usd: Option<i64>,
    saved_nano_usd: Option<i64>,
    price: Option<String>,
}

impl CostRow {
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn read(self) -> Result<(UsageId, Option<Cost>), PortError> {
        let row = Row { table: "usage_records", id: &self.id };
        let cost = cost(&row, self.cost_nano_usd, self.saved_nano_usd, self.price.as_deref())?;
        Ok((row.parse("id", &self.id)?, cost))
    }
}

fn cost(
    row: &Row<'_>,
    nano_usd: Option<i64>,
    saved_nano_usd: Option<i64>,
    price: Option<&str>,
) -> Result<Option<Cost>, PortError> {
    let Some(price) = price else { return Ok(None) };
    Ok(Some(Cost {
        usd: Money::from_nano_usd(row.number("cost_nano_usd", nano_usd.unwrap_or(0))?),
        saved_nano_usd: saved_nano_usd.unwrap_or(0),
        price: price.to_owned(),
    }))
}
