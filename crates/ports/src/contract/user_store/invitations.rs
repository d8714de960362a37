//! Invitations to set a password.

use std::future::Future;
use std::sync::Arc;

use outcrop_types::Invitation;

use super::super::changed::{done, one_done, stale};
use super::super::samples::{at, draft, invitation, key_id, user, user_id};
use super::super::trail::trail;
use super::super::{Stores, at_once};
use super::passwords::password;
use super::{ends, insert, log_in};
use crate::Changed;

pub(super) async fn run<S, F, Fut>(make: &F)
where
    S: Stores,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    an_invitation_is_found_as_it_was_kept(&*make().await).await;
    a_newer_invitation_withdraws_the_older(&*make().await).await;
    nobody_cannot_be_invited(&*make().await).await;
    an_invitation_sets_a_password_once(&*make().await).await;
    a_withdrawn_invitation_sets_none(&*make().await).await;
    of_many_who_redeem_at_once_one_wins(make().await).await;
}

async fn an_invitation_is_found_as_it_was_kept(store: &impl Stores) {
    insert(store, &user(1)).await;
    let kept = Invitation { expires_at: at(2), ..invitation(1, user_id(1)) };
    done(store.insert_invitation(&kept, &draft("user.invite")).await);
    assert_eq!(store.lookup_invitation(&kept.id).await.unwrap(), Some(kept), "however long ago it expired");
    assert_eq!(store.lookup_invitation(&key_id(2)).await.unwrap(), None);
    assert_eq!(trail(store).await, ["user.create", "user.invite"]);
}

async fn a_newer_invitation_withdraws_the_older(store: &impl Stores) {
    for number in 1..=2 {
        insert(store, &user(number)).await;
    }
    for (number, user) in [(1, 1), (2, 2), (3, 1)] {
        done(store.insert_invitation(&invitation(number, user_id(user)), &draft("user.invite")).await);
    }
    assert_eq!(store.lookup_invitation(&key_id(1)).await.unwrap(), None);
    for (number, user) in [(2, 2), (3, 1)] {
        let kept = store.lookup_invitation(&key_id(number)).await.unwrap();
        assert_eq!(kept, Some(invitation(number, user_id(user))));
    }
}

async fn nobody_cannot_be_invited(store: &impl Stores) {
    stale(store.insert_invitation(&invitation(1, user_id(1)), &draft("user.invite")).await);
    assert_eq!(store.lookup_invitation(&key_id(1)).await.unwrap(), None);
    assert!(trail(store).await.is_empty());
}

async fn an_invitation_sets_a_password_once(store: &impl Stores) {
    for number in 1..=2 {
        insert(store, &user(number)).await;
        log_in(store, number, user_id(number)).await;
        done(store.insert_invitation(&invitation(number, user_id(number)), &draft("user.invite")).await);
    }
    done(store.redeem_invitation(&key_id(1), &"first".into(), at(100), &draft("invitation.redeem")).await);
    stale(store.redeem_invitation(&key_id(1), &"second".into(), at(200), &draft("invitation.redeem")).await);
    stale(store.redeem_invitation(&key_id(9), &"third".into(), at(200), &draft("invitation.redeem")).await);
    assert_eq!(password(store, "user 1").await.as_deref(), Some("first"));
    assert_eq!(password(store, "user 2").await, None, "it is for nobody else");
    assert_eq!(store.lookup_invitation(&key_id(1)).await.unwrap(), None);
    assert!(store.lookup_invitation(&key_id(2)).await.unwrap().is_some());
    assert_eq!(ends(store, 2).await, [Some(at(100)), None], "whoever was logged in with the old one is out");
    let events = trail(store).await;
    assert_eq!(events.iter().filter(|it| *it == "invitation.redeem").count(), 1);
}

async fn a_withdrawn_invitation_sets_none(store: &impl Stores) {
    insert(store, &user(1)).await;
    for number in 1..=2 {
        done(store.insert_invitation(&invitation(number, user_id(1)), &draft("user.invite")).await);
    }
    stale(store.redeem_invitation(&key_id(1), &"old".into(), at(100), &draft("invitation.redeem")).await);
    assert_eq!(password(store, "user 1").await, None);
    done(store.set_password(user_id(1), &"set".into(), at(100), &draft("password.set")).await);
    stale(store.redeem_invitation(&key_id(2), &"new".into(), at(100), &draft("invitation.redeem")).await);
    assert_eq!(password(store, "user 1").await.as_deref(), Some("set"));
}

async fn of_many_who_redeem_at_once_one_wins(store: Arc<impl Stores>) {
    insert(&*store, &user(1)).await;
    done(store.insert_invitation(&invitation(1, user_id(1)), &draft("user.invite")).await);
    let results = at_once(10, |number| {
        let store = Arc::clone(&store);
        async move {
            let password = format!("password {number}").into();
            store.redeem_invitation(&key_id(1), &password, at(100), &draft("invitation.redeem")).await
        }
    })
    .await;
    let winner = results.iter().position(|it| matches!(it, Ok(Changed::Done))).unwrap();
    one_done(results, Changed::Stale);
    assert_eq!(password(&*store, "user 1").await, Some(format!("password {winner}")));
    assert_eq!(trail(&*store).await, ["user.create", "user.invite", "invitation.redeem"]);
}
