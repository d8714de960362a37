//! A platform keeps an admin who can act: enabled, by a team that is.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{Membership, Role, Subject, Team, User};

use super::changed::{done, last_admin};
use super::samples::{
    at, draft, first, key, key_id, membership, session, session_id, team, team_id, user, user_id,
};
use super::trail::trail;
use super::{Stores, at_once};
use crate::{Changed, PortError};

/// How many admins step down at once where that is tried.
const MANY: u32 = 8;

/// As far as it hangs on users.
pub(super) async fn of_users<S, F, Fut>(make: &F)
where
    S: Stores,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    the_last_admin_is_not_disabled(&*make().await).await;
    the_last_admin_is_not_deleted(&*make().await).await;
    the_last_admin_can_change_otherwise(&*make().await).await;
    an_admin_who_cannot_act_counts_for_nothing(&*make().await).await;
    where_there_is_no_admin_none_is_missed(&*make().await).await;
    of_many_disabled_at_once_one_stays(make().await).await;
    of_many_deleted_at_once_one_stays(make().await).await;
}

/// As far as it hangs on teams and memberships.
pub(super) async fn of_teams<S, F, Fut>(make: &F)
where
    S: Stores,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    the_last_admin_is_not_demoted(&*make().await).await;
    the_last_admins_team_is_not_disabled(&*make().await).await;
    the_last_admins_team_is_not_deleted(&*make().await).await;
    an_admin_by_two_teams_may_lose_one(&*make().await).await;
    of_many_demoted_at_once_one_stays(make().await).await;
    of_many_removed_at_once_one_stays(make().await).await;
    of_many_teams_disabled_at_once_one_stays(make().await).await;
    of_many_teams_deleted_at_once_one_stays(make().await).await;
    however_they_go_at_once_one_stays(make().await).await;
}

async fn the_last_admin_is_not_disabled(store: &impl Stores) {
    begin(store).await;
    store.insert_session(&session(1, team_id(1)), None).await.unwrap();
    last_admin(disable(store, 1).await);
    nothing_happened(store).await;
    assert_eq!(store.lookup_session(session_id(1)).await.unwrap().unwrap().revoked_at, None);
    admin(store, 2, 2).await;
    done(disable(store, 1).await);
    last_admin(disable(store, 2).await);
}

async fn the_last_admin_is_not_deleted(store: &impl Stores) {
    begin(store).await;
    store.insert_session(&session(1, team_id(1)), None).await.unwrap();
    last_admin(delete(store, 1).await);
    nothing_happened(store).await;
    assert!(store.lookup_session(session_id(1)).await.unwrap().is_some());
    admin(store, 2, 2).await;
    done(delete(store, 1).await);
    last_admin(delete(store, 2).await);
}

async fn the_last_admin_can_change_otherwise(store: &impl Stores) {
    begin(store).await;
    let renamed = User { name: "renamed".to_owned(), ..user(1) };
    done(store.update_user(&renamed, at(100), &draft("user.update")).await);
    let renamed = Team { name: "renamed".to_owned(), ..team(1) };
    done(store.update_team(&renamed, &draft("team.update")).await);
    let same = membership(1, 1, Role::PlatformAdmin);
    done(store.set_membership(&same, &draft("member.set")).await);
}

async fn an_admin_who_cannot_act_counts_for_nothing(store: &impl Stores) {
    begin(store).await;
    for number in 2..=4 {
        admin(store, number, number).await;
    }
    done(disable(store, 2).await);
    done(disable_team(store, 3).await);
    done(demote(store, 4).await);
    last_admin(disable(store, 1).await);
    last_admin(delete(store, 1).await);
    last_admin(demote(store, 1).await);
    last_admin(remove(store, 1).await);
    last_admin(disable_team(store, 1).await);
    last_admin(delete_team(store, 1).await);
    done(delete(store, 3).await);
    done(delete_team(store, 4).await);
}

