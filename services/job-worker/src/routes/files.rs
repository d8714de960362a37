//! `/v1/files`: the files of a team. In OpenAI's shapes, and what it does not have: bytes that go past us.

use std::time::Duration;

use actix_web::body::SizedStream;
use actix_web::http::Method;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName,
    IF_RANGE, RANGE,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, routes, web};
use bytes::Bytes;
use futures::{TryStreamExt as _, stream};
use outcrop_http::{Allowed, ApiError, JsonBytes, permission};
use outcrop_ports::{DeskRead, FileFilter, PortError, content_disposition};
use outcrop_types::{ErrorCode, FileId, FilePurpose, TeamId};
use outcrop_wire::Dialect;
use outcrop_wire::error::{ErrorBody, render};
use outcrop_wire::openai::files::{self, Direct};

use super::query::{self, Pairs, unknown, wrong};
use crate::JobWorker;
use crate::files::{Arriving, Download, FileError, Part};

/// OpenAI's own bound.
const MAX_LIMIT: usize = 10_000;
/// Most files of one answer; `has_more` says that there are others.
const MAX_PAGE: usize = 1_000;
/// When to come back if too many upload.
const BUSY_FOR: Duration = Duration::from_secs(5);

/// Takes a file in.
#[routes]
#[post("/v1/files")]
#[post("/api/v1/files")]
pub(super) async fn create(
    caller: Allowed<permission::WriteJobs>,
    worker: web::Data<JobWorker>,
    request: HttpRequest,
    body: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let arriving = Arriving {
        principal: &caller.principal,
        content_type: header(&request, CONTENT_TYPE.as_str()).unwrap_or_default(),
        length: header(&request, CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok()),
        sha256: header(&request, "x-outcrop-sha256"),
    };
    let file = worker.receive_file(&arriving, body).await.map_err(refused)?;
    Ok(json(StatusCode::OK, files::show(&file)))
}

/// Lists the team's files.
#[routes]
#[get("/v1/files")]
#[get("/api/v1/files")]
pub(super) async fn list(
    caller: Allowed<permission::ReadJobs>,
    worker: web::Data<JobWorker>,
    query: web::Query<Pairs>,
) -> Result<HttpResponse, ApiError> {
    Ok(json(StatusCode::OK, worker.shown_files(caller.principal.team, &query).await?))
}

/// Shows a file.
#[routes]
#[get("/v1/files/{file}")]
#[get("/api/v1/files/{file}")]
pub(super) async fn get(
    caller: Allowed<permission::ReadJobs>,
    worker: web::Data<JobWorker>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    Ok(json(StatusCode::OK, worker.shown_file(caller.principal.team, file_id(&id)?).await?))
}

/// Removes a file.
#[routes]
#[delete("/v1/files/{file}")]
#[delete("/api/v1/files/{file}")]
pub(super) async fn delete(
    caller: Allowed<permission::WriteJobs>,
    worker: web::Data<JobWorker>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = file_id(&id)?;
    worker.remove_file(caller.principal.team, id).await.map_err(refused)?;
    Ok(json(StatusCode::OK, files::show_deleted(id)))
}

/// Gives a file out, or a part of it.
#[routes]
#[get("/v1/files/{file}/content")]
#[get("/api/v1/files/{file}/content")]
#[head("/v1/files/{file}/content")]
#[head("/api/v1/files/{file}/content")]
pub(super) async fn content(
    caller: Allowed<permission::ReadJobs>,
    worker: web::Data<JobWorker>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let (range, if_range) = (header(&request, RANGE.as_str()), header(&request, IF_RANGE.as_str()));
    let download = worker.open_file(caller.principal.team, file_id(&id)?, range, if_range).await;
    let download = download.map_err(refused)?;
    let size = download.file.bytes;
    let mut answer = match &download.part {
        Part::Beyond => {
            let told = [(CONTENT_RANGE, format!("bytes */{size}"))];
            let message = format!("the file has {size} bytes, and not those that are asked for");
            return Ok(plain(StatusCode::RANGE_NOT_SATISFIABLE, message, &told));
        }
        Part::Whole => HttpResponse::Ok(),
        Part::Some(range) => {
            let mut answer = HttpResponse::PartialContent();
            answer.insert_header((CONTENT_RANGE, format!("bytes {}-{}/{size}", range.start, range.end - 1)));
            answer
        }
    };
    describe(&mut answer, &download);
    let length = download.range().end - download.range().start;
    if request.method() == Method::HEAD {
        return Ok(answer.body(SizedStream::new(length, stream::empty::<Result<_, PortError>>())));
    }
    let bytes = worker.read_file(&download).await.map_err(refused)?;
    Ok(answer.body(SizedStream::new(length, bytes)))
}

/// Makes a place for a file whose bytes the client sends past us.
#[routes]
#[post("/v1/files/uploads")]
#[post("/api/v1/files/uploads")]
pub(super) async fn announce(
    caller: Allowed<permission::WriteJobs>,
    worker: web::Data<JobWorker>,
    body: JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let announced = files::parse_announcement(&body)?;
    let (file, signed, until) = worker.announce_file(&caller.principal, announced).await.map_err(refused)?;
    let direct = Direct { url: &signed.url, headers: &signed.headers, expires_at: until.timestamp() };
    Ok(json(StatusCode::CREATED, files::show_direct(&file, &direct)))
}

