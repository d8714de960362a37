//! Passwords.

use std::future::Future;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::super::Stores;
use super::super::changed::{done, stale};
use super::super::samples::{at, draft, invitation, key_id, session_id, user, user_id};
use super::super::trail::trail;
use super::{ends, insert, log_in};

pub(super) async fn run<S, F, Fut>(make: &F)
where
    S: Stores,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    a_password_is_found_by_name(&*make().await).await;
    a_new_password_takes_the_place_of_the_old(&*make().await).await;
    a_new_password_ends_logins_and_invitations(&*make().await).await;
    nobody_has_no_password(&*make().await).await;
    another_hash_takes_the_place_of_the_one_it_was_made_for(&*make().await).await;
}

async fn a_password_is_found_by_name(store: &impl Stores) {
    insert(store, &user(1)).await;
    let (found, none) = store.lookup_password("user 1").await.unwrap().unwrap();
    assert_eq!(found, user(1));
    assert!(none.is_none(), "no password is set");
    let phc = SecretString::from("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA");
    done(store.set_password(user_id(1), &phc, at(100), &draft("password.set")).await);
    let (found, kept) = store.lookup_password("user 1").await.unwrap().unwrap();
    assert_eq!(
        (found, kept.unwrap().expose_secret()),
        (user(1), phc.expose_secret()),
        "no revision is spent"
    );
    assert!(store.lookup_password("USER 1").await.unwrap().is_none(), "names are taken to the letter");
    assert!(store.lookup_password("user 2").await.unwrap().is_none());
    assert_eq!(trail(store).await, ["user.create", "password.set"]);
}

async fn a_new_password_takes_the_place_of_the_old(store: &impl Stores) {
    for number in 1..=2 {
        insert(store, &user(number)).await;
    }
    for (number, phc) in [(1, "one"), (2, "two"), (1, "three")] {
        done(store.set_password(user_id(number), &phc.into(), at(100), &draft("password.set")).await);
    }
    assert_eq!(password(store, "user 1").await.as_deref(), Some("three"));
    assert_eq!(password(store, "user 2").await.as_deref(), Some("two"));
}

async fn a_new_password_ends_logins_and_invitations(store: &impl Stores) {
    for number in 1..=2 {
        insert(store, &user(number)).await;
        done(store.insert_invitation(&invitation(number, user_id(number)), &draft("user.invite")).await);
    }
    for (login, user) in [(1, 1), (2, 1), (3, 2)] {
        log_in(store, login, user_id(user)).await;
    }
    assert!(store.revoke_session(session_id(1), at(50)).await.unwrap());
    done(store.set_password(user_id(1), &"phc".into(), at(100), &draft("password.set")).await);
    assert_eq!(ends(store, 3).await, [Some(at(50)), Some(at(100)), None]);
    assert_eq!(store.lookup_invitation(&key_id(1)).await.unwrap(), None);
    assert!(store.lookup_invitation(&key_id(2)).await.unwrap().is_some());
}

async fn nobody_has_no_password(store: &impl Stores) {
    stale(store.set_password(user_id(1), &"phc".into(), at(100), &draft("password.set")).await);
    assert!(trail(store).await.is_empty());
    insert(store, &user(1)).await;
    assert_eq!(password(store, "user 1").await, None, "nothing was laid by");
}

async fn another_hash_takes_the_place_of_the_one_it_was_made_for(store: &impl Stores) {
    insert(store, &user(1)).await;
    assert!(!store.rehash_password(user_id(1), &"old".into(), &"new".into()).await.unwrap());
    done(store.set_password(user_id(1), &"old".into(), at(100), &draft("password.set")).await);
    log_in(store, 1, user_id(1)).await;
    assert!(store.rehash_password(user_id(1), &"old".into(), &"new".into()).await.unwrap());
    assert!(!store.rehash_password(user_id(1), &"old".into(), &"late".into()).await.unwrap());
    assert!(!store.rehash_password(user_id(2), &"old".into(), &"new".into()).await.unwrap());
    assert_eq!(password(store, "user 1").await.as_deref(), Some("new"));
    assert_eq!(ends(store, 1).await, [None], "no login ends");
    assert_eq!(trail(store).await, ["user.create", "password.set"], "there is nothing to tell");
}

/// The PHC string of the user of this name.
pub(super) async fn password(store: &impl Stores, name: &str) -> Option<String> {
    let (_, password) = store.lookup_password(name).await.unwrap().unwrap();
    password.map(|password| password.expose_secret().to_owned())
}
