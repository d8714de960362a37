//! Streams a request through to the service that owns its path, and its answer back, reading neither.
//!
//! Back-pressure goes both ways: no more of a body is read than the other side takes. When the client goes
//! away, the call of the service goes with it.

mod headers;
mod news;
mod request_body;
mod response_body;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use outcrop_config::ServicesConfig;
use outcrop_http::{ApiError, Bounds, Draining, REFUSED_HEADER, RequestContext, method_name, takes_file};
use outcrop_ports::Clock;
use outcrop_telemetry::hop::Hop;
use outcrop_telemetry::trace::TraceContext;
use outcrop_token::{InternalSigner, service_principal};
use outcrop_types::{ErrorCode, Principal};
use reqwest::Url;

pub(crate) use self::news::asks_for_news;
use self::request_body::Sending;
use self::response_body::UpstreamBody;
use crate::route::{Owner, Route};

/// How long an idle connection to a service is kept: less than the services keep theirs, so that none is used
/// in the moment it is closed.
const POOL_IDLE: Duration = Duration::from_secs(50);

/// Longest wait for the auth service to begin its answer. Models think for minutes; it only looks things up, and asks
/// issuers, each with a bound of its own: when it is silent for longer, it hangs.
const AUTH_PATIENCE: Duration = Duration::from_secs(15);

/// Least silence in the middle of an answer after which its service counts as gone, however short the time that clients
/// wait for a beginning: streams with nothing to tell say so every 15 s.
const QUIET: Duration = Duration::from_secs(60);

/// Why there is no forwarder.
#[derive(Debug, thiserror::Error)]
pub enum ForwarderError {
    /// A service's address does not read.
    #[error("`services.{service}` is not the http(s) URL of a service: {url}")]
    Url {
        /// Which one.
        service: &'static str,
        /// As configured.
        url: String,
    },
    /// The HTTP client could not be made.
    #[error("could not set up the HTTP client")]
    Client {
        /// As reported.
        #[source]
        source: reqwest::Error,
    },
}

/// What forwards: the routes of a gateway that runs apart from the services.
#[derive(Clone)]
pub struct Forwarder(Arc<Shared>);

struct Shared {
    bases: [Url; Owner::ALL.len()],
    signer: InternalSigner,
    clock: Arc<dyn Clock>,
    connect_timeout: Duration,
    auth_patience: Duration,
    bounds: Bounds,
    /// For a worker that cannot make its own.
    clients: Clients,
}

impl Forwarder {
    /// Forwards to the configured services, with identities signed by `signer`.
    pub fn new(
        services: &ServicesConfig,
        bounds: Bounds,
        signer: InternalSigner,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ForwarderError> {
        let base = |owner: Owner| {
            let url = match owner {
                Owner::Auth => &services.auth,
                Owner::Inference => &services.inference,
                Owner::Jobs => &services.jobs,
            };
            let service = owner.name();
            parse_base(url).ok_or_else(|| ForwarderError::Url { service, url: url.clone() })
        };
        let bases = [base(Owner::Auth)?, base(Owner::Inference)?, base(Owner::Jobs)?];
        let connect_timeout = Duration::from_millis(services.connect_timeout_ms);
        let clients = Clients::new(&bases, connect_timeout, &bounds)
            .map_err(|source| ForwarderError::Client { source })?;
        let auth_patience = AUTH_PATIENCE;
        Ok(Self(Arc::new(Shared { bases, signer, clock, connect_timeout, auth_patience, bounds, clients })))
    }

    /// The routes: everything. To be called once in every worker, so that each has its own connections and no
    /// byte of an answer changes threads.
    pub fn routes(&self, service: &mut web::ServiceConfig) {
        let shared = Arc::clone(&self.0);
        let clients = Clients::new(&shared.bases, shared.connect_timeout, &shared.bounds)
            .unwrap_or_else(|_| shared.clients.clone());
        service.app_data(web::Data::new(Worker { shared, clients })).default_service(web::to(forward));
    }
}

impl fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bases = self.0.bases.iter().map(Url::as_str);
        f.debug_tuple("Forwarder").field(&bases.collect::<Vec<_>>()).finish()
    }
}

/// An absolute http(s) URL with nothing behind its authority.
fn parse_base(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let fits = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.path() == "/"
        && url.query().is_none();
    fits.then_some(url)
}

/// What calls the services.
#[derive(Clone)]
struct Clients {
    /// For all but files.
    client: reqwest::Client,
    /// For requests that bring a file: reqwest's read time-out counts from the first byte of a request, and with it all of
    /// the upload.
    uploads: reqwest::Client,
}

impl Clients {
    fn new(bases: &[Url], connect_timeout: Duration, bounds: &Bounds) -> reqwest::Result<Self> {
        let silence = bounds.request_timeout.max(QUIET);
        let uploads = silence.max(bounds.files.transfer_timeout);
        Ok(Self {
            client: client(bases, connect_timeout, silence)?,
            uploads: client(bases, connect_timeout, uploads)?,
        })
    }
}

