//! Work that is handed over to the job worker, in the words of whoever asked for it.

use std::time::Duration;

use bytes::Bytes;
use outcrop_http::ApiError;
use outcrop_ports::{JobAnswer, JobAsk, PortError};
use outcrop_types::{ErrorCode, JobId, JobState, Principal};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::InferenceService;

/// A job as the job worker shows it, as far as that matters here.
#[derive(Debug, Deserialize)]
pub(crate) struct HandedJob {
    pub(crate) id: JobId,
    pub(crate) status: JobState,
    /// The answer, once there is one.
    pub(crate) response: Option<HandedAnswer>,
    /// Why there is none.
    pub(crate) error: Option<String>,
}

/// What a job was answered with.
#[derive(Debug, Deserialize)]
pub(crate) struct HandedAnswer {
    pub(crate) status_code: u16,
    pub(crate) body: Option<Box<RawValue>>,
}

/// A refusal as the job worker tells it: RFC 9457, or what OpenAI has.
#[derive(Deserialize)]
struct Problem {
    detail: Option<String>,
    param: Option<String>,
    error: Option<OfOpenAi>,
}

#[derive(Deserialize)]
struct OfOpenAi {
    message: String,
    param: Option<String>,
}

impl Problem {
    /// What is said, and about which field.
    fn told(self) -> (Option<String>, Option<String>) {
        match self.error {
            Some(error) => (Some(error.message), error.param),
            None => (self.detail, self.param),
        }
    }
}

impl InferenceService {
    /// Hands a job over; the job, and its JSON for whoever is to see it as it is.
    pub(crate) async fn hand_over(&self, ask: JobAsk) -> Result<(HandedJob, Bytes), ApiError> {
        let answer = self.inner().desk.submit(ask).await.map_err(ApiError::from_error)?;
        Ok((read(&answer)?, answer.body))
    }

    /// How a job stands that was handed over; `None` if there is no such job any more.
    pub(crate) async fn handed(
        &self,
        principal: &Principal,
        id: JobId,
    ) -> Result<Option<HandedJob>, ApiError> {
        found(&self.inner().desk.look(principal, id).await.map_err(ApiError::from_error)?)
    }

    /// Has a job called off, and what it was asked and answered removed.
    pub(crate) async fn disown(&self, principal: &Principal, id: JobId) -> Result<(), ApiError> {
        found(&self.inner().desk.forget(principal, id).await.map_err(ApiError::from_error)?).map(drop)
    }

    /// Calls a job off; the job as it is then.
    pub(crate) async fn call_off(
        &self,
        principal: &Principal,
        id: JobId,
    ) -> Result<Option<HandedJob>, ApiError> {
        found(&self.inner().desk.cancel(principal, id).await.map_err(ApiError::from_error)?)
    }
}

fn found(answer: &JobAnswer) -> Result<Option<HandedJob>, ApiError> {
    match answer.status {
        404 => Ok(None),
        _ => read(answer).map(Some),
    }
}

fn read(answer: &JobAnswer) -> Result<HandedJob, ApiError> {
    if answer.status >= 400 {
        return Err(refusal(answer));
    }
    serde_json::from_slice(&answer.body)
        .map_err(|error| ApiError::from_error(PortError::broken("read a job", error)))
}

/// A refusal of the job worker's as one of ours.
pub(crate) fn refusal(answer: &JobAnswer) -> ApiError {
    let code = match answer.status {
        400 => ErrorCode::InvalidRequest,
        403 => ErrorCode::Forbidden,
        404 => ErrorCode::NotFound,
        409 => ErrorCode::Conflict,
        410 => ErrorCode::Gone,
        413 => ErrorCode::PayloadTooLarge,
        429 => ErrorCode::RateLimited,
        503 | 504 => ErrorCode::Unavailable,
        _ => ErrorCode::Internal,
    };
    let problem: Option<Problem> = serde_json::from_slice(&answer.body).ok();
    let (detail, param) = problem.map(Problem::told).unwrap_or_default();
    let message = detail.unwrap_or_else(|| "the work could not be seen to".to_owned());
    let mut error = ApiError::new(code, message);
    error.param = param;
    error.retry_after = answer.retry_after.map(|after| after.max(Duration::from_secs(1)));
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> JobAnswer {
        let retry_after = (status == 429).then_some(Duration::from_secs(7));
        JobAnswer { status, body: Bytes::from_static(body.as_bytes()), retry_after }
    }

    #[test]
    fn a_refusal_keeps_its_words() {
        let told = answer(429, r#"{"detail":"too many","param":"path","code":"rate_limited"}"#);
        let error = read(&told).unwrap_err();
        assert_eq!((error.code, &*error.message), (ErrorCode::RateLimited, "too many"));
        assert_eq!((error.param.as_deref(), error.retry_after), (Some("path"), Some(Duration::from_secs(7))));
        let told = answer(413, r#"{"error":{"message":"too large","type":"x","param":"file","code":null}}"#);
        let error = refusal(&told);
        assert_eq!((error.code, &*error.message), (ErrorCode::PayloadTooLarge, "too large"));
        assert_eq!(error.param.as_deref(), Some("file"));
        assert_eq!(read(&answer(502, "<html>")).unwrap_err().code, ErrorCode::Internal);
        assert_eq!(read(&answer(200, "[]")).unwrap_err().code, ErrorCode::Internal);
    }

    #[test]
    fn only_a_job_that_is_not_there_is_none() {
        assert!(found(&answer(404, "{}")).unwrap().is_none());
        assert!(found(&answer(503, "{}")).is_err());
        let job =
            r#"{"id":"job_00000000000000000000000000000001","status":"failed","response":null,"error":"x"}"#;
        let job = found(&answer(200, job)).unwrap().unwrap();
        assert_eq!((job.status, job.error.as_deref()), (JobState::Failed, Some("x")));
    }
}
