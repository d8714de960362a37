//! What every [`TeamStore`](crate::TeamStore) keeps.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

mod changes;
mod lists;
mod members;

use std::future::Future;
use std::sync::Arc;

use outcrop_types::Team;

use super::changed::{done, one_done, taken};
use super::samples::{at, draft, team, team_id};
use super::trail::trail;
use super::{Stores, at_once, last_admin};
use crate::Changed;

/// Runs the suite. `make` gives an empty store each time.
pub async fn team_store<S, F, Fut>(make: F)
where
    S: Stores,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    a_team_is_found_as_it_was_inserted(&*make().await).await;
    inserting_twice_is_refused(&*make().await).await;
    of_many_teams_of_one_name_one_wins(make().await).await;
    lists::run(&make).await;
    changes::run(&make).await;
    members::run(&make).await;
    last_admin::of_teams(&make).await;
}

async fn a_team_is_found_as_it_was_inserted(store: &impl Stores) {
    let full = Team {
        name: "Ünïcode, 'quotes' and \"more\"".to_owned(),
        disabled_at: Some(at(3)),
        revision: 7,
        ..team(2)
    };
    for team in [team(1), full] {
        insert(store, &team).await;
        assert_eq!(store.lookup_team(team.id).await.unwrap().as_ref(), Some(&team));
        assert_eq!(store.lookup_team_by_name(&team.name).await.unwrap(), Some(team));
    }
    assert_eq!(store.lookup_team(team_id(9)).await.unwrap(), None);
    assert_eq!(store.lookup_team_by_name("TEAM 1").await.unwrap(), None, "names are taken to the letter");
    assert_eq!(trail(store).await, ["team.create", "team.create"]);
}

async fn inserting_twice_is_refused(store: &impl Stores) {
    insert(store, &team(1)).await;
    taken(store.insert_team(&Team { name: team(1).name, ..team(2) }, &draft("team.create")).await);
    taken(store.insert_team(&Team { name: "another".to_owned(), ..team(1) }, &draft("team.create")).await);
    assert_eq!(store.lookup_team(team_id(1)).await.unwrap(), Some(team(1)));
    assert_eq!(store.lookup_team(team_id(2)).await.unwrap(), None);
    assert_eq!(trail(store).await, ["team.create"]);
}

async fn of_many_teams_of_one_name_one_wins(store: Arc<impl Stores>) {
    let results = at_once(10, |number| {
        let store = Arc::clone(&store);
        async move {
            let named = Team { name: "the one".to_owned(), ..team(number) };
            store.insert_team(&named, &draft("team.create")).await
        }
    })
    .await;
    one_done(results, Changed::Taken);
    assert_eq!(trail(&*store).await, ["team.create"]);
}

async fn insert(store: &impl Stores, team: &Team) {
    done(store.insert_team(team, &draft("team.create")).await);
}
