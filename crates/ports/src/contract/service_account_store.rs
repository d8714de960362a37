//! What every [`ServiceAccountStore`](crate::ServiceAccountStore) keeps.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{ApiKey, Role, ServiceAccount, ServiceAccountId, Subject};

use super::changed::{done, one_done, stale, taken};
use super::pages::pages;
use super::samples::{at, draft, key, service_account, service_account_id, team, team_id};
use super::trail::trail;
use super::{Stores, at_once};
use crate::{Changed, ServiceAccountFilter};

/// Runs the suite. `make` gives an empty store each time.
pub async fn service_account_store<S, F, Fut>(make: F)
where
    S: Stores,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    an_account_is_found_as_it_was_inserted(&*make().await).await;
    inserting_twice_is_refused(&*make().await).await;
    an_account_of_no_team_is_refused(&*make().await).await;
    of_many_accounts_of_one_name_one_wins(make().await).await;
    accounts_are_listed_newest_first(&*make().await).await;
    a_beginning_of_a_name_is_taken_to_the_letter(&*make().await).await;
    filters_narrow_each_other(&*make().await).await;
    what_can_change_is_written(&*make().await).await;
    a_change_from_an_old_reading_is_refused(&*make().await).await;
    of_many_changes_at_once_one_wins(make().await).await;
    a_deleted_accounts_keys_are_revoked(&*make().await).await;
    deleting_from_an_old_reading_is_refused(&*make().await).await;
}

async fn an_account_is_found_as_it_was_inserted(store: &impl Stores) {
    teams(store, 1).await;
    let full = ServiceAccount {
        name: "Ünïcode, 'quotes' and \"more\"".to_owned(),
        role: Role::Viewer,
        disabled_at: Some(at(3)),
        revision: 7,
        ..service_account(2, team_id(1))
    };
    for account in [service_account(1, team_id(1)), full] {
        insert(store, &account).await;
        assert_eq!(store.lookup_service_account(account.id).await.unwrap(), Some(account));
    }
    assert_eq!(store.lookup_service_account(service_account_id(9)).await.unwrap(), None);
    assert_eq!(trail(store).await, ["team.create", "account.create", "account.create"]);
}

