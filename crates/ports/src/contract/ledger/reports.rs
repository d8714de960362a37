//! Reports: each equals a plain look at every record.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::future::Future;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use outcrop_types::{TimeZone, UsageRecord};

use super::random;
use crate::contract::samples::{record, team_id};
use crate::{Dimension, Ledger, ReportCursor, ReportQuery, ReportRow, UsageFilter};

pub(super) async fn run<F, Fut>(make: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Ledger>>,
{
    nothing_gives_one_empty_row_for_all(&*make().await).await;
    every_grouping_is_that_of_the_records(&*make().await).await;
    every_filter_is_that_of_the_records(&*make().await).await;
    every_time_zone_and_span_is_that_of_the_records(&*make().await).await;
    texts_of_clients_are_groups_like_others(&*make().await).await;
    a_report_by_too_many_hours_is_refused(&*make().await).await;
}

/// A question about all random records.
pub(super) fn all(group_by: Vec<Dimension>) -> ReportQuery {
    ReportQuery {
        from: random::start(),
        until: random::start() + TimeDelta::days(35),
        group_by,
        filter: UsageFilter::default(),
        time_zone: TimeZone::UTC,
        after: None,
        limit: 10_000,
    }
}

/// What a ledger answers is what the records say, at once and page by page.
pub(super) async fn agrees(ledger: &dyn Ledger, records: &[UsageRecord], query: &ReportQuery) {
    let expected = random::fold(records, query);
    let page = ledger.report(query).await.unwrap();
    assert!(!page.has_more);
    assert_eq!(page.items, expected, "{query:?}");
    if expected.len() < 100 {
        assert_eq!(in_pages(ledger, query, 3).await, expected, "{query:?}");
    }
}

async fn in_pages(ledger: &dyn Ledger, query: &ReportQuery, limit: usize) -> Vec<ReportRow> {
    let (mut rows, mut after): (Vec<ReportRow>, Option<ReportCursor>) = (Vec::new(), None);
    loop {
        let query = ReportQuery { after, limit, ..query.clone() };
        let page = ledger.report(&query).await.unwrap();
        assert!(page.items.len() <= limit);
        rows.extend(page.items);
        if !page.has_more {
            return rows;
        }
        after = rows.last().map(|row| row.group.clone());
    }
}

async fn nothing_gives_one_empty_row_for_all(ledger: &dyn Ledger) {
    assert_eq!(ledger.report(&all(Vec::new())).await.unwrap().items, [ReportRow::default()]);
    assert!(ledger.report(&all(vec![Dimension::Team])).await.unwrap().items.is_empty());
    let past = ReportQuery { after: Some(Vec::new()), ..all(Vec::new()) };
    assert!(ledger.report(&past).await.unwrap().items.is_empty());
}

async fn every_grouping_is_that_of_the_records(ledger: &dyn Ledger) {
    let tag = |name: &str| Dimension::Tag(name.to_owned());
    let records = random::records(11, 900);
    for batch in records.chunks(100) {
        ledger.record(batch).await.unwrap();
    }
    for group_by in [
        vec![],
        vec![Dimension::Team],
        vec![Dimension::User],
        vec![Dimension::Key, Dimension::Tier],
        vec![Dimension::Model, Dimension::ModelAsked],
        vec![Dimension::Region, Dimension::Dialect, Dimension::Operation],
        vec![Dimension::Account, Dimension::Cache],
        vec![Dimension::Guardrail, Dimension::Day],
        vec![tag("project")],
        vec![tag("env"), tag("a \"quoted\" $.name"), Dimension::Key],
        vec![Dimension::Hour],
        vec![Dimension::Day, Dimension::Team],
        vec![Dimension::Month, tag("project")],
        vec![Dimension::Team, Dimension::Month, Dimension::Day],
    ] {
        agrees(ledger, &records, &all(group_by)).await;
    }
}

async fn every_filter_is_that_of_the_records(ledger: &dyn Ledger) {
    let records = random::records(12, 400);
    ledger.record(&records).await.unwrap();
    for filter in random::filters(&records) {
        for group_by in [vec![], vec![Dimension::Key, Dimension::Month]] {
            agrees(ledger, &records, &ReportQuery { filter: filter.clone(), ..all(group_by) }).await;
        }
    }
}

async fn every_time_zone_and_span_is_that_of_the_records(ledger: &dyn Ledger) {
    let records = random::records(13, 900);
    ledger.record(&records).await.unwrap();
    let hours = |count| random::start() + TimeDelta::hours(count);
    for zone in ["UTC", "Europe/Zurich", "America/St_Johns", "Asia/Kolkata", "Pacific/Kiritimati"] {
        for (from, until) in [(0, 35 * 24), (5, 29), (23, 25), (24, 24 * 6 + 1), (7, 7), (9, 8)] {
            for group_by in [vec![], vec![Dimension::Day], vec![Dimension::Month, Dimension::Region]] {
                let time_zone = zone.parse().unwrap();
                let query =
                    ReportQuery { from: hours(from), until: hours(until), time_zone, ..all(group_by) };
                agrees(ledger, &records, &query).await;
            }
        }
    }
}

async fn texts_of_clients_are_groups_like_others(ledger: &dyn Ledger) {
    let names = ["'; DROP TABLE usage_groups; --", "%", "\u{10ffff}", ""];
    let mut records: Vec<_> = (1..)
        .zip(names)
        .map(|(number, name)| UsageRecord {
            model_asked: name.to_owned(),
            tags: [(name.to_owned(), name.to_owned())].into(),
            ..record(number, team_id(1))
        })
        .collect();
    records.push(UsageRecord { model_asked: "x".repeat(100_000), ..record(9, team_id(1)) });
    ledger.record(&records).await.unwrap();
    let around = |group_by| ReportQuery {
        from: crate::usage_sums::hour(records[0].at),
        until: crate::usage_sums::hour(records[0].at) + TimeDelta::days(1),
        ..all(group_by)
    };
    agrees(ledger, &records, &around(vec![Dimension::ModelAsked])).await;
    for name in names {
        let tag = Dimension::Tag(name.to_owned());
        agrees(ledger, &records, &around(vec![tag, Dimension::ModelAsked])).await;
    }
    // No database has a place for this one everywhere, and nothing breaks by it.
    let nul = ReportQuery {
        after: Some(vec![Some("\0".to_owned())]),
        ..around(vec![Dimension::Tag("\0".to_owned())])
    };
    ledger.report(&nul).await.unwrap();
}

async fn a_report_by_too_many_hours_is_refused(ledger: &dyn Ledger) {
    let (from, until) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC - TimeDelta::days(2));
    assert!(ledger.report(&ReportQuery { from, until, ..all(vec![Dimension::Hour]) }).await.is_err());
}
