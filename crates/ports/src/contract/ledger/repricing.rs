//! Other prices for what is recorded already.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{CacheState, Cost, Money, UsageRecord};

use super::random::{self, Chance};
use super::reports::{agrees, all};
use crate::contract::samples::usage_id;
use crate::{Dimension, Ledger, Repriced, UsageFilter};

pub(super) async fn run<F, Fut>(make: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Ledger>>,
{
    sums_follow_the_new_prices(&*make().await).await;
    only_what_is_as_it_was_read_changes(&*make().await).await;
    what_the_cache_of_answers_spared_costs_nothing(&*make().await).await;
    repricing_at_once_counts_once(make().await).await;
}

/// New costs for every other record: some without a price get one, some lose it.
fn changes(records: &[UsageRecord]) -> Vec<Repriced> {
    let mut chance = Chance(51);
    let after = |chance: &mut Chance| {
        (chance.below(4) > 0).then(|| Cost {
            usd: Money::from_nano_usd(chance.below(9_000_000_000)),
            saved_nano_usd: chance.below(1_000) as i64 - 500,
            price: "another row".to_owned(),
        })
    };
    let change = |record: &UsageRecord| Repriced {
        id: record.id,
        at: record.at,
        before: record.cost.clone(),
        after: after(&mut chance),
    };
    let priced = records.iter().filter(|record| !record.cache.spared_the_call());
    priced.step_by(2).map(change).collect()
}

fn repriced(records: &[UsageRecord], changes: &[Repriced]) -> Vec<UsageRecord> {
    let mut records = records.to_vec();
    for change in changes {
        let record = records.iter_mut().find(|record| record.id == change.id).unwrap();
        record.cost.clone_from(&change.after);
    }
    records
}

async fn is_kept(ledger: &dyn Ledger, expected: &[UsageRecord]) {
    let mut found = ledger.list_usage(&UsageFilter::default(), None, None, 10_000).await.unwrap().items;
    found.reverse();
    assert_eq!(found, expected);
    for group_by in [vec![], vec![Dimension::Team, Dimension::Day], vec![Dimension::Hour]] {
        agrees(ledger, expected, &all(group_by)).await;
    }
}

async fn sums_follow_the_new_prices(ledger: &dyn Ledger) {
    let records = random::records(52, 400);
    ledger.record(&records).await.unwrap();
    let changes = changes(&records);
    let real = changes.iter().filter(|change| change.before != change.after).count() as u64;
    assert_eq!(ledger.reprice(&changes).await.unwrap(), real);
    is_kept(ledger, &repriced(&records, &changes)).await;
    // What was done is not done again.
    assert_eq!(ledger.reprice(&changes).await.unwrap(), 0);
    is_kept(ledger, &repriced(&records, &changes)).await;
    assert_eq!(ledger.reprice(&[]).await.unwrap(), 0);
}

async fn only_what_is_as_it_was_read_changes(ledger: &dyn Ledger) {
    let mut records = random::records(53, 3);
    let cost =
        |nano| Some(Cost { usd: Money::from_nano_usd(nano), saved_nano_usd: 0, price: "row".to_owned() });
    for record in &mut records {
        record.cost = cost(5);
    }
    ledger.record(&records).await.unwrap();
    let change = |number: usize, before, after| Repriced {
        id: records[number].id,
        at: records[number].at,
        before,
        after,
    };
    let unknown = Repriced { id: usage_id(99), ..change(0, None, cost(7)) };
    let all = [change(0, cost(4), cost(7)), change(1, None, cost(7)), change(2, cost(5), cost(7)), unknown];
    assert_eq!(ledger.reprice(&all).await.unwrap(), 1);
    records[2].cost = cost(7);
    is_kept(ledger, &records).await;
}

async fn what_the_cache_of_answers_spared_costs_nothing(ledger: &dyn Ledger) {
    let mut records = random::records(55, 2);
    for (record, cache) in records.iter_mut().zip([CacheState::Hit, CacheState::Coalesced]) {
        (record.cache, record.cost) = (cache, None);
        record.cache_saved = Some(Money::from_nano_usd(7));
    }
    ledger.record(&records).await.unwrap();
    let zero = Cost { usd: Money::ZERO, saved_nano_usd: 0, price: "row".to_owned() };
    let change = |record: &UsageRecord| Repriced {
        id: record.id,
        at: record.at,
        before: None,
        after: Some(zero.clone()),
    };
    assert_eq!(ledger.reprice(&records.iter().map(change).collect::<Vec<_>>()).await.unwrap(), 0);
    is_kept(ledger, &records).await;
}

async fn repricing_at_once_counts_once(ledger: Arc<dyn Ledger>) {
    let records = random::records(54, 400);
    ledger.record(&records).await.unwrap();
    let changes = changes(&records);
    let real = changes.iter().filter(|change| change.before != change.after).count() as u64;
    let changed = crate::contract::at_once(6, |number| {
        let (ledger, mut changes, records) = (Arc::clone(&ledger), changes.clone(), records.clone());
        async move {
            changes.rotate_left(number as usize * 10);
            // Somebody ships again meanwhile.
            ledger.record(&records[number as usize * 50..]).await.unwrap();
            ledger.reprice(&changes).await.unwrap()
        }
    })
    .await;
    assert_eq!(changed.into_iter().sum::<u64>(), real);
    is_kept(&*ledger, &repriced(&records, &changes)).await;
}
