//! `POST /internal/records` and `/internal/records/answers`: what [`Inference`] does besides calling, for the job worker that
//! runs apart. Behind the internal identity, and no path of the gateway.

use std::time::Duration;

use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, web};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use outcrop_http::{ApiError, FromService, JsonBytes, RequestContext};
use outcrop_ports::{BatchRecord, Inference as _, InferenceAnswer, InferenceCall, RecordOutput, Recorded};
use outcrop_types::{ErrorCode, Principal, Used, Way};
use serde::{Deserialize, Serialize};

use crate::{InferenceService, LocalInference};

/// A call to be written, or one that was made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    path: String,
    body: String,
    #[serde(default)]
    made: Option<MadeCall>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MadeCall {
    record: Record,
    #[serde(default)]
    output: Option<String>,
    #[serde(default)]
    error: Option<Failure>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    model: String,
    region: String,
    at: DateTime<Utc>,
    #[serde(default)]
    input: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    code: u16,
    message: String,
}

/// What became of writing it.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum View {
    Record(Record),
    Unfit(String),
    Refused(Answer),
}

#[derive(Serialize)]
struct Answer {
    status: u16,
    body: String,
    retry_after_ms: Option<u64>,
    used: Used,
    is_final: bool,
}

/// Writes a call as a record.
pub(crate) async fn write(
    request: HttpRequest,
    context: RequestContext,
    service: web::Data<InferenceService>,
    JsonBytes(body): JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let (call, _) = read(&request, &context, &body)?;
    let recorded = LocalInference::new(service.get_ref().clone()).record(call).await;
    let view = match recorded.map_err(ApiError::from_error)? {
        Recorded::Record(record) => View::Record(Record {
            model: record.model,
            region: record.region,
            at: record.at,
            input: text(&record.input),
        }),
        Recorded::Unfit(why) => View::Unfit(why),
        Recorded::Refused(answer) => View::Refused(answer.into()),
    };
    Ok(HttpResponse::Ok().json(view))
}

/// Records a call that was made.
pub(crate) async fn answer(
    request: HttpRequest,
    context: RequestContext,
    service: web::Data<InferenceService>,
    JsonBytes(body): JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let (call, made) = read(&request, &context, &body)?;
    let absent = || ApiError::new(ErrorCode::InvalidRequest, "`made` is required").with_param("made");
    let MadeCall { record, output, error } = made.ok_or_else(absent)?;
    let output = match (output, error) {
        (Some(output), None) => RecordOutput::Output(output.into()),
        (None, Some(Failure { code, message })) => RecordOutput::Error { code, message },
        _ => return Err(absent()),
    };
    let record =
        BatchRecord { model: record.model, region: record.region, at: record.at, input: record.input.into() };
    let local = LocalInference::new(service.get_ref().clone());
    let answer = local.recorded(call, record, output).await.map_err(ApiError::from_error)?;
    Ok(HttpResponse::Ok().json(Answer::from(answer)))
}

/// The call, by one of our own services alone.
fn read(
    request: &HttpRequest,
    context: &RequestContext,
    body: &[u8],
) -> Result<(InferenceCall, Option<MadeCall>), ApiError> {
    let extensions = request.extensions();
    let principal = extensions.get::<FromService>().and_then(|_| extensions.get::<Principal>());
    let nobody = || ApiError::new(ErrorCode::NotFound, "there is nothing here");
    let principal = principal.ok_or_else(nobody)?.clone();
    let asked: Asked = serde_json::from_slice(body).map_err(|error| {
        ApiError::new(ErrorCode::InvalidRequest, format!("the body is no record: {error}"))
    })?;
    let Asked { path, body, made } = asked;
    let call = InferenceCall {
        principal,
        path,
        body: Bytes::from(body),
        request_id: context.request_id.clone(),
        deadline: context.deadline,
        way: Way::Batch,
        response: None,
    };
    Ok((call, made))
}

impl From<InferenceAnswer> for Answer {
    fn from(answer: InferenceAnswer) -> Self {
        let millis = |wait: Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Self {
            status: answer.status,
            body: text(&answer.body),
            retry_after_ms: answer.retry_after.map(millis),
            used: answer.used,
            is_final: answer.is_final,
        }
    }
}

/// All of it is JSON that we have written.
fn text(json: &[u8]) -> String {
    String::from_utf8_lossy(json).into_owned()
}
