//! `GET /v1/usage`: what the caller's team used last.

use actix_web::{HttpResponse, web};
use outcrop_http::permission::ReadUsage;
use outcrop_http::{Allowed, ApiError};
use outcrop_types::{ErrorCode, UsageId, UsageRecord};
use serde::{Deserialize, Serialize};

use crate::InferenceService;

const USUAL: usize = 20;
const MOST: usize = 1000;

/// Which records.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// How many at most.
    limit: Option<usize>,
    /// The last id of the page before.
    after: Option<String>,
}

#[derive(Serialize)]
struct List {
    object: &'static str,
    data: Vec<UsageRecord>,
    has_more: bool,
}

/// The team's records, newest first. A call shows up once its record has been shipped, shortly after its end.
pub(crate) async fn list(
    allowed: Allowed<ReadUsage>,
    service: web::Data<InferenceService>,
    wanted: web::Query<Wanted>,
) -> Result<HttpResponse, ApiError> {
    let limit = wanted.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        let message = format!("`limit` must be from 1 to {MOST}.");
        return Err(ApiError::new(ErrorCode::InvalidRequest, message).with_param("limit"));
    }
    let after = wanted.after.as_deref().map(str::parse::<UsageId>).transpose();
    let after = after
        .map_err(|error| ApiError::new(ErrorCode::InvalidRequest, error.to_string()).with_param("after"))?;
    let page = service.inner().ledger.list_usage(Some(allowed.principal.team), after, limit).await;
    let page = page.map_err(ApiError::from_error)?;
    Ok(HttpResponse::Ok().json(List { object: "list", data: page.items, has_more: page.has_more }))
}
