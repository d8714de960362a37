//! The [`Inference`] port: the inference service's own paths, called on somebody's behalf.

mod records;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use outcrop_ports::{
    BatchRecord, Clock, Inference, InferenceAnswer, InferenceCall, PortError, RecordOutput, Recorded,
};
use outcrop_token::InternalSigner;
use outcrop_types::Used;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use self::records::{Asked, Made};
use crate::peer::Peer;
use crate::{ClientError, answer};

/// Largest answer read, bytes.
const MAX_ANSWER: usize = 32 * 1024 * 1024;

/// How much longer than the deadline is waited: the service keeps it too, and answers in better words.
const GRACE: Duration = Duration::from_secs(1);

/// How a call is to be done (`outcrop_http::WAY_HEADER`).
const WAY_HEADER: &str = "x-outcrop-way";
/// The answer that it makes (`outcrop_http::RESPONSE_ID_HEADER`).
const RESPONSE_ID_HEADER: &str = "x-outcrop-response-id";
/// What it used (`outcrop_http::USED_HEADER`).
const USED_HEADER: &str = "x-outcrop-used";
/// What tells clients not to try again.
const SHOULD_RETRY: &str = "x-should-retry";

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
        Ok(Self { peer: Peer::new("inference", url, connect_timeout, signer, clock)? })
    }

    /// What the service says of a call of batch inference.
    async fn about_record(
        &self,
        path: &str,
        call: &InferenceCall,
        made: Option<Made<'_>>,
    ) -> Result<Bytes, PortError> {
        let asked = Asked { path: &call.path, body: records::text(&call.body)?, made };
        let body = serde_json::to_vec(&asked).map_err(|error| PortError::broken(ATTEMPTED, error))?;
        let answer = self
            .peer
            .post(path, &call.principal, call.deadline + GRACE)?
            .header("x-request-id", call.request_id.as_str())
            .header("x-outcrop-deadline-ms", &call.deadline.as_millis().to_string())
            .body(body)
            .send()
            .await
            .map_err(|error| answer::away(ATTEMPTED, error))?;
        if answer::refuses_us(&answer) {
            return Err(PortError::unavailable(ATTEMPTED, answer::REFUSED));
        }
        let status = answer.status();
        let body = answer::read(answer, MAX_ANSWER, ATTEMPTED).await?;
        match status.as_u16() {
            200 => Ok(body),
            code @ (408 | 429 | 500..=599) => {
                Err(PortError::unavailable(ATTEMPTED, format!("status {code}")))
            }
            code => Err(PortError::broken(ATTEMPTED, format!("status {code}"))),
        }
    }
}

#[async_trait]
impl Inference for HttpInference {
    async fn record(&self, call: InferenceCall) -> Result<Recorded, PortError> {
        let body = self.about_record("/internal/records", &call, None).await?;
        records::recorded(&body).map_err(|error| PortError::broken(ATTEMPTED, error))
    }

    async fn recorded(
        &self,
        call: InferenceCall,
        record: BatchRecord,
        output: RecordOutput,
    ) -> Result<InferenceAnswer, PortError> {
        let made = Made::new(record, &output)?;
        let body = self.about_record("/internal/records/answers", &call, Some(made)).await?;
        records::answered(&body).map_err(|error| PortError::broken(ATTEMPTED, error))
    }

    async fn call(&self, call: InferenceCall) -> Result<InferenceAnswer, PortError> {
        let mut request = self
            .peer
            .post(&call.path, &call.principal, call.deadline + GRACE)?
            .header("x-request-id", call.request_id.as_str())
            .header("x-outcrop-deadline-ms", &call.deadline.as_millis().to_string())
            .header(WAY_HEADER, call.way.name())
            .body(call.body);
        if let Some(id) = &call.response {
            request = request.header(RESPONSE_ID_HEADER, &id.to_string());
        }
        let answer = request.send().await.map_err(|error| answer::away(ATTEMPTED, error))?;
        if answer::refuses_us(&answer) {
            return Err(PortError::unavailable(ATTEMPTED, answer::REFUSED));
        }
        let status = answer.status().as_u16();
        let (retry_after, used) = (retry_after(answer.headers()), used(answer.headers()));
        let is_final = InferenceAnswer::stays(status) || never_fits(status, answer.headers());
        let body = answer::read(answer, MAX_ANSWER, ATTEMPTED).await?;
        Ok(InferenceAnswer { status, body, retry_after, used, is_final })
    }
}

/// What it says it used. One that does not say used nothing that we know of.
fn used(headers: &HeaderMap) -> Used {
    let said = headers.get(USED_HEADER).and_then(|it| serde_json::from_slice(it.as_bytes()).ok());
    said.unwrap_or_default()
}

/// Whether a limit will never have room for the request: it says not to come back, and names no time. (A budget that is
/// spent says when it begins anew.)
fn never_fits(status: u16, headers: &HeaderMap) -> bool {
    let told = headers.get(SHOULD_RETRY).is_some_and(|it| it.as_bytes() == b"false");
    status == 429 && told && !headers.contains_key(RETRY_AFTER)
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
