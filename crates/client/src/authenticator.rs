//! The [`Authenticator`] port: `POST /internal/introspect` of the auth service.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_ports::{Authenticated, Authenticator, Clock, Credential, PortError, Refused};
use outcrop_token::{InternalSigner, service_principal};
use outcrop_types::{Principal, SessionId};
use reqwest::StatusCode;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use crate::peer::Peer;
use crate::{ClientError, answer};

/// How long a check may take.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Largest answer read, bytes.
const MAX_ANSWER: usize = 64 * 1024;

const ATTEMPTED: &str = "ask the auth service about a credential";

/// Asks the auth service. It asks in its own name, as the service principal of `service`.
pub struct HttpAuthenticator {
    peer: Peer,
    own: Principal,
}

impl HttpAuthenticator {
    /// Asks the auth service at `url`, as `service`.
    pub fn new(
        url: &str,
        service: &str,
        connect_timeout: Duration,
        signer: Arc<InternalSigner>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ClientError> {
        let peer = Peer::new("auth", url, connect_timeout, signer, clock)?;
        Ok(Self { peer, own: service_principal(service) })
    }

    async fn ask(&self, credential: &Credential) -> Result<Option<Authenticated>, PortError> {
        let question = Question { credential: Presented::from(credential) };
        let body = serde_json::to_vec(&question).map_err(|error| PortError::broken(ATTEMPTED, error))?;
        let request = self.peer.post("/internal/introspect", &self.own, TIMEOUT)?.body(body);
        let answer = request.send().await.map_err(|error| answer::away(ATTEMPTED, error))?;
        match answer.status() {
            StatusCode::OK => {
                let body = answer::read(answer, MAX_ANSWER, ATTEMPTED).await?;
                let found: Answer =
                    serde_json::from_slice(&body).map_err(|error| PortError::broken(ATTEMPTED, error))?;
                let Answer { principal, expires_at, session } = found;
                Ok(Some(Authenticated { principal, expires_at, session }))
            }
            _ if answer::refuses_us(&answer) => Err(PortError::broken(ATTEMPTED, answer::REFUSED)),
            StatusCode::UNAUTHORIZED => Ok(None),
            status => Err(PortError::unavailable(ATTEMPTED, format!("it answered {status}"))),
        }
    }
}

#[async_trait]
impl Authenticator for HttpAuthenticator {
    async fn authenticate(&self, credential: &Credential) -> Result<Authenticated, Refused> {
        match self.ask(credential).await {
            // The reason stands in the log of the auth service.
            Ok(found) => found.ok_or_else(|| Refused::invalid("the auth service does not take it")),
            Err(source) => Err(Refused::Unknown { source }),
        }
    }
}

impl fmt::Debug for HttpAuthenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpAuthenticator(…)")
    }
}

/// No `Debug`: it holds the secret.
#[derive(Serialize)]
struct Question<'a> {
    credential: Presented<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Presented<'a> {
    ApiKey(&'a str),
    Token(&'a str),
    Session(&'a str),
    Static(&'a str),
}

impl<'a> From<&'a Credential> for Presented<'a> {
    fn from(credential: &'a Credential) -> Self {
        match credential {
            Credential::ApiKey(key) => Self::ApiKey(key.expose()),
            Credential::Token(text) => Self::Token(text.expose_secret()),
            Credential::Session(key) => Self::Session(key.expose()),
            Credential::Static(text) => Self::Static(text.expose_secret()),
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    principal: Principal,
    expires_at: Option<DateTime<Utc>>,
    session: Option<SessionId>,
}
