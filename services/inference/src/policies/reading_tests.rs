//! When policies are read again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use outcrop_embedded::MemoryChanges;
use outcrop_ports::Changes as _;
use outcrop_types::Change;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::test_store::TestPolicies;
use super::{NotRead, Policies};

struct World {
    store: Arc<TestPolicies>,
    changes: Arc<MemoryChanges>,
    policies: Arc<Policies>,
    stop: CancellationToken,
}

impl World {
    fn new(away: bool) -> Self {
        let (store, changes) = (Arc::new(TestPolicies::default()), Arc::new(MemoryChanges::default()));
        store.away.store(away, Ordering::SeqCst);
        let policies = Arc::new(Policies::new(store.clone(), changes.clone()));
        let stop = CancellationToken::new();
        tokio::spawn({
            let (policies, stop) = (Arc::clone(&policies), stop.clone());
            async move { policies.run(&stop).await }
        });
        Self { store, changes, policies, stop }
    }

    fn set_version(&self, version: u64) {
        self.store.now.lock().unwrap().0 = version;
    }

    async fn version(&self) -> u64 {
        self.policies.book().await.unwrap().version()
    }

    fn readings(&self) -> usize {
        self.store.readings.load(Ordering::SeqCst)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test(start_paused = true)]
async fn they_are_read_when_their_version_is_another_and_not_otherwise() {
    let world = World::new(false);
    assert_eq!(world.version().await, 0);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(world.readings(), 1);
    // Another store may have taken the place of the first: what matters is that it differs.
    for version in [7, 3] {
        world.set_version(version);
        sleep(Duration::from_millis(1100)).await;
        assert_eq!(world.version().await, version);
    }
    assert_eq!(world.readings(), 3);
}

#[tokio::test(start_paused = true)]
async fn they_are_read_at_once_when_another_process_says_so() {
    let world = World::new(false);
    sleep(Duration::from_millis(1500)).await;
    assert_eq!(world.readings(), 1);
    // Not in step with the version, which is asked again in half a second.
    for (change, version, readings) in
        [(Change::Policies, 1, 2), (Change::Policies, 1, 2), (Change::Everything, 1, 3)]
    {
        world.set_version(version);
        // Who changes many says so many times.
        for _ in 0..20 {
            world.changes.announce(&change).await.unwrap();
        }
        sleep(Duration::from_millis(10)).await;
        assert_eq!(world.readings(), readings, "{change:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_keeps_what_is_known_and_no_limit_is_guessed_before() {
    let world = World::new(true);
    assert_eq!(world.policies.book().await.map(|_| ()), Err(NotRead));
    world.store.away.store(false, Ordering::SeqCst);
    assert_eq!(world.version().await, 0);
    world.store.away.store(true, Ordering::SeqCst);
    world.set_version(1);
    sleep(Duration::from_secs(30)).await;
    assert_eq!(world.version().await, 0, "what is known holds");
    world.store.away.store(false, Ordering::SeqCst);
    sleep(Duration::from_millis(1100)).await;
    assert_eq!(world.version().await, 1);
}
