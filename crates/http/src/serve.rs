//! One HTTP server: bind, run, drain.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Payload, Server as ActixServer, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, FromRequest, HttpRequest, HttpResponse, HttpServer, web};
use outcrop_config::{Config, ServerConfig};
use outcrop_lifecycle::InFlight;
use outcrop_ports::IdGen;
use outcrop_types::{ErrorCode, Network};
use tokio_util::sync::CancellationToken;

use crate::browser::Browser;
use crate::telling::{Telling, TellingOptions};
use crate::{ApiError, Bounds, Health, Layer, Scope, front};

/// How long connections have to hand over their last bytes once no answer is open any more.
const FLUSH: Duration = Duration::from_millis(1_200);

/// What stands around a service's routes.
#[derive(Clone)]
pub struct ServerParts {
    /// Counts open answers.
    pub in_flight: InFlight,
    /// Names requests.
    pub ids: Arc<dyn IdGen>,
    /// Says who may pass; [`Layer::none`] for no check.
    pub layer: Layer,
    /// Answers `/healthz` and `/readyz`.
    pub health: Arc<Health>,
}

impl fmt::Debug for ServerParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerParts").field("health", &self.health).finish_non_exhaustive()
    }
}

/// What a server is configured by.
#[derive(Debug, Clone, Copy)]
pub struct Serving<'a> {
    server: &'a ServerConfig,
    bounds: Bounds,
    telling: TellingOptions,
}

impl<'a> From<&'a Config> for Serving<'a> {
    fn from(config: &'a Config) -> Self {
        Self { server: &config.server, bounds: Bounds::from(config), telling: config.into() }
    }
}

impl<'a> From<&'a ServerConfig> for Serving<'a> {
    /// For a server that takes no files.
    fn from(config: &'a ServerConfig) -> Self {
        Self { server: config, bounds: Bounds::from(config), telling: TellingOptions::default() }
    }
}

/// An address that could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {host}:{port}: {}", reason(source))]
pub struct BindError {
    /// As configured.
    pub host: String,
    /// As configured.
    pub port: u16,
    /// What the system says.
    #[source]
    pub source: io::Error,
}

/// The reasons that people meet, in words; otherwise the system's own.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "the address is in use".into(),
        io::ErrorKind::PermissionDenied => "permission denied (ports below 1024 need privileges)".into(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".into(),
        _ => error.to_string(),
    }
}

/// Says that the server has been asked to stop; stands in the app's data. As an argument of a handler, it is its server's.
#[derive(Debug, Clone, Default)]
pub struct Draining(CancellationToken);

impl Draining {
    pub(crate) fn has_begun(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until it has. For answers without an end of their own, which would hold up the stop.
    pub fn begun(&self) -> impl Future<Output = ()> + 'static + use<> {
        self.0.clone().cancelled_owned()
    }
}

impl FromRequest for Draining {
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(Ok(request.app_data::<Self>().cloned().unwrap_or_default()))
    }
}

/// A server that holds its address and waits to be [`run`](Self::run).
#[must_use = "a bound server answers nothing until it is run"]
pub struct Server {
    server: ActixServer,
    handle: ServerHandle,
    addr: SocketAddr,
    in_flight: InFlight,
    draining: CancellationToken,
    drain: Duration,
    health: Arc<Health>,
}

