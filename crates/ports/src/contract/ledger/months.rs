//! Months: made, listed, read and dropped.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::future::Future;
use std::sync::Arc;

use chrono::{Datelike, NaiveDate};
use outcrop_types::UsageRecord;

use super::random;
use super::reports::{agrees, all};
use crate::contract::samples::{record, team_id};
use crate::{Dimension, Ledger, MonthDigest, MonthDigester, Repriced, UsageFilter, UsageMonth};

pub(super) async fn run<F, Fut>(make: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Ledger>>,
{
    months_may_be_made_at_once(make().await).await;
    months_are_those_of_the_records(&*make().await).await;
    a_month_is_read_in_order(&*make().await).await;
    sums_outlive_a_dropped_month(&*make().await).await;
    a_dropped_month_can_be_written_again(&*make().await).await;
    only_what_is_expected_is_dropped(&*make().await).await;
    what_comes_while_a_month_is_dropped_is_not_lost(make().await).await;
}

fn month(year: i32, month: u32) -> UsageMonth {
    UsageMonth { first: NaiveDate::from_ymd_opt(year, month, 1).unwrap() }
}

async fn months_may_be_made_at_once(ledger: Arc<dyn Ledger>) {
    let today = NaiveDate::from_ymd_opt(2026, 11, 30).unwrap();
    crate::contract::at_once(6, |_| {
        let ledger = Arc::clone(&ledger);
        async move {
            ledger.make_months(today, 3).await.unwrap();
            ledger.make_months(today, 1).await.unwrap();
        }
    })
    .await;
    assert!(ledger.months().await.unwrap().is_empty(), "there are no records of them");
    let later = UsageRecord { at: "2027-02-28T23:59:59Z".parse().unwrap(), ..record(1, team_id(1)) };
    ledger.record(&[later]).await.unwrap();
    assert_eq!(ledger.months().await.unwrap(), [month(2027, 2)]);
}

async fn months_are_those_of_the_records(ledger: &dyn Ledger) {
    ledger.record(&random::records(41, 300)).await.unwrap();
    assert_eq!(ledger.months().await.unwrap(), [month(2026, 1), month(2026, 2), month(2026, 3)]);
}

async fn a_month_is_read_in_order(ledger: &dyn Ledger) {
    let records = random::records(42, 300);
    ledger.record(&records).await.unwrap();
    let mut expected = records.clone();
    expected.retain(|record| record.at.month() == 2);
    expected.sort_unstable_by_key(|record| record.id);
    let mut found: Vec<UsageRecord> = Vec::new();
    loop {
        let after = found.last().map(|record| record.id);
        let page = ledger.month_records(month(2026, 2), after, 40).await.unwrap();
        found.extend(page.items);
        if !page.has_more {
            break;
        }
    }
    assert_eq!(found, expected);
    assert!(ledger.month_records(month(2025, 2), None, 40).await.unwrap().items.is_empty());
}

async fn sums_outlive_a_dropped_month(ledger: &dyn Ledger) {
    let records = random::records(43, 300);
    ledger.record(&records).await.unwrap();
    assert!(ledger.drop_month(month(2026, 2), None).await.unwrap());
    assert!(ledger.drop_month(month(2026, 2), None).await.unwrap());
    assert!(ledger.drop_month(month(2020, 2), None).await.unwrap());
    assert_eq!(ledger.months().await.unwrap(), [month(2026, 1), month(2026, 3)]);
    let left = ledger.list_usage(&UsageFilter::default(), None, None, 1_000).await.unwrap().items;
    assert_eq!(left.len(), records.iter().filter(|record| record.at.month() != 2).count());
    for group_by in [vec![], vec![Dimension::Month, Dimension::Team], vec![Dimension::Hour]] {
        agrees(ledger, &records, &all(group_by)).await;
    }
}

/// A spool that is late, and a process that believes the month to be there.
async fn a_dropped_month_can_be_written_again(ledger: &dyn Ledger) {
    let records = random::records(44, 100);
    ledger.record(&records[..50]).await.unwrap();
    for number in 1..=3 {
        assert!(ledger.drop_month(month(2026, number), None).await.unwrap());
    }
    ledger.record(&records[50..]).await.unwrap();
    let left = ledger.list_usage(&UsageFilter::default(), None, None, 1_000).await.unwrap().items;
    assert_eq!(left.len(), 50);
    agrees(ledger, &records, &all(vec![Dimension::Day])).await;
}

/// What a month is expected to hold, from a plain look at its records.
async fn digest(ledger: &dyn Ledger, month: UsageMonth) -> MonthDigest {
    let mut digester = MonthDigester::default();
    for record in ledger.month_records(month, None, 100_000).await.unwrap().items {
        digester.add(&record.id, record.cost.as_ref());
    }
    digester.end()
}

async fn only_what_is_expected_is_dropped(ledger: &dyn Ledger) {
    let records = random::records(45, 300);
    let february = month(2026, 2);
    ledger.record(&records[..250]).await.unwrap();
    let before = digest(ledger, february).await;
    // A record that came late,
    ledger.record(&records[250..]).await.unwrap();
    assert!(!ledger.drop_month(february, Some(&before)).await.unwrap());
    // and a cost that is another now, where as many records are there as before.
    let before = digest(ledger, february).await;
    let dear = records.iter().find(|it| it.at.month() == 2 && it.cost.is_some()).unwrap();
    let change = Repriced { id: dear.id, at: dear.at, before: dear.cost.clone(), after: None };
    assert_eq!(ledger.reprice(&[change]).await.unwrap(), 1);
    assert!(!ledger.drop_month(february, Some(&before)).await.unwrap());
    let left = ledger.list_usage(&UsageFilter::default(), None, None, 1_000).await.unwrap().items;
    assert_eq!(left.len(), records.len(), "nothing was removed");
    let now = digest(ledger, february).await;
    assert!(ledger.drop_month(february, Some(&now)).await.unwrap());
    assert_eq!(ledger.months().await.unwrap(), [month(2026, 1), month(2026, 3)]);
    assert!(ledger.drop_month(february, Some(&now)).await.unwrap(), "it is removed already");
}

async fn what_comes_while_a_month_is_dropped_is_not_lost(ledger: Arc<dyn Ledger>) {
    let mut records = random::records(46, 600);
    records.retain(|record| record.at.month() == 2);
    let (early, late) = records.split_at(records.len() / 2);
    ledger.record(early).await.unwrap();
    let expected = digest(&*ledger, month(2026, 2)).await;
    let dropped = crate::contract::at_once(9, |number| {
        let (ledger, late) = (Arc::clone(&ledger), late.to_vec());
        async move {
            if number == 4 {
                // It may also find no moment for it.
                return ledger.drop_month(month(2026, 2), Some(&expected)).await.unwrap_or(false);
            }
            for record in late.iter().skip(number as usize).step_by(9) {
                ledger.record(std::slice::from_ref(record)).await.unwrap();
            }
            false
        }
    })
    .await;
    let left = ledger.list_usage(&UsageFilter::default(), None, None, 1_000).await.unwrap().items;
    let there = |record: &UsageRecord| left.iter().any(|it| it.id == record.id);
    let shipped = |place: usize| place % 9 != 4;
    assert!(late.iter().enumerate().all(|(place, record)| !shipped(place) || there(record)));
    assert!(dropped.contains(&true) || early.iter().all(there), "all or nothing");
}
