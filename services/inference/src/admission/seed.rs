//! What was spent before the count began: asked of the ledger, and told to the limiter.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use outcrop_ports::{
    Clock, Ledger, Limiter, Meter, ModelCatalog, PortError, Seed, SeedMode, SpendQuery, Spent, Window, window,
};
use outcrop_telemetry::current;
use outcrop_types::Pattern;
use tokio::time::timeout;
use uuid::Uuid;

use super::budgets::Budgets;
use super::meters::millis;
use super::since_epoch;
use crate::policies::Limit;
use crate::spool::Spool;

/// Longest wait for the ledger, and for what an earlier run left in the spool.
const LONGEST: Duration = Duration::from_secs(10);
/// Longest wait until what this process has in its spool was shipped; what comes later is found by a raise.
const LONGEST_SHIPPING: Duration = Duration::from_secs(5);
/// Most sums that the ledger answers with: models by parts of the time.
const MOST_SUMS: usize = 50_000;

/// One seeding, for all who wait for it.
type Running = Shared<BoxFuture<'static, Result<(), Arc<PortError>>>>;

/// Asks the ledger, for each budget once at a time.
pub(crate) struct Seeder {
    limiter: Arc<dyn Limiter>,
    ledger: Arc<dyn Ledger>,
    catalog: Arc<dyn ModelCatalog>,
    clock: Arc<dyn Clock>,
    spool: Arc<Spool>,
    budgets: Arc<Budgets>,
    /// By the names of the meters, and whether it is a beginning.
    running: Mutex<HashMap<(String, bool), Running>>,
}

/// The entry of a seeding, which goes with it however it ends.
struct Entry {
    seeder: Arc<Seeder>,
    name: (String, bool),
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.seeder.lock().remove(&self.name);
    }
}

impl Seeder {
    pub(super) fn new(
        limiter: Arc<dyn Limiter>,
        ledger: Arc<dyn Ledger>,
        (catalog, clock): (Arc<dyn ModelCatalog>, Arc<dyn Clock>),
        spool: Arc<Spool>,
        budgets: Arc<Budgets>,
    ) -> Self {
        Self { limiter, ledger, catalog, clock, spool, budgets, running: Mutex::default() }
    }

    /// Tells the limiter the past of a budget, less these calls, which it knows. Goes on if the caller goes away: whoever
    /// comes next waits for the same.
    pub(super) async fn begin(
        self: &Arc<Self>,
        limit: &Limit,
        settled: Vec<Uuid>,
    ) -> Result<(), Arc<PortError>> {
        let mode = SeedMode::Begin { settled: settled.len() };
        self.once(limit, settled, mode).await
    }

    /// Raises a budget's count to what the ledger knows once it knows what this process did; goes on like a beginning.
    pub(super) async fn close(self: &Arc<Self>, limit: &Limit) -> Result<(), Arc<PortError>> {
        self.once(limit, Vec::new(), SeedMode::AtLeast).await
    }

    async fn once(
        self: &Arc<Self>,
        limit: &Limit,
        settled: Vec<Uuid>,
        mode: SeedMode,
    ) -> Result<(), Arc<PortError>> {
        let begins = matches!(mode, SeedMode::Begin { .. });
        let name = (limit.name(), begins);
        let start = || {
            let (this, limit, name) = (Arc::clone(self), limit.clone(), name.clone());
            let task = tokio::spawn(current::carry(async move {
                let _entry = Entry { seeder: Arc::clone(&this), name };
                // The calls that just ended are in neither place until they are shipped.
                let _ = timeout(LONGEST_SHIPPING, this.spool.shipped()).await;
                let taken = this.seed(&limit, settled, mode).await.map_err(Arc::new)?;
                if begins && taken {
                    this.budgets.seeded(&limit, this.clock.monotonic());
                }
                Ok(())
            }));
            let ended = |error| Err(Arc::new(PortError::broken("seed a budget", error)));
            task.map(move |done| done.unwrap_or_else(ended)).boxed().shared()
        };
        let running = self.lock().entry(name.clone()).or_insert_with(start).clone();
        running.await
    }

