//! All services in one process: built from settings, stopped in the right order.

use std::net::SocketAddr;
use std::sync::Arc;

use outcrop_auth::AuthService;
use outcrop_config::{Config, OnUnavailable};
use outcrop_gateway::{Gateway, GatewayOptions};
use outcrop_http::{Dependency, Health, Server, ServerParts};
use outcrop_inference::{InferenceOptions, InferencePorts, InferenceService, LocalInference, RouteLint};
use outcrop_job_worker::{
    JobOptions, JobPorts, JobWorker, LedgerUpkeep, LocalDesk, UpkeepOptions, UpkeepPorts,
};
use outcrop_lifecycle::InFlight;
use outcrop_mcp::{McpOptions, McpPorts, McpServer};
use outcrop_ports::Probe;
use outcrop_wiring::{Models, Stores, Upkeep};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::identity::auth_service;

/// The platform, holding its address and ready to run.
pub(crate) struct Platform {
    pub(crate) auth: AuthService,
    gateway: Gateway,
    server: Server,
    inference: InferenceService,
    mcp: McpServer,
    worker: JobWorker,
    ledger: LedgerUpkeep,
    emulator: Option<JoinHandle<()>>,
    upkeep: Upkeep,
    /// Ends what must outlive every model call.
    last: CancellationToken,
}

impl Platform {
    /// Connects everything and takes the address. The settings' secrets must be resolved.
    pub(crate) async fn build(config: &Config) -> Result<Self, Failure> {
        let last = CancellationToken::new();
        let (stores, models, limiter, blobs) = tokio::try_join!(
            migrated_stores(config),
            outcrop_wiring::models(config, last.clone()),
            outcrop_wiring::limiter(config),
            outcrop_wiring::blobs(config),
        )?;
        check_routes(config, &models)?;
        let queue = outcrop_wiring::queue(config, &stores).await?;
        let (clock, ids) = (outcrop_wiring::clock(), outcrop_wiring::ids());
        let changes = outcrop_wiring::changes(config)?;
        let auth = auth_service(config, &stores, changes.clone(), limiter.port.clone()).await?;
        let known = Arc::new(auth.clone());
        let gateway = Gateway::new(GatewayOptions::from(config), known, changes.clone(), clock.clone());
        let desk = LocalDesk::default();
        let ports = InferencePorts {
            places: models.places.clone(),
            target_health: outcrop_wiring::target_health(config)?,
            cache: outcrop_wiring::answers(config)?,
            catalog: models.catalog.clone(),
            media: outcrop_wiring::media(config)?,
            limiter: limiter.port,
            local_limiter: outcrop_wiring::local_limiter(),
            policies: stores.policies.clone(),
            routes: stores.routes.clone(),
            changes,
            ledger: stores.ledger.clone(),
            responses: stores.responses.clone(),
            desk: Arc::new(desk.clone()),
            clock: clock.clone(),
            ids: ids.clone(),
        };
        let mut options = InferenceOptions::from(config);
        options.audit_sealer = Some(outcrop_wiring::audit_sealer(config)?);
        let inference = InferenceService::new(ports, options).map_err(|error| Failure::from_error(&error))?;
        inference.read_routes().await;
        let mcp = mcp_server(config, &stores, &inference)?;
        let ports = JobPorts {
            jobs: stores.jobs.clone(),
            batches: stores.batches.clone(),
            files: stores.files.clone(),
            webhooks: stores.webhooks.clone(),
            keys: stores.keys.clone(),
            users: stores.users.clone(),
            queue: queue.port,
            blobs: blobs.port.clone(),
            inference: Arc::new(LocalInference::new(inference.clone())),
            policies: stores.policies.clone(),
            batch_models: outcrop_wiring::batch_models(config).await?,
            outbound: outcrop_wiring::webhook_outbound(config)?,
            sealer: Arc::new(outcrop_wiring::secret_sealer(config)?),
            clock: clock.clone(),
            ids: ids.clone(),
        };
        let worker = JobWorker::new(ports, JobOptions::from(config));
        desk.open(worker.clone());
        let ports = UpkeepPorts {
            ledger: stores.ledger.clone(),
            policies: stores.policies.clone(),
            alerts: stores.alerts.clone(),
            blobs: blobs.port,
            outbound: outcrop_wiring::outbound(config),
            catalog: models.catalog.clone(),
            clock,
            ids: ids.clone(),
        };
        let options = UpkeepOptions::try_from(config);
        let ledger =
            LedgerUpkeep::new(ports, options.map_err(|error| Failure::Settings(vec![error.to_string()]))?);
        let limiter_required = config.limits.on_unavailable == OnUnavailable::Closed;
        let optional = [(limiter.probe, limiter_required), (queue.probe, false), (blobs.probe, false)];
        let parts = ServerParts {
            in_flight: InFlight::default(),
            ids,
            layer: inference.settle_first(gateway.layer()),
            health: health(&stores, &models, optional),
        };
        let server = bind(config, parts, &stores, &auth, (&inference, &mcp), &worker)?;
        Ok(Self {
            auth,
            gateway,
            server,
            inference,
            mcp,
            worker,
            ledger,
            emulator: models.emulator,
            upkeep: models.upkeep,
            last,
        })
    }

