//! What every [`UserStore`] keeps.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::future::Future;
use std::sync::Arc;

use super::samples::{first, key, key_id, team_id};
use crate::{Bootstrap, KeyStore, PortFailure, UserStore};

/// Runs the suite. `make` gives an empty store each time, one that keeps keys too: the first key is among
/// what a platform begins with.
pub async fn user_store<S, F, Fut>(make: F)
where
    S: UserStore + KeyStore,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    an_empty_platform_has_nobody(&*make().await).await;
    a_platform_begins_with_team_admin_and_key(&*make().await).await;
    a_platform_begins_once(&*make().await).await;
    a_beginning_is_all_or_none(&*make().await).await;
    of_many_beginnings_at_once_one_wins(make().await).await;
}

async fn an_empty_platform_has_nobody(store: &impl UserStore) {
    assert_eq!(store.first_admin().await.unwrap(), None);
    assert_eq!(store.lookup_team(team_id(1)).await.unwrap(), None);
    assert_eq!(store.lookup_team_by_name("team 1").await.unwrap(), None);
}

async fn a_platform_begins_with_team_admin_and_key(store: &(impl UserStore + KeyStore)) {
    let Bootstrap { team, admin, key } = first(1);
    assert!(store.bootstrap(&first(1)).await.unwrap());
    assert_eq!(store.lookup_team(team.id).await.unwrap().as_ref(), Some(&team));
    assert_eq!(store.lookup_team_by_name(&team.name).await.unwrap().as_ref(), Some(&team));
    assert_eq!(store.lookup_team_by_name("TEAM 1").await.unwrap(), None, "names are taken to the letter");
    assert_eq!(store.first_admin().await.unwrap(), Some((admin, team)));
    assert_eq!(store.lookup_key(&key.id).await.unwrap(), Some(key));
}

async fn a_platform_begins_once(store: &(impl UserStore + KeyStore)) {
    assert!(store.bootstrap(&first(1)).await.unwrap());
    assert!(!store.bootstrap(&first(2)).await.unwrap());
    assert!(!store.bootstrap(&first(1)).await.unwrap(), "not even with what is there already");
    assert_eq!(store.first_admin().await.unwrap().unwrap().0, first(1).admin);
    assert_eq!(store.lookup_team(team_id(2)).await.unwrap(), None);
    assert_eq!(store.lookup_key(&key_id(2)).await.unwrap(), None);
}

async fn a_beginning_is_all_or_none(store: &(impl UserStore + KeyStore)) {
    store.insert_key(&key(1, team_id(9))).await.unwrap();
    let failed = store.bootstrap(&first(1)).await.unwrap_err();
    assert_eq!(failed.failure, PortFailure::Conflict, "{}", failed.chain());
    assert_eq!(store.first_admin().await.unwrap(), None);
    assert_eq!(store.lookup_team(team_id(1)).await.unwrap(), None);
    assert!(store.bootstrap(&first(2)).await.unwrap(), "and can be tried again");
}

async fn of_many_beginnings_at_once_one_wins(store: Arc<impl UserStore>) {
    let results = super::at_once(10, |number| {
        let store = Arc::clone(&store);
        async move { store.bootstrap(&first(number)).await.unwrap() }
    })
    .await;
    assert_eq!(results.iter().filter(|won| **won).count(), 1);
    let winner = results.iter().position(|won| *won).unwrap();
    let (admin, team) = store.first_admin().await.unwrap().unwrap();
    let expected = first(winner.try_into().unwrap());
    assert_eq!((admin, team), (expected.admin, expected.team));
}
