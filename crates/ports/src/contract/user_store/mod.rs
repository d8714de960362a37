//! What every [`UserStore`](crate::UserStore) keeps.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

mod begin;
mod changes;
mod invitations;
mod lists;
mod passwords;
mod standing;

use std::future::Future;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use outcrop_types::{Role, Session, Subject, User, UserId};

use super::changed::{done, one_done, stale, taken};
use super::samples::{
    draft, invitation, key_id, membership, session, session_id, team, team_id, user, user_id,
};
use super::trail::trail;
use super::{Stores, at_once, last_admin};
use crate::Changed;

/// Runs the suite. `make` gives an empty store each time.
pub async fn user_store<S, F, Fut>(make: F)
where
    S: Stores,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    begin::run(&make).await;
    a_user_is_found_as_it_was_inserted(&*make().await).await;
    a_user_comes_with_membership_and_invitation(&*make().await).await;
    inserting_twice_is_refused(&*make().await).await;
    a_user_of_no_team_is_refused(&*make().await).await;
    of_many_users_of_one_name_one_wins(make().await).await;
    lists::run(&make).await;
    changes::run(&make).await;
    passwords::run(&make).await;
    invitations::run(&make).await;
    standing::run(&make).await;
    last_admin::of_users(&make).await;
}

async fn a_user_is_found_as_it_was_inserted(store: &impl Stores) {
    let full = User {
        name: "Ünïcode, 'quotes' and \"more\"".to_owned(),
        email: Some("someone@example.com".to_owned()),
        disabled_at: Some(user(3).created_at),
        revision: 7,
        ..user(2)
    };
    for user in [user(1), full] {
        done(store.insert_user(&user, None, None, &draft("user.create")).await);
        assert_eq!(store.lookup_user(user.id).await.unwrap().as_ref(), Some(&user));
        assert_eq!(store.lookup_user_by_name(&user.name).await.unwrap(), Some(user));
    }
    assert_eq!(store.lookup_user(user_id(9)).await.unwrap(), None);
    assert_eq!(store.lookup_user_by_name("USER 1").await.unwrap(), None, "names are taken to the letter");
    assert_eq!(trail(store).await, ["user.create", "user.create"]);
}

async fn a_user_comes_with_membership_and_invitation(store: &impl Stores) {
    done(store.insert_team(&team(1), &draft("team.create")).await);
    let (member, invited) = (membership(1, 1, Role::Developer), invitation(1, user_id(1)));
    done(store.insert_user(&user(1), Some(&member), Some(&invited), &draft("user.create")).await);
    assert_eq!(store.lookup_membership(team_id(1), user_id(1)).await.unwrap(), Some(member));
    assert_eq!(store.lookup_invitation(&key_id(1)).await.unwrap(), Some(invited));
    assert_eq!(trail(store).await, ["team.create", "user.create"]);
}

async fn inserting_twice_is_refused(store: &impl Stores) {
    done(store.insert_team(&team(1), &draft("team.create")).await);
    insert(store, &user(1)).await;
    let member = |number| membership(number, 1, Role::Viewer);
    let same_name = User { name: user(1).name, ..user(2) };
    let same_id = User { name: "another".to_owned(), ..user(1) };
    for (again, number) in [(same_name, 2), (same_id, 1)] {
        let invited = invitation(number, again.id);
        let audit = draft("user.create");
        taken(store.insert_user(&again, Some(&member(number)), Some(&invited), &audit).await);
        assert_eq!(store.lookup_membership(team_id(1), again.id).await.unwrap(), None);
        assert_eq!(store.lookup_invitation(&invited.id).await.unwrap(), None);
    }
    assert_eq!(store.lookup_user(user_id(1)).await.unwrap(), Some(user(1)));
    assert_eq!(store.lookup_user(user_id(2)).await.unwrap(), None);
    assert_eq!(trail(store).await, ["team.create", "user.create"]);
}

async fn a_user_of_no_team_is_refused(store: &impl Stores) {
    let (member, invited) = (membership(1, 9, Role::Viewer), invitation(1, user_id(1)));
    stale(store.insert_user(&user(1), Some(&member), Some(&invited), &draft("user.create")).await);
    assert_eq!(store.lookup_user(user_id(1)).await.unwrap(), None);
    assert_eq!(store.lookup_invitation(&invited.id).await.unwrap(), None);
    assert!(trail(store).await.is_empty());
}

async fn of_many_users_of_one_name_one_wins(store: Arc<impl Stores>) {
    let results = at_once(10, |number| {
        let store = Arc::clone(&store);
        async move {
            let named = User { name: "the one".to_owned(), ..user(number) };
            store.insert_user(&named, None, None, &draft("user.create")).await
        }
    })
    .await;
    one_done(results, Changed::Taken);
    assert_eq!(trail(&*store).await.len(), 1);
}

async fn insert(store: &impl Stores, user: &User) {
    done(store.insert_user(user, None, None, &draft("user.create")).await);
}

/// Keeps a login of a user under a number, for a team that need not be there.
async fn log_in(store: &impl Stores, number: u32, user: UserId) {
    let login = Session { subject: Subject::User(user), ..session(number, team_id(1)) };
    store.insert_session(&login, None).await.unwrap();
}

/// When logins were ended, in the order of their numbers, from 1; `None` inside for one that was not.
async fn ends(store: &impl Stores, count: u32) -> Vec<Option<DateTime<Utc>>> {
    let mut ends = Vec::new();
    for number in 1..=count {
        ends.push(store.lookup_session(session_id(number)).await.unwrap().unwrap().revoked_at);
    }
    ends
}
