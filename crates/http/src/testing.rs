//! A service's routes on a free port, with a fixed caller: for the services' own tests.

use std::sync::Arc;

use actix_web::{HttpMessage as _, web};
use outcrop_config::ServerConfig;
use outcrop_lifecycle::InFlight;
use outcrop_ports::IdGen;
use outcrop_types::Principal;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{Dependency, Health, Layer, Server, ServerParts};

/// A running server; stops when dropped.
#[derive(Debug)]
pub struct TestServer {
    /// `http://127.0.0.1:<port>`
    pub url: String,
    _stop: DropGuard,
}

impl TestServer {
    /// Serves `routes` to whoever asks, as `caller` (nobody, if `None`). Needs a running actix system.
    #[must_use]
    pub fn start(
        caller: Option<Principal>,
        ids: Arc<dyn IdGen>,
        dependencies: Vec<Dependency>,
        routes: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
    ) -> Self {
        let layer = Layer::new(move |request, next| {
            if let Some(caller) = &caller {
                request.extensions_mut().insert(caller.clone());
            }
            Layer::none().call(request, next)
        });
        let config = ServerConfig { port: 0, workers: 1, drain_ms: 1_000, ..ServerConfig::default() };
        let parts =
            ServerParts { in_flight: InFlight::default(), ids, layer, health: Health::new(dependencies) };
        #[expect(clippy::expect_used, reason = "only tests start this, and a free port can be had")]
        let server = Server::bind(&config, parts, routes).expect("a free port");
        let (url, stop) = (format!("http://{}", server.addr()), CancellationToken::new());
        actix_web::rt::spawn(server.run(stop.clone()));
        Self { url, _stop: stop.drop_guard() }
    }
}
