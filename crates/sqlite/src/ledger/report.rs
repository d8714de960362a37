//! Reports: sums of the sums of days, and of hours where days do not fit.

use std::cmp::Ordering;

use outcrop_ports::usage_span::{Cut, Slot, Slots, Stretch};
use outcrop_ports::usage_sums::{SUMS, Sums};
use outcrop_ports::{Dimension, PortError, ReportCursor, ReportQuery, ReportRow, UsageTotals};
use outcrop_types::{Latencies, Page};
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, QueryBuilder, Row as _, Sqlite};

use super::filter;
use super::sums::{DAILY, HOURLY};
use crate::SqliteStore;
use crate::rows::{micros, one_more};

pub(super) async fn report(store: &SqliteStore, query: &ReportQuery) -> Result<Page<ReportRow>, PortError> {
    let sources = sources(query)?;
    let past_the_only_row = query.group_by.is_empty() && query.after.is_some();
    let mut rows = Vec::new();
    if !sources.is_empty() && !past_the_only_row {
        let found: Vec<Found> =
            store.read_all("report usage", statement(query, sources).build_query_as()).await?;
        rows = found.into_iter().map(|it| it.0).collect();
    }
    if rows.is_empty() && query.group_by.is_empty() && !past_the_only_row {
        rows.push(ReportRow::default());
    }
    Ok(Page::from_one_too_many(rows, query.limit))
}

