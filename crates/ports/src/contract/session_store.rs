//! What every [`SessionStore`](crate::SessionStore) keeps.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{KeyHash, RefreshToken, Session};

use super::samples::{at, browser_session, draft, key_id, refresh_token, session, session_id, team_id};
use super::trail::trail;
use super::{Stores, at_once};
use crate::{PortFailure, Rotation};

/// Runs the suite. `make` gives an empty store each time.
pub async fn session_store<S, F, Fut>(make: F)
where
    S: Stores,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    a_login_is_found_as_it_was_kept(&*make().await).await;
    a_login_is_found_by_its_cookie(&*make().await).await;
    an_id_that_exists_is_a_conflict(&*make().await).await;
    a_login_is_ended_once(&*make().await).await;
    a_refresh_token_is_rotated(&*make().await).await;
    a_reused_token_ends_its_login(&*make().await).await;
    a_token_reused_after_its_login_ended_is_told_of_no_more(&*make().await).await;
    what_is_not_good_is_refused(&*make().await).await;
    of_many_who_refresh_at_once_one_does(make().await).await;
    a_token_that_exists_takes_nobodys_place(&*make().await).await;
    what_ended_is_removed(&*make().await).await;
    expired_tokens_are_removed(&*make().await).await;
    much_that_ended_is_removed_bit_by_bit(&*make().await).await;
}

async fn a_login_is_found_as_it_was_kept(store: &impl Stores) {
    for (number, kept) in [(1, session(1, team_id(1))), (2, browser_session(2, team_id(1)))] {
        let token = RefreshToken { used_at: Some(at(70)), ..refresh_token(number, kept.id) };
        store.insert_session(&kept, Some(&token)).await.unwrap();
        assert_eq!(store.lookup_session(kept.id).await.unwrap().as_ref(), Some(&kept));
        assert_eq!(store.lookup_refresh(&token.id).await.unwrap(), Some((token, kept)));
    }
    assert_eq!(store.lookup_session(session_id(9)).await.unwrap(), None);
    assert_eq!(store.lookup_refresh(&key_id(9)).await.unwrap(), None);
    assert!(trail(store).await.is_empty());
}

async fn a_login_is_found_by_its_cookie(store: &impl Stores) {
    for number in 1..=2 {
        store.insert_session(&session(number, team_id(1)), None).await.unwrap();
    }
    for number in 3..=4 {
        let kept = browser_session(number, team_id(1));
        store.insert_session(&kept, None).await.unwrap();
        assert_eq!(store.lookup_session_by_cookie(&key_id(number)).await.unwrap(), Some(kept));
    }
    assert_eq!(store.lookup_session_by_cookie(&key_id(1)).await.unwrap(), None);
}

async fn an_id_that_exists_is_a_conflict(store: &impl Stores) {
    let first = browser_session(1, team_id(1));
    store.insert_session(&first, Some(&refresh_token(1, first.id))).await.unwrap();
    let same_login = session(1, team_id(2));
    let same_cookie = Session { id: session_id(2), ..first.clone() };
    let same_token = session(3, team_id(1));
    for again in [same_login, same_cookie, same_token] {
        let failed = store.insert_session(&again, Some(&refresh_token(1, again.id))).await.unwrap_err();
        assert_eq!(failed.failure, PortFailure::Conflict, "{}", failed.chain());
    }
    assert_eq!(store.lookup_session(first.id).await.unwrap().as_ref(), Some(&first));
    for number in 2..=3 {
        assert_eq!(store.lookup_session(session_id(number)).await.unwrap(), None, "all or none");
    }
    assert_eq!(store.lookup_refresh(&key_id(1)).await.unwrap().unwrap().1, first);
}

