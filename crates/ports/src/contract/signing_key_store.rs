//! What every [`SigningKeyStore`](crate::SigningKeyStore) keeps.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::future::Future;
use std::sync::Arc;

use outcrop_types::StoredSigningKey;

use super::changed::{done, one_done, stale, taken};
use super::samples::{at, draft, signing_key};
use super::trail::trail;
use super::{Stores, at_once};
use crate::Changed;

/// Runs the suite. `make` gives an empty store each time.
pub async fn signing_key_store<S, F, Fut>(make: F)
where
    S: Stores,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    keys_are_listed_as_they_were_inserted(&*make().await).await;
    the_newest_hundred_are_listed(&*make().await).await;
    a_generation_exists_once(&*make().await).await;
    of_many_who_rotate_at_once_one_wins(make().await).await;
    a_key_is_declared_lost_once(&*make().await).await;
    of_many_who_declare_it_lost_one_wins(make().await).await;
    keys_that_stopped_signing_are_removed(&*make().await).await;
    a_key_that_is_yet_to_sign_stays(&*make().await).await;
    a_lost_key_takes_nobodys_place(&*make().await).await;
}

async fn keys_are_listed_as_they_were_inserted(store: &impl Stores) {
    assert!(store.list_signing_keys().await.unwrap().is_empty());
    let lost = StoredSigningKey { revoked_at: Some(at(500)), ..signing_key(2) };
    // As many bytes as a private RSA key of 4,096 bits has.
    let large = StoredSigningKey {
        algorithm: "RS256".to_owned(),
        sealed: (0..2_400_u32).map(|byte| (byte % 256) as u8).collect(),
        ..signing_key(3)
    };
    for key in [&lost, &signing_key(1), &large] {
        insert(store, key).await;
    }
    let listed = store.list_signing_keys().await.unwrap();
    assert!(listed == [large, lost, signing_key(1)], "by generation, newest first: {listed:?}");
    assert_eq!(trail(store).await, ["signing_key.create"; 3]);
}

async fn the_newest_hundred_are_listed(store: &impl Stores) {
    for generation in 1..=105 {
        insert(store, &signing_key(generation)).await;
    }
    let expected: Vec<_> = (6..=105).rev().collect();
    assert_eq!(generations(store).await, expected);
}

async fn a_generation_exists_once(store: &impl Stores) {
    insert(store, &signing_key(1)).await;
    let same_generation = StoredSigningKey { kid: "another".to_owned(), ..signing_key(1) };
    let same_kid = StoredSigningKey { generation: 2, ..signing_key(1) };
    for again in [same_generation, same_kid, signing_key(1)] {
        taken(store.insert_signing_key(&again, &draft("signing_key.create")).await);
    }
    assert!(store.list_signing_keys().await.unwrap() == [signing_key(1)]);
    assert_eq!(trail(store).await, ["signing_key.create"]);
}

async fn of_many_who_rotate_at_once_one_wins(store: Arc<impl Stores>) {
    let results = at_once(10, |number| {
        let store = Arc::clone(&store);
        async move {
            let key = StoredSigningKey { kid: format!("kid of {number}"), ..signing_key(1) };
            store.insert_signing_key(&key, &draft("signing_key.create")).await
        }
    })
    .await;
    let winner = results.iter().position(|it| matches!(it, Ok(Changed::Done))).unwrap();
    one_done(results, Changed::Taken);
    let listed = store.list_signing_keys().await.unwrap();
    assert_eq!(listed.into_iter().map(|key| key.kid).collect::<Vec<_>>(), [format!("kid of {winner}")]);
    assert_eq!(trail(&*store).await, ["signing_key.create"]);
}

async fn a_key_is_declared_lost_once(store: &impl Stores) {
    for generation in 1..=2 {
        insert(store, &signing_key(generation)).await;
    }
    done(store.revoke_signing_key("kid-1", at(500), &draft("signing_key.revoke")).await);
    stale(store.revoke_signing_key("kid-1", at(600), &draft("signing_key.revoke")).await);
    stale(store.revoke_signing_key("kid-9", at(600), &draft("signing_key.revoke")).await);
    let lost = StoredSigningKey { revoked_at: Some(at(500)), ..signing_key(1) };
    assert!(store.list_signing_keys().await.unwrap() == [signing_key(2), lost]);
    assert_eq!(trail(store).await, ["signing_key.create", "signing_key.create", "signing_key.revoke"]);
}

async fn of_many_who_declare_it_lost_one_wins(store: Arc<impl Stores>) {
    insert(&*store, &signing_key(1)).await;
    let results = at_once(10, |number| {
        let store = Arc::clone(&store);
        async move {
            let now = at(500 + i64::from(number));
            store.revoke_signing_key("kid-1", now, &draft("signing_key.revoke")).await
        }
    })
    .await;
    one_done(results, Changed::Stale);
    assert_eq!(trail(&*store).await, ["signing_key.create", "signing_key.revoke"]);
}

async fn keys_that_stopped_signing_are_removed(store: &impl Stores) {
    assert_eq!(store.prune_signing_keys(at(0)).await.unwrap(), 0);
    for (generation, active_from) in [(1, 100), (2, 200), (3, 300)] {
        insert(store, &StoredSigningKey { active_from: at(active_from), ..signing_key(generation) }).await;
    }
    for (before, gone, left) in [
        (0, 0, &[3, 2, 1][..]),
        (199, 0, &[3, 2, 1]),
        (200, 1, &[3, 2]),
        (250, 0, &[3, 2]),
        (999, 1, &[3]),
        (9_999, 0, &[3]),
    ] {
        assert_eq!(store.prune_signing_keys(at(before)).await.unwrap(), gone, "{before}");
        assert_eq!(generations(store).await, left, "{before}");
    }
}

async fn a_key_that_is_yet_to_sign_stays(store: &impl Stores) {
    // The third was made in a hurry, after the first was lost.
    for (generation, active_from) in [(1, 100), (2, 400), (3, 200)] {
        insert(store, &StoredSigningKey { active_from: at(active_from), ..signing_key(generation) }).await;
    }
    assert_eq!(store.prune_signing_keys(at(399)).await.unwrap(), 1);
    assert_eq!(generations(store).await, [3, 2]);
    assert_eq!(store.prune_signing_keys(at(400)).await.unwrap(), 1);
    assert_eq!(generations(store).await, [3]);
}

async fn a_lost_key_takes_nobodys_place(store: &impl Stores) {
    for (generation, active_from) in [(1, 100), (2, 200)] {
        insert(store, &StoredSigningKey { active_from: at(active_from), ..signing_key(generation) }).await;
    }
    done(store.revoke_signing_key("kid-2", at(250), &draft("signing_key.revoke")).await);
    assert_eq!(store.prune_signing_keys(at(400)).await.unwrap(), 0, "the first one signs again");
    assert_eq!(generations(store).await, [2, 1]);
    insert(store, &StoredSigningKey { active_from: at(300), ..signing_key(3) }).await;
    assert_eq!(store.prune_signing_keys(at(400)).await.unwrap(), 2);
    assert_eq!(generations(store).await, [3]);
}

async fn insert(store: &impl Stores, key: &StoredSigningKey) {
    done(store.insert_signing_key(key, &draft("signing_key.create")).await);
}

async fn generations(store: &impl Stores) -> Vec<u32> {
    store.list_signing_keys().await.unwrap().into_iter().map(|key| key.generation).collect()
}
