//! What a collector is sent, by OTLP over HTTP (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>).

use std::io::{Read as _, Write as _};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;
use reqwest::Url;
use reqwest::blocking::Client;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;

use crate::{ExporterError, Otlp};

/// Most of an answer that is read, bytes.
const MOST_ANSWER: u64 = 64 * 1_024;

/// Sends batches, each once: a second try would let all others wait behind it.
#[derive(Debug)]
pub(crate) struct Collector {
    client: Client,
    endpoint: Url,
    headers: HeaderMap,
    gzip: bool,
}

impl Collector {
    /// One that takes this signal: `traces`, `metrics`.
    pub(crate) fn new(otlp: &Otlp, signal: &str) -> Result<Self, ExporterError> {
        Ok(Self {
            client: client(otlp.timeout)?,
            endpoint: endpoint(otlp, signal)?,
            headers: headers(otlp)?,
            gzip: otlp.gzip,
        })
    }

    /// What the collector answered, which may be that it refused a part. Blocks for the time-out at most.
    pub(crate) fn send<A: Message + Default>(&self, mut body: Vec<u8>) -> Result<A, SendError> {
        let mut request = self.client.post(self.endpoint.clone()).headers(self.headers.clone());
        if self.gzip {
            body = zipped(&body).map_err(SendError::Compress)?;
            request = request.header(CONTENT_ENCODING, "gzip");
        }
        let answer = request.body(body).send().map_err(|error| SendError::Unheard(error.without_url()))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(SendError::Status(status.as_u16()));
        }
        let mut said = Vec::new();
        // It has them, whatever becomes of its words. Not all collectors answer in those of the protocol; all is well then.
        let _ = answer.take(MOST_ANSWER).read_to_end(&mut said);
        Ok(A::decode(said.as_slice()).unwrap_or_default())
    }
}

/// Why the collector has not got a batch. Of what went wrong on the way no address is told: there may be a secret in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error("it cannot be compressed")]
    Compress(#[source] std::io::Error),
    #[error(transparent)]
    Unheard(reqwest::Error),
    #[error("the collector answered {0}")]
    Status(u16),
    #[error("what sends it panicked")]
    Panicked,
}

/// Made by a thread of its own: the client waits for its own at the start, which may not be done where others are served.
fn client(timeout: Duration) -> Result<Client, ExporterError> {
    let make = || Client::builder().timeout(timeout).redirect(Policy::none()).build();
    let made = std::thread::scope(|scope| scope.spawn(make).join());
    let made = made.map_err(|_| ExporterError::Client { source: None })?;
    made.map_err(|source| ExporterError::Client { source: Some(source.without_url()) })
}

fn endpoint(otlp: &Otlp, signal: &str) -> Result<Url, ExporterError> {
    let url = Url::parse(&format!("{}/v1/{signal}", otlp.endpoint.trim_end_matches('/')));
    url.ok().filter(|url| matches!(url.scheme(), "http" | "https")).ok_or(ExporterError::Endpoint)
}

fn headers(otlp: &Otlp) -> Result<HeaderMap, ExporterError> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    for (name, value) in &otlp.headers {
        let bad = || ExporterError::Header { name: name.clone() };
        let mut value = HeaderValue::from_str(value).map_err(|_| bad())?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?, value);
    }
    Ok(headers)
}

fn zipped(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
    zipped.write_all(body)?;
    zipped.finish()
}
