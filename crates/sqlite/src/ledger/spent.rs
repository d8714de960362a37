//! What was spent: whole days and hours from their sums, what is around them from single records, all in one statement
//! and so at one moment.

use chrono::{DateTime, Utc};
use outcrop_ports::usage_span::{Cut, Stretch};
use outcrop_ports::{PortError, SpendQuery, Spent, UsageFilter};
use outcrop_types::{Level, Money, UsageId};
use sqlx::{FromRow, QueryBuilder, Sqlite};

use super::filter;
use super::sums::{DAILY, HOURLY};
use crate::SqliteStore;
use crate::rows::{Row, micros, one_more};

pub(super) async fn spent(
    store: &SqliteStore,
    query: &SpendQuery,
    limit: usize,
) -> Result<Vec<Spent>, PortError> {
    const ATTEMPTED: &str = "sum up what was spent";
    let mut statement = statement(query, limit);
    let rows: Vec<SpentRow> = store.read_all(ATTEMPTED, statement.build_query_as()).await?;
    if rows.len() > limit {
        let why = std::io::Error::other(format!("there are more than {limit} sums"));
        return Err(PortError::broken(ATTEMPTED, why));
    }
    rows.into_iter().map(|row| row.read(query)).collect()
}

fn statement(query: &SpendQuery, limit: usize) -> QueryBuilder<Sqlite> {
    let slot_s = query.slot_s();
    let cut = Cut::of(query.from, query.until, query.fits_days());
    let without: Vec<String> = query.without.iter().map(|id| UsageId::new(*id).to_string()).collect();
    let without = (!without.is_empty()).then(|| serde_json::json!(without).to_string());
    let mut sql = QueryBuilder::new(
        "SELECT slot, holder, team_id, model_asked, model_served, sum(cost) AS cost
         FROM (SELECT NULL AS slot, NULL AS holder, NULL AS team_id, NULL AS model_asked,
                      NULL AS model_served, 0 AS cost WHERE FALSE",
    );
    let summed = cut.summed();
    for (table, stretches) in [(DAILY, cut.days), (HOURLY, cut.hours)] {
        // Added up by group first, of which there are far fewer than sums.
        push_columns(&mut sql, "g", query, "t.slot", "t.cost");
        let slot = slot(slot_s);
        sql.push(format!(
            " FROM (SELECT {slot} AS slot, t.group_id, sum(t.cost_nano_usd) AS cost FROM {table} t WHERE TRUE"
        ));
        push_stretches(&mut sql, &stretches);
        sql.push(" GROUP BY 1, 2) t JOIN usage_groups g ON g.id = t.group_id WHERE t.cost <> 0");
        filter::push(&mut sql, "g", &filter_of(query));
    }
    push_columns(&mut sql, "t", query, &slot(slot_s), "t.cost_nano_usd");
    sql.push(" FROM usage_records t WHERE t.cost_nano_usd <> 0");
    push_stretches(&mut sql, &cut.rest);
    if let Some(without) = &without {
        sql.push(" AND t.id NOT IN (SELECT value FROM json_each(").push_bind(without.clone()).push("))");
    }
    filter::push(&mut sql, "t", &filter_of(query));
    if let (Some(summed), Some(without)) = (summed, without) {
        push_columns(&mut sql, "t", query, &slot(slot_s), "-t.cost_nano_usd");
        sql.push(" FROM usage_records t WHERE t.cost_nano_usd <> 0");
        push_stretches(&mut sql, &[summed]);
        sql.push(" AND t.id IN (SELECT value FROM json_each(").push_bind(without).push("))");
        filter::push(&mut sql, "t", &filter_of(query));
    }
    sql.push(") parts GROUP BY 1, 2, 3, 4, 5 HAVING sum(cost) > 0 ORDER BY 1, 2, 3, 4, 5 LIMIT ");
    sql.push_bind(one_more(limit));
    sql
}

/// The number of the part of the time that `t.at` is in.
fn slot(slot_s: Option<i64>) -> String {
    match slot_s {
        // Times are whole microseconds; before the epoch there is no usage.
        Some(slot) => format!("t.at / 1000000 / {slot}"),
        None => "NULL".to_owned(),
    }
}

fn push_columns(sql: &mut QueryBuilder<Sqlite>, whose: &str, query: &SpendQuery, slot: &str, cost: &str) {
    sql.push(format!(" UNION ALL SELECT {slot}"));
    let (holder, team) = match query.each {
        Some(Level::Key) => ("key_id", true),
        Some(Level::User) => ("subject", true),
        Some(Level::Team) => ("team_id", true),
        Some(Level::Platform) | None => ("", false),
    };
    if team {
        sql.push(format!(", {whose}.{holder}, {whose}.team_id"));
    } else {
        sql.push(", NULL, NULL");
    }
    if query.by_model {
        sql.push(format!(", {whose}.model_asked, {whose}.model_served, {cost}"));
    } else {
        sql.push(format!(", '', '', {cost}"));
    }
}

fn push_stretches(sql: &mut QueryBuilder<Sqlite>, stretches: &[Stretch]) {
    sql.push(" AND (FALSE");
    for (from, until) in stretches {
        sql.push(" OR (t.at >= ")
            .push_bind(micros(*from))
            .push(" AND t.at < ")
            .push_bind(micros(*until))
            .push(")");
    }
    sql.push(")");
}

fn filter_of(query: &SpendQuery) -> UsageFilter {
    UsageFilter { team: query.team, subject: query.subject, key: query.key.clone(), ..UsageFilter::default() }
}

#[derive(FromRow)]
struct SpentRow {
    slot: Option<i64>,
    holder: Option<String>,
    team_id: Option<String>,
    model_asked: String,
    model_served: String,
    cost: i64,
}

impl SpentRow {
    fn read(self, query: &SpendQuery) -> Result<Spent, PortError> {
        let row = Row { table: "usage_groups", id: "of what was spent" };
        let from = match (self.slot, query.slot_s()) {
            (Some(slot), Some(length)) => {
                row.known("at", DateTime::<Utc>::from_timestamp(slot * length, 0))?
            }
            _ => query.from,
        };
        Ok(Spent {
            from,
            holder: self.holder,
            team: row.parse_optional("team_id", self.team_id.as_deref())?,
            model_asked: self.model_asked,
            model_served: self.model_served,
            cost: Money::from_nano_usd(row.number("cost_nano_usd", self.cost)?),
        })
    }
}
