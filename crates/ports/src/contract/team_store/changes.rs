//! Changes of teams, and what goes with them when they go.

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{ApiKey, Role, Team};

use super::super::changed::{done, one_done, stale, taken};
use super::super::samples::{
    at, draft, key, key_id, membership, refresh_token, service_account, service_account_id, session,
    session_id, team, team_id, user, user_id,
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
    what_can_change_is_written(&*make().await).await;
    a_change_from_an_old_reading_is_refused(&*make().await).await;
    a_taken_name_is_refused(&*make().await).await;
    of_many_changes_at_once_one_wins(make().await).await;
    what_a_team_had_goes_with_it(&*make().await).await;
    a_deleted_teams_keys_are_revoked(&*make().await).await;
    deleting_from_an_old_reading_is_refused(&*make().await).await;
}

async fn what_can_change_is_written(store: &impl Stores) {
    insert(store, &team(1)).await;
    insert(store, &team(2)).await;
    let changed = Team { name: "renamed".to_owned(), disabled_at: Some(at(90)), ..team(1) };
    let asked = Team { created_at: at(999), ..changed.clone() };
    done(store.update_team(&asked, &draft("team.update")).await);
    assert_eq!(store.lookup_team(team_id(1)).await.unwrap(), Some(Team { revision: 1, ..changed }));
    assert_eq!(store.lookup_team_by_name("team 1").await.unwrap(), None);
    assert_eq!(store.lookup_team(team_id(2)).await.unwrap(), Some(team(2)), "and no other");
    done(store.update_team(&Team { revision: 1, ..team(1) }, &draft("team.update")).await);
    let kept = store.lookup_team(team_id(1)).await.unwrap();
    assert_eq!(kept, Some(Team { revision: 2, ..team(1) }), "what was disabled can be enabled");
    assert_eq!(trail(store).await, ["team.create", "team.create", "team.update", "team.update"]);
}

async fn a_change_from_an_old_reading_is_refused(store: &impl Stores) {
    insert(store, &team(1)).await;
    let changed = Team { name: "renamed".to_owned(), ..team(1) };
    done(store.update_team(&changed, &draft("team.update")).await);
    let late = Team { disabled_at: Some(at(90)), ..team(1) };
    stale(store.update_team(&late, &draft("team.disable")).await);
    stale(store.update_team(&team(2), &draft("team.update")).await);
    assert_eq!(store.lookup_team(team_id(1)).await.unwrap(), Some(Team { revision: 1, ..changed }));
    assert_eq!(store.lookup_team(team_id(2)).await.unwrap(), None);
    assert_eq!(trail(store).await, ["team.create", "team.update"]);
}

async fn a_taken_name_is_refused(store: &impl Stores) {
    insert(store, &team(1)).await;
    insert(store, &team(2)).await;
    let renamed = Team { name: team(2).name, disabled_at: Some(at(90)), ..team(1) };
    taken(store.update_team(&renamed, &draft("team.update")).await);
    assert_eq!(store.lookup_team(team_id(1)).await.unwrap(), Some(team(1)));
    assert_eq!(trail(store).await.len(), 2);
}

async fn of_many_changes_at_once_one_wins(store: Arc<impl Stores>) {
    insert(&*store, &team(1)).await;
    let results = at_once(10, |number| {
        let store = Arc::clone(&store);
        async move {
            let changed = Team { name: format!("name {number}"), ..team(1) };
            store.update_team(&changed, &draft("team.update")).await
        }
    })
    .await;
    one_done(results, Changed::Stale);
    assert_eq!(store.lookup_team(team_id(1)).await.unwrap().unwrap().revision, 1);
    assert_eq!(trail(&*store).await, ["team.create", "team.update"]);
}

async fn what_a_team_had_goes_with_it(store: &impl Stores) {
    done(store.insert_user(&user(1), None, None, &draft("user.create")).await);
    for number in 1..=2 {
        insert(store, &team(number)).await;
        done(store.set_membership(&membership(1, number, Role::Developer), &draft("member.set")).await);
        let account = service_account(number, team_id(number));
        done(store.insert_service_account(&account, &draft("account.create")).await);
        let login = session(number, team_id(number));
        store.insert_session(&login, Some(&refresh_token(number, login.id))).await.unwrap();
    }
    let before = trail(store).await.len();
    done(store.delete_team(&team(1), at(100), &draft("team.delete")).await);
    for (number, there) in [(1, false), (2, true)] {
        assert_eq!(store.lookup_team(team_id(number)).await.unwrap().is_some(), there);
        assert_eq!(store.lookup_membership(team_id(number), user_id(1)).await.unwrap().is_some(), there);
        let account = store.lookup_service_account(service_account_id(number)).await.unwrap();
        assert_eq!(account.is_some(), there);
        assert_eq!(store.lookup_session(session_id(number)).await.unwrap().is_some(), there);
        assert_eq!(store.lookup_refresh(&key_id(number)).await.unwrap().is_some(), there);
    }
    assert!(store.lookup_user(user_id(1)).await.unwrap().is_some(), "its people are not its own");
    assert_eq!(store.list_memberships(user_id(1)).await.unwrap().len(), 1);
    assert_eq!(trail(store).await.len(), before + 1, "what it did is still known");
    insert(store, &Team { name: team(1).name, ..team(3) }).await;
}

async fn a_deleted_teams_keys_are_revoked(store: &impl Stores) {
    insert(store, &team(1)).await;
    let mine = |number| key(number, team_id(1));
    let earlier = ApiKey { revoked_at: Some(at(50)), ..mine(2) };
    let later = ApiKey { revoked_at: Some(at(500)), ..mine(3) };
    for key in [&mine(1), &earlier, &later, &key(4, team_id(2))] {
        done(store.insert_key(key, &draft("key.create")).await);
    }
    done(store.delete_team(&team(1), at(100), &draft("team.delete")).await);
    let now = |key: ApiKey| ApiKey { revoked_at: Some(at(100)), revision: 1, ..key };
    for expected in [now(mine(1)), earlier, now(later), key(4, team_id(2))] {
        assert_eq!(store.lookup_key(&expected.id).await.unwrap(), Some(expected));
    }
    stale(store.update_key(&mine(1), &draft("key.update")).await);
}

async fn deleting_from_an_old_reading_is_refused(store: &impl Stores) {
    insert(store, &team(1)).await;
    done(store.insert_key(&key(1, team_id(1)), &draft("key.create")).await);
    store.insert_session(&session(1, team_id(1)), None).await.unwrap();
    let changed = Team { name: "renamed".to_owned(), ..team(1) };
    done(store.update_team(&changed, &draft("team.update")).await);
    stale(store.delete_team(&team(1), at(100), &draft("team.delete")).await);
    stale(store.delete_team(&team(2), at(100), &draft("team.delete")).await);
    assert!(store.lookup_team(team_id(1)).await.unwrap().is_some());
    assert_eq!(store.lookup_key(&key_id(1)).await.unwrap(), Some(key(1, team_id(1))));
    assert!(store.lookup_session(session_id(1)).await.unwrap().is_some());
    done(store.delete_team(&Team { revision: 1, ..changed }, at(100), &draft("team.delete")).await);
    assert_eq!(trail(store).await, ["team.create", "key.create", "team.update", "team.delete"]);
}
