//! What every [`RouteStore`] keeps.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{Group, Route, RouteOptions, RouteTable, RouteTarget};

use super::changed::{done, one_done, stale};
use super::samples::{at, draft, team_id};
use super::trail::trail;
use super::{Stores, at_once};
use crate::{Changed, RouteStore, StoredRoutes};

/// Runs the suite. `make` gives an empty store each time.
pub async fn route_store<S, F, Fut>(make: F)
where
    S: Stores + RouteStore,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    at_first_there_are_no_routes(&*make().await).await;
    a_table_is_found_as_it_was_written(&*make().await).await;
    a_change_from_an_old_reading_is_refused(&*make().await).await;
    of_many_changes_at_once_one_wins(make().await).await;
    table_and_revision_are_of_one_moment(make().await).await;
}

async fn at_first_there_are_no_routes(store: &(impl Stores + RouteStore)) {
    assert_eq!(store.routes().await.unwrap(), StoredRoutes::default());
    assert_eq!(store.routes_revision().await.unwrap(), 0);
}

async fn a_table_is_found_as_it_was_written(store: &(impl Stores + RouteStore)) {
    done(store.replace_routes(0, &table(2), at(5), &draft("routes.replace")).await);
    let expected = StoredRoutes { revision: 1, table: table(2), updated_at: Some(at(5)) };
    assert_eq!(store.routes().await.unwrap(), expected);
    assert_eq!(store.routes_revision().await.unwrap(), 1);
    done(store.replace_routes(1, &RouteTable::default(), at(6), &draft("routes.replace")).await);
    let expected = StoredRoutes { revision: 2, table: RouteTable::default(), updated_at: Some(at(6)) };
    assert_eq!(store.routes().await.unwrap(), expected);
    assert_eq!(trail(store).await, ["routes.replace", "routes.replace"]);
}

async fn a_change_from_an_old_reading_is_refused(store: &(impl Stores + RouteStore)) {
    done(store.replace_routes(0, &table(1), at(1), &draft("routes.replace")).await);
    for revision in [0, 2, u64::MAX] {
        stale(store.replace_routes(revision, &table(2), at(2), &draft("routes.replace")).await);
    }
    let expected = StoredRoutes { revision: 1, table: table(1), updated_at: Some(at(1)) };
    assert_eq!(store.routes().await.unwrap(), expected);
    assert_eq!(trail(store).await, ["routes.replace"], "what was not done is not told");
}

async fn of_many_changes_at_once_one_wins<S: Stores + RouteStore>(store: Arc<S>) {
    let changed = at_once(8, |number| {
        let store = Arc::clone(&store);
        async move {
            let size = usize::try_from(number).unwrap_or_default() + 1;
            store.replace_routes(0, &table(size), at(1), &draft("routes.replace")).await
        }
    })
    .await;
    one_done(changed, Changed::Stale);
    assert_eq!(store.routes().await.unwrap().revision, 1);
    assert_eq!(trail(&*store).await, ["routes.replace"]);
}

/// The table of revision n has n routes: a reader never sees the one with the other.
async fn table_and_revision_are_of_one_moment<S: Stores + RouteStore>(store: Arc<S>) {
    const CHANGES: usize = 20;
    let writer = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for revision in 0..CHANGES {
                let (size, from) = (revision + 1, u64::try_from(revision).unwrap_or_default());
                done(store.replace_routes(from, &table(size), at(1), &draft("routes.replace")).await);
            }
        }
    });
    loop {
        let read = store.routes().await.unwrap();
        assert_eq!(u64::try_from(read.table.routes.len()).unwrap(), read.revision);
        if read.table.routes.len() == CHANGES {
            break;
        }
        tokio::task::yield_now().await;
        assert!(!writer.is_finished() || store.routes().await.unwrap().table.routes.len() == CHANGES);
    }
    writer.await.unwrap();
}

/// A table of so many routes.
fn table(size: usize) -> RouteTable {
    let route = |number: usize| Route {
        alias: format!("route-{number}"),
        team: (number % 2 == 1).then(|| team_id(1)),
        options: RouteOptions {
            residency: vec!["eu".parse().unwrap()].try_into().unwrap(),
            attempts: Some(2),
            ..RouteOptions::default()
        },
        groups: vec![Group {
            targets: vec![RouteTarget {
                model: "claude-haiku-4-5".into(),
                region: Some("eu-central-1".parse().unwrap()),
                account: Some("other".parse().unwrap()),
                weight: Some(3),
            }],
            ..Group::default()
        }],
    };
    RouteTable { routes: (0..size).map(route).collect(), ..RouteTable::default() }
}
