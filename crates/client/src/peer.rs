//! Another of our services.

use std::sync::Arc;
use std::time::Duration;

use outcrop_ports::{Clock, PortError};
use outcrop_token::{HEADER, InternalSigner};
use outcrop_types::Principal;
use reqwest::{Client, Method, RequestBuilder, Url};

use crate::ClientError;

/// How long an idle connection is kept: less than the services keep theirs.
const POOL_IDLE: Duration = Duration::from_secs(50);

/// Where a service is, and how we say who asks.
pub(crate) struct Peer {
    base: Url,
    client: Client,
    signer: Arc<InternalSigner>,
    clock: Arc<dyn Clock>,
}

impl Peer {
    pub(crate) fn new(
        url: &str,
        connect_timeout: Duration,
        signer: Arc<InternalSigner>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ClientError> {
        let base = parse(url)?;
        let client = client(&base, connect_timeout)?;
        Ok(Self { base, client, signer, clock })
    }

    /// A signed JSON request on `principal`'s behalf that may take as long as `timeout`.
    pub(crate) fn post(
        &self,
        path: &str,
        principal: &Principal,
        timeout: Duration,
    ) -> Result<RequestBuilder, PortError> {
        let request = self.request(Method::POST, path, principal, timeout)?;
        Ok(request.header(reqwest::header::CONTENT_TYPE, "application/json"))
    }

    /// The same of any method, without a body.
    pub(crate) fn request(
        &self,
        method: Method,
        path: &str,
        principal: &Principal,
        timeout: Duration,
    ) -> Result<RequestBuilder, PortError> {
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
    ) -> Result<RequestBuilder, PortError> {
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
    ) -> Result<RequestBuilder, PortError> {
        let identity = self
            .signer
            .sign(principal, self.clock.now())
            .map_err(|error| PortError::broken("sign the internal identity", error))?;
        Ok(self.client.request(method, url).timeout(timeout).header(HEADER, identity))
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
