//! Lists of keys.

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{ApiKey, KeyId, Subject};

use super::super::Stores;
use super::super::changed::done;
use super::super::pages::pages;
use super::super::samples::{at, draft, key, key_id, service_account_id, team_id, user_id};
use crate::KeyFilter;

pub(super) async fn run<S, F, Fut>(make: &F)
where
    S: Stores,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    keys_are_listed_newest_first(&*make().await).await;
    pages_lose_nothing_of_one_moment(&*make().await).await;
    a_subjects_keys_are_listed(&*make().await).await;
    a_beginning_of_a_name_is_taken_to_the_letter(&*make().await).await;
    only_good_keys_are_listed_as_such(&*make().await).await;
    filters_narrow_each_other(&*make().await).await;
}

async fn keys_are_listed_newest_first(store: &impl Stores) {
    for number in [3, 1, 5, 2, 4] {
        insert(store, key(number, team_id(number % 2))).await;
    }
    let team = |number| KeyFilter { team: Some(team_id(number)), ..KeyFilter::default() };
    assert_eq!(list(store, KeyFilter::default(), 2).await, [5, 4, 3, 2, 1].map(key_id));
    assert_eq!(list(store, team(1), 2).await, [5, 3, 1].map(key_id));
    assert_eq!(list(store, team(1), 3).await, [5, 3, 1].map(key_id), "a page filled to the brim");
    assert_eq!(list(store, team(0), 10).await, [4, 2].map(key_id));
    assert!(list(store, team(9), 10).await.is_empty());
}

async fn pages_lose_nothing_of_one_moment(store: &impl Stores) {
    for number in 1..=7 {
        insert(store, ApiKey { created_at: at(0), ..key(number, team_id(1)) }).await;
    }
    let mut listed = list(store, KeyFilter::default(), 2).await;
    let mut inserted: Vec<_> = (1..=7).map(key_id).collect();
    listed.sort();
    inserted.sort();
    assert_eq!(listed, inserted);
}

async fn a_subjects_keys_are_listed(store: &impl Stores) {
    let program = Subject::ServiceAccount(service_account_id(1));
    let person = Subject::User(user_id(1));
    for (number, subject) in [(1, program), (2, person), (3, person), (4, Subject::User(user_id(2)))] {
        insert(store, ApiKey { subject, ..key(number, team_id(1)) }).await;
    }
    let of = |subject| KeyFilter { subject: Some(subject), ..KeyFilter::default() };
    assert_eq!(list(store, of(person), 1).await, [3, 2].map(key_id));
    assert_eq!(list(store, of(program), 10).await, [key_id(1)]);
}

async fn a_beginning_of_a_name_is_taken_to_the_letter(store: &impl Stores) {
    for (number, name) in ["100% sure", "100 per cent", "a_b", "axb", "Ünïcode", "\\%"].iter().enumerate() {
        let number = number.try_into().unwrap();
        insert(store, ApiKey { name: (*name).to_owned(), ..key(number, team_id(1)) }).await;
    }
    let found = async |prefix: &str| {
        let filter = KeyFilter { name_prefix: Some(prefix.to_owned()), ..KeyFilter::default() };
        list(store, filter, 10).await
    };
    assert_eq!(found("100%").await, [key_id(0)]);
    assert_eq!(found("100").await, [1, 0].map(key_id));
    assert_eq!(found("a_").await, [key_id(2)]);
    assert_eq!(found("\\").await, [key_id(5)]);
    assert_eq!(found("Ün").await, [key_id(4)]);
    assert!(found("A").await.is_empty(), "capitals are other letters");
    assert!(found("%").await.is_empty());
    assert!(found("xb").await.is_empty(), "only the beginning counts");
    assert_eq!(found("").await.len(), 6, "every name begins with nothing");
}

async fn only_good_keys_are_listed_as_such(store: &impl Stores) {
    let (expired, revoked) = (Some(at(100)), Some(at(200)));
    insert(store, key(1, team_id(1))).await;
    insert(store, ApiKey { expires_at: expired, ..key(2, team_id(1)) }).await;
    insert(store, ApiKey { revoked_at: revoked, ..key(3, team_id(1)) }).await;
    insert(store, ApiKey { expires_at: expired, revoked_at: revoked, ..key(4, team_id(1)) }).await;
    let good = async |second| {
        let filter = KeyFilter { active_at: Some(at(second)), ..KeyFilter::default() };
        list(store, filter, 2).await
    };
    assert_eq!(good(99).await, [4, 3, 2, 1].map(key_id));
    assert_eq!(good(100).await, [3, 1].map(key_id));
    assert_eq!(good(200).await, [key_id(1)]);
}

async fn filters_narrow_each_other(store: &impl Stores) {
    let wanted = ApiKey { name: "wanted".to_owned(), ..key(1, team_id(1)) };
    insert(store, wanted.clone()).await;
    insert(store, ApiKey { team: team_id(2), id: key_id(2), ..wanted.clone() }).await;
    insert(store, ApiKey { subject: Subject::User(user_id(3)), id: key_id(3), ..wanted.clone() }).await;
    insert(store, ApiKey { name: "other".to_owned(), id: key_id(4), ..wanted.clone() }).await;
    insert(store, ApiKey { revoked_at: Some(at(5)), id: key_id(5), ..wanted.clone() }).await;
    let filter = KeyFilter {
        team: Some(wanted.team),
        subject: Some(wanted.subject),
        name_prefix: Some("want".to_owned()),
        active_at: Some(at(10)),
    };
    assert_eq!(list(store, filter, 10).await, [wanted.id]);
}

async fn insert(store: &impl Stores, key: ApiKey) {
    done(store.insert_key(&key, &draft("key.create")).await);
}

async fn list(store: &impl Stores, filter: KeyFilter, limit: usize) -> Vec<KeyId> {
    let page = async |after: Option<KeyId>, limit| store.list_keys(&filter, after.as_ref(), limit).await;
    pages(limit, |key: &ApiKey| key.id.clone(), page).await
}
