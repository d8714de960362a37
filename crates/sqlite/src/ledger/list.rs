//! Single records, page by page.

use outcrop_ports::usage_span::Stretch;
use outcrop_ports::{PortError, UsageFilter, UsageMonth};
use outcrop_types::{Page, UsageId, UsageRecord};
use sqlx::{QueryBuilder, Sqlite};

use super::filter;
use super::months::bounds;
use super::row::{UsageRow, columns};
use crate::SqliteStore;
use crate::rows::{micros, one_more};

pub(super) async fn list(
    store: &SqliteStore,
    filter: &UsageFilter,
    within: Option<Stretch>,
    after: Option<UsageId>,
    limit: usize,
) -> Result<Page<UsageRecord>, PortError> {
    let mut query = select();
    filter::push(&mut query, "r", filter);
    if let Some((from, until)) = within {
        query.push(" AND at >= ").push_bind(micros(from)).push(" AND at < ").push_bind(micros(until));
    }
    if let Some(after) = after {
        query.push(" AND id < ").push_bind(after.to_string());
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(one_more(limit));
    page(store, query, limit).await
}

pub(super) async fn month_records(
    store: &SqliteStore,
    month: UsageMonth,
    after: Option<UsageId>,
    limit: usize,
) -> Result<Page<UsageRecord>, PortError> {
    let (from, until) = bounds(month);
    let mut query = select();
    query.push(" AND at >= ").push_bind(micros(from)).push(" AND at < ").push_bind(micros(until));
    if let Some(after) = after {
        query.push(" AND id > ").push_bind(after.to_string());
    }
    query.push(" ORDER BY id LIMIT ").push_bind(one_more(limit));
    page(store, query, limit).await
}

fn select() -> QueryBuilder<Sqlite> {
    QueryBuilder::new(concat!("SELECT ", columns!(), " FROM usage_records r WHERE TRUE"))
}

async fn page(
    store: &SqliteStore,
    mut query: QueryBuilder<Sqlite>,
    limit: usize,
) -> Result<Page<UsageRecord>, PortError> {
    let rows: Vec<UsageRow> = store.read_all("list usage", query.build_query_as()).await?;
    let records = rows.into_iter().map(UsageRow::read).collect::<Result<_, _>>()?;
    Ok(Page::from_one_too_many(records, limit))
}