async fn inserting_twice_is_refused(store: &impl Stores) {
    teams(store, 2).await;
    let first = service_account(1, team_id(1));
    insert(store, &first).await;
    let same_name = ServiceAccount { id: service_account_id(2), ..first.clone() };
    taken(store.insert_service_account(&same_name, &draft("account.create")).await);
    let same_id = ServiceAccount { name: "another".to_owned(), team: team_id(2), ..first.clone() };
    taken(store.insert_service_account(&same_id, &draft("account.create")).await);
    assert_eq!(store.lookup_service_account(first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(trail(store).await.len(), 3);
    insert(store, &ServiceAccount { team: team_id(2), ..same_name }).await;
    insert(store, &ServiceAccount { name: "PROGRAM 1".to_owned(), ..service_account(3, team_id(1)) }).await;
}

async fn an_account_of_no_team_is_refused(store: &impl Stores) {
    let account = service_account(1, team_id(1));
    stale(store.insert_service_account(&account, &draft("account.create")).await);
    assert_eq!(store.lookup_service_account(account.id).await.unwrap(), None);
    assert!(trail(store).await.is_empty());
}

async fn of_many_accounts_of_one_name_one_wins(store: Arc<impl Stores>) {
    teams(&*store, 1).await;
    let results = at_once(10, |number| {
        let store = Arc::clone(&store);
        async move {
            let named = ServiceAccount { name: "one".to_owned(), ..service_account(number, team_id(1)) };
            store.insert_service_account(&named, &draft("account.create")).await
        }
    })
    .await;
    one_done(results, Changed::Taken);
    assert_eq!(trail(&*store).await, ["team.create", "account.create"]);
}

async fn accounts_are_listed_newest_first(store: &impl Stores) {
    teams(store, 2).await;
    for number in [3, 1, 5, 2, 4] {
        let account = service_account(number, team_id(number % 2 + 1));
        insert(store, &ServiceAccount { created_at: at(0), ..account }).await;
    }
    let team = |number| ServiceAccountFilter { team: Some(team_id(number)), ..Default::default() };
    let all = ServiceAccountFilter::default();
    assert_eq!(list(store, all, 2).await, [5, 4, 3, 2, 1].map(service_account_id));
    assert_eq!(list(store, team(2), 1).await, [5, 3, 1].map(service_account_id));
    assert_eq!(list(store, team(2), 3).await.len(), 3, "a page filled to the brim");
    assert_eq!(list(store, team(1), 10).await, [4, 2].map(service_account_id));
    assert!(list(store, team(9), 10).await.is_empty());
}

async fn a_beginning_of_a_name_is_taken_to_the_letter(store: &impl Stores) {
    teams(store, 1).await;
    for (number, name) in ["100% sure", "100 per cent", "a_b", "axb", "\\%"].iter().enumerate() {
        let account = service_account(number.try_into().unwrap(), team_id(1));
        insert(store, &ServiceAccount { name: (*name).to_owned(), ..account }).await;
    }
    let found = async |prefix: &str| {
        let name_prefix = Some(prefix.to_owned());
        list(store, ServiceAccountFilter { name_prefix, ..Default::default() }, 10).await
    };
    assert_eq!(found("100%").await, [service_account_id(0)]);
    assert_eq!(found("a_").await, [service_account_id(2)]);
    assert_eq!(found("\\").await, [service_account_id(4)]);
    assert!(found("A").await.is_empty(), "capitals are other letters");
    assert!(found("%").await.is_empty());
}

async fn filters_narrow_each_other(store: &impl Stores) {
    teams(store, 2).await;
    for number in 1..=6 {
        let name = if number == 4 { "other".to_owned() } else { format!("wanted {number}") };
        let disabled_at = (number % 2 == 0).then_some(at(9));
        let account = service_account(number, team_id(1 + u32::from(number == 6)));
        insert(store, &ServiceAccount { name, disabled_at, ..account }).await;
    }
    let disabled = |disabled| ServiceAccountFilter { disabled: Some(disabled), ..Default::default() };
    assert_eq!(list(store, disabled(true), 10).await, [6, 4, 2].map(service_account_id));
    assert_eq!(list(store, disabled(false), 10).await, [5, 3, 1].map(service_account_id));
    let name_prefix = Some("wanted".to_owned());
    let filter = ServiceAccountFilter { team: Some(team_id(1)), name_prefix, ..disabled(true) };
    assert_eq!(list(store, filter, 10).await, [service_account_id(2)]);
}

async fn what_can_change_is_written(store: &impl Stores) {
    teams(store, 2).await;
    let first = service_account(1, team_id(1));
    insert(store, &first).await;
    insert(store, &service_account(2, team_id(1))).await;
    let (name, role, disabled_at) = ("renamed".to_owned(), Role::TeamAdmin, Some(at(90)));
    let changed = ServiceAccount { name, role, disabled_at, ..first.clone() };
    let asked = ServiceAccount { team: team_id(2), created_at: at(999), ..changed.clone() };
    done(store.update_service_account(&asked, &draft("account.update")).await);
    let kept = store.lookup_service_account(first.id).await.unwrap();
    assert_eq!(kept, Some(ServiceAccount { revision: 1, ..changed }), "an account stays in its team");
    let other = store.lookup_service_account(service_account_id(2)).await.unwrap();
    assert_eq!(other, Some(service_account(2, team_id(1))), "no other changes");
    let named = ServiceAccount { name: "program 2".to_owned(), revision: 1, ..first.clone() };
    taken(store.update_service_account(&named, &draft("account.update")).await);
    done(
        store
            .update_service_account(&ServiceAccount { revision: 1, ..first }, &draft("account.update"))
            .await,
    );
    assert_eq!(trail(store).await[4..], ["account.update", "account.update"]);
}

async fn a_change_from_an_old_reading_is_refused(store: &impl Stores) {
    teams(store, 1).await;
    let first = service_account(1, team_id(1));
    insert(store, &first).await;
    let disabled = ServiceAccount { disabled_at: Some(at(90)), ..first.clone() };
    done(store.update_service_account(&disabled, &draft("account.disable")).await);
    let late = ServiceAccount { name: "late".to_owned(), ..first.clone() };
    stale(store.update_service_account(&late, &draft("account.update")).await);
    stale(store.update_service_account(&service_account(2, team_id(1)), &draft("account.update")).await);
    let kept = store.lookup_service_account(first.id).await.unwrap();
    assert_eq!(kept, Some(ServiceAccount { revision: 1, ..disabled }));
    assert_eq!(store.lookup_service_account(service_account_id(2)).await.unwrap(), None);
    assert_eq!(trail(store).await, ["team.create", "account.create", "account.disable"]);
}

async fn of_many_changes_at_once_one_wins(store: Arc<impl Stores>) {
    teams(&*store, 1).await;
    insert(&*store, &service_account(1, team_id(1))).await;
    let results = at_once(10, |number| {
        let store = Arc::clone(&store);
        async move {
            let changed = ServiceAccount { name: format!("name {number}"), ..service_account(1, team_id(1)) };
            store.update_service_account(&changed, &draft("account.update")).await
        }
    })
    .await;
    one_done(results, Changed::Stale);
    assert_eq!(trail(&*store).await, ["team.create", "account.create", "account.update"]);
}

async fn a_deleted_accounts_keys_are_revoked(store: &impl Stores) {
    teams(store, 1).await;
    for number in 1..=2 {
        insert(store, &service_account(number, team_id(1))).await;
    }
    let of = |account, number| {
        let subject = Subject::ServiceAccount(service_account_id(account));
        ApiKey { subject, ..key(number, team_id(1)) }
    };
    let earlier = ApiKey { revoked_at: Some(at(50)), ..of(1, 2) };
    let later = ApiKey { revoked_at: Some(at(500)), ..of(1, 3) };
    for key in [&of(1, 1), &earlier, &later, &of(2, 4)] {
        done(store.insert_key(key, &draft("key.create")).await);
    }
    let account = service_account(1, team_id(1));
    done(store.delete_service_account(&account, at(100), &draft("account.delete")).await);
    assert_eq!(store.lookup_service_account(account.id).await.unwrap(), None);
    assert!(store.lookup_service_account(service_account_id(2)).await.unwrap().is_some());
    let now = |key: ApiKey| ApiKey { revoked_at: Some(at(100)), revision: 1, ..key };
    for expected in [now(of(1, 1)), earlier, now(later), of(2, 4)] {
        assert_eq!(store.lookup_key(&expected.id).await.unwrap(), Some(expected));
    }
    insert(store, &ServiceAccount { id: service_account_id(3), ..account }).await;
}

async fn deleting_from_an_old_reading_is_refused(store: &impl Stores) {
    teams(store, 1).await;
    let first = service_account(1, team_id(1));
    insert(store, &first).await;
    let changed = ServiceAccount { role: Role::Viewer, ..first.clone() };
    done(store.update_service_account(&changed, &draft("account.update")).await);
    stale(store.delete_service_account(&first, at(100), &draft("account.delete")).await);
    let unknown = service_account(2, team_id(1));
    stale(store.delete_service_account(&unknown, at(100), &draft("account.delete")).await);
    assert!(store.lookup_service_account(first.id).await.unwrap().is_some());
    assert_eq!(trail(store).await, ["team.create", "account.create", "account.update"]);
}

/// Teams 1 to `count`.
async fn teams(store: &impl Stores, count: u32) {
    for number in 1..=count {
        done(store.insert_team(&team(number), &draft("team.create")).await);
    }
}

async fn insert(store: &impl Stores, account: &ServiceAccount) {
    done(store.insert_service_account(account, &draft("account.create")).await);
}

async fn list(store: &impl Stores, filter: ServiceAccountFilter, limit: usize) -> Vec<ServiceAccountId> {
    let page = async |after, limit| store.list_service_accounts(&filter, after, limit).await;
    pages(limit, |account: &ServiceAccount| account.id, page).await
}