async fn a_login_is_ended_once(store: &impl Stores) {
    for number in 1..=2 {
        store.insert_session(&session(number, team_id(1)), None).await.unwrap();
    }
    let expired = Session { expires_at: at(90), ..session(3, team_id(1)) };
    store.insert_session(&expired, None).await.unwrap();
    assert!(store.revoke_session(session_id(1), at(100)).await.unwrap());
    assert!(!store.revoke_session(session_id(1), at(200)).await.unwrap());
    assert!(!store.revoke_session(session_id(3), at(100)).await.unwrap(), "it had ended by itself");
    assert!(!store.revoke_session(session_id(9), at(100)).await.unwrap());
    let ended = Session { revoked_at: Some(at(100)), ..session(1, team_id(1)) };
    assert_eq!(store.lookup_session(session_id(1)).await.unwrap(), Some(ended));
    assert_eq!(store.lookup_session(session_id(2)).await.unwrap(), Some(session(2, team_id(1))));
}

async fn a_refresh_token_is_rotated(store: &impl Stores) {
    let login = log_in(store).await;
    for number in 1..=3 {
        let (used, next) = (token(number), token(number + 1));
        let now = at(100 + i64::from(number));
        let rotated = store.rotate_refresh(&used, &next, now, &draft("token.reuse")).await.unwrap();
        assert_eq!(rotated, Rotation::Done(login.clone()));
        let (kept, _) = store.lookup_refresh(&used.id).await.unwrap().unwrap();
        assert_eq!(kept, RefreshToken { used_at: Some(now), ..used });
        assert_eq!(store.lookup_refresh(&next.id).await.unwrap(), Some((next, login.clone())));
    }
    assert!(trail(store).await.is_empty(), "there is nothing to tell");
}

async fn a_reused_token_ends_its_login(store: &impl Stores) {
    let login = log_in(store).await;
    store.insert_session(&session(2, team_id(1)), None).await.unwrap();
    assert!(matches!(rotate(store, 1, 2, 100).await, Rotation::Done(_)));
    let ended = Session { revoked_at: Some(at(200)), ..login };
    assert_eq!(rotate(store, 1, 3, 200).await, Rotation::Reused(ended.clone()));
    assert_eq!(store.lookup_session(ended.id).await.unwrap(), Some(ended));
    assert_eq!(store.lookup_refresh(&key_id(3)).await.unwrap(), None, "nothing came of it");
    assert_eq!(trail(store).await, ["token.reuse"]);
    assert_eq!(rotate(store, 2, 4, 300).await, Rotation::Refused, "the latest token ends with its login");
    assert_eq!(store.lookup_refresh(&key_id(2)).await.unwrap().unwrap().0.used_at, None);
    assert_eq!(store.lookup_session(session_id(2)).await.unwrap().unwrap().revoked_at, None);
    assert_eq!(trail(store).await, ["token.reuse"]);
}

async fn a_token_reused_after_its_login_ended_is_told_of_no_more(store: &impl Stores) {
    let login = log_in(store).await;
    assert!(matches!(rotate(store, 1, 2, 100).await, Rotation::Done(_)));
    assert!(store.revoke_session(login.id, at(200)).await.unwrap());
    let ended = Session { revoked_at: Some(at(200)), ..login };
    for now in [200, 300, 20_000] {
        assert_eq!(rotate(store, 1, 3, now).await, Rotation::Refused, "{now}");
    }
    assert_eq!(store.lookup_session(ended.id).await.unwrap(), Some(ended), "ended when it ended");
    // One that ended by itself, and one that the first reuse ended.
    let other = Session { id: session_id(2), expires_at: at(500), ..session(1, team_id(1)) };
    let (spent, next) = (refresh_token(4, other.id), |number| refresh_token(number, other.id));
    store.insert_session(&other, Some(&spent)).await.unwrap();
    let reuse = async |number, now| {
        store.rotate_refresh(&spent, &next(number), at(now), &draft("token.reuse")).await.unwrap()
    };
    assert!(matches!(reuse(5, 100).await, Rotation::Done(_)));
    assert_eq!(reuse(6, 500).await, Rotation::Refused, "it ended by itself");
    assert_eq!(store.lookup_session(other.id).await.unwrap(), Some(other.clone()));
    assert!(trail(store).await.is_empty());
    assert!(matches!(reuse(6, 499).await, Rotation::Reused(_)), "the login was still good");
    for now in [499, 500, 20_000] {
        assert_eq!(reuse(6, now).await, Rotation::Refused, "{now}");
    }
    assert_eq!(trail(store).await, ["token.reuse"], "once, however often it comes");
}

