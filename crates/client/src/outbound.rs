//! The [`Outbound`] port: plain HTTPS to servers that are not ours.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use outcrop_ports::{Outbound, OutboundAnswer, OutboundMethod, OutboundRequest, PortError};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};

use crate::answer;
use crate::guard::retry_after;

/// Identity providers are asked now and then: connections are not kept for long.
const POOL_IDLE: Duration = Duration::from_secs(20);
const MAX_IDLE_PER_HOST: usize = 2;

/// Sends requests as they are: certificates are checked against the system's, redirects are not followed, no proxy
/// is asked, nothing is tried again.
pub struct HttpOutbound {
    connect_timeout: Duration,
    // Made by the first request: reading the system's certificates costs time that a platform without
    // federation need not spend.
    client: OnceLock<Client>,
}

impl HttpOutbound {
    /// Waits this long for a connection, within the time-out of each request.
    #[must_use]
    pub const fn new(connect_timeout: Duration) -> Self {
        Self { connect_timeout, client: OnceLock::new() }
    }

    fn client(&self) -> Result<&Client, reqwest::Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = Client::builder()
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(self.client.get_or_init(|| client))
    }
}

#[async_trait]
impl Outbound for HttpOutbound {
    async fn send(&self, request: OutboundRequest) -> Result<OutboundAnswer, PortError> {
        let url = checked(&request.url)?;
        let attempted = format!("ask {}", url.host_str().unwrap_or_default());
        let client = self.client().map_err(|error| PortError::broken(attempted.as_str(), error))?;
        let sent = match request.method {
            OutboundMethod::Get => client.get(url),
            OutboundMethod::Post => client.post(url),
        };
        let answer = sent
            .headers(headers(&request.headers, &attempted)?)
            .body(request.body)
            .timeout(request.timeout)
            .send()
            .await
            .map_err(|error| answer::away(&attempted, error))?;
        let (status, retry_after) = (answer.status().as_u16(), retry_after(&answer));
        let body = answer::read(answer, request.max_answer, &attempted).await?;
        Ok(OutboundAnswer { status, body, retry_after })
    }
}

impl fmt::Debug for HttpOutbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpOutbound(…)")
    }
}

/// An address that may be asked.
fn checked(url: &str) -> Result<Url, PortError> {
    let refused = |why: &'static str| PortError::broken("send a request", why);
    let url = Url::parse(url).map_err(|_| refused("the address does not read"))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err(refused("only https:// is asked, and http:// only on this machine")),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

pub(crate) fn headers(given: &[(String, String)], attempted: &str) -> Result<HeaderMap, PortError> {
    let mut headers = HeaderMap::with_capacity(given.len());
    for (name, value) in given {
        // The value may be a secret, and stays out of the error.
        let unfit = || PortError::broken(attempted, format!("the header `{name}` cannot be sent"));
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unfit())?;
        headers.append(header, HeaderValue::from_str(value).map_err(|_| unfit())?);
    }
    Ok(headers)
}
