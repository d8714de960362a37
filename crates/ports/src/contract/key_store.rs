//! What every [`KeyStore`] keeps.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{ApiKey, KeyId, TeamId};

use super::samples::{at, full_key, key, key_id, team_id};
use crate::{KeyStore, PortFailure};

/// Runs the suite. `make` gives an empty store each time.
pub async fn key_store<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn KeyStore>>,
{
    a_key_is_found_as_it_was_inserted(&*make().await).await;
    an_unknown_key_is_absent(&*make().await).await;
    inserting_twice_is_a_conflict(&*make().await).await;
    of_many_inserts_at_once_one_wins(make().await).await;
    keys_are_listed_newest_first(&*make().await).await;
    pages_lose_nothing_of_one_moment(&*make().await).await;
    the_first_revocation_stays(&*make().await).await;
    revoking_an_unknown_key_finds_none(&*make().await).await;
}

async fn a_key_is_found_as_it_was_inserted(store: &dyn KeyStore) {
    for key in [key(1, team_id(1)), full_key(2, team_id(1))] {
        store.insert_key(&key).await.unwrap();
        assert_eq!(store.lookup_key(&key.id).await.unwrap(), Some(key));
    }
}

async fn an_unknown_key_is_absent(store: &dyn KeyStore) {
    store.insert_key(&key(1, team_id(1))).await.unwrap();
    assert_eq!(store.lookup_key(&key_id(2)).await.unwrap(), None);
}

async fn inserting_twice_is_a_conflict(store: &dyn KeyStore) {
    let first = key(1, team_id(1));
    store.insert_key(&first).await.unwrap();
    let second = ApiKey { name: "another".to_owned(), ..first.clone() };
    assert_eq!(store.insert_key(&second).await.unwrap_err().failure, PortFailure::Conflict);
    assert_eq!(store.lookup_key(&first.id).await.unwrap(), Some(first), "the first one is untouched");
}

async fn of_many_inserts_at_once_one_wins(store: Arc<dyn KeyStore>) {
    let results = super::at_once(10, |_| {
        let store = Arc::clone(&store);
        async move { store.insert_key(&key(1, team_id(1))).await }
    })
    .await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for failed in results.into_iter().filter_map(Result::err) {
        assert_eq!(failed.failure, PortFailure::Conflict, "{}", failed.chain());
    }
}

async fn keys_are_listed_newest_first(store: &dyn KeyStore) {
    for number in [3, 1, 5, 2, 4] {
        store.insert_key(&key(number, team_id(number % 2))).await.unwrap();
    }
    assert_eq!(pages(store, None, 2).await, [5, 4, 3, 2, 1].map(key_id));
    assert_eq!(pages(store, Some(team_id(1)), 2).await, [5, 3, 1].map(key_id));
    assert_eq!(pages(store, Some(team_id(1)), 3).await, [5, 3, 1].map(key_id), "a page filled to the brim");
    assert_eq!(pages(store, Some(team_id(0)), 10).await, [4, 2].map(key_id));
    assert!(pages(store, Some(team_id(9)), 10).await.is_empty());
}

async fn pages_lose_nothing_of_one_moment(store: &dyn KeyStore) {
    for number in 1..=7 {
        let key = ApiKey { created_at: at(0), ..key(number, team_id(1)) };
        store.insert_key(&key).await.unwrap();
    }
    let mut listed = pages(store, Some(team_id(1)), 2).await;
    let mut inserted: Vec<_> = (1..=7).map(key_id).collect();
    listed.sort();
    inserted.sort();
    assert_eq!(listed, inserted);
}

async fn the_first_revocation_stays(store: &dyn KeyStore) {
    let key = key(1, team_id(1));
    store.insert_key(&key).await.unwrap();
    let revoked = ApiKey { revoked_at: Some(at(100)), ..key };
    assert_eq!(store.revoke_key(&revoked.id, at(100)).await.unwrap(), Some(revoked.clone()));
    assert_eq!(store.revoke_key(&revoked.id, at(200)).await.unwrap(), Some(revoked.clone()));
    assert_eq!(store.lookup_key(&revoked.id).await.unwrap(), Some(revoked), "a revoked key is still found");
}

async fn revoking_an_unknown_key_finds_none(store: &dyn KeyStore) {
    store.insert_key(&key(1, team_id(1))).await.unwrap();
    assert_eq!(store.revoke_key(&key_id(2), at(100)).await.unwrap(), None);
    assert_eq!(store.lookup_key(&key_id(1)).await.unwrap().unwrap().revoked_at, None);
}

/// The ids of all pages, one after the other.
async fn pages(store: &dyn KeyStore, team: Option<TeamId>, limit: usize) -> Vec<KeyId> {
    let mut ids: Vec<KeyId> = Vec::new();
    loop {
        let page = store.list_keys(team, ids.last(), limit).await.unwrap();
        assert!(page.items.len() <= limit);
        assert!(!page.has_more || page.items.len() == limit, "only a full page has more after it");
        ids.extend(page.items.into_iter().map(|key| key.id));
        if !page.has_more {
            return ids;
        }
    }
}
