//! What every [`PolicyStore`](crate::PolicyStore) keeps.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

mod changes;
mod endings;
mod lists;

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{Policy, Target};

use super::changed::{done, one_done, taken};
use super::samples::{draft, full_policy, key_id, policy, policy_id, service_account_id, team_id, user_id};
use super::trail::trail;
use super::{Stores, at_once};
use crate::{Changed, PolicyStore};

/// Runs the suite. `make` gives an empty store each time.
pub async fn policy_store<S, F, Fut>(make: F)
where
    S: Stores + PolicyStore,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    a_policy_is_found_as_it_was_inserted(&*make().await).await;
    one_target_and_model_has_one_policy(&*make().await).await;
    of_many_policies_for_the_same_one_wins(make().await).await;
    lists::run(&make).await;
    changes::run(&make).await;
    endings::run(&make).await;
}

async fn a_policy_is_found_as_it_was_inserted(store: &(impl Stores + PolicyStore)) {
    let mut expected = vec!["policy.create"; targets().len()];
    for (number, target) in (1..).zip(targets()) {
        let policy = Policy { target, ..policy(number) };
        insert(store, &policy).await;
        assert_eq!(store.lookup_policy(policy.id).await.unwrap(), Some(policy));
    }
    let full = full_policy(90);
    insert(store, &full).await;
    assert_eq!(store.lookup_policy(full.id).await.unwrap(), Some(full));
    assert_eq!(store.lookup_policy(policy_id(99)).await.unwrap(), None);
    expected.push("policy.create");
    assert_eq!(trail(store).await, expected);
}

async fn one_target_and_model_has_one_policy(store: &(impl Stores + PolicyStore)) {
    let for_all = policy(1);
    insert(store, &for_all).await;
    let version = store.policies_version().await.unwrap();
    let same = Policy { id: policy_id(2), ..for_all.clone() };
    taken(store.insert_policy(&same, &draft("policy.create")).await);
    let same_id = Policy { target: Target::Platform, ..for_all.clone() };
    taken(store.insert_policy(&same_id, &draft("policy.create")).await);
    assert_eq!(store.policies_version().await.unwrap(), version, "nothing has changed");
    assert_eq!(trail(store).await, ["policy.create"]);
    let for_some = Policy { model: Some("claude-*".parse().unwrap()), ..same };
    insert(store, &for_some).await;
    taken(
        store.insert_policy(&Policy { id: policy_id(3), ..for_some.clone() }, &draft("policy.create")).await,
    );
    let other_case = Policy { id: policy_id(3), model: Some("Claude-*".parse().unwrap()), ..for_some };
    insert(store, &other_case).await;
}

async fn of_many_policies_for_the_same_one_wins(store: Arc<impl Stores + PolicyStore>) {
    let results = at_once(10, |number| {
        let store = Arc::clone(&store);
        async move {
            let same = Policy { target: Target::Platform, ..policy(number) };
            store.insert_policy(&same, &draft("policy.create")).await
        }
    })
    .await;
    one_done(results, Changed::Taken);
    assert_eq!(trail(&*store).await, ["policy.create"]);
    assert_eq!(store.all_policies().await.unwrap().1.len(), 1);
}

/// Every form of target.
fn targets() -> [Target; 12] {
    let (one, two) = (Some(team_id(1)), Some(team_id(2)));
    let user = Some(outcrop_types::Subject::User(user_id(1)));
    let program = Some(outcrop_types::Subject::ServiceAccount(service_account_id(1)));
    [
        Target::Platform,
        Target::Team { team: None },
        Target::Team { team: one },
        Target::Team { team: two },
        Target::User { user: None, team: None },
        Target::User { user: None, team: one },
        Target::User { user, team: None },
        Target::User { user, team: two },
        Target::User { user: program, team: one },
        Target::Key { key: None, team: None },
        Target::Key { key: None, team: one },
        Target::Key { key: Some(key_id(1)), team: one },
    ]
}

async fn insert(store: &impl PolicyStore, policy: &Policy) {
    done(store.insert_policy(policy, &draft("policy.create")).await);
}