async fn where_there_is_no_admin_none_is_missed(store: &impl Stores) {
    for number in 1..=3 {
        done(store.insert_team(&team(number), &draft("team.create")).await);
        done(store.insert_user(&user(number), None, None, &draft("user.create")).await);
        let member = membership(number, number, Role::TeamAdmin);
        done(store.set_membership(&member, &draft("member.set")).await);
    }
    done(disable(store, 1).await);
    done(delete(store, 2).await);
    done(demote(store, 3).await);
    done(remove(store, 3).await);
    done(disable_team(store, 1).await);
    done(delete_team(store, 3).await);
}

async fn the_last_admin_is_not_demoted(store: &impl Stores) {
    begin(store).await;
    last_admin(demote(store, 1).await);
    last_admin(remove(store, 1).await);
    nothing_happened(store).await;
    admin(store, 2, 2).await;
    done(demote(store, 1).await);
    last_admin(demote(store, 2).await);
    last_admin(remove(store, 2).await);
    done(remove(store, 1).await);
}

async fn the_last_admins_team_is_not_disabled(store: &impl Stores) {
    begin(store).await;
    last_admin(disable_team(store, 1).await);
    nothing_happened(store).await;
    admin(store, 2, 2).await;
    done(disable_team(store, 1).await);
    last_admin(disable_team(store, 2).await);
}

async fn the_last_admins_team_is_not_deleted(store: &impl Stores) {
    begin(store).await;
    store.insert_session(&session(1, team_id(1)), None).await.unwrap();
    last_admin(delete_team(store, 1).await);
    nothing_happened(store).await;
    assert!(store.lookup_session(session_id(1)).await.unwrap().is_some());
    admin(store, 2, 2).await;
    done(delete_team(store, 1).await);
    last_admin(delete_team(store, 2).await);
}

async fn an_admin_by_two_teams_may_lose_one(store: &impl Stores) {
    begin(store).await;
    done(store.insert_team(&team(2), &draft("team.create")).await);
    let second = Membership { team: team_id(2), ..membership(1, 1, Role::PlatformAdmin) };
    done(store.set_membership(&second, &draft("member.set")).await);
    done(demote(store, 1).await);
    last_admin(delete_team(store, 2).await);
    let audit = draft("member.remove");
    last_admin(store.remove_membership(team_id(2), user_id(1), &audit).await);
}

async fn of_many_disabled_at_once_one_stays(store: Arc<impl Stores>) {
    many(&*store).await;
    one_stays(&*store, step_down(&store, |_| Way::Disable).await).await;
}

async fn of_many_deleted_at_once_one_stays(store: Arc<impl Stores>) {
    many(&*store).await;
    one_stays(&*store, step_down(&store, |_| Way::Delete).await).await;
}

async fn of_many_demoted_at_once_one_stays(store: Arc<impl Stores>) {
    many(&*store).await;
    one_stays(&*store, step_down(&store, |_| Way::Demote).await).await;
}

async fn of_many_removed_at_once_one_stays(store: Arc<impl Stores>) {
    many(&*store).await;
    one_stays(&*store, step_down(&store, |_| Way::Remove).await).await;
}

async fn of_many_teams_disabled_at_once_one_stays(store: Arc<impl Stores>) {
    many(&*store).await;
    one_stays(&*store, step_down(&store, |_| Way::DisableTeam).await).await;
}

async fn of_many_teams_deleted_at_once_one_stays(store: Arc<impl Stores>) {
    many(&*store).await;
    one_stays(&*store, step_down(&store, |_| Way::DeleteTeam).await).await;
}

async fn however_they_go_at_once_one_stays(store: Arc<impl Stores>) {
    const WAYS: [Way; 6] =
        [Way::Disable, Way::Demote, Way::DeleteTeam, Way::Delete, Way::Remove, Way::DisableTeam];
    many(&*store).await;
    let results = step_down(&store, |number| WAYS[number as usize % WAYS.len()]).await;
    one_stays(&*store, results).await;
}

/// How an admin can cease to be one.
#[derive(Clone, Copy)]
enum Way {
    Disable,
    Delete,
    Demote,
    Remove,
    DisableTeam,
    DeleteTeam,
}

