//! The service and what it is made of.

use std::sync::Arc;

use outcrop_config::JobsConfig;
use outcrop_ports::{Blobs, Clock, IdGen, Inference, JobStore, Queue};
use tokio_util::sync::CancellationToken;

/// What the worker needs from the world.
#[derive(Clone)]
pub struct JobPorts {
    /// The jobs.
    pub jobs: Arc<dyn JobStore>,
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
        tasks.spawn(self.clone().sweep(stop));
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a job worker task ended by panic");
            }
        }
    }
}
