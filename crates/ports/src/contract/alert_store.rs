//! What every [`AlertStore`] keeps.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use outcrop_types::{Alert, AlertId, Calendar, Level, Money, Period, PolicyId, TimeZone};
use uuid::Uuid;

use super::pages::pages;
use super::samples::{at, team_id};
use crate::{AlertFilter, AlertStore};

const LEASE: Duration = Duration::from_secs(60);

/// Runs the suite. `make` gives an empty store each time.
pub async fn alert_store<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn AlertStore>>,
{
    an_alert_is_raised_once(&*make().await).await;
    of_many_who_see_it_one_raises_it(make().await).await;
    an_alert_is_claimed_by_one(make().await).await;
    a_claim_runs_out(&*make().await).await;
    what_was_told_is_not_told_again(&*make().await).await;
    what_failed_is_tried_again(&*make().await).await;
    alerts_are_listed_newest_first(&*make().await).await;
}

fn alert(number: u32) -> Alert {
    Alert {
        id: AlertId::new(Uuid::from_u128(number.into())),
        at: at(number.into()),
        policy: PolicyId::new(Uuid::from_u128(number.into())),
        level: Level::Team,
        holder: team_id(number % 2).to_string(),
        team: Some(team_id(number % 2)),
        model: Some("claude-haiku-4-5".to_owned()),
        budget: Money::from_nano_usd(50_000_000_000),
        period: Period::Calendar {
            calendar: Calendar::Month,
            time_zone: "Europe/Zurich".parse::<TimeZone>().unwrap(),
        },
        period_start: at(0),
        per_cent: 80,
        spent: Money::from_nano_usd(40_000_000_001),
    }
}

async fn an_alert_is_raised_once(store: &dyn AlertStore) {
    let first = alert(1);
    assert!(store.raise_alert(&first).await.unwrap());
    let again = Alert { spent: Money::ZERO, at: at(9), id: alert(2).id, ..first.clone() };
    assert!(!store.raise_alert(&again).await.unwrap());
    for (number, other) in (3..).zip([
        Alert { policy: alert(2).policy, ..first.clone() },
        Alert { holder: "platform".to_owned(), team: None, model: None, ..first.clone() },
        Alert { period: Period::Rolling { days: 7 }, ..first.clone() },
        Alert { period_start: at(1), ..first.clone() },
        Alert { per_cent: 100, ..first.clone() },
        Alert { budget: Money::from_nano_usd(60_000_000_000), ..first.clone() },
    ]) {
        let other = Alert { id: alert(number).id, ..other };
        assert!(store.raise_alert(&other).await.unwrap(), "{other:?}");
        let listed = store.list_alerts(&AlertFilter::default(), None, 1).await.unwrap();
        assert_eq!(listed.items, [other]);
    }
}

async fn of_many_who_see_it_one_raises_it(store: Arc<dyn AlertStore>) {
    let raised = super::at_once(6, |number| {
        let store = Arc::clone(&store);
        async move { store.raise_alert(&Alert { id: alert(10 + number).id, ..alert(1) }).await.unwrap() }
    })
    .await;
    assert_eq!(raised.into_iter().filter(|raised| *raised).count(), 1);
}

async fn an_alert_is_claimed_by_one(store: Arc<dyn AlertStore>) {
    for number in 1..=20 {
        assert!(store.raise_alert(&alert(number)).await.unwrap());
    }
    let first = store.claim_alerts(at(100), LEASE, 3).await.unwrap();
    assert_eq!(first, [1, 2, 3].map(|number| (alert(number), 0)), "oldest first");
    let claimed = super::at_once(6, |_| {
        let store = Arc::clone(&store);
        async move { store.claim_alerts(at(100), LEASE, 5).await.unwrap() }
    })
    .await;
    let mut ids: Vec<_> = claimed.into_iter().flatten().map(|(alert, _)| alert.id).collect();
    // Who came while others claimed may have found fewer.
    ids.extend(store.claim_alerts(at(100), LEASE, 20).await.unwrap().into_iter().map(|(alert, _)| alert.id));
    ids.sort_unstable();
    assert_eq!(ids, (4..=20).map(|number| alert(number).id).collect::<Vec<_>>());
}

async fn a_claim_runs_out(store: &dyn AlertStore) {
    store.raise_alert(&alert(1)).await.unwrap();
    assert!(store.claim_alerts(at(0), LEASE, 5).await.unwrap().is_empty(), "it is not raised yet");
    assert_eq!(store.claim_alerts(at(1), LEASE, 5).await.unwrap(), [(alert(1), 0)]);
    assert!(store.claim_alerts(at(60), LEASE, 5).await.unwrap().is_empty());
    assert_eq!(store.claim_alerts(at(61), LEASE, 5).await.unwrap(), [(alert(1), 1)]);
}

async fn what_was_told_is_not_told_again(store: &dyn AlertStore) {
    for number in 1..=2 {
        store.raise_alert(&alert(number)).await.unwrap();
    }
    store.alert_told(alert(1).id, Some(at(5))).await.unwrap();
    store.alert_told(alert(2).id, None).await.unwrap();
    // Who was slow finds out too late that telling failed.
    store.alert_failed(alert(1).id, at(6)).await.unwrap();
    assert!(store.claim_alerts(at(1_000), LEASE, 5).await.unwrap().is_empty());
    assert!(!store.raise_alert(&alert(1)).await.unwrap());
}

async fn what_failed_is_tried_again(store: &dyn AlertStore) {
    store.raise_alert(&alert(1)).await.unwrap();
    for tries in 0..3 {
        let now = 100 * (i64::from(tries) + 1);
        assert_eq!(store.claim_alerts(at(now), LEASE, 5).await.unwrap(), [(alert(1), tries)]);
        store.alert_failed(alert(1).id, at(now + 100)).await.unwrap();
        assert!(store.claim_alerts(at(now + 99), LEASE, 5).await.unwrap().is_empty());
    }
}

async fn alerts_are_listed_newest_first(store: &dyn AlertStore) {
    for number in [3, 1, 5, 2, 4] {
        store.raise_alert(&alert(number)).await.unwrap();
    }
    let ids = |numbers: &[u32]| numbers.iter().map(|number| alert(*number).id).collect::<Vec<_>>();
    for (team, expected) in
        [(None, &[5, 4, 3, 2, 1][..]), (Some(team_id(1)), &[5, 3, 1]), (Some(team_id(9)), &[])]
    {
        let filter = AlertFilter { team };
        let list = async |after, limit| store.list_alerts(&filter, after, limit).await;
        assert_eq!(pages(2, |alert: &Alert| alert.id, list).await, ids(expected));
    }
}