    /// Where it listens.
    pub(crate) const fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// Serves until `stop`, then drains: first the open answers and the jobs under way, then the usage they
    /// leave behind, then the emulator they may have been talking to.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), Failure> {
        let Self { auth, gateway, server, inference, mcp, worker, ledger, emulator, upkeep, last } = self;
        tokio::spawn(upkeep);
        let keeping_books = tokio::spawn({
            let stop = stop.clone();
            async move { ledger.run(stop).await }
        });
        let over = CancellationToken::new();
        let listening = tokio::spawn({
            let over = over.clone();
            async move { gateway.run(over).await }
        });
        let keeping = tokio::spawn({
            let over = over.clone();
            async move { auth.run(over).await }
        });
        let metering = tokio::spawn({
            let (inference, over) = (inference.clone(), over.clone());
            async move { inference.run(over).await }
        });
        let speaking = tokio::spawn({
            let stop = stop.clone();
            async move { mcp.run(stop).await }
        });
        let working = tokio::spawn({
            let stop = stop.clone();
            async move { worker.run(stop).await }
        });
        let rest = async {
            // A server that failed by itself takes the rest with it.
            stop.cancel();
            joined("job worker", working).await;
            joined("MCP server", speaking).await;
            joined("upkeep of the ledger", keeping_books).await;
            over.cancel();
            joined("metering", metering).await;
            joined("changes", listening).await;
            joined("identity", keeping).await;
        };
        let served = server.run_then(stop.clone(), rest).await;
        last.cancel();
        if let Some(emulator) = emulator {
            joined("emulator", emulator).await;
        }
        served.map_err(|error| Failure::failed(format!("the server failed: {error}")))
    }
}

/// What speaks with MCP clients.
fn mcp_server(config: &Config, stores: &Stores, inference: &InferenceService) -> Result<McpServer, Failure> {
    let ports = McpPorts {
        sessions: outcrop_wiring::mcp_sessions(config)?,
        sealer: Arc::new(outcrop_wiring::mcp_sealer(config)?),
        clock: outcrop_wiring::clock(),
        ids: outcrop_wiring::ids(),
    };
    let prompts = Arc::clone(&stores.prompts);
    let catalog = outcrop_inference::mcp_catalog(inference, prompts, config.mcp.conformance_fixtures);
    Ok(McpServer::new(ports, McpOptions::from(config), catalog))
}

/// Refuses to start by a file of routes that is not good.
fn check_routes(config: &Config, models: &Models) -> Result<(), Failure> {
    let Some(file) = &config.routing.routes else { return Ok(()) };
    let place = |place: &_| models.places.at(place).map(drop);
    let (catalog, regions) = (&*models.catalog, models.places.regions());
    let read = RouteLint { catalog, regions, place: &place }.read(file);
    let lines = |text: String| text.lines().map(str::to_owned).collect();
    read.map(drop)
        .map_err(|faults| Failure::Settings(lines(outcrop_wiring::routes_refused(file, &faults).to_string())))
}

async fn migrated_stores(config: &Config) -> Result<Stores, outcrop_wiring::WiringError> {
    let stores = outcrop_wiring::stores(config).await?;
    stores.migrate().await?;
    Ok(stores)
}

fn health(stores: &Stores, models: &Models, optional: [(Option<Arc<dyn Probe>>, bool); 3]) -> Arc<Health> {
    let mut dependencies = vec![
        Dependency { probe: stores.probe.clone(), required: true },
        // Without models, keys and jobs still work.
        Dependency { probe: models.probe.clone(), required: false },
    ];
    let probes =
        optional.into_iter().filter_map(|(probe, required)| Some(Dependency { probe: probe?, required }));
    dependencies.extend(probes);
    Health::new(dependencies)
}

/// Puts every service's public routes behind one address.
fn bind(
    config: &Config,
    parts: ServerParts,
    stores: &Stores,
    auth: &AuthService,
    (inference, mcp): (&InferenceService, &McpServer),
    worker: &JobWorker,
) -> Result<Server, Failure> {
    let alerts = outcrop_inference::alert_routes(stores.alerts.clone());
    let auth = outcrop_auth::routes(auth);
    let inference = outcrop_inference::routes(inference.clone());
    let mcp = outcrop_mcp::routes(mcp.clone());
    let worker = outcrop_job_worker::routes(worker);
    Server::bind_public(config, parts, move |app| {
        // Before the auth service, which takes all else below /admin/v1.
        alerts(app);
        mcp(app);
        inference(app);
        worker(app);
        auth(app);
    })
    .map_err(|error| Failure::Failed(error.to_string()))
}

async fn joined(name: &str, task: JoinHandle<()>) {
    if let Err(error) = task.await {
        tracing::error!(%error, task = name, "a background task ended by panic");
    }
}