async fn what_is_not_good_is_refused(store: &impl Stores) {
    log_in(store).await;
    assert_eq!(rotate(store, 9, 2, 100).await, Rotation::Refused, "there is no such token");
    let forged = RefreshToken { hash: KeyHash::from_bytes([99; 32]), ..token(1) };
    let rotated = store.rotate_refresh(&forged, &token(2), at(100), &draft("token.reuse")).await.unwrap();
    assert_eq!(rotated, Rotation::Refused, "it is another with its id");
    assert_eq!(rotate(store, 1, 2, 5_000).await, Rotation::Refused, "it has expired");
    let long_lived = RefreshToken { expires_at: at(90_000), ..token(10) };
    let login = Session { id: session_id(2), ..session(1, team_id(1)) };
    let its = RefreshToken { session: login.id, ..long_lived };
    store.insert_session(&login, Some(&its)).await.unwrap();
    let rotated = store.rotate_refresh(&its, &token(2), at(10_000), &draft("token.reuse")).await.unwrap();
    assert_eq!(rotated, Rotation::Refused, "its login has ended by itself");
    assert_eq!(store.lookup_refresh(&key_id(1)).await.unwrap().unwrap().0.used_at, None);
    assert_eq!(store.lookup_refresh(&key_id(2)).await.unwrap(), None);
    assert!(trail(store).await.is_empty());
    assert!(matches!(rotate(store, 1, 2, 4_999).await, Rotation::Done(_)), "and it was good all the time");
    let forged = store.rotate_refresh(&forged, &token(3), at(4_999), &draft("token.reuse")).await.unwrap();
    assert_eq!(forged, Rotation::Refused, "who only knows the id of a used token ends nobody's login");
}

async fn of_many_who_refresh_at_once_one_does(store: Arc<impl Stores>) {
    const MANY: u32 = 10;
    let login = log_in(&*store).await;
    let results = at_once(MANY, |number| {
        let store = Arc::clone(&store);
        async move { rotate(&*store, 1, number + 2, 100).await }
    })
    .await;
    let done: Vec<_> = (0_u32..).zip(&results).filter(|(_, it)| matches!(it, Rotation::Done(_))).collect();
    assert_eq!(done.len(), 1, "{results:?}");
    let ended = Session { revoked_at: Some(at(100)), ..login };
    let reused = results.iter().filter(|it| **it == Rotation::Reused(ended.clone())).count();
    let refused = results.iter().filter(|it| **it == Rotation::Refused).count();
    assert_eq!((reused, refused), (1, MANY as usize - 2), "{results:?}");
    assert_eq!(store.lookup_session(ended.id).await.unwrap(), Some(ended));
    for number in 0..MANY {
        let kept = store.lookup_refresh(&key_id(number + 2)).await.unwrap();
        assert_eq!(kept.is_some(), done[0].0 == number, "only the one that was done has a next");
    }
    assert_eq!(trail(&*store).await, ["token.reuse"], "the end of a login is told of once");
}

async fn a_token_that_exists_takes_nobodys_place(store: &impl Stores) {
    let login = log_in(store).await;
    assert!(matches!(rotate(store, 1, 2, 100).await, Rotation::Done(_)));
    let failed =
        store.rotate_refresh(&token(2), &token(1), at(200), &draft("token.reuse")).await.unwrap_err();
    assert_eq!(failed.failure, PortFailure::Conflict, "{}", failed.chain());
    assert_eq!(store.lookup_refresh(&key_id(2)).await.unwrap(), Some((token(2), login)), "all or none");
}

