//! All routes of one table, by whom and what they are for.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use outcrop_types::{Route, RouteOptions, RouteTable, TeamId};

/// All routes of one table. A call looks up the one that is for it, however many there are.
#[derive(Debug, Default)]
pub(crate) struct RouteBook {
    table: Arc<RouteTable>,
    defaults: Arc<RouteOptions>,
    /// By the team, `None` for everybody's, and the name asked for.
    routes: HashMap<Option<TeamId>, BTreeMap<String, Arc<Route>>>,
}

/// The routes that are in force: looked at by every call, replaced whole.
#[derive(Debug, Default)]
pub(crate) struct RoutesInForce(RwLock<Arc<RouteBook>>);

impl RouteBook {
    /// A book of a table that was found to be good.
    pub(crate) fn new(table: RouteTable) -> Self {
        let mut routes: HashMap<_, BTreeMap<_, _>> = HashMap::new();
        for route in &table.routes {
            routes.entry(route.team).or_default().insert(route.alias.clone(), Arc::new(route.clone()));
        }
        Self { defaults: Arc::new(table.defaults.clone()), routes, table: Arc::new(table) }
    }

    /// The route of this name: the team's own, or else everybody's.
    pub(crate) fn lookup(&self, team: TeamId, name: &str) -> Option<&Arc<Route>> {
        let of = |team: Option<TeamId>| self.routes.get(&team)?.get(name);
        of(Some(team)).or_else(|| of(None))
    }

    /// What holds for every call, where its route does not say otherwise.
    pub(crate) const fn defaults(&self) -> &Arc<RouteOptions> {
        &self.defaults
    }

    /// The routes that a team's calls can take, by name; its own where everybody's has the same.
    pub(crate) fn for_team(&self, team: TeamId) -> impl Iterator<Item = &Arc<Route>> {
        let of = |team: Option<TeamId>| self.routes.get(&team).into_iter().flatten();
        // The team's come last and take the place of everybody's.
        let all: BTreeMap<_, _> = of(None).chain(of(Some(team))).collect();
        all.into_values()
    }

    /// The table as it was written.
    pub(crate) const fn table(&self) -> &Arc<RouteTable> {
        &self.table
    }
}

impl RoutesInForce {
    /// The book of this moment; a call keeps to one from its beginning to its end.
    pub(crate) fn book(&self) -> Arc<RouteBook> {
        // The lock is held for the copy of a pointer.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another book in its place: calls that begin from now on go by it.
    pub(crate) fn replace(&self, book: RouteBook) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(book);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn team(number: u128) -> TeamId {
        TeamId::new(Uuid::from_u128(number))
    }

    fn route(alias: &str, team: Option<TeamId>) -> Route {
        Route { alias: alias.to_owned(), team, ..Route::default() }
    }

    fn book() -> RouteBook {
        let routes = vec![
            route("fast", None),
            route("smart", None),
            route("fast", Some(team(1))),
            route("own", Some(team(1))),
        ];
        RouteBook::new(RouteTable { routes, ..RouteTable::default() })
    }

    #[test]
    fn a_teams_own_route_wins_over_everybodys() {
        let book = book();
        assert_eq!(book.lookup(team(1), "fast").unwrap().team, Some(team(1)));
        assert_eq!(book.lookup(team(2), "fast").unwrap().team, None);
        assert_eq!(book.lookup(team(1), "smart").unwrap().team, None);
        assert!(book.lookup(team(2), "own").is_none());
    }

    #[test]
    fn a_team_sees_every_name_once() {
        let book = book();
        let seen = |team| book.for_team(team).map(|it| (it.alias.as_str(), it.team)).collect::<Vec<_>>();
        assert_eq!(seen(team(1)), [("fast", Some(team(1))), ("own", Some(team(1))), ("smart", None)]);
        assert_eq!(seen(team(2)), [("fast", None), ("smart", None)]);
    }

    #[test]
    fn who_looks_at_a_book_keeps_it_while_another_takes_its_place() {
        let routes = RoutesInForce::default();
        let before = routes.book();
        routes.replace(book());
        assert!(before.lookup(team(1), "fast").is_none());
        assert!(routes.book().lookup(team(1), "fast").is_some());
    }
}
