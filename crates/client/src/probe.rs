//! The [`Probe`] port: another service's `/healthz`.
//!
//! Its `/readyz` is left alone: a service that lacks one of its own dependencies says so itself, and would
//! otherwise take everything before it out of service too.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use outcrop_ports::{PortError, Probe};
use reqwest::{Client, Url};

use crate::{ClientError, answer, peer};

/// How long an answer may take; callers may bound it further.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Asks whether another service lives.
pub struct HttpProbe {
    name: &'static str,
    url: Url,
    client: Client,
}

impl HttpProbe {
    /// Asks the service at `url`, which operators know as `name`.
    pub fn new(name: &'static str, url: &str, connect_timeout: Duration) -> Result<Self, ClientError> {
        let mut url = peer::parse(url)?;
        url.set_path("/healthz");
        let client = peer::client(&url, connect_timeout)?;
        Ok(Self { name, url, client })
    }
}

#[async_trait]
impl Probe for HttpProbe {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn probe(&self) -> Result<(), PortError> {
        let attempted = format!("reach the {} service", self.name);
        let request = self.client.get(self.url.clone()).timeout(TIMEOUT);
        let answer = request.send().await.map_err(|error| answer::away(&attempted, error))?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(PortError::unavailable(attempted, format!("it answered {}", answer.status())))
        }
    }
}

impl fmt::Debug for HttpProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpProbe").field("name", &self.name).finish_non_exhaustive()
    }
}
