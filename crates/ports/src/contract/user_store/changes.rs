//! Changes of users, and what goes with them when they go.

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{ApiKey, Role, Session, Subject, User};
use secrecy::SecretString;

use super::super::changed::{done, one_done, stale, taken};
use super::super::samples::{
    at, draft, invitation, key, key_id, membership, refresh_token, session, session_id, team, team_id, user,
    user_id,
};
use super::super::trail::trail;
use super::super::{Stores, at_once};
use super::{ends, insert, log_in};
use crate::Changed;

pub(super) async fn run<S, F, Fut>(make: &F)
where
    S: Stores,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    what_can_change_is_written(&*make().await).await;
    disabling_ends_logins(&*make().await).await;
    a_change_from_an_old_reading_is_refused(&*make().await).await;
    a_taken_name_is_refused(&*make().await).await;
    of_many_changes_at_once_one_wins(make().await).await;
    what_a_user_had_goes_with_it(&*make().await).await;
    a_deleted_users_keys_are_revoked(&*make().await).await;
    deleting_from_an_old_reading_is_refused(&*make().await).await;
}

async fn what_can_change_is_written(store: &impl Stores) {
    insert(store, &user(1)).await;
    insert(store, &user(2)).await;
    log_in(store, 1, user_id(1)).await;
    let changed = User { name: "renamed".to_owned(), email: Some("a@example.com".to_owned()), ..user(1) };
    let asked = User { created_at: at(999), ..changed.clone() };
    done(store.update_user(&asked, at(100), &draft("user.update")).await);
    assert_eq!(store.lookup_user(user_id(1)).await.unwrap(), Some(User { revision: 1, ..changed }));
    assert_eq!(store.lookup_user_by_name("user 1").await.unwrap(), None);
    assert_eq!(store.lookup_user(user_id(2)).await.unwrap(), Some(user(2)), "and no other");
    assert_eq!(ends(store, 1).await, [None], "who is only renamed stays logged in");
    done(store.update_user(&User { revision: 1, ..user(1) }, at(100), &draft("user.update")).await);
    let kept = store.lookup_user(user_id(1)).await.unwrap();
    assert_eq!(kept, Some(User { revision: 2, ..user(1) }), "what was set can be unset");
    assert_eq!(trail(store).await, ["user.create", "user.create", "user.update", "user.update"]);
}

async fn disabling_ends_logins(store: &impl Stores) {
    for number in 1..=2 {
        insert(store, &user(number)).await;
    }
    for (login, user) in [(1, 1), (2, 1), (3, 2)] {
        log_in(store, login, user_id(user)).await;
    }
    assert!(store.revoke_session(session_id(1), at(50)).await.unwrap());
    let disabled = User { disabled_at: Some(at(90)), ..user(1) };
    done(store.update_user(&disabled, at(100), &draft("user.disable")).await);
    assert_eq!(store.lookup_user(user_id(1)).await.unwrap(), Some(User { revision: 1, ..disabled }));
    assert_eq!(ends(store, 3).await, [Some(at(50)), Some(at(100)), None], "one that had ended stays so");
    done(store.update_user(&User { revision: 1, ..user(1) }, at(200), &draft("user.enable")).await);
    assert_eq!(ends(store, 3).await, [Some(at(50)), Some(at(100)), None], "nobody is logged in again");
}

async fn a_change_from_an_old_reading_is_refused(store: &impl Stores) {
    insert(store, &user(1)).await;
    log_in(store, 1, user_id(1)).await;
    let changed = User { name: "renamed".to_owned(), ..user(1) };
    done(store.update_user(&changed, at(100), &draft("user.update")).await);
    let late = User { disabled_at: Some(at(90)), ..user(1) };
    stale(store.update_user(&late, at(100), &draft("user.disable")).await);
    stale(store.update_user(&user(2), at(100), &draft("user.update")).await);
    assert_eq!(store.lookup_user(user_id(1)).await.unwrap(), Some(User { revision: 1, ..changed }));
    assert_eq!(store.lookup_user(user_id(2)).await.unwrap(), None);
    assert_eq!(ends(store, 1).await, [None], "what did not happen ends nothing");
    assert_eq!(trail(store).await, ["user.create", "user.update"]);
}

async fn a_taken_name_is_refused(store: &impl Stores) {
    insert(store, &user(1)).await;
    insert(store, &user(2)).await;
    log_in(store, 1, user_id(1)).await;
    let renamed = User { name: user(2).name, disabled_at: Some(at(90)), ..user(1) };
    taken(store.update_user(&renamed, at(100), &draft("user.update")).await);
    assert_eq!(store.lookup_user(user_id(1)).await.unwrap(), Some(user(1)));
    assert_eq!(ends(store, 1).await, [None]);
    assert_eq!(trail(store).await.len(), 2);
}

