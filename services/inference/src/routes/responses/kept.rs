//! Responses that are kept: shown, listed, forgotten.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use outcrop_http::permission::InvokeModel;
use outcrop_http::{Allowed, ApiError};
use outcrop_types::ErrorCode;
use outcrop_wire::openai::responses::kept::{self, Page};

use super::background;
use crate::InferenceService;

const USUAL: usize = 20;
const MOST: usize = 100;
pub(super) const ENCRYPTED_CONTENT: &str = "reasoning.encrypted_content";

/// What is asked for behind the question mark; lists repeat their name.
type Query = web::Query<Vec<(String, String)>>;

/// `GET /v1/responses/{id}`.
pub(crate) async fn get(
    allowed: Allowed<InvokeModel>,
    service: web::Data<InferenceService>,
    id: web::Path<String>,
    query: Query,
) -> Result<HttpResponse, ApiError> {
    if query.iter().any(|(name, value)| name == "stream" && value == "true") {
        let message = "`stream` is not supported here: a response is kept whole.";
        return Err(ApiError::new(ErrorCode::InvalidRequest, message).with_param("stream"));
    }
    let response = service.inner().responses.get(allowed.principal.team, &id).await?;
    let response = background::current(&service, &allowed.principal, response).await?;
    Ok(json(kept::object(&response, wants_encrypted(&query))))
}

/// `DELETE /v1/responses/{id}`.
pub(crate) async fn delete(
    allowed: Allowed<InvokeModel>,
    service: web::Data<InferenceService>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let response = service.inner().responses.get(allowed.principal.team, &id).await?;
    background::disown(&service, &allowed.principal, &response).await?;
    let id = service.inner().responses.delete(allowed.principal.team, &id).await?;
    Ok(json(kept::deleted(id)))
}

/// `POST /v1/responses/{id}/cancel`: only what is made in the background can be cancelled.
pub(crate) async fn cancel(
    allowed: Allowed<InvokeModel>,
    service: web::Data<InferenceService>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let response = service.inner().responses.get(allowed.principal.team, &id).await?;
    let response = background::cancel(&service, &allowed.principal, response).await?;
    Ok(json(kept::object(&response, false)))
}

/// `POST /v1/responses/compact`, which needs a model of OpenAI's own.
pub(crate) async fn compact(_: Allowed<InvokeModel>) -> Result<HttpResponse, ApiError> {
    Err(ApiError::new(ErrorCode::NotFound, "`/responses/compact` is not supported."))
}

/// `GET /v1/responses/{id}/input_items`.
pub(crate) async fn input_items(
    allowed: Allowed<InvokeModel>,
    service: web::Data<InferenceService>,
    id: web::Path<String>,
    query: Query,
) -> Result<HttpResponse, ApiError> {
    let page = page(&query)?;
    let response = service.inner().responses.get(allowed.principal.team, &id).await?;
    Ok(json(kept::list(&response, page)?))
}

fn page(query: &[(String, String)]) -> Result<Page<'_>, ApiError> {
    let given = |wanted: &str| query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let wrong = |param: &str, message: String| {
        Err(ApiError::new(ErrorCode::InvalidRequest, message).with_param(param))
    };
    let ascending = match given("order") {
        None | Some("desc") => false,
        Some("asc") => true,
        Some(_) => return wrong("order", "`order` must be `asc` or `desc`.".to_owned()),
    };
    let limit = given("limit").map_or(Ok(USUAL), str::parse);
    let Some(limit) = limit.ok().filter(|it| (1..=MOST).contains(it)) else {
        return wrong("limit", format!("`limit` must be from 1 to {MOST}."));
    };
    Ok(Page { ascending, after: given("after"), limit, encrypted: wants_encrypted(query) })
}

fn wants_encrypted(query: &[(String, String)]) -> bool {
    let is_include = |name: &str| name == "include" || name.starts_with("include[");
    query.iter().any(|(name, value)| is_include(name) && value == ENCRYPTED_CONTENT)
}

pub(super) fn json(body: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok().insert_header(ContentType::json()).body(body)
}
