//! `outcrop-inference`: the inference service as a process of its own, reached through the gateway.

use std::process::ExitCode;
use std::sync::Arc;

use outcrop_config::{Config, OnUnavailable};
use outcrop_http::{
    Dependency, Health, MetricsListener, Server, ServerParts, internal_identity, metrics_routes, open_metrics,
};
use outcrop_inference::{
    InferenceOptions, InferencePorts, InferenceService, RouteLint, alert_routes, mcp_catalog, routes,
};
use outcrop_lifecycle::InFlight;
use outcrop_mcp::{McpOptions, McpPorts, McpServer};
use outcrop_telemetry::metric::Page;
use outcrop_wiring::{Process, ServiceError, Upkeep, run_service};
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run_service("outcrop-inference", start)
}

async fn start(Process { config, stop, metrics }: Process) -> Result<(), ServiceError> {
    let (over, last) = (CancellationToken::new(), CancellationToken::new());
    let (service, mcp, server, upkeep) =
        Box::pin(build(&config, &stop, metrics.clone(), last.clone())).await?;
    let _metrics = MetricsListener::start(&config.metrics, metrics)?;
    tokio::spawn(upkeep);
    tracing::info!(server.address = %server.addr(), "listening");
    // Open answers end first, then the usage they leave behind is shipped, then a local emulator may go.
    let metering = tokio::spawn({
        let over = over.clone();
        async move { service.run(over).await }
    });
    let speaking = tokio::spawn({
        let stop = stop.clone();
        async move { mcp.run(stop).await }
    });
    let asked = stop.clone();
    let rest = async move {
        // A server that failed by itself takes the rest with it.
        asked.cancel();
        if let Err(error) = speaking.await {
            tracing::error!(%error, "the MCP server ended by panic");
        }
        over.cancel();
        if let Err(error) = metering.await {
            tracing::error!(%error, "metering ended by panic; the spool keeps what was not shipped");
        }
    };
    let served = server.run_then(stop, rest).await;
    last.cancel();
    Ok(served?)
}

async fn build(
    config: &Config,
    stop: &CancellationToken,
    metrics: Option<Page>,
    last: CancellationToken,
) -> Result<(InferenceService, McpServer, Server, Upkeep), ServiceError> {
    let (stores, models, limiter) = tokio::try_join!(
        outcrop_wiring::migrated_stores(config, stop),
        outcrop_wiring::models(config, last),
        outcrop_wiring::limiter(config),
    )?;
    if let Some(file) = &config.routing.routes {
        let place = |place: &_| models.places.at(place).map(drop);
        let (catalog, regions) = (&*models.catalog, models.places.regions());
        RouteLint { catalog, regions, place: &place }
            .read(file)
            .map_err(|faults| outcrop_wiring::routes_refused(file, &faults))?;
    }
    let (clock, ids) = (outcrop_wiring::clock(), outcrop_wiring::ids());
    let ports = InferencePorts {
        places: models.places,
        target_health: outcrop_wiring::target_health(config)?,
        cache: outcrop_wiring::answers(config)?,
        catalog: models.catalog,
        media: outcrop_wiring::media(config)?,
        limiter: limiter.port,
        local_limiter: outcrop_wiring::local_limiter(),
        policies: stores.policies,
        routes: stores.routes,
        changes: outcrop_wiring::changes(config)?,
        ledger: stores.ledger,
        responses: stores.responses,
        desk: outcrop_wiring::job_desk(config, "outcrop-inference")?,
        clock: Arc::clone(&clock),
        ids: Arc::clone(&ids),
    };
    let mcp_ports = McpPorts {
        sessions: outcrop_wiring::mcp_sessions(config)?,
        sealer: Arc::new(outcrop_wiring::mcp_sealer(config)?),
        clock: Arc::clone(&clock),
        ids: Arc::clone(&ids),
    };
    let mut options = InferenceOptions::from(config);
    if config.auth.key_secret.is_some() {
        options.audit_sealer = Some(outcrop_wiring::audit_sealer(config)?);
    }
    let service = InferenceService::new(ports, options)?;
    service.read_routes().await;
    let catalog = mcp_catalog(&service, stores.prompts, config.mcp.conformance_fixtures);
    let mcp = McpServer::new(mcp_ports, McpOptions::from(config), catalog);
    // Without the database usage waits in the spool; without the limiter settings say what happens.
    let closed = config.limits.on_unavailable == OnUnavailable::Closed;
    let mut dependencies = vec![
        Dependency { probe: stores.probe, required: false },
        Dependency { probe: models.probe, required: false },
    ];
    dependencies.extend(limiter.probe.map(|probe| Dependency { probe, required: closed }));
    let layer = open_metrics(internal_identity(Arc::new(outcrop_wiring::verifier(config)?), clock));
    let layer = service.settle_first(layer);
    let parts = ServerParts { in_flight: InFlight::default(), ids, layer, health: Health::new(dependencies) };
    let (routes, alerts) = (routes(service.clone()), alert_routes(stores.alerts));
    let (mcp_routes, page) = (outcrop_mcp::routes(mcp.clone()), metrics_routes(metrics));
    let server = Server::bind(&config.server, parts, move |app| {
        page(app);
        alerts(app);
        mcp_routes(app);
        routes(app);
    })?;
    Ok((service, mcp, server, models.upkeep))
}
