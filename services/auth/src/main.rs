//! `outcrop-auth`: the auth service as a process of its own.

use std::process::ExitCode;
use std::sync::Arc;

use outcrop_auth::{AuthOptions, AuthPorts, AuthService, Federation};
use outcrop_config::Config;
use outcrop_http::{
    Dependency, Health, MetricsListener, Server, ServerParts, internal_identity, metrics_routes, open_metrics,
};
use outcrop_lifecycle::InFlight;
use outcrop_ports::{Clock, IdGen, Probe};
use outcrop_wiring::{Process, ServiceError, WiringError, run_service};
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run_service("outcrop-auth", start)
}

async fn start(Process { config, stop, metrics }: Process) -> Result<(), ServiceError> {
    let (clock, ids) = (outcrop_wiring::clock(), outcrop_wiring::ids());
    let verifier = Arc::new(outcrop_wiring::verifier(&config)?);
    let options = options(&config).await?;
    let (ports, probes) = ports(&config, &stop, clock.clone(), ids.clone()).await?;
    let auth = AuthService::new(ports, options);
    auth.check_signing_key()?;
    let parts = ServerParts {
        in_flight: InFlight::default(),
        ids,
        layer: open_metrics(internal_identity(verifier, clock)),
        health: Health::new(probes),
    };
    let (public, internal) = (outcrop_auth::routes(&auth), outcrop_auth::internal_routes(&auth));
    let page = metrics_routes(metrics.clone());
    let server = Server::bind(&config.server, parts, move |app| {
        page(app);
        public(app);
        internal(app);
    })?;
    let _metrics = MetricsListener::start(&config.metrics, metrics)?;
    // Ends after the last request, whose use of a key is to be written too.
    let over = CancellationToken::new();
    let keeping = tokio::spawn({
        let (auth, over) = (auth.clone(), over.clone());
        async move { auth.run(over).await }
    });
    let rest = async {
        over.cancel();
        if let Err(error) = keeping.await {
            tracing::error!(%error, "the upkeep of identities ended by panic");
        }
    };
    Ok(server.run_then(stop, rest).await?)
}

async fn options(config: &Config) -> Result<AuthOptions, ServiceError> {
    let federation = match outcrop_wiring::federation(config).await? {
        Some(text) => Federation::parse(text.expose_secret())
            .map_err(|error| WiringError::setting(format!("`auth.federation`: {error}")))?,
        None => Federation::default(),
    };
    let secret = outcrop_wiring::key_secret(config)?;
    Ok(AuthOptions::new(config, secret, federation)
        .map_err(|error| WiringError::setting(error.to_string()))?)
}

async fn ports(
    config: &Config,
    stop: &CancellationToken,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGen>,
) -> Result<(AuthPorts, Vec<Dependency>), WiringError> {
    let stores = outcrop_wiring::migrated_stores(config, stop).await?;
    let limiter = outcrop_wiring::limiter(config).await?;
    let ports = AuthPorts {
        keys: stores.keys,
        users: stores.users,
        teams: stores.teams,
        accounts: stores.accounts,
        sessions: stores.sessions,
        signing_keys: stores.signing_keys,
        policies: stores.policies,
        prompts: stores.prompts,
        audit: stores.audit,
        changes: outcrop_wiring::changes(config)?,
        limiter: limiter.port,
        local_limiter: outcrop_wiring::local_limiter(),
        outbound: outcrop_wiring::outbound(config),
        clock,
        ids,
    };
    // Without Redis changes are not pushed, and the gateways ask every second: degraded, and not useless.
    let optional = limiter.probe.map(|probe: Arc<dyn Probe>| Dependency { probe, required: false });
    let required = Dependency { probe: stores.probe, required: true };
    Ok((ports, std::iter::once(required).chain(optional).collect()))
}