fn client(bases: &[Url], connect_timeout: Duration, silence: Duration) -> reqwest::Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder();
    if bases.iter().all(|base| base.scheme() == "http") {
        // Reading the system's certificates costs milliseconds and memory, for nothing here.
        builder = builder.tls_certs_only([]);
    }
    builder
        .tcp_nodelay(true)
        .connect_timeout(connect_timeout)
        // Between two pieces of an answer; the whole of a stream has no bound.
        .read_timeout(silence)
        .pool_idle_timeout(POOL_IDLE)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .http1_only()
        .build()
}

/// What one worker forwards with.
struct Worker {
    shared: Arc<Shared>,
    clients: Clients,
}

async fn forward(
    request: HttpRequest,
    payload: web::Payload,
    context: RequestContext,
    draining: Draining,
    worker: web::Data<Worker>,
) -> Result<HttpResponse, ApiError> {
    let Some(route) = request.extensions().get::<Route>().copied() else {
        // Only the edge's layer decides what is public; without it nothing is.
        return Err(ApiError::new(ErrorCode::NotFound, "there is nothing at this path"));
    };
    let owner = route.owner;
    let bounds = worker.shared.bounds.of(request.method(), request.path());
    let (sending, body) = Sending::begin(&request, payload, bounds, context.remaining()).await?;
    let hop = Hop::begin(method_name(request.method()), owner.name(), &context.trace);
    let mut outgoing = worker.shared.outgoing(&request, owner, &context, hop.context())?;
    *outgoing.body_mut() = body;
    let patience = worker.shared.patience(owner, context.remaining());
    let clients = &worker.clients;
    let file = takes_file(request.method(), request.path());
    let client = if file { &clients.uploads } else { &clients.client };
    let answer = match tokio::time::timeout(patience, sending.alongside(client.execute(outgoing))).await {
        Err(_) => {
            hop.failed("timeout");
            return Err(timed_out(owner));
        }
        // The client is to blame, and the call was given up.
        Ok(Err(error)) => return Err(error),
        Ok(Ok(Err(error))) => {
            hop.failed(kind(&error));
            return Err(failed(owner, error));
        }
        Ok(Ok(Ok(answer))) => answer,
    };
    hop.answered(answer.status().as_u16());
    if refuses_us(&answer) {
        return Err(refused(owner));
    }
    let end = news::is_of_news(&request, &answer).then(|| draining.begun());
    Ok(back(answer, end))
}

impl Shared {
    /// How long a service may take until it begins its answer.
    fn patience(&self, owner: Owner, remaining: Duration) -> Duration {
        match owner {
            Owner::Auth => remaining.min(self.auth_patience),
            Owner::Inference | Owner::Jobs => remaining,
        }
    }

    /// The request as the service gets it, still without its body.
    fn outgoing(
        &self,
        request: &HttpRequest,
        owner: Owner,
        context: &RequestContext,
        trace: &TraceContext,
    ) -> Result<reqwest::Request, ApiError> {
        let mut url = self.bases[owner as usize].clone();
        url.set_path(request.path());
        url.set_query(Some(request.query_string()).filter(|query| !query.is_empty()));
        let method = reqwest::Method::from_bytes(request.method().as_str().as_bytes())
            .map_err(|_| ApiError::new(ErrorCode::InvalidRequest, "there is no such method"))?;
        let mut outgoing = reqwest::Request::new(method, url);
        // A public path is asked for on nobody's behalf but the gateway's own.
        let extensions = request.extensions();
        let principal =
            extensions.get::<Principal>().cloned().unwrap_or_else(|| service_principal("gateway"));
        let identity = self.signer.sign(&principal, self.clock.now()).map_err(ApiError::from_error)?;
        headers::outgoing(outgoing.headers_mut(), request, owner, context, &identity, trace);
        Ok(outgoing)
    }
}

/// The answer as the client gets it; one without an end of its own ends with `end`.
fn back(answer: reqwest::Response, end: Option<impl Future<Output = ()> + 'static>) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(answer.status().as_u16())
        .unwrap_or(actix_web::http::StatusCode::BAD_GATEWAY);
    let mut response = HttpResponse::new(status);
    headers::incoming(response.headers_mut(), answer.headers());
    let body = UpstreamBody::new(answer);
    response.set_body(BoxBody::new(match end {
        Some(end) => body.until(end),
        None => body,
    }))
}

/// Whether a service did not take our identity: nothing the caller could do anything about.
fn refuses_us(answer: &reqwest::Response) -> bool {
    answer.status() == reqwest::StatusCode::UNAUTHORIZED && answer.headers().contains_key(REFUSED_HEADER)
}

