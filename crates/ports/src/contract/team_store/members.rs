//! Memberships.

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{Membership, Role, Session, Subject, Team, User};

use super::super::changed::{done, one_done, stale};
use super::super::pages::pages;
use super::super::samples::{
    at, draft, invitation, key_id, membership, session, session_id, team, team_id, user, user_id,
};
use super::super::trail::trail;
use super::super::{Stores, at_once};
use super::insert;
use crate::Changed;

pub(super) async fn run<S, F, Fut>(make: &F)
where
    S: Stores,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    a_membership_is_found_as_it_was_set(&*make().await).await;
    setting_again_changes_the_role(&*make().await).await;
    who_or_what_is_not_there_has_no_membership(&*make().await).await;
    a_membership_ends_once(&*make().await).await;
    of_many_who_end_it_at_once_one_wins(make().await).await;
    a_change_withdraws_the_invitation(&*make().await).await;
    who_becomes_platform_admin_comes_in_anew(&*make().await).await;
    members_are_listed_newest_first(&*make().await).await;
    the_memberships_of_a_person_are_listed_oldest_first(&*make().await).await;
}

async fn a_membership_is_found_as_it_was_set(store: &impl Stores) {
    people(store, 2, 2).await;
    let mut roles = Role::ALL.into_iter().cycle();
    for (user, team) in [(1, 1), (1, 2), (2, 1)] {
        let member = membership(user, team, roles.next().unwrap());
        set(store, &member).await;
        assert_eq!(store.lookup_membership(member.team, member.user).await.unwrap(), Some(member));
    }
    assert_eq!(store.lookup_membership(team_id(2), user_id(2)).await.unwrap(), None);
    assert_eq!(trail(store).await[4..], ["member.set", "member.set", "member.set"]);
}

async fn setting_again_changes_the_role(store: &impl Stores) {
    people(store, 2, 2).await;
    let first = membership(1, 1, Role::Viewer);
    for member in [first, membership(1, 2, Role::Viewer), membership(2, 1, Role::Viewer)] {
        set(store, &member).await;
    }
    set(store, &Membership { role: Role::TeamAdmin, created_at: at(999), ..first }).await;
    let kept = store.lookup_membership(team_id(1), user_id(1)).await.unwrap();
    assert_eq!(kept, Some(Membership { role: Role::TeamAdmin, ..first }), "it is a member since then");
    for (team, user) in [(2, 1), (1, 2)] {
        let other = store.lookup_membership(team_id(team), user_id(user)).await.unwrap().unwrap();
        assert_eq!(other.role, Role::Viewer);
    }
}

async fn who_or_what_is_not_there_has_no_membership(store: &impl Stores) {
    people(store, 1, 1).await;
    for (user, team) in [(1, 9), (9, 1), (9, 9)] {
        let member = membership(user, team, Role::Viewer);
        stale(store.set_membership(&member, &draft("member.set")).await);
        assert_eq!(store.lookup_membership(team_id(team), user_id(user)).await.unwrap(), None);
    }
    assert_eq!(trail(store).await, ["team.create", "user.create"]);
}

async fn a_membership_ends_once(store: &impl Stores) {
    people(store, 2, 2).await;
    for (user, team) in [(1, 1), (1, 2), (2, 1)] {
        set(store, &membership(user, team, Role::Viewer)).await;
    }
    done(store.remove_membership(team_id(1), user_id(1), &draft("member.remove")).await);
    stale(store.remove_membership(team_id(1), user_id(1), &draft("member.remove")).await);
    stale(store.remove_membership(team_id(9), user_id(1), &draft("member.remove")).await);
    stale(store.remove_membership(team_id(1), user_id(9), &draft("member.remove")).await);
    for (user, team, there) in [(1, 1, false), (1, 2, true), (2, 1, true)] {
        assert_eq!(store.lookup_membership(team_id(team), user_id(user)).await.unwrap().is_some(), there);
    }
    assert!(store.lookup_user(user_id(1)).await.unwrap().is_some());
    let events = trail(store).await;
    assert_eq!(events.iter().filter(|it| *it == "member.remove").count(), 1);
}

async fn of_many_who_end_it_at_once_one_wins(store: Arc<impl Stores>) {
    people(&*store, 1, 1).await;
    set(&*store, &membership(1, 1, Role::Viewer)).await;
    let results = at_once(10, |_| {
        let store = Arc::clone(&store);
        async move { store.remove_membership(team_id(1), user_id(1), &draft("member.remove")).await }
    })
    .await;
    one_done(results, Changed::Stale);
    assert_eq!(trail(&*store).await.len(), 4);
}

async fn a_change_withdraws_the_invitation(store: &impl Stores) {
    people(store, 2, 2).await;
    set(store, &membership(1, 1, Role::Viewer)).await;
    done(store.insert_invitation(&invitation(9, user_id(2)), &draft("user.invite")).await);
    let invite = async |number| {
        done(store.insert_invitation(&invitation(number, user_id(1)), &draft("user.invite")).await);
    };
    let is_open = async |number| store.lookup_invitation(&key_id(number)).await.unwrap().is_some();

    invite(1).await;
    set(store, &membership(1, 1, Role::TeamAdmin)).await;
    assert!(!is_open(1).await, "it is more than it was");
    invite(2).await;
    set(store, &membership(1, 2, Role::Viewer)).await;
    assert!(!is_open(2).await, "it is something elsewhere too");
    invite(3).await;
    done(store.remove_membership(team_id(2), user_id(1), &draft("member.remove")).await);
    assert!(!is_open(3).await);

    invite(4).await;
    stale(store.remove_membership(team_id(2), user_id(1), &draft("member.remove")).await);
    stale(store.set_membership(&membership(1, 9, Role::Viewer), &draft("member.set")).await);
    assert!(is_open(4).await, "what was not done withdraws nothing");
    assert!(is_open(9).await, "nor does what is done with somebody else");
}

