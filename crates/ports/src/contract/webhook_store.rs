//! What every [`WebhookStore`] keeps.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use outcrop_types::{
    DeliveryId, DeliveryState, SealedSecret, WebhookDelivery, WebhookEndpoint, WebhookEvent, WebhookId,
};
use uuid::Uuid;

use super::pages::pages;
use super::samples::{at, job, job_id, team_id};
use crate::{ClaimedDelivery, DeliveryFilter, DeliveryTerms, IdGen, JobStore, Told, WebhookStore};

/// Jobs have the events that endpoints are told of.
pub trait ToldStore: JobStore + WebhookStore {}

impl<T: JobStore + WebhookStore> ToldStore for T {}

/// Runs the suite. `make` gives an empty store each time.
pub async fn webhook_store<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn ToldStore>>,
{
    an_endpoint_is_kept_as_it_is(&*make().await).await;
    a_team_has_no_more_than_it_may(make().await).await;
    of_two_changes_of_the_same_version_one_is_made(make().await).await;
    an_event_is_told_to_those_who_want_it(&*make().await).await;
    an_event_is_fanned_out_once(make().await).await;
    a_delivery_is_claimed_by_one(make().await).await;
    a_claim_runs_out_and_fences_off(&*make().await).await;
    a_dead_endpoint_delays_no_other(make().await).await;
    a_disabled_endpoint_is_told_nothing(&*make().await).await;
    what_was_told_is_noted_and_can_be_replayed(&*make().await).await;
    deliveries_are_listed_newest_first(&*make().await).await;
    an_endpoint_takes_its_deliveries_along(make().await).await;
    old_deliveries_are_forgotten(&*make().await).await;
}

/// Ids that follow from their number.
#[derive(Default)]
struct Ids(AtomicU32);

impl IdGen for Ids {
    fn uuid(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1_000_000)
    }

    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
}

fn webhook_id(number: u32) -> WebhookId {
    WebhookId::new(Uuid::from_u128(number.into()))
}

fn delivery_id(number: u32) -> DeliveryId {
    DeliveryId::new(Uuid::from_u128(number.into()))
}

fn endpoint(number: u32, team: u32) -> WebhookEndpoint {
    WebhookEndpoint {
        id: webhook_id(number),
        team: team_id(team),
        url: format!("https://hooks.example/{number}?x=\"'"),
        description: "na\u{ef}ve".to_owned(),
        events: Vec::new(),
        enabled: true,
        secrets: vec![SealedSecret { sealed: vec![0, 255, 7], until: None }],
        created_at: at(0),
        updated_at: at(0),
    }
}

/// Something to tell endpoint `webhook` from second `number` on.
fn delivery(number: u32, webhook: u32) -> WebhookDelivery {
    let event = WebhookEvent::new(
        Uuid::from_u128(number.into()),
        "webhook.test".into(),
        "wh".into(),
        at(number.into()),
    );
    event.delivery(delivery_id(number), webhook_id(webhook), team_id(1))
}

fn terms(now: i64, limit: usize, most_per_endpoint: usize) -> DeliveryTerms {
    DeliveryTerms { now: at(now), lease_until: at(now + 60), limit, most_per_endpoint }
}

fn numbers(claimed: &[ClaimedDelivery]) -> Vec<u128> {
    claimed.iter().map(|it| it.delivery.id.uuid().as_u128()).collect()
}

async fn add(store: &dyn ToldStore, endpoints: &[WebhookEndpoint]) {
    for endpoint in endpoints {
        assert!(store.insert_webhook(endpoint, 100).await.unwrap());
    }
}

async fn listed(store: &dyn ToldStore, webhook: u32) -> Vec<WebhookDelivery> {
    let filter = DeliveryFilter { webhook: webhook_id(webhook), state: None, name: None };
    store.list_deliveries(&filter, None, 1_000).await.unwrap().items
}

/// Makes events: each job of these is submitted and cancelled.
async fn cancelled(store: &dyn ToldStore, team: u32, jobs: impl Iterator<Item = u32>) {
    for number in jobs {
        store.submit_job(&job(number, team_id(team))).await.unwrap();
        store.cancel_job(job_id(number), at(1_000 + i64::from(number))).await.unwrap().unwrap();
    }
}

