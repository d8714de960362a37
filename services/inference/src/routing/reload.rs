//! Keeping the routes in force those that are written: in a file that is looked at every second, or in the store, read
//! when another process says that they have changed and when their revision, asked every second, is another.
//!
//! A table is taken whole or not at all. One that is refused, a file that is gone and a store that is away leave in force
//! what is; each is logged once.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use outcrop_config::{RouteFormat, read_routes, read_routes_file};
use outcrop_ports::{Changes, Heard, ModelCatalog, Places, PortError, RouteStore};
use outcrop_types::{Change, Fault, RouteTable};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::lint::{RouteFindings, RouteLint};
use super::profiles::keep_known;
use super::{RouteBook, RoutesInForce};

/// How often the file is looked at, and the revision is asked.
const ASK: Duration = Duration::from_secs(1);
/// Longest wait for the store.
const STORE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for the store at the start of a process.
const FIRST_READING: Duration = Duration::from_secs(2);
/// For how long a file must stay as it is before it is believed to be written to its end.
const SETTLED: Duration = Duration::from_millis(250);
/// After how many looks a refused table of the store is looked at again: models may have become known.
const LOOK_AGAIN: u32 = 60;

/// Where routes are written.
pub(crate) enum RouteSource {
    /// In a file, which its owner changes.
    File(PathBuf),
    /// In the store, by the admin API.
    Store,
}

/// What reading routes needs from the world.
pub(crate) struct RoutePorts {
    pub(crate) store: Arc<dyn RouteStore>,
    pub(crate) changes: Arc<dyn Changes>,
    pub(crate) catalog: Arc<dyn ModelCatalog>,
    pub(crate) places: Arc<dyn Places>,
}

/// Keeps the routes in force.
pub(crate) struct Routes {
    ports: RoutePorts,
    source: RouteSource,
    in_force: Arc<RoutesInForce>,
    seen: Mutex<Seen>,
    /// One reading at a time: an older one never takes the place of a newer one.
    reading: tokio::sync::Mutex<()>,
}

/// What was seen last.
#[derive(Default)]
struct Seen {
    /// The revision in force.
    revision: Option<u64>,
    /// The revision that was refused, and how often it was passed over since.
    refused: Option<(u64, u32)>,
    /// The file's text, taken or refused.
    text: Option<String>,
    /// The failure that was logged last, so that each is logged once.
    failing: Option<String>,
}

impl Routes {
    /// With the file's routes in force, where there is one. Blocks for a moment: meant for the start of a process.
    pub(crate) fn new(ports: RoutePorts, file: Option<PathBuf>, in_force: Arc<RoutesInForce>) -> Self {
        let source = file.map_or(RouteSource::Store, RouteSource::File);
        let (seen, reading) = (Mutex::default(), tokio::sync::Mutex::default());
        let this = Self { ports, source, in_force, seen, reading };
        if let RouteSource::File(path) = &this.source {
            match read_routes_file(path) {
                Ok(text) => this.take_text(path, text),
                Err(error) => this.failed(format!("{}: {error}", path.display())),
            }
        }
        this
    }

    pub(crate) const fn source(&self) -> &RouteSource {
        &self.source
    }

    pub(crate) const fn ports(&self) -> &RoutePorts {
        &self.ports
    }

    pub(crate) fn book(&self) -> Arc<RouteBook> {
        self.in_force.book()
    }

    /// Reads the store for the first time, and waits a moment for it: no call should be made by no routes where there are
    /// some. What cannot be read now is read later.
    pub(crate) async fn first(&self) {
        if matches!(self.source, RouteSource::Store) {
            let _alone = self.reading.lock().await;
            self.told(timeout(FIRST_READING, self.read_store(true)).await.ok());
        }
    }

