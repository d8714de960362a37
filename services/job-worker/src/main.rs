//! `outcrop-job-worker`: the job worker as a process of its own.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use outcrop_config::Config;
use outcrop_http::{
    Dependency, Health, MetricsListener, Server, ServerParts, internal_identity, metrics_routes, open_metrics,
};
use outcrop_job_worker::{JobOptions, JobPorts, JobWorker, LedgerUpkeep, UpkeepOptions, UpkeepPorts};
use outcrop_lifecycle::InFlight;
use outcrop_ports::ModelCatalog;
use outcrop_wiring::{Process, ServiceError, WiringError, run_service};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run_service("outcrop-job-worker", start)
}

async fn start(Process { config, stop, metrics }: Process) -> Result<(), ServiceError> {
    let (clock, ids) = (outcrop_wiring::clock(), outcrop_wiring::ids());
    let stores = outcrop_wiring::migrated_stores(&config, &stop).await?;
    let queue = outcrop_wiring::queue(&config, &stores).await?;
    let blobs = outcrop_wiring::blobs(&config).await?;
    let verifier = Arc::new(outcrop_wiring::verifier(&config)?);
    let inference = outcrop_wiring::inference(&config, "outcrop-job-worker")?;
    let upkeep_policies = stores.policies.clone();
    let upkeep = UpkeepPorts {
        ledger: stores.ledger,
        policies: stores.policies,
        alerts: stores.alerts,
        blobs: blobs.port.clone(),
        outbound: outcrop_wiring::outbound(&config),
        catalog: names(&config)?,
        clock: clock.clone(),
        ids: ids.clone(),
    };
    let upkeep = LedgerUpkeep::new(upkeep, UpkeepOptions::try_from(&config)?);
    let ports = JobPorts {
        jobs: stores.jobs,
        batches: stores.batches,
        files: stores.files,
        webhooks: stores.webhooks,
        keys: stores.keys,
        users: stores.users,
        queue: queue.port,
        blobs: blobs.port,
        inference,
        policies: upkeep_policies,
        batch_models: outcrop_wiring::batch_models(&config).await?,
        outbound: outcrop_wiring::webhook_outbound(&config)?,
        sealer: Arc::new(outcrop_wiring::secret_sealer(&config)?),
        clock: clock.clone(),
        ids: ids.clone(),
    };
    let worker = JobWorker::new(ports, JobOptions::from(&config));
    let probes = [Some(stores.probe), queue.probe, blobs.probe].into_iter().flatten();
    let parts = ServerParts {
        in_flight: InFlight::default(),
        ids,
        layer: open_metrics(internal_identity(verifier, clock)),
        health: Health::new(probes.map(|probe| Dependency { probe, required: true }).collect()),
    };
    let (public, page) = (outcrop_job_worker::routes(&worker), metrics_routes(metrics.clone()));
    let server = Server::bind(&config, parts, move |app| {
        page(app);
        public(app);
    })?;
    let _metrics = MetricsListener::start(&config.metrics, metrics)?;
    let working = tokio::spawn({
        let stop = stop.clone();
        async move { tokio::join!(worker.run(stop.clone()), upkeep.run(stop)) }
    });
    let rest = async {
        // A server that failed by itself takes the workers with it; what they hold goes back to the queue.
        stop.cancel();
        let drained = tokio::time::timeout(Duration::from_millis(config.server.drain_ms), working).await;
        if drained.is_err() {
            tracing::warn!("drain time is over; leaving jobs to the sweep of another worker");
        }
    };
    Ok(server.run_then(stop.clone(), rest).await?)
}

/// The names that policies have for models. Whoever configures models for the inference service alone has its own names
/// known there alone; budgets here then go by the ids that are built in.
fn names(config: &Config) -> Result<Arc<dyn ModelCatalog>, WiringError> {
    outcrop_wiring::names(config).or_else(|error| {
        tracing::warn!(%error, "the settings' models are not known here");
        outcrop_wiring::names(&Config::default())
    })
}
