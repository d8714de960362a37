//! What somebody may at most do in a team now.

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{Role, ServiceAccount, Subject, Team, User};

use super::super::Stores;
use super::super::changed::done;
use super::super::samples::{
    at, draft, membership, service_account, service_account_id, team, team_id, user, user_id,
};
use super::insert;

pub(super) async fn run<S, F, Fut>(make: &F)
where
    S: Stores,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    a_member_stands_as_it_is_there(&*make().await).await;
    a_platform_admin_stands_everywhere(&*make().await).await;
    who_is_disabled_or_gone_stands_nowhere(&*make().await).await;
    in_a_disabled_team_nobody_stands(&*make().await).await;
    a_program_stands_in_its_team(&*make().await).await;
    a_program_that_is_disabled_or_gone_stands_nowhere(&*make().await).await;
}

async fn a_member_stands_as_it_is_there(store: &impl Stores) {
    teams(store, 3).await;
    insert(store, &user(1)).await;
    member(store, 1, 1, Role::Developer).await;
    member(store, 1, 2, Role::TeamAdmin).await;
    assert_eq!(person(store, 1, 1).await, Some(Role::Developer));
    assert_eq!(person(store, 1, 2).await, Some(Role::TeamAdmin));
    assert_eq!(person(store, 1, 3).await, None, "it is no member");
    assert_eq!(person(store, 1, 9).await, None, "there is no such team");
    member(store, 1, 1, Role::Viewer).await;
    assert_eq!(person(store, 1, 1).await, Some(Role::Viewer), "from the next moment on");
    done(store.remove_membership(team_id(1), user_id(1), &draft("member.remove")).await);
    assert_eq!(person(store, 1, 1).await, None);
}

async fn a_platform_admin_stands_everywhere(store: &impl Stores) {
    teams(store, 4).await;
    insert(store, &user(1)).await;
    insert(store, &user(2)).await;
    member(store, 2, 4, Role::PlatformAdmin).await;
    member(store, 1, 1, Role::PlatformAdmin).await;
    member(store, 1, 2, Role::Viewer).await;
    for team in 1..=3 {
        assert_eq!(person(store, 1, team).await, Some(Role::PlatformAdmin), "{team}");
    }
    assert_eq!(person(store, 1, 9).await, None, "but not in a team that is not there");
    disable_team(store, 1).await;
    assert_eq!(person(store, 1, 2).await, Some(Role::Viewer), "what a disabled team gave is gone");
    assert_eq!(person(store, 1, 3).await, None);
}

async fn who_is_disabled_or_gone_stands_nowhere(store: &impl Stores) {
    teams(store, 1).await;
    for number in 1..=3 {
        insert(store, &user(number)).await;
    }
    member(store, 1, 1, Role::PlatformAdmin).await;
    member(store, 2, 1, Role::PlatformAdmin).await;
    member(store, 3, 1, Role::Developer).await;
    for number in 2..=3 {
        let disabled = User { disabled_at: Some(at(100)), ..user(number) };
        done(store.update_user(&disabled, at(100), &draft("user.disable")).await);
        assert_eq!(person(store, number, 1).await, None);
        let enabled = User { revision: 1, ..user(number) };
        done(store.update_user(&enabled, at(200), &draft("user.enable")).await);
        assert!(person(store, number, 1).await.is_some(), "and is back");
        let gone = User { revision: 2, ..user(number) };
        done(store.delete_user(&gone, at(300), &draft("user.delete")).await);
        assert_eq!(person(store, number, 1).await, None);
    }
    assert_eq!(person(store, 9, 1).await, None, "who never was");
}

async fn in_a_disabled_team_nobody_stands(store: &impl Stores) {
    teams(store, 2).await;
    insert(store, &user(1)).await;
    insert(store, &user(2)).await;
    member(store, 1, 2, Role::PlatformAdmin).await;
    member(store, 2, 1, Role::Developer).await;
    account(store, &service_account(1, team_id(1))).await;
    disable_team(store, 1).await;
    assert_eq!(person(store, 2, 1).await, None);
    assert_eq!(program(store, 1, 1).await, None);
    assert_eq!(person(store, 1, 1).await, None, "nobody acts for it, not even a platform admin");
    assert_eq!(person(store, 1, 2).await, Some(Role::PlatformAdmin));
    let enabled = Team { revision: 1, ..team(1) };
    done(store.update_team(&enabled, &draft("team.enable")).await);
    assert_eq!(person(store, 2, 1).await, Some(Role::Developer));
    done(store.delete_team(&Team { revision: 2, ..enabled }, at(300), &draft("team.delete")).await);
    assert_eq!(person(store, 2, 1).await, None);
    assert_eq!(person(store, 1, 1).await, None);
}

async fn a_program_stands_in_its_team(store: &impl Stores) {
    teams(store, 2).await;
    account(store, &service_account(1, team_id(1))).await;
    account(store, &ServiceAccount { role: Role::PlatformAdmin, ..service_account(2, team_id(1)) }).await;
    assert_eq!(program(store, 1, 1).await, Some(Role::Service));
    assert_eq!(program(store, 1, 2).await, None);
    assert_eq!(program(store, 2, 1).await, Some(Role::PlatformAdmin));
    assert_eq!(program(store, 2, 2).await, Some(Role::PlatformAdmin), "whoever is so in any team");
    assert_eq!(person(store, 1, 1).await, None, "a person of the same number is another");
}

async fn a_program_that_is_disabled_or_gone_stands_nowhere(store: &impl Stores) {
    teams(store, 1).await;
    let first = service_account(1, team_id(1));
    account(store, &first).await;
    let disabled = ServiceAccount { disabled_at: Some(at(100)), ..first };
    done(store.update_service_account(&disabled, &draft("account.disable")).await);
    assert_eq!(program(store, 1, 1).await, None);
    let again = ServiceAccount { revision: 1, role: Role::Viewer, disabled_at: None, ..disabled };
    done(store.update_service_account(&again, &draft("account.enable")).await);
    assert_eq!(program(store, 1, 1).await, Some(Role::Viewer));
    let gone = ServiceAccount { revision: 2, ..again };
    done(store.delete_service_account(&gone, at(300), &draft("account.delete")).await);
    assert_eq!(program(store, 1, 1).await, None);
}

async fn person(store: &impl Stores, user: u32, team: u32) -> Option<Role> {
    store.lookup_standing(Subject::User(user_id(user)), team_id(team)).await.unwrap()
}

async fn program(store: &impl Stores, account: u32, team: u32) -> Option<Role> {
    let subject = Subject::ServiceAccount(service_account_id(account));
    store.lookup_standing(subject, team_id(team)).await.unwrap()
}

/// Teams 1 to `count`.
async fn teams(store: &impl Stores, count: u32) {
    for number in 1..=count {
        done(store.insert_team(&team(number), &draft("team.create")).await);
    }
}

async fn disable_team(store: &impl Stores, number: u32) {
    let disabled = Team { disabled_at: Some(at(100)), ..team(number) };
    done(store.update_team(&disabled, &draft("team.disable")).await);
}

async fn member(store: &impl Stores, user: u32, team: u32, role: Role) {
    done(store.set_membership(&membership(user, team, role), &draft("member.set")).await);
}

async fn account(store: &impl Stores, account: &ServiceAccount) {
    done(store.insert_service_account(account, &draft("account.create")).await);
}
