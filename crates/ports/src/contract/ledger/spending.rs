//! What was spent, exactly.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use outcrop_types::{Level, Money, TeamId, UsageRecord};
use uuid::Uuid;

use super::random::{self, Chance};
use crate::contract::samples::{key_id, team_id};
use crate::{Ledger, SpendQuery, Spent};

pub(super) async fn run<F, Fut>(make: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Ledger>>,
{
    nothing_was_spent(&*make().await).await;
    every_sum_is_that_of_the_records(&*make().await).await;
    random_spans_are_those_of_the_records(&*make().await).await;
    too_many_sums_are_an_error(&*make().await).await;
}

fn all() -> SpendQuery {
    SpendQuery {
        from: random::start(),
        until: random::start() + TimeDelta::days(35),
        team: None,
        subject: None,
        key: None,
        each: None,
        by_model: true,
        slot: None,
        without: Vec::new(),
    }
}

async fn agrees(ledger: &dyn Ledger, records: &[UsageRecord], query: &SpendQuery) {
    let mut found = ledger.spent(query, 10_000).await.unwrap();
    found.sort_unstable_by_key(key);
    assert_eq!(found, fold(records, query), "{query:?}");
}

type Place = (DateTime<Utc>, Option<String>, Option<TeamId>, String, String);

fn key(spent: &Spent) -> Place {
    (spent.from, spent.holder.clone(), spent.team, spent.model_asked.clone(), spent.model_served.clone())
}

/// The same the plain way.
fn fold(records: &[UsageRecord], query: &SpendQuery) -> Vec<Spent> {
    let mut sums: BTreeMap<Place, Money> = BTreeMap::new();
    for record in records {
        let out = record.at < query.from
            || record.at >= query.until
            || query.team.is_some_and(|team| record.team != team)
            || query.subject.is_some_and(|subject| record.subject != subject)
            || query.key.as_ref().is_some_and(|key| record.key.as_ref() != Some(key))
            || query.without.contains(&record.id.uuid());
        let cost = record.cost.as_ref().map_or(Money::ZERO, |cost| cost.usd);
        if out || cost == Money::ZERO {
            continue;
        }
        let from = query.slot.map_or(query.from, |slot| {
            let slot = slot.as_secs() as i64;
            DateTime::from_timestamp(record.at.timestamp() / slot * slot, 0).unwrap()
        });
        let (holder, team) = match query.each {
            Some(Level::Team) => (Some(record.team.to_string()), Some(record.team)),
            Some(Level::User) => (Some(record.subject.to_string()), Some(record.team)),
            Some(Level::Key) => (record.key.as_ref().map(|key| key.as_str().to_owned()), Some(record.team)),
            Some(Level::Platform) | None => (None, None),
        };
        let model = |name: &String| if query.by_model { name.clone() } else { String::new() };
        let place = (from, holder, team, model(&record.model_asked), model(&record.model_served));
        *sums.entry(place).or_default() += cost;
    }
    let spent = |((from, holder, team, model_asked, model_served), cost)| Spent {
        from,
        holder,
        team,
        model_asked,
        model_served,
        cost,
    };
    sums.into_iter().map(spent).collect()
}

async fn nothing_was_spent(ledger: &dyn Ledger) {
    assert!(ledger.spent(&all(), 1).await.unwrap().is_empty());
}

async fn every_sum_is_that_of_the_records(ledger: &dyn Ledger) {
    let records = random::records(31, 900);
    ledger.record(&records).await.unwrap();
    let without: Vec<Uuid> = records.iter().step_by(7).map(|record| record.id.uuid()).collect();
    let hours = |count: u64| Some(Duration::from_secs(count * 3_600));
    for query in [
        all(),
        SpendQuery { team: Some(team_id(1)), ..all() },
        SpendQuery { subject: Some(records[0].subject), ..all() },
        SpendQuery { key: Some(key_id(10)), each: Some(Level::User), ..all() },
        SpendQuery { each: Some(Level::Team), ..all() },
        SpendQuery { each: Some(Level::User), slot: hours(24), ..all() },
        SpendQuery { each: Some(Level::Key), slot: hours(1), ..all() },
        SpendQuery { each: Some(Level::Platform), slot: hours(7), ..all() },
        SpendQuery { by_model: false, ..all() },
        SpendQuery { by_model: false, each: Some(Level::User), slot: hours(5), ..all() },
        SpendQuery { by_model: false, without: without.clone(), ..all() },
        SpendQuery { slot: hours(48), without: without.clone(), ..all() },
        SpendQuery { each: Some(Level::Key), without: without.clone(), ..all() },
    ] {
        agrees(ledger, &records, &query).await;
    }
    let everything: Vec<Uuid> = records.iter().map(|record| record.id.uuid()).collect();
    assert!(ledger.spent(&SpendQuery { without: everything, ..all() }, 1).await.unwrap().is_empty());
}

/// Spans that begin and end anywhere, within one hour too, and exactly where records are.
async fn random_spans_are_those_of_the_records(ledger: &dyn Ledger) {
    let records = random::records(32, 900);
    ledger.record(&records).await.unwrap();
    let mut chance = Chance(33);
    for _ in 0..60 {
        let mut moment = || match chance.below(3) {
            0 => chance.of(&records).at,
            1 => chance.of(&records).at + TimeDelta::microseconds(1),
            _ => random::start() + TimeDelta::seconds(chance.below(35 * 86_400) as i64),
        };
        let (from, mut until) = (moment(), moment());
        if chance.below(4) == 0 {
            until = from + TimeDelta::seconds(chance.below(3_600) as i64);
        }
        let without = (0..chance.below(20)).map(|_| chance.of(&records).id.uuid()).collect();
        let slot = chance.of(&[None, Some(Duration::from_secs(3_600)), Some(Duration::from_secs(86_400))]);
        let each = chance.of(&[None, Some(Level::Team), Some(Level::Key)]);
        let by_model = chance.below(2) == 0;
        agrees(ledger, &records, &SpendQuery { from, until, slot, each, by_model, without, ..all() }).await;
    }
}

async fn too_many_sums_are_an_error(ledger: &dyn Ledger) {
    let records = random::records(34, 200);
    ledger.record(&records).await.unwrap();
    // Three names by two models.
    assert_eq!(ledger.spent(&all(), 6).await.unwrap().len(), 6);
    assert!(ledger.spent(&all(), 5).await.is_err());
    // Whatever names clients make up, the sum of all is one.
    assert_eq!(ledger.spent(&SpendQuery { by_model: false, ..all() }, 1).await.unwrap().len(), 1);
}