/// Is told that the bytes of a file have come.
#[routes]
#[post("/v1/files/{file}/complete")]
#[post("/api/v1/files/{file}/complete")]
pub(super) async fn complete(
    caller: Allowed<permission::WriteJobs>,
    worker: web::Data<JobWorker>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let file = worker.complete_file(caller.principal.team, file_id(&id)?).await.map_err(refused)?;
    Ok(json(StatusCode::OK, files::show(&file)))
}

/// Gives an address where a file can be had past us.
#[routes]
#[get("/v1/files/{file}/url")]
#[get("/api/v1/files/{file}/url")]
pub(super) async fn url(
    caller: Allowed<permission::ReadJobs>,
    worker: web::Data<JobWorker>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let (url, until) = worker.file_url(caller.principal.team, file_id(&id)?).await.map_err(refused)?;
    Ok(json(StatusCode::OK, files::show_url(&url, until.timestamp())))
}

impl JobWorker {
    /// A team's files, as a query asks for them.
    pub(crate) async fn shown_files(&self, team: TeamId, query: &Pairs) -> Result<Vec<u8>, ApiError> {
        let (filter, after, limit) = asked(team, query)?;
        let page = self.list_files(&filter, after, limit).await.map_err(refused)?;
        Ok(files::show_list(&page.items, page.has_more))
    }

    /// What is known of a team's file.
    pub(crate) async fn shown_file(&self, team: TeamId, id: FileId) -> Result<Vec<u8>, ApiError> {
        let file = self.get_file(team, id).await.map_err(refused)?;
        Ok(files::show(&file))
    }

    /// What is in a team's file, which must not have more than so many bytes.
    pub(crate) async fn file_content(&self, team: TeamId, id: FileId, most: u64) -> Result<Bytes, ApiError> {
        let download = self.open_file(team, id, None, None).await.map_err(refused)?;
        let size = download.file.bytes;
        if size > most {
            return Err(ApiError::new(ErrorCode::PayloadTooLarge, DeskRead::too_large(size, most)));
        }
        let bytes = self.read_file(&download).await.map_err(refused)?;
        let pieces: Vec<Bytes> = bytes.try_collect().await.map_err(ApiError::from_error)?;
        Ok(pieces.concat().into())
    }
}

fn asked(team: TeamId, pairs: &Pairs) -> Result<(FileFilter, Option<FileId>, usize), ApiError> {
    let mut filter = FileFilter { team, purpose: None, ascending: false };
    let (mut after, mut limit) = (None, MAX_LIMIT);
    query::read(pairs, |name, value| {
        let must = |read: bool, be: &str| {
            if read { Ok(()) } else { Err(wrong(name, format!("`{name}` must be {be}"))) }
        };
        match name {
            "order" => {
                filter.ascending = value == "asc";
                must(matches!(value, "asc" | "desc"), "`asc` or `desc`")
            }
            "purpose" => {
                filter.purpose = FilePurpose::parse(value);
                must(filter.purpose.is_some(), "one that files have")
            }
            "after" => {
                after = value.parse().ok();
                must(after.is_some(), "the id of a file")
            }
            "limit" => {
                limit = value.parse().unwrap_or(0);
                must((1..=MAX_LIMIT).contains(&limit), "from 1 to 10000")
            }
            _ => Err(unknown(name)),
        }
    })?;
    Ok((filter, after, limit.min(MAX_PAGE)))
}

fn describe(answer: &mut HttpResponseBuilder, download: &Download) {
    let name = &download.file.filename;
    let lines = name.rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case("jsonl"));
    answer
        .insert_header((CONTENT_TYPE, if lines { "application/jsonl" } else { "application/octet-stream" }))
        .insert_header((CONTENT_DISPOSITION, content_disposition(name)))
        .insert_header((ACCEPT_RANGES, "bytes"))
        .insert_header((ETAG, download.etag()));
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

fn json(status: StatusCode, body: Vec<u8>) -> HttpResponse {
    HttpResponse::build(status).content_type("application/json").body(body)
}

/// A refusal whose status the closed list of failures does not have.
fn plain(status: StatusCode, message: String, headers: &[(HeaderName, String)]) -> HttpResponse {
    let error = ErrorBody { code: ErrorCode::InvalidRequest, message, param: None, request_id: None };
    let rendered = render(Dialect::OpenAi, &error);
    let mut answer = HttpResponse::build(status);
    for (name, value) in headers {
        answer.insert_header((name.clone(), value.as_str()));
    }
    answer.content_type(rendered.content_type).body(rendered.body)
}

fn file_id(text: &str) -> Result<FileId, ApiError> {
    text.parse().map_err(|_| refused(FileError::NoFile))
}

fn refused(error: FileError) -> ApiError {
    let param = error.param().map(str::to_owned);
    let retry_after = error.is_busy().then_some(BUSY_FOR);
    let mut error = ApiError::from_error(error);
    (error.param, error.retry_after) = (param, retry_after);
    error
}
