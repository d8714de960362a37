//! The server: bind, then run until told to stop.

use crate::cache::PromptCache;
use crate::charges::Charges;
use crate::config::EmulatorConfig;
use crate::counters::Counters;
use crate::listing::Lists;
use crate::models::{Catalog, CatalogError};
use crate::routes;
use crate::state::State;
use actix_web::{App, HttpServer, web};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Largest request body: Bedrock's 25 MB, and what base64 of a whole set of images in Converse may need.
const MAX_BODY_BYTES: usize = 32 << 20;

/// Why an emulator does not run.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// The address is taken, or not one of this machine.
    #[error("could not listen on {address}")]
    Bind {
        /// `host:port` as configured.
        address: String,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The built-in model list is broken.
    #[error("could not read the model catalogue")]
    Catalog(#[from] CatalogError),
    /// No client for Ollama could be made.
    #[error("could not prepare the Ollama client")]
    Ollama(#[source] reqwest::Error),
    /// The server ended by itself.
    #[error("the server failed")]
    Serve(#[source] std::io::Error),
}

/// A Bedrock that listens already, and answers once [`run`](Self::run).
#[derive(Debug)]
pub struct Emulator {
    listener: TcpListener,
    addr: SocketAddr,
    state: Arc<State>,
    config: EmulatorConfig,
}

impl Emulator {
    /// Takes the address. Port 0 takes a free one, which [`addr`](Self::addr) tells.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn bind(config: EmulatorConfig) -> Result<Self, EmulatorError> {
        let address = format!("{}:{}", config.host, config.port);
        let bound = (config.host.as_str(), config.port)
            .to_socket_addrs()
            .and_then(|addresses| TcpListener::bind(&addresses.collect::<Vec<_>>()[..]))
            .and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (addr, listener) = bound.map_err(|source| EmulatorError::Bind { address, source })?;
        let state = Arc::new(State::new(Catalog::load()?, &config).map_err(EmulatorError::Ollama)?);
        Ok(Self { listener, addr, state, config })
    }

    /// What it keeps of prompts.
    pub fn prompt_cache(&self) -> PromptCache {
        self.state.cache.clone()
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The endpoint URL to give to an SDK. An unspecified address (`0.0.0.0`) is named by the loopback one.
    pub fn url(&self) -> String {
        let ip = self.addr.ip();
        if ip.is_unspecified() {
            format!("http://127.0.0.1:{}", self.addr.port())
        } else {
            format!("http://{}", self.addr)
        }
    }

    /// A handle on what it counts, of use while it runs.
    pub fn counters(&self) -> Counters {
        self.state.counters.clone()
    }

    /// A handle on what it charged, of use while it runs.
    pub fn charges(&self) -> Charges {
        self.state.charges.clone()
    }

    /// A handle on what it lists.
    pub fn lists(&self) -> Lists {
        Lists(Arc::clone(&self.state))
    }

    /// Serves until `stop` is cancelled, then lets open answers finish within the configured time.
    ///
    /// Works on any tokio runtime: the workers have their own threads. Signals are left to the caller.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn run(self, stop: CancellationToken) -> Result<(), EmulatorError> {
        let state = web::Data::from(self.state);
        let server = HttpServer::new(move || {
            App::new()
                .app_data(state.clone())
                .app_data(web::PayloadConfig::new(MAX_BODY_BYTES))
                .default_service(web::to(routes::dispatch))
        })
        .workers(self.config.workers.max(1))
        .disable_signals()
        .shutdown_signal(stop.cancelled_owned())
        .shutdown_timeout(self.config.shutdown_timeout.as_secs())
        // A client that goes away ends its call, as far as that can be ended.
        .h1_allow_half_closed(false)
        .keep_alive(Duration::from_secs(75))
        .client_request_timeout(Duration::from_secs(30))
        .tcp_nodelay(true)
        .listen(self.listener)
        .map_err(EmulatorError::Serve)?
        .run();
        server.await.map_err(EmulatorError::Serve)
    }
}