/// Every admin from 1 to `MANY` ceases to be one, all at once.
async fn step_down(store: &Arc<impl Stores>, way: impl Fn(u32) -> Way) -> Vec<Result<Changed, PortError>> {
    at_once(MANY, |number| {
        let (store, number, way) = (Arc::clone(store), number + 1, way(number));
        async move {
            match way {
                Way::Disable => disable(&*store, number).await,
                Way::Delete => delete(&*store, number).await,
                Way::Demote => demote(&*store, number).await,
                Way::Remove => remove(&*store, number).await,
                Way::DisableTeam => disable_team(&*store, number).await,
                Way::DeleteTeam => delete_team(&*store, number).await,
            }
        }
    })
    .await
}

async fn one_stays(store: &impl Stores, results: Vec<Result<Changed, PortError>>) {
    let results: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    let kept: Vec<_> = results.iter().filter(|it| **it != Changed::Done).collect();
    assert_eq!(kept, [&Changed::LastAdmin], "all but one step down: {results:?}");
    let number = results.iter().position(|it| *it == Changed::LastAdmin).unwrap() + 1;
    let (admin, _) = store.first_admin().await.unwrap().unwrap();
    assert_eq!(admin.id, user_id(number.try_into().unwrap()));
    let events = trail(store).await;
    assert_eq!(events.iter().filter(|it| *it == "step down").count(), MANY as usize - 1);
}

/// Admins from 1 to `MANY`, each by a team of its own.
async fn many(store: &impl Stores) {
    begin(store).await;
    for number in 2..=MANY {
        admin(store, number, number).await;
    }
}

/// A platform with its first admin, who has the number 1.
async fn begin(store: &impl Stores) {
    assert!(store.bootstrap(&first(1), &draft("platform.begin")).await.unwrap());
}

/// Another admin, by another team.
async fn admin(store: &impl Stores, number: u32, by: u32) {
    done(store.insert_team(&team(by), &draft("team.create")).await);
    let member = membership(number, by, Role::PlatformAdmin);
    done(store.insert_user(&user(number), Some(&member), None, &draft("user.create")).await);
}

/// The first admin, team and key are as they were, and the log tells of nothing.
async fn nothing_happened(store: &impl Stores) {
    assert_eq!(store.first_admin().await.unwrap(), Some((user(1), team(1))));
    let member = store.lookup_membership(team_id(1), user_id(1)).await.unwrap().unwrap();
    assert_eq!(member.role, Role::PlatformAdmin);
    let kept = store.lookup_key(&key_id(1)).await.unwrap().unwrap();
    assert_eq!((kept.subject, kept.revoked_at), (Subject::User(user_id(1)), key(1, team_id(1)).revoked_at));
    assert_eq!(trail(store).await, ["platform.begin"]);
}

async fn disable(store: &impl Stores, number: u32) -> Result<Changed, PortError> {
    let disabled = User { disabled_at: Some(at(100)), ..user(number) };
    store.update_user(&disabled, at(100), &draft("step down")).await
}

async fn delete(store: &impl Stores, number: u32) -> Result<Changed, PortError> {
    store.delete_user(&user(number), at(100), &draft("step down")).await
}

async fn demote(store: &impl Stores, number: u32) -> Result<Changed, PortError> {
    store.set_membership(&membership(number, number, Role::TeamAdmin), &draft("step down")).await
}

async fn remove(store: &impl Stores, number: u32) -> Result<Changed, PortError> {
    store.remove_membership(team_id(number), user_id(number), &draft("step down")).await
}

async fn disable_team(store: &impl Stores, number: u32) -> Result<Changed, PortError> {
    let disabled = Team { disabled_at: Some(at(100)), ..team(number) };
    store.update_team(&disabled, &draft("step down")).await
}

async fn delete_team(store: &impl Stores, number: u32) -> Result<Changed, PortError> {
    store.delete_team(&team(number), at(100), &draft("step down")).await
}
