//! The service and what it is made of.

use std::sync::Arc;
use std::time::Duration;

use outcrop_config::JobsConfig;
use outcrop_ports::{Blobs, Clock, IdGen, Inference, JobStore, KeyStore, Queue, UserStore};
use tokio_util::sync::CancellationToken;

/// How long after a panic the task is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// What the worker needs from the world.
#[derive(Clone)]
pub struct JobPorts {
    /// The jobs.
    pub jobs: Arc<dyn JobStore>,
    /// The API keys: whether the one that submitted a job is still good when it runs.
    pub keys: Arc<dyn KeyStore>,
    /// The people and programs: what the one that submitted a job may do when it runs.
    pub users: Arc<dyn UserStore>,
    /// The nudges.
    pub queue: Arc<dyn Queue>,
    /// Request bodies and results.
    pub blobs: Arc<dyn Blobs>,
    /// Where models are called.
    pub inference: Arc<dyn Inference>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdGen>,
}

/// Submits jobs and works them off. Cheap to clone.
#[derive(Clone)]
pub struct JobWorker {
    pub(crate) ports: JobPorts,
    pub(crate) config: Arc<JobsConfig>,
}

impl JobWorker {
    /// Puts the service together.
    #[must_use]
    pub fn new(ports: JobPorts, config: JobsConfig) -> Self {
        Self { ports, config: Arc::new(config) }
    }

    /// Works jobs off, and looks for lost nudges, until told to stop; what is under way then is given back.
    pub async fn run(&self, stop: CancellationToken) {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..self.config.concurrency.max(1) {
            tasks.spawn(self.clone().work(stop.clone()));
        }
        let mut sweep = tasks.spawn(self.clone().sweep(stop.clone())).id();
        while let Some(ended) = tasks.join_next().await {
            let Err(error) = ended else { continue };
            tracing::error!(%error, "a job worker task ended by panic; another takes its place");
            // Not at once, in case whatever it was goes on.
            let _ = tokio::time::timeout(RESTART_PAUSE, stop.cancelled()).await;
            if error.id() == sweep {
                sweep = tasks.spawn(self.clone().sweep(stop.clone())).id();
            } else {
                tasks.spawn(self.clone().work(stop.clone()));
            }
        }
    }
}