fn refused(owner: Owner) -> ApiError {
    let name = owner.name();
    let mut failure = ApiError::new(ErrorCode::Unavailable, format!("the {name} service cannot be used now"))
        .with_retry_after(Duration::from_secs(1));
    let why = "it does not take the gateway's identity; is `internal.secret` the same everywhere, and do the \
               clocks agree?";
    failure.source = Some(why.into());
    failure
}

fn timed_out(owner: Owner) -> ApiError {
    let message = format!("the {} service did not answer in time", owner.name());
    match owner {
        // It hangs, and who asks here cannot even show who it is: that is the same as a service that is away.
        Owner::Auth => {
            ApiError::new(ErrorCode::Unavailable, message).with_retry_after(Duration::from_secs(1))
        }
        Owner::Inference | Owner::Jobs => ApiError::new(ErrorCode::Timeout, message),
    }
}

/// The same for metrics and spans.
fn kind(error: &reqwest::Error) -> &'static str {
    if error.is_connect() {
        "connect"
    } else if error.is_timeout() {
        "timeout"
    } else {
        "broken_off"
    }
}

fn failed(owner: Owner, error: reqwest::Error) -> ApiError {
    let name = owner.name();
    // The address behind is nobody's business but the log's, and the log has the service's name.
    let error = error.without_url();
    let mut failure = if error.is_connect() {
        ApiError::new(ErrorCode::Unavailable, format!("the {name} service cannot be reached"))
            .with_retry_after(Duration::from_secs(1))
    } else if error.is_timeout() {
        timed_out(owner)
    } else {
        ApiError::new(ErrorCode::Upstream, format!("the {name} service broke off before it answered"))
    };
    failure.source = Some(Box::new(error));
    failure
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use outcrop_config::ServerConfig;
    use outcrop_http::{Health, Layer, Server, ServerParts};
    use outcrop_lifecycle::InFlight;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::route::Access;

    /// A forwarder to services of which none ever answers.
    fn to_the_hung(auth_patience: Duration) -> (Forwarder, TcpListener) {
        // It connects whoever comes, and nobody reads.
        let hung = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", hung.local_addr().unwrap());
        let services =
            ServicesConfig { auth: url.clone(), inference: url.clone(), jobs: url, ..Default::default() };
        let secret = "a secret for tests, 32 bytes long".to_owned().into();
        let signer = InternalSigner::new("gateway", &secret, Duration::from_secs(60)).unwrap();
        let clock = Arc::new(outcrop_embedded::SystemClock::default());
        let mut forwarder = Forwarder::new(&services, Bounds::default(), signer, clock).unwrap();
        Arc::get_mut(&mut forwarder.0).unwrap().auth_patience = auth_patience;
        (forwarder, hung)
    }

    #[actix_web::test]
    async fn an_auth_service_that_hangs_is_one_that_is_away() {
        let (forwarder, _hung) = to_the_hung(Duration::from_millis(50));
        let layer = Layer::new(|request, next| {
            request.extensions_mut().insert(Route { owner: Owner::Auth, access: Access::Public });
            Box::pin(async move { next.call(request).await })
        });
        let parts = ServerParts {
            in_flight: InFlight::default(),
            ids: Arc::new(outcrop_embedded::SystemIdGen),
            layer,
            health: Health::new(Vec::new()),
        };
        let config = ServerConfig { port: 0, workers: 1, drain_ms: 500, ..ServerConfig::default() };
        let server = Server::bind(&config, parts, move |app| forwarder.routes(app)).unwrap();
        let url = format!("http://{}/.well-known/jwks.json", server.addr());
        let stop = CancellationToken::new();
        actix_web::rt::spawn(server.run(stop.clone()));
        let _stop = stop.drop_guard();
        let asked = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
        let away = asked.get(url).send().await.unwrap();
        assert_eq!((away.status().as_u16(), &away.headers()["retry-after"]), (503, &"1".parse().unwrap()));
        assert!(away.text().await.unwrap().contains("the auth service did not answer in time"));
    }

    #[test]
    fn nobody_waits_for_the_auth_service_as_long_as_for_a_model() {
        let (forwarder, _hung) = to_the_hung(AUTH_PATIENCE);
        let (long, short) = (Duration::from_secs(600), Duration::from_secs(1));
        assert_eq!(forwarder.0.patience(Owner::Auth, long), Duration::from_secs(15));
        assert_eq!(forwarder.0.patience(Owner::Auth, short), short, "never longer than the caller");
        assert_eq!(forwarder.0.patience(Owner::Inference, long), long);
        assert_eq!(forwarder.0.patience(Owner::Jobs, long), long);
    }

    #[test]
    fn a_base_is_a_bare_http_url() {
        for good in ["http://127.0.0.1:8081", "http://auth:8080/", "https://auth.internal"] {
            assert!(parse_base(good).is_some(), "{good}");
        }
        for bad in ["", "auth:8080", "ftp://auth", "http://auth/path", "http://auth/?a=b"] {
            assert!(parse_base(bad).is_none(), "{bad}");
        }
    }
}