async fn who_becomes_platform_admin_comes_in_anew(store: &impl Stores) {
    people(store, 2, 3).await;
    for number in 1..=2 {
        set(store, &membership(number, 1, Role::TeamAdmin)).await;
        let_in(store, number, number).await;
    }
    set(store, &membership(1, 2, Role::TeamAdmin)).await;
    assert_eq!(is_in(store, 1, 1).await, (true, true), "for anything less nothing ends");
    stale(store.set_membership(&membership(1, 9, Role::PlatformAdmin), &draft("member.set")).await);
    assert_eq!(is_in(store, 1, 1).await, (true, true), "nor for what was not done");

    set(store, &membership(1, 1, Role::PlatformAdmin)).await;
    assert_eq!(is_in(store, 1, 1).await, (false, false));
    assert_eq!(is_in(store, 2, 2).await, (true, true), "somebody else stays");

    let_in(store, 1, 3).await;
    set(store, &membership(1, 3, Role::PlatformAdmin)).await;
    set(store, &membership(1, 3, Role::Viewer)).await;
    assert_eq!(is_in(store, 1, 3).await, (true, true), "who was platform admin rises no more");

    set(store, &membership(2, 1, Role::PlatformAdmin)).await;
    set(store, &membership(1, 1, Role::Viewer)).await;
    set(store, &membership(1, 2, Role::PlatformAdmin)).await;
    assert_eq!(is_in(store, 1, 3).await, (false, false), "but does when it was no more");
}

/// Gives a user a password, and then a login.
async fn let_in(store: &impl Stores, user: u32, login: u32) {
    done(store.set_password(user_id(user), &"phc".into(), at(0), &draft("password.set")).await);
    let subject = Subject::User(user_id(user));
    let login = Session { subject, ..session(login, team_id(1)) };
    store.insert_session(&login, None).await.unwrap();
}

/// Whether a user has a password, and whether a login is still good.
async fn is_in(store: &impl Stores, user: u32, login: u32) -> (bool, bool) {
    let (_, password) = store.lookup_password(&format!("user {user}")).await.unwrap().unwrap();
    let login = store.lookup_session(session_id(login)).await.unwrap().unwrap();
    (password.is_some(), login.revoked_at.is_none())
}

async fn members_are_listed_newest_first(store: &impl Stores) {
    people(store, 5, 2).await;
    // Who came to the team last is not who is newest on the platform.
    for (number, user) in [3, 5, 1, 4].into_iter().enumerate() {
        let created_at = at(i64::try_from(number).unwrap());
        set(store, &Membership { created_at, ..membership(user, 1, Role::Developer) }).await;
    }
    set(store, &membership(2, 2, Role::Viewer)).await;
    let list = async |team, limit| {
        let page = async |after, limit| store.list_members(team_id(team), after, limit).await;
        pages(limit, |(member, _): &(Membership, User)| member.user, page).await
    };
    assert_eq!(list(1, 2).await, [5, 4, 3, 1].map(user_id));
    assert_eq!(list(1, 4).await.len(), 4, "a page filled to the brim");
    assert_eq!(list(2, 10).await, [user_id(2)]);
    assert!(list(9, 10).await.is_empty());
    let page = store.list_members(team_id(2), None, 10).await.unwrap();
    assert_eq!(page.items, [(membership(2, 2, Role::Viewer), user(2))]);
    let page = store.list_members(team_id(1), Some(user_id(2)), 10).await.unwrap();
    assert_eq!(page.items.len(), 1, "a page may begin behind who is no member");
}

async fn the_memberships_of_a_person_are_listed_oldest_first(store: &impl Stores) {
    people(store, 2, 4).await;
    let since = |second, team| Membership { created_at: at(second), ..membership(1, team, Role::Viewer) };
    for member in [since(30, 1), since(10, 4), since(20, 2)] {
        set(store, &member).await;
    }
    set(store, &membership(2, 3, Role::Viewer)).await;
    let disabled = Team { disabled_at: Some(at(100)), ..team(4) };
    done(store.update_team(&disabled, &draft("team.disable")).await);
    let listed = store.list_memberships(user_id(1)).await.unwrap();
    let expected =
        [(since(10, 4), Team { revision: 1, ..disabled }), (since(20, 2), team(2)), (since(30, 1), team(1))];
    assert_eq!(listed, expected);
    assert!(store.list_memberships(user_id(9)).await.unwrap().is_empty());
}

/// Teams and users from 1 on.
async fn people(store: &impl Stores, users: u32, teams: u32) {
    for number in 1..=teams {
        insert(store, &team(number)).await;
    }
    for number in 1..=users {
        done(store.insert_user(&user(number), None, None, &draft("user.create")).await);
    }
}

async fn set(store: &impl Stores, member: &Membership) {
    done(store.set_membership(member, &draft("member.set")).await);
}
