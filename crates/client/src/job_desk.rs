//! The [`JobDesk`] port: `/v1/jobs` of the job worker, asked on somebody's behalf.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use outcrop_ports::{Clock, DeskRead, JobAnswer, JobAsk, JobDesk, PortError};
use outcrop_token::InternalSigner;
use outcrop_types::{JobId, Principal, ResponseId};
use reqwest::header::RETRY_AFTER;
use reqwest::{Method, Response};
use serde_json::json;

use crate::peer::{Call, Peer};
use crate::{ClientError, answer};

/// Largest job read, bytes: its answer is in it, in JSON within JSON.
const MAX_JOB: usize = 40 * 1024 * 1024;
/// How long the job worker may take: nothing that it does here waits for a model.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The status of what is larger than was asked for.
const TOO_LARGE: u16 = 413;
/// The answer that the job makes (`outcrop_http::RESPONSE_ID_HEADER`).
const RESPONSE_ID_HEADER: &str = "x-outcrop-response-id";

const SUBMIT: &str = "hand work over to the job worker";
const LOOK: &str = "look for work at the job worker";
const CANCEL: &str = "cancel work at the job worker";
const FORGET: &str = "have the job worker forget work";
const READ: &str = "read what the job worker keeps";

/// Asks the job worker.
pub struct HttpJobDesk {
    peer: Peer,
}

impl HttpJobDesk {
    /// Asks the service at `url`.
    pub fn new(
        url: &str,
        connect_timeout: Duration,
        signer: Arc<InternalSigner>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ClientError> {
        Ok(Self { peer: Peer::new("jobs", url, connect_timeout, signer, clock)? })
    }

    /// A request about one job.
    fn about(&self, method: Method, principal: &Principal, id: JobId) -> Result<Call, PortError> {
        self.peer.request(method, &format!("/v1/jobs/{id}"), principal, TIMEOUT)
    }
}

#[async_trait]
impl JobDesk for HttpJobDesk {
    async fn submit(&self, ask: JobAsk) -> Result<JobAnswer, PortError> {
        let mut request = self
            .peer
            .post("/v1/jobs", &ask.principal, TIMEOUT)?
            .header("x-request-id", ask.request_id.as_str())
            .body(ask.body);
        if let Some(key) = &ask.idempotency_key {
            request = request.header("idempotency-key", key.as_str());
        }
        if let Some(id) = &ask.response {
            request = request.header(RESPONSE_ID_HEADER, &id.to_string());
        }
        answered(request, SUBMIT).await
    }

    async fn look(&self, principal: &Principal, id: JobId) -> Result<JobAnswer, PortError> {
        answered(self.about(Method::GET, principal, id)?, LOOK).await
    }

    async fn read(&self, principal: &Principal, what: &DeskRead) -> Result<JobAnswer, PortError> {
        let (path, query) = what.address();
        let answer = sent(self.peer.get((&path, query), principal, TIMEOUT)?, READ).await?;
        match what {
            DeskRead::Content(_, most) => content(answer, *most).await,
            _ => read(answer, READ).await,
        }
    }

    async fn cancel(&self, principal: &Principal, id: JobId) -> Result<JobAnswer, PortError> {
        answered(self.about(Method::DELETE, principal, id)?, CANCEL).await
    }

    async fn forget(&self, principal: &Principal, id: JobId) -> Result<JobAnswer, PortError> {
        let response = ResponseId::new(id.uuid()).to_string();
        let request = self.about(Method::DELETE, principal, id)?.header(RESPONSE_ID_HEADER, &response);
        answered(request, FORGET).await
    }
}

async fn answered(request: Call, attempted: &str) -> Result<JobAnswer, PortError> {
    read(sent(request, attempted).await?, attempted).await
}

async fn sent(request: Call, attempted: &str) -> Result<Response, PortError> {
    let answer = request.send().await.map_err(|error| answer::away(attempted, error))?;
    if answer::refuses_us(&answer) {
        return Err(PortError::unavailable(attempted, answer::REFUSED));
    }
    Ok(answer)
}

async fn read(answer: Response, attempted: &str) -> Result<JobAnswer, PortError> {
    let status = answer.status().as_u16();
    let seconds = answer.headers().get(RETRY_AFTER).and_then(|it| it.to_str().ok()?.parse().ok());
    let body = answer::read(answer, MAX_JOB, attempted).await?;
    Ok(JobAnswer { status, body, retry_after: seconds.map(Duration::from_secs) })
}

/// What is in a file. Of one that is too large nothing is read: the job worker says how large it is before its first byte.
async fn content(answer: Response, most: u64) -> Result<JobAnswer, PortError> {
    match answer.content_length() {
        Some(size) if answer.status().is_success() && size > most => {
            let problem = json!({ "detail": DeskRead::too_large(size, most), "status": TOO_LARGE });
            let body = problem.to_string().into();
            Ok(JobAnswer { status: TOO_LARGE, body, retry_after: None })
        }
        _ => read(answer, READ).await,
    }
}

impl fmt::Debug for HttpJobDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpJobDesk(…)")
    }
}
