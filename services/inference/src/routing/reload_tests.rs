//! What is in force, whatever becomes of the file and the store.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_embedded::MemoryChanges;
use outcrop_ports::{Changed, Models, Place, StoredRoutes, UnknownPlace};
use outcrop_types::{AuditDraft, Region, Route, RouteOptions};
use tempfile::TempDir;

use super::*;
use crate::fixtures::NoModels;

const GOOD: &str = "[defaults]\nattempts = 2\n";
const OTHER: &str = "[defaults]\nattempts = 5\n";
/// There is no such model.
const BAD: &str =
    "[defaults]\nattempts = 7\n[[routes]]\nalias = \"a\"\n[[routes.groups]]\ntargets = [{ model = \"m\" }]\n";

#[derive(Default)]
struct TestRoutes {
    now: Mutex<StoredRoutes>,
    away: AtomicBool,
    /// How often the whole table was read.
    readings: AtomicUsize,
}

impl TestRoutes {
    fn check(&self) -> Result<(), PortError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(PortError::unavailable("read the routes", "the database is away"));
        }
        Ok(())
    }

    fn put(&self, revision: u64, table: RouteTable) {
        *self.now.lock().unwrap() = StoredRoutes { revision, table, updated_at: None };
    }
}

#[async_trait]
impl RouteStore for TestRoutes {
    async fn routes(&self) -> Result<StoredRoutes, PortError> {
        self.check()?;
        self.readings.fetch_add(1, Ordering::SeqCst);
        Ok(self.now.lock().unwrap().clone())
    }

    async fn routes_revision(&self) -> Result<u64, PortError> {
        self.check()?;
        Ok(self.now.lock().unwrap().revision)
    }

    async fn replace_routes(
        &self,
        _: u64,
        _: &RouteTable,
        _: DateTime<Utc>,
        _: &AuditDraft,
    ) -> Result<Changed, PortError> {
        unreachable!("nobody changes routes here")
    }
}

struct NoPlaces(Vec<Region>);

impl Places for NoPlaces {
    fn regions(&self) -> &[Region] {
        &self.0
    }

    fn at(&self, place: &Place) -> Result<Arc<dyn Models>, UnknownPlace> {
        Err(UnknownPlace::Region(place.clone()))
    }
}

fn routes(store: &Arc<TestRoutes>, file: Option<PathBuf>) -> Routes {
    let ports = RoutePorts {
        store: Arc::clone(store) as Arc<dyn RouteStore>,
        changes: Arc::new(MemoryChanges::default()),
        catalog: Arc::new(NoModels),
        places: Arc::new(NoPlaces(vec!["us-east-1".parse().unwrap()])),
    };
    Routes::new(ports, file, Arc::default())
}

fn attempts(routes: &Routes) -> Option<u8> {
    routes.book().defaults().attempts
}

fn table(attempts: u8) -> RouteTable {
    RouteTable {
        defaults: RouteOptions { attempts: Some(attempts), ..RouteOptions::default() },
        routes: Vec::new(),
    }
}

fn bad_table(attempts: u8) -> RouteTable {
    RouteTable { routes: vec![Route { alias: "a".into(), ..Route::default() }], ..table(attempts) }
}

/// A file of routes, and what keeps up with it.
fn of_file(text: &str) -> (TempDir, PathBuf, Routes) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("routes.toml");
    fs::write(&file, text).unwrap();
    let routes = routes(&Arc::default(), Some(file.clone()));
    (folder, file, routes)
}

