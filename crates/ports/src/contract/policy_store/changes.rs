//! Changes to policies.

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{Policy, Rules, Target};

use super::insert;
use crate::contract::changed::{done, one_done, stale};
use crate::contract::samples::{at, draft, full_policy, policy, policy_id};
use crate::contract::trail::trail;
use crate::contract::{Stores, at_once};
use crate::{Changed, PolicyStore};

pub(super) async fn run<S, F, Fut>(make: &F)
where
    S: Stores + PolicyStore,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    what_can_change_is_written(&*make().await).await;
    a_change_from_an_old_reading_is_refused(&*make().await).await;
    of_many_changes_at_once_one_wins(make().await).await;
    a_removed_policy_is_gone(&*make().await).await;
    all_policies_are_of_one_moment(make().await).await;
}

async fn what_can_change_is_written(store: &(impl Stores + PolicyStore)) {
    insert(store, &policy(1)).await;
    let before = store.policies_version().await.unwrap();
    let other = full_policy(1);
    let asked = Policy {
        rules: other.rules.clone(),
        updated_at: at(700),
        target: Target::Platform,
        model: other.model,
        created_at: at(600),
        ..policy(1)
    };
    done(store.update_policy(&asked, &draft("policy.update")).await);
    assert!(store.policies_version().await.unwrap() > before);
    let expected = Policy { rules: other.rules, updated_at: at(700), revision: 1, ..policy(1) };
    assert_eq!(store.lookup_policy(policy_id(1)).await.unwrap(), Some(expected.clone()));
    assert_eq!(store.all_policies().await.unwrap().1, [expected]);
    assert_eq!(trail(store).await, ["policy.create", "policy.update"]);
}

async fn a_change_from_an_old_reading_is_refused(store: &(impl Stores + PolicyStore)) {
    insert(store, &policy(1)).await;
    done(store.update_policy(&changed(1, 5), &draft("policy.update")).await);
    let version = store.policies_version().await.unwrap();
    stale(store.update_policy(&changed(1, 6), &draft("policy.update")).await);
    stale(store.update_policy(&changed(2, 6), &draft("policy.update")).await);
    stale(store.delete_policy(&policy(1), &draft("policy.delete")).await);
    stale(store.delete_policy(&policy(2), &draft("policy.delete")).await);
    assert_eq!(store.policies_version().await.unwrap(), version, "nothing has changed");
    let there = store.lookup_policy(policy_id(1)).await.unwrap().unwrap();
    assert_eq!(there.rules.requests_per_minute, Some(5));
    assert_eq!(trail(store).await, ["policy.create", "policy.update"]);
}

async fn of_many_changes_at_once_one_wins(store: Arc<impl Stores + PolicyStore>) {
    insert(&*store, &policy(1)).await;
    let results = at_once(10, |number| {
        let store = Arc::clone(&store);
        async move { store.update_policy(&changed(1, number + 100), &draft("policy.update")).await }
    })
    .await;
    one_done(results, Changed::Stale);
    assert_eq!(trail(&*store).await, ["policy.create", "policy.update"]);
}

async fn a_removed_policy_is_gone(store: &(impl Stores + PolicyStore)) {
    insert(store, &policy(1)).await;
    insert(store, &policy(2)).await;
    let version = store.policies_version().await.unwrap();
    done(store.delete_policy(&policy(1), &draft("policy.delete")).await);
    assert!(store.policies_version().await.unwrap() > version);
    assert_eq!(store.lookup_policy(policy_id(1)).await.unwrap(), None);
    assert_eq!(store.all_policies().await.unwrap().1, [policy(2)]);
    assert_eq!(trail(store).await, ["policy.create", "policy.create", "policy.delete"]);
    insert(store, &Policy { id: policy_id(3), ..policy(1) }).await;
}

/// Each version is one list: nobody reads the list of one with the number of another.
async fn all_policies_are_of_one_moment(store: Arc<impl Stores + PolicyStore>) {
    let writer = Arc::clone(&store);
    let writing = tokio::spawn(async move {
        for number in 1..=30 {
            insert(&*writer, &policy(number)).await;
        }
    });
    let mut seen = 0;
    while seen < 30 {
        let (version, all) = store.all_policies().await.unwrap();
        assert_eq!(version, all.len() as u64, "every insert counts one");
        seen = all.len();
    }
    writing.await.unwrap();
}

fn changed(number: u32, requests: u32) -> Policy {
    let rules = Rules { requests_per_minute: Some(requests), ..Rules::default() };
    Policy { rules, updated_at: at(500), ..policy(number) }
}
