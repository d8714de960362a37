//! What is in a resource.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use outcrop_http::ApiError;
use outcrop_mcp::{Caller, Halt};
use outcrop_ports::DeskRead;
use outcrop_types::{ErrorCode, FileId, JobId, JobState, Permission};
use outcrop_wire::mcp::ResourceContents;
use outcrop_wire::openai::models;
use serde::Serialize;

use super::list::query;
use crate::mcp::work::desk::{KeptFile, KeptJob};
use crate::mcp::work::place::Place;
use crate::mcp::work::{MAX_CONTENT, Work};
use crate::routes;

const JSON: &str = "application/json";

/// Reads a resource; `None` if there is none of this URI for the caller.
pub(in crate::mcp::work) async fn read(
    work: &Work,
    caller: &Caller,
    uri: &str,
) -> Result<Option<ResourceContents>, Halt> {
    let Some(place) = Place::parse(uri).filter(|it| caller.may_read(it)) else { return Ok(None) };
    Ok(match place {
        Place::Models => {
            let cards = work.service.cards(&caller.principal).await.map_err(ApiError::from)?;
            Some(shown(uri, &models::list(&cards))?)
        }
        Place::Model(name) => model(work, caller, name).await?.map(|body| shown(uri, &body)).transpose()?,
        Place::Usage => {
            let me = routes::usage::me::of_caller(&work.service, &work.reports, &caller.principal).await?;
            Some(shown(uri, &written(&me))?)
        }
        Place::Jobs => kept(work, caller, uri, &DeskRead::Jobs(query(None::<JobId>))).await?,
        Place::Files => kept(work, caller, uri, &DeskRead::Files(query(None::<FileId>))).await?,
        Place::Batch(id) => kept(work, caller, uri, &DeskRead::Batch(id)).await?,
        Place::Job(id) => match work.job(caller, id).await? {
            Some(job) => Some(shown(uri, &written(&job))?),
            None => None,
        },
        Place::JobResult(id) => match work.job(caller, id).await? {
            Some(job) => Some(result(uri, &job)?),
            None => None,
        },
        Place::File(id) => file(work, caller, uri, id).await?,
    })
}

/// Who may read what.
pub(super) trait MayRead {
    fn may_read(&self, place: &Place) -> bool;
}

impl MayRead for Caller {
    fn may_read(&self, place: &Place) -> bool {
        match place {
            Place::Models | Place::Model(_) => self.may(Permission::ReadModels),
            // What one has used oneself is no secret from oneself.
            Place::Usage => true,
            _ => self.may(Permission::ReadJobs),
        }
    }
}

async fn model(work: &Work, caller: &Caller, name: String) -> Result<Option<Bytes>, ApiError> {
    let card = routes::models::card(&work.service, &caller.principal, name).await;
    match card.map_err(ApiError::from) {
        Ok(card) => Ok(Some(models::object(&card))),
        Err(error) if error.code == ErrorCode::ModelNotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the REST face shows.
async fn kept(
    work: &Work,
    caller: &Caller,
    uri: &str,
    what: &DeskRead,
) -> Result<Option<ResourceContents>, ApiError> {
    work.kept(caller, what).await?.map(|body| shown(uri, &body)).transpose()
}

/// JSON that is there already.
fn shown(uri: &str, body: &[u8]) -> Result<ResourceContents, ApiError> {
    if body.len() > MAX_CONTENT {
        return Err(too_large("this", body.len() as u64, "the same path below /v1"));
    }
    Ok(ResourceContents::text(uri, JSON, String::from_utf8_lossy(body)))
}

/// What a job was answered: JSON as it is, and what is none as its text.
fn result(uri: &str, job: &KeptJob) -> Result<ResourceContents, ApiError> {
    let body = job.response.as_ref().and_then(|it| it.body.as_deref());
    let Some(body) = body.map(serde_json::value::RawValue::get) else { return Err(without_answer(job)) };
    if body.len() > MAX_CONTENT {
        let elsewhere = format!("GET /v1/jobs/{}/result", job.id);
        return Err(too_large("the answer", body.len() as u64, &elsewhere));
    }
    Ok(match serde_json::from_str::<String>(body) {
        Ok(text) => ResourceContents::text(uri, "text/plain", text),
        Err(_) => ResourceContents::text(uri, JSON, body),
    })
}

/// Why there is nothing to read.
fn without_answer(job: &KeptJob) -> ApiError {
    let (code, why) = match job.status {
        _ if job.batch_id.is_some() => {
            (ErrorCode::Conflict, "the answers of a batch are in its files; see outcrop://batches/{id}")
        }
        JobState::Queued | JobState::Running => (ErrorCode::Conflict, "the job has not ended yet"),
        JobState::Cancelled => (ErrorCode::Conflict, "the job was cancelled, and has no answer"),
        JobState::Expired => (ErrorCode::Conflict, "the job was not done by its deadline, and has no answer"),
        _ if job.response.is_some() => (ErrorCode::Gone, "the job's answer is kept no longer"),
        JobState::Succeeded | JobState::Failed => {
            (ErrorCode::Conflict, "the job was given up, and has no answer")
        }
    };
    ApiError::new(code, why)
}

/// A file: text as text, all else as base64.
async fn file(
    work: &Work,
    caller: &Caller,
    uri: &str,
    id: FileId,
) -> Result<Option<ResourceContents>, ApiError> {
    let Some(file) = work.read::<KeptFile>(caller, &DeskRead::File(id)).await? else { return Ok(None) };
    if file.bytes > MAX_CONTENT as u64 {
        return Err(too_large("the file", file.bytes, &format!("GET /v1/files/{id}/content")));
    }
    let most = MAX_CONTENT as u64;
    let Some(bytes) = work.kept(caller, &DeskRead::Content(id, most)).await? else { return Ok(None) };
    let known = mime_type(&file.filename);
    Ok(Some(match std::str::from_utf8(&bytes) {
        Ok(text) if !text.contains('\0') => ResourceContents::text(uri, known.unwrap_or("text/plain"), text),
        _ => {
            let known = known.unwrap_or("application/octet-stream");
            ResourceContents::blob(uri, known, STANDARD.encode(&bytes))
        }
    }))
}

/// What a file of this name is, where that is no guess.
pub(super) fn mime_type(filename: &str) -> Option<&'static str> {
    let (_, end) = filename.rsplit_once('.')?;
    Some(match end.to_ascii_lowercase().as_str() {
        "jsonl" => "application/jsonl",
        "json" => JSON,
        "txt" | "log" => "text/plain",
        "md" => "text/markdown",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "xml" => "application/xml",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        _ => return None,
    })
}

fn too_large(what: &str, bytes: u64, elsewhere: &str) -> ApiError {
    let message =
        format!("{what} has {bytes} bytes; resources have at most {MAX_CONTENT}: get it with {elsewhere}");
    ApiError::new(ErrorCode::PayloadTooLarge, message)
}

/// Values that were made here can be written.
fn written(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
