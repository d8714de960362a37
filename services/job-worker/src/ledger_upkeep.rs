//! What keeps the ledger in order: months made ahead, old ones put away, budgets watched.
//!
//! One process need do it; where several do, they repeat what is harmless to repeat. Start at [`LedgerUpkeep::run`].

pub mod archive;
mod options;
mod retention;

use std::sync::Arc;
use std::time::Duration;

use outcrop_ports::{
    AlertStore, Blobs, Clock, IdGen, Ledger, ModelCatalog, Outbound, PolicyStore, PortError,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use options::{UnfitWebhook, UpkeepOptions, Webhook};

use crate::alerts;

/// How often months are made and old ones put away.
const HOURLY: Duration = Duration::from_secs(3_600);
/// After a failure, sooner.
const AFTER_FAILURE: Duration = Duration::from_secs(60);
/// How long after a panic the task is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// Months made ahead of the present one.
const MONTHS_AHEAD: u32 = 3;

/// What the upkeep needs from the world.
#[derive(Clone)]
pub struct UpkeepPorts {
    /// What was used.
    pub ledger: Arc<dyn Ledger>,
    /// Whose budgets there are.
    pub policies: Arc<dyn PolicyStore>,
    /// What was told of them.
    pub alerts: Arc<dyn AlertStore>,
    /// Where old months go.
    pub blobs: Arc<dyn Blobs>,
    /// The way to the webhook.
    pub outbound: Arc<dyn Outbound>,
    /// Knows models by their names.
    pub catalog: Arc<dyn ModelCatalog>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdGen>,
}

/// Keeps the ledger in order. Cheap to clone.
#[derive(Clone)]
pub struct LedgerUpkeep {
    pub(crate) ports: UpkeepPorts,
    pub(crate) options: Arc<UpkeepOptions>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    Months,
    Alerts,
    Telling,
}

impl LedgerUpkeep {
    /// Puts it together.
    #[must_use]
    pub fn new(ports: UpkeepPorts, options: UpkeepOptions) -> Self {
        Self { ports, options: Arc::new(options) }
    }

    /// Works until told to stop. What is under way then is left, and done by whoever comes next.
    pub async fn run(&self, stop: CancellationToken) {
        let mut tasks = JoinSet::new();
        let spawn = |tasks: &mut JoinSet<()>, task| {
            let (this, until) = (self.clone(), stop.clone());
            tasks
                .spawn(async move { until.run_until_cancelled(this.repeat(task)).await.unwrap_or_default() })
                .id()
        };
        let all = [Task::Months, Task::Alerts, Task::Telling];
        let mut running = all.map(|task| (spawn(&mut tasks, task), task));
        while let Some(ended) = tasks.join_next().await {
            let Err(error) = ended else { continue };
            tracing::error!(%error, "a task of the ledger's upkeep ended by panic; another takes its place");
            let _ = tokio::time::timeout(RESTART_PAUSE, stop.cancelled()).await;
            for (id, task) in &mut running {
                if *id == error.id() {
                    *id = spawn(&mut tasks, *task);
                }
            }
        }
    }

    async fn repeat(self, task: Task) {
        let mut seen = alerts::Seen::new(self.options.top_teams);
        let mut away = false;
        loop {
            let (done, usual) = match task {
                Task::Months => (self.keep_months().await, HOURLY),
                Task::Alerts => (self.watch_budgets(&mut seen).await, self.options.alert_interval),
                // Whoever is told slowly holds up nothing but this.
                Task::Telling => (self.tell_alerts().await, self.options.alert_interval.min(alerts::TELLING)),
            };
            let pause = match &done {
                Ok(()) => usual,
                Err(_) => usual.min(AFTER_FAILURE),
            };
            if let Err(error) = &done
                && !away
            {
                tracing::warn!(error = error.chain(), "the ledger's upkeep is held up");
            }
            away = done.is_err();
            tokio::time::sleep(pause).await;
        }
    }

    /// Makes months ahead, and puts away those that are kept long enough.
    ///
    /// # Errors
    /// [`PortError`] when the ledger or the blobs do not do.
    pub async fn keep_months(&self) -> Result<(), PortError> {
        let today = self.ports.clock.now().date_naive();
        self.ports.ledger.make_months(today, MONTHS_AHEAD).await?;
        self.put_away(today).await
    }
}
