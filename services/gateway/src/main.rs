//! `outcrop-gateway`: the public edge as a process of its own.

use std::process::ExitCode;

use outcrop_gateway::{Forwarder, Gateway, GatewayOptions};
use outcrop_http::{Bounds, Dependency, Health, MetricsListener, Server, ServerParts};
use outcrop_lifecycle::InFlight;
use outcrop_wiring::{Process, ServiceError, run_service};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run_service("outcrop-gateway", start)
}

async fn start(Process { config, stop, metrics }: Process) -> Result<(), ServiceError> {
    let (clock, ids) = (outcrop_wiring::clock(), outcrop_wiring::ids());
    let authenticator = outcrop_wiring::authenticator(&config, "outcrop-gateway")?;
    let changes = outcrop_wiring::changes(&config)?;
    let gateway = Gateway::new(GatewayOptions::from(&config), authenticator, changes, clock.clone());
    let forwarder = Forwarder::new(
        &config.services,
        Bounds::from(&config),
        outcrop_wiring::signer(&config, "outcrop-gateway")?,
        clock,
    )?;
    let services = outcrop_wiring::services(&config)?.into_iter();
    let parts = ServerParts {
        in_flight: InFlight::default(),
        ids,
        layer: gateway.layer(),
        health: Health::new(services.map(|(probe, required)| Dependency { probe, required }).collect()),
    };
    let server = Server::bind_public(&config, parts, move |app| forwarder.routes(app))?;
    let _metrics = MetricsListener::start(&config.metrics, metrics)?;
    let listening = tokio::spawn({
        let stop = stop.clone();
        async move { gateway.run(stop).await }
    });
    let served = server.run(stop.clone()).await;
    // A server that failed by itself takes the rest with it.
    stop.cancel();
    listening.await?;
    Ok(served?)
}
