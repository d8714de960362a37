//! The [`MediaFetcher`] port: what clients name by URL is fetched, and nothing of this network can be reached by it.
//!
//! [`MediaRules`] says which URLs may be asked (`rules.rs`); which addresses, `guard` says, and sees to it. Redirects are
//! followed here, by hand, each looked at like the first URL.

mod rules;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use outcrop_ports::{FetchError, Fetched, MediaFetcher};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Client, Response, StatusCode, Url};

pub use self::rules::MediaRules;
use crate::guard::leads_nowhere;
use crate::guard::resolver::{Lookup, SystemLookup};

/// Most redirects followed.
const MAX_REDIRECTS: usize = 3;

/// Fetches over HTTP.
pub struct HttpMediaFetcher {
    rules: Arc<MediaRules>,
    lookup: Arc<dyn Lookup>,
    // Made by the first fetch, as in `HttpOutbound`.
    client: OnceLock<Client>,
}

impl HttpMediaFetcher {
    /// Fetches what these rules allow.
    #[must_use]
    pub fn new(rules: MediaRules) -> Self {
        Self::with_lookup(rules, Arc::new(SystemLookup))
    }

    fn with_lookup(rules: MediaRules, lookup: Arc<dyn Lookup>) -> Self {
        Self { rules: Arc::new(rules), lookup, client: OnceLock::new() }
    }

    fn client(&self) -> Result<&Client, FetchError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let networks = self.rules.allow_networks.clone().into();
        let client = crate::guard::client(Arc::clone(&self.lookup), networks)
            .map_err(|_| failed("cannot be fetched now"))?;
        Ok(self.client.get_or_init(|| client))
    }

    /// From redirect to redirect to the body.
    async fn follow(&self, url: &str, max_bytes: usize) -> Result<Fetched, FetchError> {
        let mut url = self.rules.checked(url)?;
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.ask(&url).await?;
            match redirect(&answer)? {
                Some(location) => url = self.rules.redirected(&url, location)?,
                None => return read(answer, max_bytes).await,
            }
        }
        Err(failed(&format!("is redirected more than {MAX_REDIRECTS} times")))
    }

    async fn ask(&self, url: &Url) -> Result<Response, FetchError> {
        let request = self.client()?.get(url.clone());
        let request = request.header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        request.send().await.map_err(|error| if leads_nowhere(&error) { rules::no_address() } else { away() })
    }
}

#[async_trait]
impl MediaFetcher for HttpMediaFetcher {
    async fn fetch(&self, url: &str, max_bytes: usize, timeout: Duration) -> Result<Fetched, FetchError> {
        let fetched = tokio::time::timeout(timeout, self.follow(url, max_bytes)).await;
        fetched.unwrap_or_else(|_| Err(failed("takes too long to fetch")))
    }
}

impl fmt::Debug for HttpMediaFetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpMediaFetcher").field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// Where an answer sends us, if it does.
fn redirect(answer: &Response) -> Result<Option<&str>, FetchError> {
    match answer.status() {
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => {
            let location = answer.headers().get(LOCATION).and_then(|it| it.to_str().ok());
            location.map(Some).ok_or_else(|| failed("is redirected to nowhere"))
        }
        _ => Ok(None),
    }
}

/// The body, bounded while it comes: what was announced may be a lie.
async fn read(mut answer: Response, max: usize) -> Result<Fetched, FetchError> {
    if answer.status() != StatusCode::OK {
        let status = answer.status().as_u16();
        return Err(failed(&format!("cannot be fetched: its server answers with status {status}")));
    }
    let too_long = || failed(&format!("leads to more than {max} bytes"));
    let announced = answer.content_length().unwrap_or(0);
    if announced > max as u64 {
        return Err(too_long());
    }
    let media_type = answer.headers().get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).map(essence);
    // Room that is never written to costs nothing.
    let mut body = BytesMut::with_capacity(usize::try_from(announced).unwrap_or(0));
    while let Some(piece) = answer.chunk().await.map_err(|_| away())? {
        if body.len() + piece.len() > max {
            return Err(too_long());
        }
        body.extend_from_slice(&piece);
    }
    Ok(Fetched { body: Bytes::from(body), media_type })
}

/// A media type without its parameters.
fn essence(value: &str) -> String {
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Nothing came; whether nobody listens, or who listens is no web server, is not told.
fn away() -> FetchError {
    failed("cannot be fetched: its server gives no answer")
}

fn failed(why: &str) -> FetchError {
    FetchError::Failed(why.to_owned())
}