async fn fan_out(store: &dyn ToldStore, ids: &dyn IdGen) -> usize {
    let mut count = 0;
    loop {
        let some = store.fan_out_events(ids, at(5_000), 3).await.unwrap();
        assert!(some <= 3);
        count += some;
        if some == 0 {
            return count;
        }
    }
}

async fn an_endpoint_is_kept_as_it_is(store: &dyn ToldStore) {
    let first = endpoint(1, 1);
    add(store, &[endpoint(3, 2), endpoint(2, 1), first.clone()]).await;
    assert_eq!(store.lookup_webhook(first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(store.lookup_webhook(webhook_id(9)).await.unwrap(), None);
    assert_eq!(store.list_webhooks(team_id(1)).await.unwrap(), [first.clone(), endpoint(2, 1)]);
    let changed = WebhookEndpoint {
        url: "https://other.example/".into(),
        description: String::new(),
        events: vec!["job.failed".into(), "batch.completed".into()],
        enabled: false,
        secrets: vec![
            SealedSecret { sealed: vec![1], until: None },
            SealedSecret { sealed: vec![0, 255, 7], until: Some(at(77)) },
        ],
        updated_at: at(5),
        ..first.clone()
    };
    assert!(store.update_webhook(&changed, first.updated_at).await.unwrap());
    assert_eq!(store.lookup_webhook(first.id).await.unwrap(), Some(changed.clone()));
    assert!(!store.update_webhook(&first, first.updated_at).await.unwrap(), "it is another by now");
    assert!(!store.update_webhook(&endpoint(9, 1), at(0)).await.unwrap());
    assert!(store.remove_webhook(first.id).await.unwrap());
    assert!(!store.remove_webhook(first.id).await.unwrap());
    assert!(!store.update_webhook(&changed, changed.updated_at).await.unwrap());
    assert_eq!(store.list_webhooks(team_id(1)).await.unwrap(), [endpoint(2, 1)]);
}

async fn a_team_has_no_more_than_it_may(store: Arc<dyn ToldStore>) {
    add(&*store, &[endpoint(100, 2)]).await;
    let added = super::at_once(8, |number| {
        let store = Arc::clone(&store);
        async move { store.insert_webhook(&endpoint(number, 1), 3).await.unwrap() }
    })
    .await;
    assert_eq!(added.into_iter().filter(|added| *added).count(), 3);
    let all = store.list_webhooks(team_id(1)).await.unwrap();
    assert_eq!(all.len(), 3);
    store.remove_webhook(all[0].id).await.unwrap();
    assert!(store.insert_webhook(&endpoint(50, 1), 3).await.unwrap());
}

async fn of_two_changes_of_the_same_version_one_is_made(store: Arc<dyn ToldStore>) {
    add(&*store, &[endpoint(1, 1)]).await;
    let made = super::at_once(6, |number| {
        let store = Arc::clone(&store);
        let changed = WebhookEndpoint { updated_at: at(1 + i64::from(number)), ..endpoint(1, 1) };
        async move { store.update_webhook(&changed, at(0)).await.unwrap() }
    })
    .await;
    assert_eq!(made.into_iter().filter(|made| *made).count(), 1);
}

async fn an_event_is_told_to_those_who_want_it(store: &dyn ToldStore) {
    let wants = |number, events: &[&str]| WebhookEndpoint {
        events: events.iter().map(|it| (*it).to_owned()).collect(),
        ..endpoint(number, 1)
    };
    add(
        store,
        &[
            endpoint(1, 1),
            wants(2, &["job.cancelled", "job.failed"]),
            wants(3, &["job.failed"]),
            WebhookEndpoint { enabled: false, ..endpoint(4, 1) },
            endpoint(5, 2),
        ],
    )
    .await;
    cancelled(store, 1, 1..2).await;
    assert_eq!(fan_out(store, &Ids::default()).await, 1, "that it was queued is told to nobody");
    let (first, second) = (listed(store, 1).await.remove(0), listed(store, 2).await.remove(0));
    for number in 3..=5 {
        assert_eq!(listed(store, number).await, []);
    }
    assert_eq!((&first.event, first.team), (&second.event, team_id(1)));
    assert_eq!((first.name.as_str(), first.state), ("job.cancelled", DeliveryState::Pending));
    assert_eq!((first.attempts, first.next_at, first.created_at), (0, Some(at(1_001)), at(1_001)));
    let payload: serde_json::Value = serde_json::from_str(&first.payload).unwrap();
    let expected = serde_json::json!({
        "id": first.event,
        "object": "event",
        "created_at": at(1_001).timestamp(),
        "type": "job.cancelled",
        "data": { "id": job_id(1).to_string() },
    });
    assert_eq!(payload, expected);
    assert!(first.event.starts_with("evt_"));
}

async fn an_event_is_fanned_out_once(store: Arc<dyn ToldStore>) {
    add(&*store, &[endpoint(1, 1), endpoint(2, 1), endpoint(3, 2)]).await;
    cancelled(&*store, 1, 1..21).await;
    cancelled(&*store, 2, 21..26).await;
    let ids = Arc::new(Ids::default());
    let counts = super::at_once(6, |_| {
        let (store, ids) = (Arc::clone(&store), Arc::clone(&ids));
        async move { fan_out(&*store, &*ids).await }
    })
    .await;
    // Who came while others looked may have found nothing and gone.
    let rest = fan_out(&*store, &*ids).await;
    assert_eq!(counts.into_iter().sum::<usize>() + rest, 25);
    for (webhook, count) in [(1, 20), (2, 20), (3, 5)] {
        let deliveries = listed(&*store, webhook).await;
        let subjects: BTreeSet<_> = deliveries.iter().map(|it| it.payload.split("\"data\"").nth(1)).collect();
        assert_eq!((deliveries.len(), subjects.len()), (count, count));
    }
}

async fn a_delivery_is_claimed_by_one(store: Arc<dyn ToldStore>) {
    add(&*store, &[endpoint(1, 1)]).await;
    for number in 1..=20 {
        assert!(store.insert_delivery(&delivery(number, 1)).await.unwrap());
    }
    assert!(!store.insert_delivery(&delivery(99, 9)).await.unwrap(), "there is nobody to tell");
    let first = store.claim_deliveries(terms(10, 3, 100)).await.unwrap();
    assert_eq!(numbers(&first), [1, 2, 3], "oldest first");
    assert_eq!((&first[0].delivery, &first[0].endpoint), (&delivery(1, 1), &endpoint(1, 1)));
    let claimed = super::at_once(6, |_| {
        let store = Arc::clone(&store);
        async move { store.claim_deliveries(terms(30, 5, 100)).await.unwrap() }
    })
    .await;
    let mut taken = claimed.iter().flat_map(|it| numbers(it)).collect::<Vec<_>>();
    taken.extend(numbers(&store.claim_deliveries(terms(30, 20, 100)).await.unwrap()));
    taken.sort_unstable();
    assert_eq!(taken, (4..=20).collect::<Vec<_>>());
}

async fn a_claim_runs_out_and_fences_off(store: &dyn ToldStore) {
    add(store, &[endpoint(1, 1)]).await;
    store.insert_delivery(&delivery(1, 1)).await.unwrap();
    assert_eq!(store.claim_deliveries(terms(0, 5, 5)).await.unwrap(), [], "it is not due yet");
    let slow = store.claim_deliveries(terms(1, 5, 5)).await.unwrap().remove(0);
    assert_eq!(store.claim_deliveries(terms(60, 5, 5)).await.unwrap(), []);
    let quick = store.claim_deliveries(terms(61, 5, 5)).await.unwrap().remove(0);
    assert_eq!(quick.delivery.attempts, 0, "a try that nobody told of is none");
    let told = Told { state: DeliveryState::Delivered, next_at: None, status: Some(200), error: None };
    assert!(!store.delivery_told(slow.delivery.id, slow.lease, &told, at(62)).await.unwrap());
    assert!(store.delivery_told(quick.delivery.id, quick.lease, &told, at(63)).await.unwrap());
    assert!(!store.delivery_told(quick.delivery.id, quick.lease, &told, at(64)).await.unwrap());
    assert_eq!(store.claim_deliveries(terms(9_999, 5, 5)).await.unwrap(), []);
}

async fn a_dead_endpoint_delays_no_other(store: Arc<dyn ToldStore>) {
    add(&*store, &[endpoint(1, 1), endpoint(2, 1)]).await;
    for number in 1..=300 {
        store.insert_delivery(&delivery(number, 1)).await.unwrap();
    }
    for number in 301..=303 {
        store.insert_delivery(&delivery(number, 2)).await.unwrap();
    }
    // Whoever has nothing under way comes first, however late its turn was.
    assert_eq!(numbers(&store.claim_deliveries(terms(1_000, 1, 4)).await.unwrap()), [1]);
    assert_eq!(numbers(&store.claim_deliveries(terms(1_000, 1, 4)).await.unwrap()), [301]);
    let claimed = super::at_once(6, |_| {
        let store = Arc::clone(&store);
        async move { numbers(&store.claim_deliveries(terms(1_000, 50, 4)).await.unwrap()) }
    })
    .await;
    let mut claimed: Vec<_> = claimed.into_iter().flatten().collect();
    claimed.sort_unstable();
    assert_eq!(claimed, [2, 3, 4, 302, 303], "no endpoint has more than four under way");
    assert_eq!(store.claim_deliveries(terms(1_059, 50, 4)).await.unwrap(), []);
    let again = numbers(&store.claim_deliveries(terms(1_060, 50, 4)).await.unwrap());
    assert_eq!(BTreeSet::from_iter(again), BTreeSet::from([1, 2, 3, 4, 301, 302, 303]));
}

async fn a_disabled_endpoint_is_told_nothing(store: &dyn ToldStore) {
    add(store, &[endpoint(1, 1)]).await;
    store.insert_delivery(&delivery(1, 1)).await.unwrap();
    let disabled = WebhookEndpoint { enabled: false, updated_at: at(1), ..endpoint(1, 1) };
    assert!(store.update_webhook(&disabled, at(0)).await.unwrap());
    assert_eq!(store.claim_deliveries(terms(100, 5, 5)).await.unwrap(), []);
    let enabled = WebhookEndpoint { updated_at: at(2), ..endpoint(1, 1) };
    assert!(store.update_webhook(&enabled, at(1)).await.unwrap());
    assert_eq!(numbers(&store.claim_deliveries(terms(100, 5, 5)).await.unwrap()), [1]);
}

async fn what_was_told_is_noted_and_can_be_replayed(store: &dyn ToldStore) {
    add(store, &[endpoint(1, 1)]).await;
    store.insert_delivery(&delivery(1, 1)).await.unwrap();
    let id = delivery_id(1);
    for (number, now) in [(1, 100), (2, 200)] {
        let claimed = store.claim_deliveries(terms(now, 5, 5)).await.unwrap().remove(0);
        assert_eq!(claimed.delivery.attempts, number - 1);
        let later = Told {
            state: DeliveryState::Pending,
            next_at: Some(at(now + 100)),
            status: Some(500),
            error: Some("it answered 500".into()),
        };
        assert!(store.delivery_told(id, claimed.lease, &later, at(now)).await.unwrap());
        assert_eq!(store.claim_deliveries(terms(now + 99, 5, 5)).await.unwrap(), []);
        let noted = WebhookDelivery {
            attempts: number,
            next_at: later.next_at,
            last_status: later.status,
            last_error: later.error,
            ..delivery(1, 1)
        };
        assert_eq!(store.lookup_delivery(id).await.unwrap(), Some(noted));
    }
    let claimed = store.claim_deliveries(terms(300, 5, 5)).await.unwrap().remove(0);
    let heard = Told { state: DeliveryState::Delivered, next_at: None, status: Some(204), error: None };
    assert!(store.delivery_told(id, claimed.lease, &heard, at(301)).await.unwrap());
    let done = store.lookup_delivery(id).await.unwrap().unwrap();
    assert_eq!((done.state, done.attempts, done.delivered_at), (DeliveryState::Delivered, 3, Some(at(301))));
    assert_eq!((done.last_status, done.last_error, done.next_at), (Some(204), None, None));
    let again = store.replay_delivery(id, at(400)).await.unwrap().unwrap();
    assert_eq!(again, WebhookDelivery { next_at: Some(at(400)), ..delivery(1, 1) });
    assert_eq!(numbers(&store.claim_deliveries(terms(400, 5, 5)).await.unwrap()), [1]);
    assert_eq!(store.replay_delivery(delivery_id(9), at(400)).await.unwrap(), None);
}

async fn deliveries_are_listed_newest_first(store: &dyn ToldStore) {
    add(store, &[endpoint(1, 1), endpoint(2, 1)]).await;
    for number in [3, 1, 5, 2, 4] {
        store.insert_delivery(&delivery(number, 1)).await.unwrap();
    }
    store.insert_delivery(&delivery(6, 2)).await.unwrap();
    let claimed = store.claim_deliveries(terms(3, 2, 2)).await.unwrap();
    let failed = Told { state: DeliveryState::Failed, next_at: None, status: None, error: Some("x".into()) };
    for it in &claimed {
        store.delivery_told(it.delivery.id, it.lease, &failed, at(3)).await.unwrap();
    }
    for (webhook, state, expected) in [
        (1, None, &[5, 4, 3, 2, 1][..]),
        (1, Some(DeliveryState::Failed), &[2, 1]),
        (1, Some(DeliveryState::Pending), &[5, 4, 3]),
        (1, Some(DeliveryState::Delivered), &[]),
        (2, None, &[6]),
        (9, None, &[]),
    ] {
        let filter = DeliveryFilter { webhook: webhook_id(webhook), state, name: None };
        let list = async |after, limit| store.list_deliveries(&filter, after, limit).await;
        let ids: Vec<_> = expected.iter().map(|number| delivery_id(*number)).collect();
        assert_eq!(pages(2, |it: &WebhookDelivery| it.id, list).await, ids);
    }
    let named = async |name| {
        let filter = DeliveryFilter { webhook: webhook_id(2), state: None, name: Some(name) };
        store.list_deliveries(&filter, None, 5).await.unwrap().items.len()
    };
    let name = delivery(6, 2).name;
    assert_eq!((named(name.leak()).await, named("webhook.other").await), (1, 0));
}

async fn an_endpoint_takes_its_deliveries_along(store: Arc<dyn ToldStore>) {
    add(&*store, &[endpoint(1, 1), endpoint(2, 1)]).await;
    store.insert_delivery(&delivery(1, 1)).await.unwrap();
    cancelled(&*store, 1, 1..30).await;
    // While events are made deliveries of.
    super::at_once(4, |number| {
        let store = Arc::clone(&store);
        async move {
            if number == 2 {
                assert!(store.remove_webhook(webhook_id(1)).await.unwrap());
            } else {
                let ids = Ids(AtomicU32::new(number * 1_000));
                fan_out(&*store, &ids).await;
            }
        }
    })
    .await;
    fan_out(&*store, &Ids(AtomicU32::new(9_000))).await;
    assert_eq!(listed(&*store, 1).await, []);
    assert_eq!(store.lookup_delivery(delivery_id(1)).await.unwrap(), None);
    assert_eq!(listed(&*store, 2).await.len(), 29);
    let claimed = store.claim_deliveries(terms(9_999, 100, 100)).await.unwrap();
    assert!(claimed.iter().all(|it| it.endpoint.id == webhook_id(2)));
}

async fn old_deliveries_are_forgotten(store: &dyn ToldStore) {
    let disabled = WebhookEndpoint { enabled: false, ..endpoint(2, 1) };
    add(store, &[endpoint(1, 1), disabled]).await;
    for number in 1..=4 {
        store.insert_delivery(&delivery(number, 1)).await.unwrap();
    }
    for number in 5..=6 {
        store.insert_delivery(&delivery(number, 2)).await.unwrap();
    }
    let claimed = store.claim_deliveries(terms(4, 4, 4)).await.unwrap();
    let told = Told { state: DeliveryState::Delivered, next_at: None, status: Some(200), error: None };
    for it in claimed.iter().filter(|it| it.delivery.id != delivery_id(2)) {
        store.delivery_told(it.delivery.id, it.lease, &told, at(4)).await.unwrap();
    }
    assert_eq!(store.forget_deliveries(at(1), 10).await.unwrap(), 0);
    assert_eq!(store.forget_deliveries(at(6), 2).await.unwrap(), 2);
    assert_eq!(store.forget_deliveries(at(6), 10).await.unwrap(), 2);
    let left: Vec<_> = [listed(store, 1).await, listed(store, 2).await].concat();
    let left: Vec<_> = left.into_iter().map(|it| it.id).collect();
    assert_eq!(left, [delivery_id(2), delivery_id(6)], "what is to be told, and what is young");
}