async fn what_ended_is_removed(store: &impl Stores) {
    let ends = [(None, 500), (Some(300), 500), (None, 400), (Some(500), 900), (None, 900)];
    for (number, (revoked, expires)) in (1..).zip(ends) {
        let (revoked_at, expires_at) = (revoked.map(at), at(expires));
        let login = Session { revoked_at, expires_at, ..browser_session(number, team_id(1)) };
        store.insert_session(&login, Some(&refresh_token(number, login.id))).await.unwrap();
    }
    let left = async || {
        let mut left = Vec::new();
        for number in 1..=5 {
            let there = store.lookup_session(session_id(number)).await.unwrap().is_some();
            let token = store.lookup_refresh(&key_id(number)).await.unwrap();
            assert_eq!(token.is_some(), there, "tokens go with their login");
            left.extend(there.then_some(number));
        }
        left
    };
    for (before, gone, stay) in [
        (300, 0, &[1, 2, 3, 4, 5][..]),
        (301, 1, &[1, 3, 4, 5]),
        (450, 1, &[1, 4, 5]),
        (501, 2, &[5]),
        (501, 0, &[5]),
    ] {
        assert_eq!(store.prune_sessions(at(before)).await.unwrap(), gone, "{before}");
        assert_eq!(left().await, stay, "{before}");
    }
}

async fn expired_tokens_are_removed(store: &impl Stores) {
    let login = log_in(store).await;
    assert!(matches!(rotate(store, 1, 2, 100).await, Rotation::Done(_)));
    let next = RefreshToken { expires_at: at(8_000), ..token(3) };
    store.rotate_refresh(&token(2), &next, at(4_000), &draft("token.reuse")).await.unwrap();
    assert_eq!(store.prune_sessions(at(5_000)).await.unwrap(), 0);
    assert!(
        store.lookup_refresh(&key_id(1)).await.unwrap().is_some(),
        "a used one is known until it expires"
    );
    assert_eq!(store.prune_sessions(at(5_001)).await.unwrap(), 2, "no login went, and two tokens");
    assert_eq!(store.prune_sessions(at(5_001)).await.unwrap(), 0, "nothing is left to remove");
    assert_eq!(store.lookup_refresh(&key_id(1)).await.unwrap(), None);
    assert_eq!(store.lookup_refresh(&key_id(2)).await.unwrap(), None);
    assert_eq!(store.lookup_refresh(&key_id(3)).await.unwrap(), Some((next, login)));
}

async fn much_that_ended_is_removed_bit_by_bit(store: &impl Stores) {
    const MANY: u32 = 1_500;
    for number in 1..=MANY {
        store.insert_session(&session(number, team_id(1)), None).await.unwrap();
    }
    let mut gone = 0;
    while gone < u64::from(MANY) {
        let more = store.prune_sessions(at(20_000)).await.unwrap();
        assert!((1..=1_000).contains(&more), "some go, and never too many at once");
        gone += more;
    }
    assert_eq!(gone, u64::from(MANY));
    assert_eq!(store.prune_sessions(at(20_000)).await.unwrap(), 0);
}

/// Keeps login 1 with refresh token 1.
async fn log_in(store: &impl Stores) -> Session {
    let login = session(1, team_id(1));
    store.insert_session(&login, Some(&token(1))).await.unwrap();
    login
}

/// A refresh token of login 1.
fn token(number: u32) -> RefreshToken {
    refresh_token(number, session_id(1))
}

/// Uses a token of login 1 up for another at a second.
async fn rotate(store: &impl Stores, used: u32, next: u32, now: i64) -> Rotation {
    store.rotate_refresh(&token(used), &token(next), at(now), &draft("token.reuse")).await.unwrap()
}
