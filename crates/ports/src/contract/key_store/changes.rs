//! Changes of keys.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use outcrop_types::{ApiKey, KeyHash, Limits, Role, Scope, Subject};

use super::super::changed::{done, one_done, stale, taken};
use super::super::samples::{at, draft, full_key, key, key_id, narrow_scope, tags, team_id, user_id};
use super::super::trail::trail;
use super::super::{Stores, at_once};
use crate::Changed;

pub(super) async fn run<S, F, Fut>(make: &F)
where
    S: Stores,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    what_can_change_is_written(&*make().await).await;
    what_was_set_can_be_unset(&*make().await).await;
    what_a_key_is_does_not_change(&*make().await).await;
    a_change_from_an_old_reading_is_refused(&*make().await).await;
    of_many_changes_at_once_one_wins(make().await).await;
    a_key_is_replaced(&*make().await).await;
    a_replacement_is_all_or_none(&*make().await).await;
    of_many_replacements_at_once_one_wins(make().await).await;
}

async fn what_can_change_is_written(store: &impl Stores) {
    let first = key(1, team_id(1));
    insert(store, &first).await;
    insert(store, &key(2, team_id(1))).await;
    let changed = ApiKey {
        name: "renamed".to_owned(),
        limits: Limits { requests_per_minute: Some(60) },
        scope: narrow_scope(),
        tags: tags(),
        expires_at: Some(at(500)),
        revoked_at: Some(at(400)),
        ..first
    };
    done(store.update_key(&changed, &draft("key.update")).await);
    let kept = store.lookup_key(&changed.id).await.unwrap();
    assert_eq!(kept, Some(ApiKey { revision: 1, ..changed }));
    assert_eq!(store.lookup_key(&key_id(2)).await.unwrap(), Some(key(2, team_id(1))), "and no other");
    assert_eq!(trail(store).await, ["key.create", "key.create", "key.update"]);
}

async fn what_was_set_can_be_unset(store: &impl Stores) {
    let first = full_key(1, team_id(1));
    insert(store, &first).await;
    let changed = ApiKey {
        limits: Limits::default(),
        scope: Scope::default(),
        tags: BTreeMap::new(),
        expires_at: None,
        revoked_at: None,
        ..first
    };
    done(store.update_key(&changed, &draft("key.update")).await);
    let kept = store.lookup_key(&changed.id).await.unwrap();
    assert_eq!(kept, Some(ApiKey { revision: changed.revision + 1, ..changed }));
}

async fn what_a_key_is_does_not_change(store: &impl Stores) {
    let first = key(1, team_id(1));
    insert(store, &first).await;
    let other = ApiKey {
        hash: KeyHash::from_bytes([99; 32]),
        team: team_id(2),
        subject: Subject::User(user_id(2)),
        role: Role::PlatformAdmin,
        created_at: at(99),
        last_used_at: Some(at(99)),
        ..first.clone()
    };
    done(store.update_key(&other, &draft("key.update")).await);
    assert_eq!(store.lookup_key(&first.id).await.unwrap(), Some(ApiKey { revision: 1, ..first }));
}

async fn a_change_from_an_old_reading_is_refused(store: &impl Stores) {
    let first = key(1, team_id(1));
    insert(store, &first).await;
    let revoked = ApiKey { revoked_at: Some(at(100)), ..first.clone() };
    done(store.update_key(&revoked, &draft("key.revoke")).await);
    let late = ApiKey { name: "late".to_owned(), ..first };
    stale(store.update_key(&late, &draft("key.update")).await);
    stale(store.update_key(&key(2, team_id(1)), &draft("key.update")).await);
    let kept = store.lookup_key(&late.id).await.unwrap();
    assert_eq!(kept, Some(ApiKey { revision: 1, ..revoked }), "who comes late undoes no revocation");
    assert_eq!(store.lookup_key(&key_id(2)).await.unwrap(), None, "nor makes what is not there");
    assert_eq!(trail(store).await, ["key.create", "key.revoke"]);
}

async fn of_many_changes_at_once_one_wins(store: Arc<impl Stores>) {
    insert(&*store, &key(1, team_id(1))).await;
    let results = at_once(10, |number| {
        let store = Arc::clone(&store);
        async move {
            let changed = ApiKey { name: format!("name {number}"), ..key(1, team_id(1)) };
            store.update_key(&changed, &draft("key.update")).await
        }
    })
    .await;
    let winner = results.iter().position(|it| matches!(it, Ok(Changed::Done))).unwrap();
    one_done(results, Changed::Stale);
    let kept = store.lookup_key(&key_id(1)).await.unwrap().unwrap();
    assert_eq!((kept.name, kept.revision), (format!("name {winner}"), 1));
    assert_eq!(trail(&*store).await, ["key.create", "key.update"]);
}

async fn a_key_is_replaced(store: &impl Stores) {
    let first = key(1, team_id(1));
    insert(store, &first).await;
    let next = key(2, team_id(1));
    let old = ApiKey { replaced_by: Some(next.id.clone()), expires_at: Some(at(500)), ..first };
    done(store.replace_key(&old, &next, &[], &draft("key.rotate")).await);
    assert_eq!(store.lookup_key(&next.id).await.unwrap(), Some(next));
    assert_eq!(store.lookup_key(&old.id).await.unwrap(), Some(ApiKey { revision: 1, ..old }));
    assert_eq!(trail(store).await, ["key.create", "key.rotate"]);
}

async fn a_replacement_is_all_or_none(store: &impl Stores) {
    let first = key(1, team_id(1));
    insert(store, &first).await;
    insert(store, &key(2, team_id(1))).await;
    let to = |number| ApiKey { replaced_by: Some(key_id(number)), ..first.clone() };
    taken(store.replace_key(&to(2), &key(2, team_id(1)), &[], &draft("key.rotate")).await);
    let late = ApiKey { revision: 1, ..to(3) };
    stale(store.replace_key(&late, &key(3, team_id(1)), &[], &draft("key.rotate")).await);
    let gone = key(4, team_id(1));
    stale(store.replace_key(&gone, &key(3, team_id(1)), &[], &draft("key.rotate")).await);
    assert_eq!(store.lookup_key(&first.id).await.unwrap(), Some(first));
    assert_eq!(store.lookup_key(&key_id(3)).await.unwrap(), None);
    assert_eq!(trail(store).await, ["key.create", "key.create"]);
}

async fn of_many_replacements_at_once_one_wins(store: Arc<impl Stores>) {
    insert(&*store, &key(100, team_id(1))).await;
    let results = at_once(10, |number| {
        let store = Arc::clone(&store);
        async move {
            let next = key(number, team_id(1));
            let old = ApiKey { replaced_by: Some(next.id.clone()), ..key(100, team_id(1)) };
            store.replace_key(&old, &next, &[], &draft("key.rotate")).await
        }
    })
    .await;
    let winner = results.iter().position(|it| matches!(it, Ok(Changed::Done))).unwrap();
    one_done(results, Changed::Stale);
    for number in 0..10 {
        let found = store.lookup_key(&key_id(number)).await.unwrap().is_some();
        assert_eq!(found, number as usize == winner, "the key that is kept is the one that was told of");
    }
}

async fn insert(store: &impl Stores, key: &ApiKey) {
    done(store.insert_key(key, &draft("key.create")).await);
}
