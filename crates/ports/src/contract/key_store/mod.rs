//! What every [`KeyStore`](crate::KeyStore) keeps.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

mod changes;
mod lists;

use std::future::Future;
use std::sync::Arc;

use outcrop_types::ApiKey;

use super::changed::{done, one_done, taken};
use super::samples::{at, draft, full_key, key, key_id, team_id};
use super::trail::trail;
use super::{Stores, at_once};
use crate::Changed;

/// Runs the suite. `make` gives an empty store each time.
pub async fn key_store<S, F, Fut>(make: F)
where
    S: Stores,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    a_key_is_found_as_it_was_inserted(&*make().await).await;
    an_unknown_key_is_absent(&*make().await).await;
    inserting_twice_is_refused(&*make().await).await;
    of_many_inserts_at_once_one_wins(make().await).await;
    the_last_use_only_moves_forward(&*make().await).await;
    a_use_is_no_change(&*make().await).await;
    lists::run(&make).await;
    changes::run(&make).await;
}

async fn a_key_is_found_as_it_was_inserted(store: &impl Stores) {
    for key in [key(1, team_id(1)), full_key(2, team_id(1))] {
        done(store.insert_key(&key, &draft("key.create")).await);
        assert_eq!(store.lookup_key(&key.id).await.unwrap(), Some(key));
    }
    assert_eq!(trail(store).await, ["key.create", "key.create"]);
}

async fn an_unknown_key_is_absent(store: &impl Stores) {
    done(store.insert_key(&key(1, team_id(1)), &draft("key.create")).await);
    assert_eq!(store.lookup_key(&key_id(2)).await.unwrap(), None);
}

async fn inserting_twice_is_refused(store: &impl Stores) {
    let first = key(1, team_id(1));
    done(store.insert_key(&first, &draft("key.create")).await);
    let second = ApiKey { name: "another".to_owned(), ..first.clone() };
    taken(store.insert_key(&second, &draft("key.create")).await);
    assert_eq!(store.lookup_key(&first.id).await.unwrap(), Some(first), "the first one is untouched");
    assert_eq!(trail(store).await.len(), 1, "what did not happen is not told");
}

async fn of_many_inserts_at_once_one_wins(store: Arc<impl Stores>) {
    let results = at_once(10, |_| {
        let store = Arc::clone(&store);
        async move { store.insert_key(&key(1, team_id(1)), &draft("key.create")).await }
    })
    .await;
    one_done(results, Changed::Taken);
    assert_eq!(trail(&*store).await.len(), 1);
}

async fn the_last_use_only_moves_forward(store: &impl Stores) {
    for number in 1..=3 {
        done(store.insert_key(&key(number, team_id(1)), &draft("key.create")).await);
    }
    let last_uses = async || {
        let mut uses = Vec::new();
        for number in 1..=3 {
            uses.push(store.lookup_key(&key_id(number)).await.unwrap().unwrap().last_used_at);
        }
        uses
    };
    store.touch_keys(&[]).await.unwrap();
    assert_eq!(last_uses().await, [None, None, None]);
    store.touch_keys(&[(key_id(1), at(60)), (key_id(9), at(60)), (key_id(2), at(60))]).await.unwrap();
    assert_eq!(last_uses().await, [Some(at(60)), Some(at(60)), None], "an unknown one is passed over");
    let twice = [(key_id(1), at(30)), (key_id(2), at(180)), (key_id(2), at(120)), (key_id(3), at(90))];
    store.touch_keys(&twice).await.unwrap();
    assert_eq!(last_uses().await, [Some(at(60)), Some(at(180)), Some(at(90))], "an earlier one is, too");
    let many: Vec<_> = (0..2_000).map(|number| (key_id(number), at(240))).collect();
    store.touch_keys(&many).await.unwrap();
    assert_eq!(last_uses().await, [Some(at(240)); 3]);
}

async fn a_use_is_no_change(store: &impl Stores) {
    let key = key(1, team_id(1));
    done(store.insert_key(&key, &draft("key.create")).await);
    store.touch_keys(&[(key.id.clone(), at(60))]).await.unwrap();
    assert_eq!(store.lookup_key(&key.id).await.unwrap().unwrap().revision, 0);
    let renamed = ApiKey { name: "renamed".to_owned(), ..key };
    done(store.update_key(&renamed, &draft("key.update")).await);
    let kept = store.lookup_key(&renamed.id).await.unwrap();
    let expected = ApiKey { last_used_at: Some(at(60)), revision: 1, ..renamed };
    assert_eq!(kept, Some(expected), "a change made from an older reading leaves the use noted");
    assert_eq!(trail(store).await, ["key.create", "key.update"]);
}