    /// Raises a budget's count to what the ledger knows.
    pub(super) async fn raise(&self, limit: &Limit) -> Result<(), PortError> {
        self.seed(limit, Vec::new(), SeedMode::AtLeast).await.map(|_| ())
    }

    /// Sets a budget's count to what the ledger knows.
    pub(super) async fn recount(&self, limit: &Limit) -> Result<(), PortError> {
        self.seed(limit, Vec::new(), SeedMode::Exactly).await.map(|_| ())
    }

    /// What the ledger knows to be spent in the present time of a budget.
    pub(super) async fn spent(&self, limit: &Limit) -> Result<u64, PortError> {
        let amounts = self.amounts(limit, &limit.meter(0, self.clock.now()), Vec::new()).await?;
        Ok(amounts.into_iter().map(|(_, amount)| amount).sum())
    }

    async fn seed(&self, limit: &Limit, without: Vec<Uuid>, mode: SeedMode) -> Result<bool, PortError> {
        let work = async {
            // The ledger lacks what is still in the spool.
            self.spool.caught_up().await;
            let meter = limit.meter(0, self.clock.now());
            let spent = self.amounts(limit, &meter, without).await?;
            self.limiter.seed(&meter, &Seed { spent, mode }, since_epoch(&*self.clock)).await
        };
        match timeout(LONGEST, work).await {
            Ok(done) => done,
            Err(elapsed) => Err(PortError::unavailable("find out in time what was spent", elapsed)),
        }
    }

    /// What was spent, by moments of the window.
    async fn amounts(
        &self,
        limit: &Limit,
        meter: &Meter,
        without: Vec<Uuid>,
    ) -> Result<Vec<(u64, u64)>, PortError> {
        let now = since_epoch(&*self.clock);
        let begins_ms = window::begins_ms(meter.window, now);
        let (ends_ms, slot) = match meter.window {
            Window::Calendar { until_ms, .. } => (until_ms, None),
            Window::Rolling { slot_ms, .. } => {
                let ends_ms =
                    window::slot_at(meter.window, ms(now)).saturating_add(1).saturating_mul(slot_ms);
                (ends_ms, Some(Duration::from_millis(slot_ms)))
            }
            Window::Sliding { .. } | Window::Open => return Ok(Vec::new()),
        };
        let query = SpendQuery {
            from: moment(begins_ms),
            until: moment(ends_ms),
            team: limit.holder.team,
            subject: limit.holder.subject,
            key: limit.holder.key.clone(),
            each: None,
            by_model: limit.model.is_some(),
            slot,
            without,
        };
        let mut amounts: HashMap<u64, u64> = HashMap::new();
        for spent in self.ledger.spent(&query, MOST_SUMS).await? {
            if limit.model.as_ref().is_none_or(|pattern| self.is_for(pattern, &spent)) {
                let amount = amounts.entry(millis(spent.from).max(begins_ms)).or_default();
                *amount = amount.saturating_add(spent.cost.nano_usd()).min(window::MAX_AMOUNT);
            }
        }
        Ok(amounts.into_iter().collect())
    }

    /// Whether what was spent was spent on such a model.
    fn is_for(&self, pattern: &Pattern, spent: &Spent) -> bool {
        if [&spent.model_asked, &spent.model_served].into_iter().any(|name| pattern.matches(name)) {
            return true;
        }
        let known = self.catalog.resolve(Some(&spent.model_served));
        let known = known.or_else(|| self.catalog.resolve(Some(&spent.model_asked)));
        known.is_some_and(|model| pattern.matches(&model.info.id) || pattern.matches(&model.info.base_id))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, bool), Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn moment(ms: u64) -> DateTime<Utc> {
    i64::try_from(ms).ok().and_then(DateTime::from_timestamp_millis).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
