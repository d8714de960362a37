//! Single records.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{CacheState, Money, TeamId, UsageId, UsageRecord};

use super::random;
use crate::contract::samples::{failed_record, record, team_id, usage_id};
use crate::{Ledger, UsageFilter};

pub(super) async fn run<F, Fut>(make: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Ledger>>,
{
    a_record_is_listed_as_it_was_written(&*make().await).await;
    nothing_can_be_recorded(&*make().await).await;
    repeating_is_harmless(&*make().await).await;
    a_repeated_batch_adds_what_is_new(&*make().await).await;
    overlapping_batches_at_once_are_kept_once(make().await).await;
    a_large_batch_is_kept_whole(&*make().await).await;
    records_are_listed_newest_first(&*make().await).await;
    no_text_of_a_client_stops_a_batch(&*make().await).await;
    no_count_stops_a_batch(&*make().await).await;
    every_filter_is_heeded(&*make().await).await;
    times_far_apart_are_kept(&*make().await).await;
}

async fn a_record_is_listed_as_it_was_written(ledger: &dyn Ledger) {
    let (full, failed) = (record(1, team_id(1)), failed_record(2, team_id(1)));
    let reused = UsageRecord {
        cache: CacheState::Hit,
        cache_age_ms: Some(61_000),
        cache_saved: Some(Money::from_nano_usd(89)),
        again: true,
        ..failed_record(3, team_id(1))
    };
    ledger.record(&[full.clone(), failed.clone(), reused.clone()]).await.unwrap();
    let page = ledger.list_usage(&of(Some(team_id(1))), None, None, 10).await.unwrap();
    assert_eq!(page.items, [reused, failed, full]);
    assert!(!page.has_more);
}

async fn nothing_can_be_recorded(ledger: &dyn Ledger) {
    ledger.record(&[]).await.unwrap();
    assert!(ledger.list_usage(&of(None), None, None, 10).await.unwrap().items.is_empty());
}

async fn repeating_is_harmless(ledger: &dyn Ledger) {
    let first = record(1, team_id(1));
    ledger.record(&[first.clone(), first.clone()]).await.unwrap();
    let other = UsageRecord { operation: "embed".to_owned(), ..first.clone() };
    ledger.record(&[other]).await.unwrap();
    assert_eq!(ledger.list_usage(&of(None), None, None, 10).await.unwrap().items, [first]);
}

async fn a_repeated_batch_adds_what_is_new(ledger: &dyn Ledger) {
    ledger.record(&[record(1, team_id(1)), record(2, team_id(1))]).await.unwrap();
    let again = [record(2, team_id(1)), record(3, team_id(1)), record(1, team_id(1))];
    ledger.record(&again).await.unwrap();
    assert_eq!(pages(ledger, None, 10).await, [3, 2, 1].map(usage_id));
}

async fn overlapping_batches_at_once_are_kept_once(ledger: Arc<dyn Ledger>) {
    crate::contract::at_once(8, |batch| {
        let ledger = Arc::clone(&ledger);
        async move {
            let mut records: Vec<_> = (1..=500).map(|number| record(number, team_id(1))).collect();
            // Every other one comes the other way round, which is how batches get in each other's way.
            if batch % 2 == 1 {
                records.reverse();
            }
            ledger.record(&records).await.unwrap();
        }
    })
    .await;
    assert_eq!(pages(&*ledger, None, 1_000).await.len(), 500);
}

async fn a_large_batch_is_kept_whole(ledger: &dyn Ledger) {
    let records: Vec<_> = (1..=2_500).map(|number| record(number, team_id(1))).collect();
    ledger.record(&records).await.unwrap();
    let expected: Vec<_> = (1..=2_500).rev().map(usage_id).collect();
    assert_eq!(pages(ledger, Some(team_id(1)), 1_000).await, expected);
}

async fn records_are_listed_newest_first(ledger: &dyn Ledger) {
    let records: Vec<_> = [3, 1, 5, 2, 4].map(|number| record(number, team_id(number % 2))).into();
    ledger.record(&records).await.unwrap();
    assert_eq!(pages(ledger, None, 2).await, [5, 4, 3, 2, 1].map(usage_id));
    assert_eq!(pages(ledger, Some(team_id(1)), 3).await, [5, 3, 1].map(usage_id));
    assert_eq!(pages(ledger, Some(team_id(0)), 1).await, [4, 2].map(usage_id));
    assert!(pages(ledger, Some(team_id(9)), 2).await.is_empty());
}

/// One record that cannot be written would hold up all behind it, for ever.
async fn no_text_of_a_client_stops_a_batch(ledger: &dyn Ledger) {
    let odd = UsageRecord {
        model_asked: "\0 '; DROP TABLE usage_records; -- \u{10ffff}".to_owned(),
        ..record(1, team_id(1))
    };
    let long = UsageRecord { model_asked: "x".repeat(100_000), ..record(2, team_id(1)) };
    ledger.record(&[odd, long, record(3, team_id(1))]).await.unwrap();
    assert_eq!(pages(ledger, None, 10).await, [3, 2, 1].map(usage_id));
}

async fn no_count_stops_a_batch(ledger: &dyn Ledger) {
    let mut odd = record(1, team_id(1));
    odd.latency_ms = u64::MAX;
    odd.tokens.output = u64::MAX;
    ledger.record(&[odd]).await.unwrap();
    assert_eq!(pages(ledger, None, 10).await, [usage_id(1)]);
}

/// What is listed is what a plain look at each record finds, page by page.
async fn every_filter_is_heeded(ledger: &dyn Ledger) {
    let records = random::records(3, 200);
    ledger.record(&records).await.unwrap();
    for filter in random::filters(&records) {
        let mut expected: Vec<_> = records.iter().filter(|it| random::fits(it, &filter)).cloned().collect();
        expected.sort_unstable_by_key(|it| std::cmp::Reverse(it.id));
        let mut found: Vec<UsageRecord> = Vec::new();
        loop {
            let page = ledger.list_usage(&filter, None, found.last().map(|it| it.id), 17).await.unwrap();
            found.extend(page.items);
            if !page.has_more {
                break;
            }
        }
        assert_eq!(found, expected, "{filter:?}");
    }
    let odd = UsageFilter { models: vec!["\0".to_owned()], ..UsageFilter::default() };
    assert!(ledger.list_usage(&odd, None, None, 10).await.unwrap().items.is_empty());
}

/// A clock that is wrong by years holds nothing up.
async fn times_far_apart_are_kept(ledger: &dyn Ledger) {
    let times = [
        "1970-01-01T00:00:00Z",
        "2026-01-31T23:59:59.999999Z",
        "2026-02-01T00:00:00Z",
        "2399-12-31T23:00:00Z",
    ];
    let records: Vec<_> = (1..)
        .zip(times)
        .map(|(number, at)| UsageRecord { at: at.parse().unwrap(), ..record(number, team_id(1)) })
        .collect();
    ledger.record(&records).await.unwrap();
    assert_eq!(pages(ledger, None, 3).await, [4, 3, 2, 1].map(usage_id));
}

async fn pages(ledger: &dyn Ledger, team: Option<TeamId>, limit: usize) -> Vec<UsageId> {
    let list = async |after, limit| ledger.list_usage(&of(team), None, after, limit).await;
    super::super::pages::pages(limit, |record: &UsageRecord| record.id, list).await
}

fn of(team: Option<TeamId>) -> UsageFilter {
    UsageFilter { team, ..UsageFilter::default() }
}
