//! Single records, page by page.

use chrono::{DateTime, Months, NaiveDate, NaiveTime, Utc};
use outcrop_ports::usage_span::Stretch;
use outcrop_ports::{PortError, UsageFilter, UsageMonth};
use outcrop_types::{Page, UsageId, UsageRecord};
use sqlx::{Postgres, QueryBuilder};

use super::filter;
use super::row::{UsageRow, columns};
use crate::PostgresStore;
use crate::rows::one_more;

pub(super) async fn list(
    store: &PostgresStore,
    filter: &UsageFilter,
    within: Option<Stretch>,
    after: Option<UsageId>,
    limit: usize,
) -> Result<Page<UsageRecord>, PortError> {
    if !filter::is_storable(filter) {
        return Ok(Page::from_one_too_many(Vec::new(), limit));
    }
    let mut query = select();
    filter::push(&mut query, "r", filter);
    if let Some((from, until)) = within {
        query.push(" AND at >= ").push_bind(from).push(" AND at < ").push_bind(until);
    }
    if let Some(after) = after {
        query.push(" AND id < ").push_bind(after.to_string());
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(one_more(limit));
    page(store, query, limit).await
}

pub(super) async fn month_records(
    store: &PostgresStore,
    month: UsageMonth,
    after: Option<UsageId>,
    limit: usize,
) -> Result<Page<UsageRecord>, PortError> {
    let next = month.first.checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX);
    let mut query = select();
    query.push(" AND at >= ").push_bind(begin(month.first)).push(" AND at < ").push_bind(begin(next));
    if let Some(after) = after {
        query.push(" AND id > ").push_bind(after.to_string());
    }
    query.push(" ORDER BY id LIMIT ").push_bind(one_more(limit));
    page(store, query, limit).await
}

fn select() -> QueryBuilder<Postgres> {
    QueryBuilder::new(concat!("SELECT ", columns!(), " FROM usage_records r WHERE TRUE"))
}

async fn page(
    store: &PostgresStore,
    mut query: QueryBuilder<Postgres>,
    limit: usize,
) -> Result<Page<UsageRecord>, PortError> {
    let rows: Vec<UsageRow> = store.fetch_all("list usage", query.build_query_as()).await?;
    let records = rows.into_iter().map(UsageRow::read).collect::<Result<_, _>>()?;
    Ok(Page::from_one_too_many(records, limit))
}

fn begin(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}