    /// Keeps up with what is written, and with the profiles it names, until told to stop.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        tokio::join!(self.follow(stop), keep_known(&self.in_force, &*self.ports.catalog, stop));
    }

    async fn follow(&self, stop: &CancellationToken) {
        let mut heard = self.ports.changes.listen();
        let mut ticks = interval(ASK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let whole = tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => false,
                Some(first) = heard.next() => {
                    let mut whole = whole(&first);
                    while let Some(Some(next)) = heard.next().now_or_never() {
                        whole = whole.max(self::whole(&next));
                    }
                    let Some(whole) = whole else { continue };
                    whole
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.refresh(whole) => {}
            }
        }
    }

    /// Looks at what is written now. `whole`: whatever its revision is.
    pub(crate) async fn refresh(&self, whole: bool) {
        let _alone = self.reading.lock().await;
        match &self.source {
            RouteSource::File(path) => self.look_at_file(path).await,
            RouteSource::Store => {
                self.told(timeout(STORE_TIMEOUT, self.read_store(whole)).await.ok());
            }
        }
    }

    /// What is wrong with a table, and what is strange.
    pub(crate) fn look_at(&self, table: &RouteTable) -> RouteFindings {
        let places = &*self.ports.places;
        let place = |place: &_| places.at(place).map(drop);
        RouteLint { catalog: &*self.ports.catalog, regions: places.regions(), place: &place }.look_at(table)
    }

    // === the file ===

    async fn look_at_file(&self, path: &Path) {
        let Some(text) = self.changed_text(path).await else { return };
        // Who writes a file in place is not done with the first byte.
        sleep(SETTLED).await;
        match self.changed_text(path).await {
            Some(again) if again == text => self.take_text(path, text),
            // It is being written, or is again as it was: the next look tells.
            _ => {}
        }
    }

    /// The file's text, if it is another than the last one.
    async fn changed_text(&self, path: &Path) -> Option<String> {
        let file = path.to_owned();
        let read = tokio::task::spawn_blocking(move || read_routes_file(&file)).await;
        match read.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            Ok(text) => {
                let changed = self.seen().text.as_ref() != Some(&text);
                changed.then_some(text)
            }
            Err(error) => {
                self.failed(format!("{}: {error}", path.display()));
                None
            }
        }
    }

    fn take_text(&self, path: &Path, text: String) {
        let is_first = self.seen().text.is_none();
        let read = if text.trim().is_empty() && !is_first {
            // A file that was cut to nothing on its way is likelier than a wish for no routes.
            Err(vec![Fault::new("", "the file is blank; for no routes write `routes = []`")])
        } else {
            read_routes(&text, RouteFormat::of(path))
        };
        let taken = read.and_then(|table| self.take(table));
        let mut seen = self.seen();
        seen.failing = None;
        seen.text = Some(text);
        drop(seen);
        let file = path.display();
        match taken {
            Ok((routes, warnings)) => tracing::info!(%file, routes, warnings, "routes are in force"),
            Err(faults) => {
                tracing::error!(%file, faults = in_one_line(&faults), "routes are refused; those before hold");
            }
        }
    }

    // === the store ===

    async fn read_store(&self, whole: bool) -> Result<(), PortError> {
        if !whole && !self.is_another(self.ports.store.routes_revision().await?) {
            return Ok(());
        }
        let stored = self.ports.store.routes().await?;
        let revision = stored.revision;
        let known = self.seen().revision == Some(revision);
        if known && *self.in_force.book().table().as_ref() == stored.table {
            return Ok(());
        }
        let defaults = stored.table.defaults.clone();
        match self.take(stored.table) {
            Ok((routes, warnings)) => {
                let mut seen = self.seen();
                (seen.revision, seen.refused) = (Some(revision), None);
                drop(seen);
                if revision > 0 {
                    tracing::info!(revision, routes, warnings, "routes are in force");
                }
            }
            Err(faults) => {
                let mut seen = self.seen();
                let (first, nothing_known) =
                    (seen.refused.map(|it| it.0) != Some(revision), seen.revision.is_none());
                seen.refused = Some((revision, 0));
                drop(seen);
                if nothing_known {
                    // Nothing holds from before: at least no call leaves the areas that were named.
                    self.in_force.replace(RouteBook::new(RouteTable { defaults, routes: Vec::new() }));
                }
                if first {
                    let faults = in_one_line(&faults);
                    tracing::error!(revision, faults, "routes are refused; those before hold");
                }
            }
        }
        Ok(())
    }

    /// Whether a revision is neither in force nor refused a moment ago.
    fn is_another(&self, revision: u64) -> bool {
        let mut seen = self.seen();
        match &mut seen.refused {
            Some((refused, passed)) if *refused == revision => {
                *passed += 1;
                *passed >= LOOK_AGAIN
            }
            _ => seen.revision != Some(revision),
        }
    }

    fn told(&self, read: Option<Result<(), PortError>>) {
        match read {
            Some(Ok(())) => {
                if self.seen().failing.take().is_some() {
                    tracing::info!("routes are read again");
                }
            }
            Some(Err(error)) => self.failed(error.chain()),
            None => self.failed("the store did not answer in time".to_owned()),
        }
    }

    // === both ===

    /// Puts a table in force, if nothing is wrong with it; tells how many routes and warnings it has.
    fn take(&self, table: RouteTable) -> Result<(usize, usize), Vec<Fault>> {
        let RouteFindings { faults, warnings } = self.look_at(&table);
        if !faults.is_empty() {
            return Err(faults);
        }
        for warning in &warnings {
            tracing::warn!(%warning, "a route is strange");
        }
        let routes = table.routes.len();
        self.in_force.replace(RouteBook::new(table));
        Ok((routes, warnings.len()))
    }

    fn failed(&self, error: String) {
        let mut seen = self.seen();
        if seen.failing.as_ref() != Some(&error) {
            tracing::error!(error, "routes cannot be read; what is known of them holds");
            seen.failing = Some(error);
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether something that was heard is about routes, and if so whether they are read even if their revision is the same:
/// that of another database may be.
const fn whole(heard: &Heard) -> Option<bool> {
    match heard {
        Heard::Changed(Change::Everything) => Some(true),
        Heard::Changed(Change::Routes) | Heard::Linked | Heard::Unlinked => Some(false),
        Heard::Changed(_) => None,
    }
}

fn in_one_line(faults: &[Fault]) -> String {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    lines.join("; ")
}

#[cfg(test)]
#[path = "reload_tests.rs"]
mod tests;
