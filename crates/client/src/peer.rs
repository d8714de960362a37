//! Another of our services.

use std::sync::Arc;
use std::time::Duration;

use outcrop_ports::{Clock, PortError};
use outcrop_telemetry::current;
use outcrop_telemetry::hop::Hop;
use outcrop_token::{HEADER, InternalSigner};
use outcrop_types::Principal;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response, Url};

use crate::ClientError;

/// How long an idle connection is kept: less than the services keep theirs.
const POOL_IDLE: Duration = Duration::from_secs(50);

/// Where a service is, and how we say who asks.
pub(crate) struct Peer {
    name: &'static str,
    base: Url,
    client: Client,
    signer: Arc<InternalSigner>,
    clock: Arc<dyn Clock>,
}

impl Peer {
    /// The service that operators know as `name`.
    pub(crate) fn new(
        name: &'static str,
        url: &str,
        connect_timeout: Duration,
        signer: Arc<InternalSigner>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ClientError> {
        let base = parse(url)?;
        let client = client(&base, connect_timeout)?;
        Ok(Self { name, base, client, signer, clock })
    }

    /// A signed JSON request on `principal`'s behalf that may take as long as `timeout`.
    pub(crate) fn post(
        &self,
        path: &str,
        principal: &Principal,
        timeout: Duration,
    ) -> Result<Call, PortError> {
        let request = self.request(Method::POST, path, principal, timeout)?;
        Ok(request.header("content-type", "application/json"))
    }

    /// The same of any method, without a body.
    pub(crate) fn request(
        &self,
        method: Method,
        path: &str,
        principal: &Principal,
        timeout: Duration,
    ) -> Result<Call, PortError> {
        let mut url = self.base.clone();
        url.set_path(path);
        self.to(method, url, principal, timeout)
    }

    /// Reads what is at a path, with a query or none.
    pub(crate) fn get(
        &self,
        (path, query): (&str, Option<&str>),
        principal: &Principal,
        timeout: Duration,
    ) -> Result<Call, PortError> {
        let mut url = self.base.clone();
        url.set_path(path);
        url.set_query(query);
        self.to(Method::GET, url, principal, timeout)
    }

    fn to(
        &self,
        method: Method,
        url: Url,
        principal: &Principal,
        timeout: Duration,
    ) -> Result<Call, PortError> {
        let identity = self
            .signer
            .sign(principal, self.clock.now())
            .map_err(|error| PortError::broken("sign the internal identity", error))?;
        let name = known(&method);
        let request = self.client.request(method, url).timeout(timeout).header(HEADER, identity);
        Ok(Call { request, method: name, peer: self.name })
    }
}

/// A request to a service, in the trace of whatever the task works on.
pub(crate) struct Call {
    request: RequestBuilder,
    method: &'static str,
    peer: &'static str,
}

impl Call {
    pub(crate) fn header(self, name: &'static str, value: &str) -> Self {
        Self { request: self.request.header(name, value), ..self }
    }

    pub(crate) fn body(self, body: impl Into<reqwest::Body>) -> Self {
        Self { request: self.request.body(body), ..self }
    }

    /// Waits for the head of the answer.
    pub(crate) async fn send(self) -> Result<Response, reqwest::Error> {
        let Self { request, method, peer } = self;
        let hop = Hop::begin(method, peer, &current::trace());
        let mut headers = HeaderMap::with_capacity(3);
        hop.context().inject(|name, value| {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        });
        match request.headers(headers).send().await {
            Ok(answer) => {
                hop.answered(answer.status().as_u16());
                Ok(answer)
            }
            Err(error) => {
                hop.failed(kind(&error));
                Err(error)
            }
        }
    }
}

/// The methods that are used, for metrics.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::DELETE => "DELETE",
        Method::POST => "POST",
        _ => "_OTHER",
    }
}

/// Why there is no answer, for metrics.
fn kind(error: &reqwest::Error) -> &'static str {
    if error.is_connect() {
        "connect"
    } else if error.is_timeout() {
        "timeout"
    } else {
        "broken_off"
    }
}

/// The URL of a service.
pub(crate) fn parse(url: &str) -> Result<Url, ClientError> {
    Url::parse(url)
        .ok()
        .filter(|base| matches!(base.scheme(), "http" | "https") && base.has_host())
        .ok_or_else(|| ClientError::Url { url: url.to_owned() })
}

/// A client for one service. Each call sets its own time-out.
pub(crate) fn client(base: &Url, connect_timeout: Duration) -> Result<Client, ClientError> {
    let mut builder = Client::builder();
    if base.scheme() == "http" {
        // Reading the system's certificates costs milliseconds and memory, for nothing here.
        builder = builder.tls_certs_only([]);
    }
    builder
        .tcp_nodelay(true)
        .connect_timeout(connect_timeout)
        .pool_idle_timeout(POOL_IDLE)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|source| ClientError::Client { source })
}
