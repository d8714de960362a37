//! The sums are those of the records, whatever happens.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::future::Future;
use std::sync::Arc;

use chrono::TimeDelta;
use outcrop_types::{GuardrailState, Money, Outcome, TokenUsage, UsageRecord};

use super::random;
use super::reports::{agrees, all};
use crate::contract::samples::{record, team_id};
use crate::{Dimension, Ledger, ReportQuery, usage_sums};

pub(super) async fn run<F, Fut>(make: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Ledger>>,
{
    what_is_repeated_counts_once(&*make().await).await;
    what_is_recorded_at_once_counts_once(make().await).await;
    absurd_counts_fit_into_sums(&*make().await).await;
    looks_of_guardrails_are_no_requests(&*make().await).await;
}

async fn what_is_repeated_counts_once(ledger: &dyn Ledger) {
    let records = random::records(21, 300);
    // Whole, in overlapping pieces, and with records that are there twice in one batch.
    ledger.record(&records[..100]).await.unwrap();
    ledger.record(&records[..100]).await.unwrap();
    let mut twice = records[50..200].to_vec();
    twice.extend_from_slice(&records[150..200]);
    ledger.record(&twice).await.unwrap();
    ledger.record(&records).await.unwrap();
    // What is there stays as it is, in the sums too.
    let dearer: Vec<_> =
        records.iter().map(|it| UsageRecord { latency_ms: 1, cost: None, ..it.clone() }).collect();
    ledger.record(&dearer).await.unwrap();
    for group_by in [vec![], vec![Dimension::Team, Dimension::Day], vec![Dimension::Hour]] {
        agrees(ledger, &records, &all(group_by)).await;
    }
}

async fn what_is_recorded_at_once_counts_once(ledger: Arc<dyn Ledger>) {
    let records = random::records(22, 1_000);
    crate::contract::at_once(8, |shipper| {
        let ledger = Arc::clone(&ledger);
        let mut records = records.clone();
        async move {
            // Each begins somewhere else, and every other one comes the other way round.
            records.rotate_left(shipper as usize * 100);
            if shipper % 2 == 1 {
                records.reverse();
            }
            for batch in records.chunks(125) {
                ledger.record(batch).await.unwrap();
            }
        }
    })
    .await;
    for group_by in [vec![], vec![Dimension::User, Dimension::Tier], vec![Dimension::Hour]] {
        agrees(&*ledger, &records, &all(group_by)).await;
    }
}

async fn looks_of_guardrails_are_no_requests(ledger: &dyn Ledger) {
    let tokens = TokenUsage::default();
    let guardrail = GuardrailState::None;
    let call = UsageRecord { latency_ms: 800, tokens, guardrail, ..record(1, team_id(1)) };
    let mut look = UsageRecord {
        operation: usage_sums::LOOK.to_owned(),
        guardrail: GuardrailState::Observed,
        outcome: Outcome::Failed,
        latency_ms: 10,
        cost: None,
        ..record(2, team_id(1))
    };
    look.tokens = TokenUsage { guardrail_units: 7, ..TokenUsage::default() };
    ledger.record(&[call.clone(), look]).await.unwrap();
    let from = usage_sums::day(call.at);
    let query = ReportQuery { from, until: from + TimeDelta::days(1), ..all(Vec::new()) };
    let totals = &ledger.report(&query).await.unwrap().items[0].totals;
    assert_eq!((totals.requests, totals.retries, totals.errors, totals.unpriced), (1, 0, 0, 0));
    assert_eq!((totals.tokens.guardrail_units, totals.guardrails.observed), (7, 1));
    assert!(totals.latency.percentile_ms(1).unwrap() > 700, "{totals:?}");
}

async fn absurd_counts_fit_into_sums(ledger: &dyn Ledger) {
    let records: Vec<_> = (1..=20)
        .map(|number| {
            let mut odd = record(number, team_id(1));
            odd.latency_ms = u64::MAX;
            odd.tokens.output = u64::MAX;
            odd.tokens.guardrail_units = u64::MAX;
            odd.cache_age_ms = Some(u64::MAX);
            odd.cache_saved = Some(Money::from_nano_usd(u64::MAX));
            odd.cost.as_mut().unwrap().usd = Money::from_nano_usd(u64::MAX);
            odd.cost.as_mut().unwrap().saved_nano_usd = i64::MIN;
            odd
        })
        .collect();
    for record in &records {
        ledger.record(std::slice::from_ref(record)).await.unwrap();
    }
    let from = crate::usage_sums::day(records[0].at);
    let query = ReportQuery { from, until: from + TimeDelta::days(1), ..all(Vec::new()) };
    let kept: Vec<_> = records.iter().map(|it| crate::usage_sums::kept(it).into_owned()).collect();
    agrees(ledger, &kept, &query).await;
    let totals = &ledger.report(&query).await.unwrap().items[0].totals;
    assert_eq!(totals.requests, 20);
    assert!(totals.cost >= Money::from_nano_usd(20 * 1_000_000_000_000_000));
}
