//! How a platform begins, and whom it has then.

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{Membership, Role, Team, User};

use super::super::changed::done;
use super::super::samples::{at, draft, first, key, key_id, membership, team, team_id, user, user_id};
use super::super::trail::trail;
use super::super::{Stores, at_once};
use super::insert;
use crate::{Bootstrap, PortFailure};

pub(super) async fn run<S, F, Fut>(make: &F)
where
    S: Stores,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    an_empty_platform_has_nobody(&*make().await).await;
    a_platform_begins_with_team_admin_and_key(&*make().await).await;
    a_platform_begins_once(&*make().await).await;
    a_platform_with_a_user_has_begun(&*make().await).await;
    a_beginning_is_all_or_none(&*make().await).await;
    of_many_beginnings_at_once_one_wins(make().await).await;
    the_first_admin_has_stood_longest(&*make().await).await;
    the_first_admin_can_act(&*make().await).await;
}

async fn an_empty_platform_has_nobody(store: &impl Stores) {
    assert_eq!(store.first_admin().await.unwrap(), None);
    assert_eq!(store.lookup_team(team_id(1)).await.unwrap(), None);
    assert_eq!(store.lookup_user(user_id(1)).await.unwrap(), None);
    assert!(trail(store).await.is_empty());
}

async fn a_platform_begins_with_team_admin_and_key(store: &impl Stores) {
    let Bootstrap { team, admin, key } = first(1);
    assert!(store.bootstrap(&first(1), &draft("platform.begin")).await.unwrap());
    assert_eq!(store.lookup_team(team.id).await.unwrap().as_ref(), Some(&team));
    assert_eq!(store.lookup_user(admin.id).await.unwrap().as_ref(), Some(&admin));
    let member = store.lookup_membership(team.id, admin.id).await.unwrap().unwrap();
    assert_eq!(member.role, Role::PlatformAdmin);
    assert_eq!(store.first_admin().await.unwrap(), Some((admin, team)));
    assert_eq!(store.lookup_key(&key.id).await.unwrap(), Some(key));
    assert_eq!(trail(store).await, ["platform.begin"]);
}

async fn a_platform_begins_once(store: &impl Stores) {
    assert!(store.bootstrap(&first(1), &draft("platform.begin")).await.unwrap());
    assert!(!store.bootstrap(&first(2), &draft("platform.begin")).await.unwrap());
    assert!(!store.bootstrap(&first(1), &draft("platform.begin")).await.unwrap(), "not even with the same");
    assert_eq!(store.first_admin().await.unwrap().unwrap().0, first(1).admin);
    assert_eq!(store.lookup_team(team_id(2)).await.unwrap(), None);
    assert_eq!(store.lookup_key(&key_id(2)).await.unwrap(), None);
    assert_eq!(trail(store).await, ["platform.begin"]);
}

async fn a_platform_with_a_user_has_begun(store: &impl Stores) {
    insert(store, &user(1)).await;
    assert!(!store.bootstrap(&first(2), &draft("platform.begin")).await.unwrap());
    assert_eq!(store.lookup_user(user_id(2)).await.unwrap(), None);
}

async fn a_beginning_is_all_or_none(store: &impl Stores) {
    done(store.insert_key(&key(1, team_id(9)), &draft("key.create")).await);
    let failed = store.bootstrap(&first(1), &draft("platform.begin")).await.unwrap_err();
    assert_eq!(failed.failure, PortFailure::Conflict, "{}", failed.chain());
    assert_eq!(store.first_admin().await.unwrap(), None);
    assert_eq!(store.lookup_team(team_id(1)).await.unwrap(), None);
    assert_eq!(trail(store).await, ["key.create"]);
    assert!(store.bootstrap(&first(2), &draft("platform.begin")).await.unwrap(), "and can be tried again");
}

async fn of_many_beginnings_at_once_one_wins(store: Arc<impl Stores>) {
    let results = at_once(10, |number| {
        let store = Arc::clone(&store);
        async move { store.bootstrap(&first(number), &draft("platform.begin")).await.unwrap() }
    })
    .await;
    assert_eq!(results.iter().filter(|won| **won).count(), 1);
    let winner = results.iter().position(|won| *won).unwrap();
    let (admin, team) = store.first_admin().await.unwrap().unwrap();
    let expected = first(winner.try_into().unwrap());
    assert_eq!((admin, team), (expected.admin, expected.team));
    assert_eq!(trail(&*store).await, ["platform.begin"]);
}

async fn the_first_admin_has_stood_longest(store: &impl Stores) {
    for number in 1..=3 {
        done(store.insert_team(&team(number), &draft("team.create")).await);
    }
    for number in [3, 2] {
        insert(store, &user(number)).await;
        done(store.set_membership(&membership(number, 3, Role::PlatformAdmin), &draft("member.set")).await);
    }
    insert(store, &user(1)).await;
    done(store.set_membership(&membership(1, 1, Role::TeamAdmin), &draft("member.set")).await);
    let later = Membership { created_at: at(500), ..membership(2, 1, Role::PlatformAdmin) };
    done(store.set_membership(&later, &draft("member.set")).await);
    assert_eq!(store.first_admin().await.unwrap(), Some((user(2), team(3))), "a team admin is none");
}

async fn the_first_admin_can_act(store: &impl Stores) {
    assert!(store.bootstrap(&first(1), &draft("platform.begin")).await.unwrap());
    done(store.insert_team(&team(2), &draft("team.create")).await);
    insert(store, &user(2)).await;
    done(store.set_membership(&membership(2, 2, Role::PlatformAdmin), &draft("member.set")).await);
    done(store.set_membership(&membership(1, 2, Role::PlatformAdmin), &draft("member.set")).await);
    let disabled = Team { disabled_at: Some(at(100)), ..team(1) };
    done(store.update_team(&disabled, &draft("team.disable")).await);
    assert_eq!(store.first_admin().await.unwrap(), Some((user(1), team(2))));
    let disabled = User { disabled_at: Some(at(100)), ..user(1) };
    done(store.update_user(&disabled, at(100), &draft("user.disable")).await);
    assert_eq!(store.first_admin().await.unwrap(), Some((user(2), team(2))));
}
