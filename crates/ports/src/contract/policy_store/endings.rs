//! What becomes of policies when those they name are removed.

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{ApiKey, AuditDraft, Policy, Subject, Target};

use super::{insert, targets};
use crate::PolicyStore;
use crate::contract::Stores;
use crate::contract::changed::done;
use crate::contract::samples::{
    at, draft, key, key_id, membership, policy, policy_id, service_account, team, team_id, user, user_id,
};
use crate::contract::trail::trail;

pub(super) async fn run<S, F, Fut>(make: &F)
where
    S: Stores + PolicyStore,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    a_deleted_teams_policies_go_with_it(&*make().await).await;
    a_deleted_users_policies_go_with_it(&*make().await).await;
    a_deleted_accounts_policies_go_with_it(&*make().await).await;
    a_deletion_without_policies_is_no_change_of_them(&*make().await).await;
    a_revoked_keys_policies_stay(&*make().await).await;
    a_replaced_keys_policies_are_passed_on(&*make().await).await;
}

async fn a_deleted_teams_policies_go_with_it(store: &(impl Stores + PolicyStore)) {
    begin(store).await;
    let version = store.policies_version().await.unwrap();
    done(store.delete_team(&team(1), at(100), &draft("team.delete")).await);
    assert_eq!(left(store).await, [1, 2, 4, 5, 7, 8, 10]);
    assert!(store.policies_version().await.unwrap() > version);
    assert_eq!(trail(store).await.last().unwrap(), "team.delete");
}

async fn a_deleted_users_policies_go_with_it(store: &(impl Stores + PolicyStore)) {
    begin(store).await;
    let version = store.policies_version().await.unwrap();
    done(store.delete_user(&user(1), at(100), &draft("user.delete")).await);
    assert_eq!(left(store).await, [1, 2, 3, 4, 5, 6, 9, 10, 11, 12]);
    assert!(store.policies_version().await.unwrap() > version);
}

async fn a_deleted_accounts_policies_go_with_it(store: &(impl Stores + PolicyStore)) {
    begin(store).await;
    let version = store.policies_version().await.unwrap();
    let account = service_account(1, team_id(1));
    done(store.delete_service_account(&account, at(100), &draft("account.delete")).await);
    assert_eq!(left(store).await, [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12]);
    assert!(store.policies_version().await.unwrap() > version);
}

async fn a_deletion_without_policies_is_no_change_of_them(store: &(impl Stores + PolicyStore)) {
    begin(store).await;
    done(store.insert_user(&user(2), None, None, &draft("user.create")).await);
    let version = store.policies_version().await.unwrap();
    done(store.delete_user(&user(2), at(100), &draft("user.delete")).await);
    assert_eq!(store.policies_version().await.unwrap(), version);
    assert_eq!(left(store).await.len(), targets().len());
}

async fn a_revoked_keys_policies_stay(store: &(impl Stores + PolicyStore)) {
    begin(store).await;
    let revoked = ApiKey { revoked_at: Some(at(100)), ..key(1, team_id(1)) };
    done(store.update_key(&revoked, &draft("key.revoke")).await);
    assert_eq!(store.lookup_policy(policy_id(12)).await.unwrap().unwrap().target, named_key());
}

async fn a_replaced_keys_policies_are_passed_on(store: &(impl Stores + PolicyStore)) {
    begin(store).await;
    let to = |number| Target::Key { key: Some(key_id(number)), team: Some(team_id(1)) };
    // From the key `from` to the next one, until second 500 times its number.
    let rotate = async |from: u32, policies: &[Policy], event: AuditDraft| {
        let next = key(from + 1, team_id(1));
        let old = key(from, team_id(1));
        let old =
            ApiKey { replaced_by: Some(next.id.clone()), expires_at: Some(at(i64::from(from) * 500)), ..old };
        done(store.replace_key(&old, &next, policies, &event).await);
    };
    let version = store.policies_version().await.unwrap();
    let passed_on = Policy { target: to(2), ..policy(20) };
    rotate(1, std::slice::from_ref(&passed_on), draft("key.rotate")).await;
    assert!(store.policies_version().await.unwrap() > version);
    assert_eq!(store.lookup_policy(passed_on.id).await.unwrap(), Some(passed_on));
    assert!(store.lookup_policy(policy_id(12)).await.unwrap().is_some(), "the old key is still good");

    rotate(2, &[], draft("key.rotate")).await;
    assert_eq!(left(store).await.len(), targets().len() + 1, "what is removed is removed by name");
}

/// Two teams, a person in one of them, a program and a key, and a policy for every form of target, numbered from 1.
async fn begin(store: &(impl Stores + PolicyStore)) {
    for number in 1..=2 {
        done(store.insert_team(&team(number), &draft("team.create")).await);
    }
    let member = membership(1, 1, outcrop_types::Role::Developer);
    done(store.insert_user(&user(1), Some(&member), None, &draft("user.create")).await);
    done(store.insert_service_account(&service_account(1, team_id(1)), &draft("account.create")).await);
    let key = ApiKey { subject: Subject::User(user_id(1)), ..key(1, team_id(1)) };
    done(store.insert_key(&key, &draft("key.create")).await);
    for (number, target) in (1..).zip(targets()) {
        insert(store, &Policy { target, ..policy(number) }).await;
    }
}

fn named_key() -> Target {
    Target::Key { key: Some(key_id(1)), team: Some(team_id(1)) }
}

/// The numbers of the policies that are there.
async fn left(store: &impl PolicyStore) -> Vec<u128> {
    let (_, all) = store.all_policies().await.unwrap();
    let mut numbers: Vec<_> = all.iter().map(|policy| policy.id.uuid().as_u128()).collect();
    numbers.sort_unstable();
    numbers
}