async fn of_many_changes_at_once_one_wins(store: Arc<impl Stores>) {
    insert(&*store, &user(1)).await;
    let results = at_once(10, |number| {
        let store = Arc::clone(&store);
        async move {
            let changed = User { name: format!("name {number}"), ..user(1) };
            store.update_user(&changed, at(100), &draft("user.update")).await
        }
    })
    .await;
    one_done(results, Changed::Stale);
    assert_eq!(store.lookup_user(user_id(1)).await.unwrap().unwrap().revision, 1);
    assert_eq!(trail(&*store).await, ["user.create", "user.update"]);
}

async fn what_a_user_had_goes_with_it(store: &impl Stores) {
    done(store.insert_team(&team(1), &draft("team.create")).await);
    for number in 1..=2 {
        let (member, invited) = (membership(number, 1, Role::Developer), invitation(number, user_id(number)));
        insert(store, &user(number)).await;
        done(store.set_membership(&member, &draft("member.set")).await);
        let password = SecretString::from(format!("$argon2id${number}"));
        done(store.set_password(user_id(number), &password, at(50), &draft("password.set")).await);
        done(store.insert_invitation(&invited, &draft("user.invite")).await);
        log_in(store, number, user_id(number)).await;
        let (login, token) = (number + 10, number + 20);
        let login = Session { subject: Subject::User(user_id(number)), ..session(login, team_id(1)) };
        store.insert_session(&login, Some(&refresh_token(token, login.id))).await.unwrap();
    }
    let before = trail(store).await.len();
    done(store.delete_user(&user(1), at(100), &draft("user.delete")).await);
    for (number, there) in [(1, false), (2, true)] {
        let name = user(number).name;
        assert_eq!(store.lookup_user(user_id(number)).await.unwrap().is_some(), there);
        assert_eq!(store.lookup_user_by_name(&name).await.unwrap().is_some(), there);
        assert_eq!(store.lookup_password(&name).await.unwrap().is_some(), there);
        assert_eq!(store.lookup_membership(team_id(1), user_id(number)).await.unwrap().is_some(), there);
        assert_eq!(store.lookup_invitation(&key_id(number)).await.unwrap().is_some(), there);
        for login in [number, number + 10] {
            assert_eq!(store.lookup_session(session_id(login)).await.unwrap().is_some(), there);
        }
        assert_eq!(store.lookup_refresh(&key_id(number + 20)).await.unwrap().is_some(), there);
    }
    assert_eq!(trail(store).await.len(), before + 1, "what it did is still known");
    insert(store, &User { name: user(1).name, ..user(3) }).await;
    let (_, password) = store.lookup_password(&user(1).name).await.unwrap().unwrap();
    assert!(password.is_none(), "who takes the name takes nothing with it");
}

async fn a_deleted_users_keys_are_revoked(store: &impl Stores) {
    insert(store, &user(1)).await;
    let mine = |number| ApiKey { subject: Subject::User(user_id(1)), ..key(number, team_id(number)) };
    let earlier = ApiKey { revoked_at: Some(at(50)), ..mine(2) };
    let later = ApiKey { revoked_at: Some(at(500)), ..mine(3) };
    for key in [&mine(1), &earlier, &later, &key(4, team_id(1))] {
        done(store.insert_key(key, &draft("key.create")).await);
    }
    done(store.delete_user(&user(1), at(100), &draft("user.delete")).await);
    let now = |key: ApiKey| ApiKey { revoked_at: Some(at(100)), revision: 1, ..key };
    for expected in [now(mine(1)), earlier, now(later), key(4, team_id(1))] {
        assert_eq!(store.lookup_key(&expected.id).await.unwrap(), Some(expected));
    }
    stale(store.update_key(&mine(1), &draft("key.update")).await);
}

async fn deleting_from_an_old_reading_is_refused(store: &impl Stores) {
    insert(store, &user(1)).await;
    log_in(store, 1, user_id(1)).await;
    done(store.insert_key(&key(1, team_id(1)), &draft("key.create")).await);
    let changed = User { name: "renamed".to_owned(), ..user(1) };
    done(store.update_user(&changed, at(100), &draft("user.update")).await);
    stale(store.delete_user(&user(1), at(100), &draft("user.delete")).await);
    stale(store.delete_user(&user(2), at(100), &draft("user.delete")).await);
    assert!(store.lookup_user(user_id(1)).await.unwrap().is_some());
    assert_eq!(store.lookup_key(&key_id(1)).await.unwrap(), Some(key(1, team_id(1))));
    assert_eq!(ends(store, 1).await, [None]);
    done(store.delete_user(&User { revision: 1, ..changed }, at(100), &draft("user.delete")).await);
    assert_eq!(trail(store).await, ["user.create", "key.create", "user.update", "user.delete"]);
}
