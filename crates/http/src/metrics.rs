//! `GET /metrics`: what Prometheus reads.
//!
//! A service behind the gateway answers it at its own address; any process answers it at `metrics.listen`, and nothing else
//! there. The public address never does: how much is done for whom is nobody's business.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};
use bytes::Bytes;
use outcrop_config::MetricsConfig;
use outcrop_telemetry::metric::Page;
use outcrop_types::ErrorCode;
use tokio::sync::Mutex;

use crate::serve::reason;
use crate::{ApiError, Layer};

pub(crate) const METRICS_PATH: &str = "/metrics";

/// The text format of Prometheus.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How long whoever connects may take to say what it wants.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection is kept between two readings, of which most come every 15 s.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Several readers at most.
const MOST_CONNECTIONS: usize = 64;

/// How long a page is shown again: nobody who reads it sooner learns more.
const FRESH: Duration = Duration::from_secs(1);

/// The route, for the address of a service that is reached through the gateway alone. Nothing is there without a page.
pub fn metrics_routes(page: Option<Page>) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    let shown = page.map(|page| web::Data::new(Shown { page, kept: Arc::default() }));
    move |service: &mut web::ServiceConfig| {
        if let Some(shown) = &shown {
            service.service(web::resource(METRICS_PATH).app_data(shown.clone()).get(show));
        }
    }
}

/// Lets whoever reads metrics past a layer that asks for an identity.
#[must_use]
pub fn open_metrics(layer: Layer) -> Layer {
    Layer::new(
        move |request, next| {
            if request.path() == METRICS_PATH { next.call(request) } else { layer.call(request, next) }
        },
    )
}

/// The page where readers of a listener of its own find it. Ends when it is dropped.
#[must_use = "it listens for as long as it is kept"]
pub struct MetricsListener {
    addr: SocketAddr,
    handle: ServerHandle,
}

/// The address for readers of metrics could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("`metrics.listen`: cannot listen on {address}: {}", reason(source))]
pub struct MetricsListenError {
    /// As configured.
    pub address: String,
    /// What the system says.
    #[source]
    pub source: io::Error,
}

impl MetricsListener {
    /// Listens where the settings say, if they do and there is a page. Needs a running actix system.
    pub fn start(config: &MetricsConfig, page: Option<Page>) -> Result<Option<Self>, MetricsListenError> {
        let (address, Some(page)) = (config.listen.as_str(), page) else { return Ok(None) };
        if address.is_empty() {
            return Ok(None);
        }
        let fail = |source| MetricsListenError { address: address.to_owned(), source };
        let routes = metrics_routes(Some(page));
        let server = HttpServer::new(move || App::new().configure(routes.clone()))
            .disable_signals()
            .workers(1)
            .max_connections(MOST_CONNECTIONS)
            .client_request_timeout(HEAD_TIMEOUT)
            .keep_alive(KEEP_ALIVE)
            .bind(address)
            .map_err(fail)?;
        let addr = server.addrs().first().copied();
        let addr = addr.ok_or_else(|| fail(io::ErrorKind::AddrNotAvailable.into()))?;
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        tracing::info!(server.address = %addr, "metrics are read here");
        Ok(Some(Self { addr, handle }))
    }

    /// The address it holds; the real port where 0 was configured.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for MetricsListener {
    fn drop(&mut self) {
        // The command is on its way as soon as it is called; nobody waits for readers.
        drop(self.handle.stop(false));
    }
}

impl fmt::Debug for MetricsListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsListener").field("addr", &self.addr).finish_non_exhaustive()
    }
}

/// The page, for all workers.
struct Shown {
    page: Page,
    /// The last one, and when it was made. Locked while the next is.
    kept: Arc<Mutex<Option<(Instant, Bytes)>>>,
}

/// Anybody may ask, and there are thousands of series to write: it is done one at a time, aside of the threads that serve.
async fn show(shown: web::Data<Shown>) -> Result<HttpResponse, ApiError> {
    let mut kept = Arc::clone(&shown.kept).lock_owned().await;
    let fresh = kept.as_ref().filter(|(made, _)| made.elapsed() < FRESH).map(|(_, text)| text.clone());
    let text = match fresh {
        Some(text) => text,
        None => {
            let page = Arc::clone(&shown.page);
            // The lock goes along: it is held until the page is there, even if nobody waits for it any more.
            let make = move || {
                let text = Bytes::from(page());
                *kept = Some((Instant::now(), text.clone()));
                text
            };
            web::block(make)
                .await
                .map_err(|_| ApiError::new(ErrorCode::Unavailable, "the metrics could not be read now"))?
        }
    };
    Ok(HttpResponse::Ok().content_type(CONTENT_TYPE).body(text))
}