impl Server {
    /// Takes the configured address and puts [`Scope`], the layer and the health paths around `routes`,
    /// which is called once in every worker.
    pub fn bind<'a>(
        config: impl Into<Serving<'a>>,
        parts: ServerParts,
        routes: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
    ) -> Result<Self, BindError> {
        Self::bind_for(None, config.into(), parts, routes)
    }

    /// The same for a server that faces the public: pages of the configured origins may call it, and every answer
    /// tells browsers how little they may make of it. It says what it is at `/`.
    pub fn bind_public<'a>(
        config: impl Into<Serving<'a>>,
        parts: ServerParts,
        routes: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
    ) -> Result<Self, BindError> {
        let config = config.into();
        Self::bind_for(Some(Browser::new(config.server)), config, parts, routes)
    }

    fn bind_for(
        browser: Option<Browser>,
        Serving { server: config, bounds, telling }: Serving<'_>,
        parts: ServerParts,
        routes: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
    ) -> Result<Self, BindError> {
        let fail = |source| BindError { host: config.host.clone(), port: config.port, source };
        let trusted: Arc<[Network]> = config
            .trusted_networks()
            .map_err(|error| fail(io::Error::new(io::ErrorKind::InvalidInput, error)))?
            .into();
        let draining = CancellationToken::new();
        let in_flight = parts.in_flight.clone();
        let seen = Draining(draining.clone());
        let faces_public = browser.is_some();
        let (telling, health) = (Telling::new(telling, faces_public), Arc::clone(&parts.health));
        let app = move || {
            let layer = parts.layer.clone();
            App::new()
                .app_data(bounds)
                .app_data(seen.clone())
                .app_data(web::PayloadConfig::new(bounds.max_body_bytes))
                .app_data(web::JsonConfig::default().limit(bounds.max_body_bytes))
                .default_service(web::to(no_route))
                .configure(|service| parts.health.routes(service))
                .configure(|service| {
                    if faces_public {
                        front::routes(service)
                    }
                })
                .configure(routes.clone())
                .wrap(from_fn(move |request, next| layer.call(request, next)))
                .wrap(
                    Scope::new(bounds, parts.in_flight.clone(), Arc::clone(&parts.ids))
                        .with_draining(seen.clone())
                        .with_trusted(Arc::clone(&trusted))
                        .with_browser(browser.clone())
                        .with_telling(Arc::clone(&telling)),
                )
        };
        let drain = Duration::from_millis(config.drain_ms);
        let mut server = HttpServer::new(app)
            .disable_signals()
            .tcp_nodelay(true)
            // A client that has closed its half has gone: its call must not go on.
            .h1_allow_half_closed(false)
            .keep_alive(Duration::from_millis(config.keep_alive_ms))
            .client_request_timeout(Duration::from_millis(config.head_timeout_ms))
            .shutdown_timeout(drain.as_secs().saturating_add(1));
        if config.workers > 0 {
            server = server.workers(config.workers);
        }
        let server = server.bind((config.host.as_str(), config.port)).map_err(fail)?;
        let addr =
            server.addrs().first().copied().ok_or_else(|| fail(io::ErrorKind::AddrNotAvailable.into()))?;
        let server = server.run();
        Ok(Self { handle: server.handle(), server, addr, in_flight, draining, drain, health })
    }

    /// The address it holds; the real port where 0 was configured.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Answers until `stop`. Then new requests are refused with 503, open answers are finished within the
    /// drain time, and the server leaves as soon as the last of them is done, whatever connections are kept
    /// open.
    pub async fn run(self, stop: CancellationToken) -> io::Result<()> {
        self.run_then(stop, std::future::ready(())).await
    }

    /// [`run`](Self::run), with what the process has to bring to an end once the open answers are done and
    /// before the server's threads go. A connection of a shared pool (to Postgres, say) lives on the thread
    /// that opened it: were that thread gone, whatever `rest` has yet to write would fail on it. `rest` runs
    /// however the server ended.
    pub async fn run_then(self, stop: CancellationToken, rest: impl Future<Output = ()>) -> io::Result<()> {
        let Self { mut server, handle, addr, in_flight, draining, drain, health } = self;
        let over = CancellationToken::new();
        let _over = over.clone().drop_guard();
        tokio::spawn(async move { over.run_until_cancelled(health.watch()).await });
        tokio::select! {
            ended = &mut server => {
                rest.await;
                return ended;
            }
            () = stop.cancelled() => {}
        }
        draining.cancel();
        tracing::debug!(server.address = %addr, open = in_flight.count(), "draining");
        let idle = in_flight.idle();
        if tokio::time::timeout(drain, idle).await.is_err() {
            let open = in_flight.count();
            tracing::warn!(server.address = %addr, open, "drain time is over; cutting open answers");
            // Dropping the server closes everything.
            drop((server, handle));
            rest.await;
            return Ok(());
        }
        rest.await;
        // Idle connections are closed by this; the command is on its way as soon as it is called.
        drop(handle.stop(true));
        tokio::time::timeout(FLUSH, &mut server).await.unwrap_or(Ok(()))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("addr", &self.addr).finish_non_exhaustive()
    }
}

/// What no route takes: a path nobody knows, or one that is known under another method.
async fn no_route(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    if request.resource_map().has_resource(request.path()) {
        let message = format!("`{}` is not a method of this path", request.method());
        return Err(ApiError::new(ErrorCode::MethodNotAllowed, message));
    }
    Err(ApiError::new(ErrorCode::NotFound, "there is nothing at this path"))
}
