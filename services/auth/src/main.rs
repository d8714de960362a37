//! `outcrop-auth`: the auth service as a process of its own.

use std::process::ExitCode;
use std::sync::Arc;

use outcrop_auth::AuthService;
use outcrop_http::{Dependency, Health, Server, ServerParts, internal_identity};
use outcrop_lifecycle::InFlight;
use outcrop_wiring::{Process, ServiceError, run_service};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run_service("outcrop-auth", start)
}

async fn start(Process { config, stop }: Process) -> Result<(), ServiceError> {
    let (clock, ids) = (outcrop_wiring::clock(), outcrop_wiring::ids());
    let stores = outcrop_wiring::stores(&config).await?;
    let hasher = outcrop_wiring::key_hasher(&config)?;
    let verifier = Arc::new(outcrop_wiring::verifier(&config)?);
    let auth = AuthService::new(stores.keys, stores.users, hasher, clock.clone(), ids.clone());
    let parts = ServerParts {
        in_flight: InFlight::default(),
        ids,
        layer: internal_identity(verifier, clock),
        health: Health::new(vec![Dependency { probe: stores.probe, required: true }]),
    };
    let (public, internal) = (outcrop_auth::routes(&auth), outcrop_auth::internal_routes(&auth));
    let server = Server::bind(&config.server, parts, move |app| {
        public(app);
        internal(app);
    })?;
    Ok(server.run(stop).await?)
}