/// What is read of a table of sums.
enum Source {
    /// All of some stretches of time.
    Whole(&'static str, Vec<Stretch>),
    /// Single hours or days, each with its name.
    Named(&'static str, Vec<Slot>),
}

fn sources(query: &ReportQuery) -> Result<Vec<Source>, PortError> {
    let mut sources = match Slots::of(query)? {
        Some(slots) => vec![Source::Named(DAILY, slots.days), Source::Named(HOURLY, slots.hours)],
        None => {
            let cut = Cut::of(query.from, query.until, true);
            vec![Source::Whole(DAILY, cut.days), Source::Whole(HOURLY, cut.hours)]
        }
    };
    sources.retain(|source| match source {
        Source::Whole(_, stretches) => !stretches.is_empty(),
        Source::Named(_, slots) => !slots.is_empty(),
    });
    Ok(sources)
}

fn statement(query: &ReportQuery, sources: Vec<Source>) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("SELECT ");
    for dimension in &query.group_by {
        push_dimension(&mut sql, dimension);
        sql.push(", ");
    }
    for sum in SUMS {
        sql.push(format!("sum(r.{sum}), "));
    }
    // Added up here: SQLite has no sum of such counts.
    sql.push("group_concat(r.latency, '\n'), group_concat(r.first_token, '\n') FROM (");
    for (number, source) in sources.into_iter().enumerate() {
        if number > 0 {
            sql.push(" UNION ALL ");
        }
        push_source(&mut sql, source);
    }
    sql.push(") r JOIN usage_groups g ON g.id = r.group_id WHERE TRUE");
    filter::push(&mut sql, "g", &query.filter);
    if let Some(after) = &query.after {
        push_after(&mut sql, &query.group_by, after);
    }
    if query.group_by.is_empty() {
        sql.push(" HAVING count(*) > 0");
    } else {
        let places: Vec<String> = (1..=query.group_by.len()).map(|it| it.to_string()).collect();
        sql.push(format!(" GROUP BY {}", places.join(", ")));
        sql.push(format!(" ORDER BY {} NULLS FIRST", places.join(" NULLS FIRST, ")));
    }
    sql.push(" LIMIT ").push_bind(one_more(query.limit));
    sql
}

fn push_source(sql: &mut QueryBuilder<Sqlite>, source: Source) {
    let sums = SUMS.map(|sum| format!("t.{sum}, ")).concat();
    match source {
        Source::Whole(table, stretches) => {
            sql.push(format!(
                "SELECT t.group_id, {sums} t.latency, t.first_token FROM {table} t WHERE FALSE"
            ));
            for (from, until) in stretches {
                sql.push(" OR (t.at >= ")
                    .push_bind(micros(from))
                    .push(" AND t.at < ")
                    .push_bind(micros(until))
                    .push(")");
            }
        }
        Source::Named(table, slots) => {
            let names: Vec<_> =
                slots.iter().map(|it| (micros(it.at), &it.hour, &it.day, &it.month)).collect();
            let names = serde_json::json!(names).to_string();
            sql.push(format!(
                "SELECT t.group_id, {sums} t.latency, t.first_token, s.value ->> 1 AS hour, s.value ->> 2 AS day,
                        s.value ->> 3 AS month FROM json_each("
            ));
            sql.push_bind(names).push(format!(") s JOIN {table} t ON t.at = s.value ->> 0"));
            // Said again, so that no more of the table is read however the two are joined.
            if let (Some(first), Some(last)) = (slots.first(), slots.last()) {
                sql.push(" WHERE t.at >= ")
                    .push_bind(micros(first.at))
                    .push(" AND t.at <= ")
                    .push_bind(micros(last.at));
            }
        }
    }
}

fn push_dimension(sql: &mut QueryBuilder<Sqlite>, dimension: &Dimension) {
    let column = match dimension {
        Dimension::Team => "g.team_id",
        Dimension::User => "g.subject",
        Dimension::Key => "g.key_id",
        Dimension::Model => "g.model_served",
        Dimension::ModelAsked => "g.model_asked",
        Dimension::Region => "g.region",
        Dimension::Account => "g.account",
        Dimension::Cache => "g.cache",
        Dimension::Guardrail => "g.guardrail",
        Dimension::Dialect => "g.dialect",
        Dimension::Operation => "g.operation",
        Dimension::Tier => "g.tier",
        Dimension::Hour => "r.hour",
        Dimension::Day => "r.day",
        Dimension::Month => "r.month",
        Dimension::Tag(name) => {
            filter::push_tag(sql, "g", name);
            return;
        }
    };
    sql.push(column);
}

/// Only groups behind this one: `None` is before everything.
fn push_after(sql: &mut QueryBuilder<Sqlite>, dimensions: &[Dimension], after: &ReportCursor) {
    sql.push(" AND (FALSE");
    for place in 0..dimensions.len().min(after.len()) {
        sql.push(" OR (TRUE");
        for (other, value) in after.iter().enumerate().take(place + 1) {
            let order = if other == place { Ordering::Greater } else { Ordering::Equal };
            sql.push(" AND ");
            push_dimension(sql, &dimensions[other]);
            match (order, value) {
                (Ordering::Greater, Some(value)) => sql.push(" > ").push_bind(value.clone()),
                (Ordering::Greater, None) => sql.push(" IS NOT NULL"),
                (_, Some(value)) => sql.push(" = ").push_bind(value.clone()),
                (_, None) => sql.push(" IS NULL"),
            };
        }
        sql.push(")");
    }
    sql.push(")");
}

struct Found(ReportRow);

impl FromRow<'_, SqliteRow> for Found {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let dimensions = row.len() - SUMS.len() - 2;
        let group = (0..dimensions).map(|place| row.try_get(place)).collect::<Result<_, _>>()?;
        let latencies = |place| {
            let texts: String = row.try_get(dimensions + SUMS.len() + place)?;
            let mut all = Latencies::default();
            for text in texts.lines() {
                all.merge(&serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))?);
            }
            Ok::<_, sqlx::Error>(all)
        };
        let mut sums = Sums { latency: latencies(0)?, first_token: latencies(1)?, ..Sums::default() };
        for (place, count) in sums.counts.iter_mut().enumerate() {
            *count = row.try_get(dimensions + place)?;
        }
        Ok(Self(ReportRow { group, totals: UsageTotals::from(sums) }))
    }
}
