//! Lists of policies, and all of them at once.

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{Level, Policy, PolicyId, Subject, Target};

use super::{insert, targets};
use crate::contract::Stores;
use crate::contract::pages::pages;
use crate::contract::samples::{key_id, policy, policy_id, team_id, user_id};
use crate::{PolicyFilter, PolicyStore};

pub(super) async fn run<S, F, Fut>(make: &F)
where
    S: Stores + PolicyStore,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    policies_are_listed_newest_first(&*make().await).await;
    filters_narrow_each_other(&*make().await).await;
    all_policies_come_with_their_version(&*make().await).await;
}

async fn policies_are_listed_newest_first(store: &impl PolicyStore) {
    assert!(list(store, PolicyFilter::default(), 3).await.is_empty());
    // Not in the order of age.
    for number in [3, 1, 7, 5, 2, 6, 4] {
        insert(store, &policy(number)).await;
    }
    for limit in 1..=8 {
        let ids = list(store, PolicyFilter::default(), limit).await;
        assert_eq!(ids, [7, 6, 5, 4, 3, 2, 1].map(policy_id), "{limit} a page");
    }
    let gone = store.list_policies(&PolicyFilter::default(), Some(policy_id(1)), 3).await.unwrap();
    assert!(gone.items.is_empty() && !gone.has_more);
}

async fn filters_narrow_each_other(store: &impl PolicyStore) {
    for (number, target) in (1..).zip(targets()) {
        insert(store, &Policy { target, ..policy(number) }).await;
    }
    let model = Some("claude-*".parse().unwrap());
    insert(store, &Policy { target: Target::Platform, model: model.clone(), ..policy(20) }).await;
    let all = PolicyFilter::default();
    let user = Some(Subject::User(user_id(1)));
    let one = Some(team_id(1));
    for (filter, found) in [
        (PolicyFilter { team: one, ..all.clone() }, vec![12, 11, 9, 6, 3]),
        (PolicyFilter { level: Some(Level::Platform), ..all.clone() }, vec![20, 1]),
        (PolicyFilter { level: Some(Level::Team), ..all.clone() }, vec![4, 3, 2]),
        (PolicyFilter { level: Some(Level::User), team: one, ..all.clone() }, vec![9, 6]),
        (PolicyFilter { subject: user, ..all.clone() }, vec![8, 7]),
        (PolicyFilter { subject: user, team: one, ..all.clone() }, vec![]),
        (PolicyFilter { key: Some(key_id(1)), ..all.clone() }, vec![12]),
        (PolicyFilter { target: Some(Target::Team { team: None }), ..all.clone() }, vec![2]),
        (PolicyFilter { target: Some(Target::Platform), ..all.clone() }, vec![20, 1]),
        (PolicyFilter { target: Some(Target::Platform), model: Some(None), ..all.clone() }, vec![1]),
        (PolicyFilter { model: Some(model), ..all.clone() }, vec![20]),
        (PolicyFilter { team: Some(team_id(9)), ..all.clone() }, vec![]),
    ] {
        let found: Vec<_> = found.into_iter().map(policy_id).collect();
        assert_eq!(list(store, filter.clone(), 2).await, found, "{filter:?}");
    }
}

async fn all_policies_come_with_their_version(store: &impl PolicyStore) {
    let (first, none) = store.all_policies().await.unwrap();
    assert!(none.is_empty());
    assert_eq!(store.policies_version().await.unwrap(), first);
    for (number, target) in (1..).zip(targets()) {
        insert(store, &Policy { target, ..policy(number) }).await;
    }
    let (second, mut all) = store.all_policies().await.unwrap();
    assert!(second > first);
    assert_eq!(store.policies_version().await.unwrap(), second);
    all.sort_by_key(|policy| policy.id);
    let expected: Vec<_> =
        (1..).zip(targets()).map(|(number, target)| Policy { target, ..policy(number) }).collect();
    assert_eq!(all, expected);
}

async fn list(store: &impl PolicyStore, filter: PolicyFilter, limit: usize) -> Vec<PolicyId> {
    let page = async |after, limit| store.list_policies(&filter, after, limit).await;
    pages(limit, |policy: &Policy| policy.id, page).await
}
