//! The [`Inference`] port: the inference service's own paths, called on somebody's behalf.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use outcrop_ports::{Clock, Inference, InferenceAnswer, InferenceCall, PortError};
use outcrop_token::InternalSigner;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::peer::Peer;
use crate::{ClientError, answer};

/// Largest answer read, bytes.
const MAX_ANSWER: usize = 32 * 1024 * 1024;

/// How much longer than the deadline is waited: the service keeps it too, and answers in better words.
const GRACE: Duration = Duration::from_secs(1);

const ATTEMPTED: &str = "call the inference service";

/// Calls the inference service.
pub struct HttpInference {
    peer: Peer,
}

impl HttpInference {
    /// Calls the service at `url`.
    pub fn new(
        url: &str,
        connect_timeout: Duration,
        signer: Arc<InternalSigner>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ClientError> {
        Ok(Self { peer: Peer::new(url, connect_timeout, signer, clock)? })
    }
}

#[async_trait]
impl Inference for HttpInference {
    async fn call(&self, call: InferenceCall) -> Result<InferenceAnswer, PortError> {
        let answer = self
            .peer
            .post(&call.path, &call.principal, call.deadline + GRACE)?
            .header("x-request-id", call.request_id.as_str())
            .header("x-outcrop-deadline-ms", call.deadline.as_millis().to_string())
            .body(call.body)
            .send()
            .await
            .map_err(|error| answer::away(ATTEMPTED, error))?;
        if answer::refuses_us(&answer) {
            return Err(PortError::unavailable(ATTEMPTED, answer::REFUSED));
        }
        let status = answer.status().as_u16();
        let retry_after = retry_after(answer.headers());
        let body = answer::read(answer, MAX_ANSWER, ATTEMPTED).await?;
        Ok(InferenceAnswer { status, body, retry_after })
    }
}

/// `Retry-After` in whole seconds; our services send no dates.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

impl fmt::Debug for HttpInference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpInference(…)")
    }
}