#[tokio::test(start_paused = true)]
async fn a_file_is_in_force_from_the_beginning_and_followed() {
    let (folder, file, routes) = of_file(GOOD);
    assert_eq!(attempts(&routes), Some(2));
    fs::write(&file, OTHER).unwrap();
    routes.refresh(false).await;
    assert_eq!(attempts(&routes), Some(5));
    // As editors and Kubernetes do: another file takes its place.
    let next = folder.path().join("next");
    fs::write(&next, GOOD).unwrap();
    fs::rename(&next, &file).unwrap();
    routes.refresh(false).await;
    assert_eq!(attempts(&routes), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_bad_file_is_refused_whole_and_the_old_routes_hold() {
    let (_folder, file, routes) = of_file(GOOD);
    for bad in [BAD, "[defaults", "[defaults]\nattempt = 3\n", "[defaults]\nattempts = 99\n", "", " \n"] {
        fs::write(&file, bad).unwrap();
        routes.refresh(false).await;
        assert_eq!(attempts(&routes), Some(2), "{bad}");
    }
    fs::remove_file(&file).unwrap();
    routes.refresh(false).await;
    assert_eq!(attempts(&routes), Some(2), "it is gone");
    fs::write(&file, OTHER).unwrap();
    routes.refresh(false).await;
    assert_eq!(attempts(&routes), Some(5), "and back");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_being_written_is_not_taken() {
    let (_folder, file, routes) = of_file(GOOD);
    fs::write(&file, "[defaults]\n").unwrap();
    let half = async {
        sleep(SETTLED / 2).await;
        fs::write(&file, OTHER).unwrap();
    };
    tokio::join!(routes.refresh(false), half);
    assert_eq!(attempts(&routes), Some(2), "the first half is good TOML, and no end");
    routes.refresh(false).await;
    assert_eq!(attempts(&routes), Some(5));
}

#[tokio::test]
async fn the_store_is_read_at_first_and_when_its_revision_differs() {
    let store = Arc::new(TestRoutes::default());
    store.put(3, table(2));
    let routes = routes(&store, None);
    routes.first().await;
    assert_eq!(attempts(&routes), Some(2));
    routes.refresh(false).await;
    assert_eq!(store.readings.load(Ordering::SeqCst), 1, "the revision is the same");
    store.put(4, table(5));
    routes.refresh(false).await;
    assert_eq!(attempts(&routes), Some(5));
    // Another database may have the same number.
    store.put(4, table(6));
    routes.refresh(true).await;
    assert_eq!(attempts(&routes), Some(6));
}

#[tokio::test]
async fn a_store_that_is_away_leaves_what_is_known() {
    let store = Arc::new(TestRoutes::default());
    store.put(1, table(2));
    store.away.store(true, Ordering::SeqCst);
    let routes = routes(&store, None);
    routes.first().await;
    assert_eq!(attempts(&routes), None, "nothing is known: routes are implicit");
    store.away.store(false, Ordering::SeqCst);
    routes.refresh(false).await;
    assert_eq!(attempts(&routes), Some(2));
    store.away.store(true, Ordering::SeqCst);
    store.put(2, table(5));
    routes.refresh(false).await;
    assert_eq!(attempts(&routes), Some(2));
}

#[tokio::test]
async fn a_bad_table_of_the_store_is_refused_and_not_read_every_second() {
    let store = Arc::new(TestRoutes::default());
    store.put(1, table(2));
    let routes = routes(&store, None);
    routes.first().await;
    store.put(2, bad_table(5));
    for _ in 0..10 {
        routes.refresh(false).await;
    }
    assert_eq!(attempts(&routes), Some(2));
    assert_eq!(store.readings.load(Ordering::SeqCst), 2);
    for _ in 0..LOOK_AGAIN {
        routes.refresh(false).await;
    }
    assert_eq!(store.readings.load(Ordering::SeqCst), 3, "now and then it is looked at again");
    store.put(3, table(6));
    routes.refresh(false).await;
    assert_eq!(attempts(&routes), Some(6));
}

#[tokio::test]
async fn of_a_bad_table_at_the_beginning_the_defaults_hold() {
    let store = Arc::new(TestRoutes::default());
    let mut bad = bad_table(5);
    bad.defaults.residency = vec!["eu".parse().unwrap()].try_into().unwrap();
    store.put(1, bad);
    let routes = routes(&store, None);
    routes.first().await;
    assert!(!routes.book().defaults().residency.is_empty(), "no call leaves the areas that were named");
    assert_eq!(routes.book().table().routes, []);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_announced_is_read_at_once() {
    let store = Arc::new(TestRoutes::default());
    store.put(1, table(2));
    let routes = Arc::new(routes(&store, None));
    routes.first().await;
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (routes, stop) = (Arc::clone(&routes), stop.clone());
        async move { routes.run(&stop).await }
    });
    sleep(Duration::from_millis(10)).await;
    store.put(2, table(5));
    routes.ports().changes.announce(&Change::Routes).await.unwrap();
    sleep(Duration::from_millis(10)).await;
    assert_eq!(attempts(&routes), Some(5));
    store.put(3, table(6));
    sleep(ASK).await;
    assert_eq!(attempts(&routes), Some(6), "what nobody announced is seen within a second");
    stop.cancel();
    running.await.unwrap();
}
