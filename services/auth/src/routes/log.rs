//! `/admin/v1/log`: what every process logs, for a while.

use actix_web::{HttpResponse, delete, get, put, web};
use chrono::{DateTime, Utc};
use outcrop_http::{ApiError, JsonBytes};
use serde::{Deserialize, Serialize};

use super::acting::By;
use crate::{AuthService, LogFilter};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SetLog {
    filter: String,
    for_s: Option<u32>,
}

/// The filter as it is shown.
#[derive(Debug, Serialize)]
pub(super) struct LogView {
    filter: String,
    configured: String,
    until: Option<DateTime<Utc>>,
}

impl From<LogFilter> for LogView {
    fn from(LogFilter { filter, configured, until }: LogFilter) -> Self {
        Self { filter, configured, until }
    }
}

/// Shows the filter.
#[get("/log")]
pub(super) async fn show(
    By(acting): By,
    auth: web::Data<AuthService>,
) -> Result<web::Json<LogView>, ApiError> {
    Ok(web::Json(auth.log_filter(&acting)?.into()))
}

/// Sets another for a while.
#[put("/log")]
pub(super) async fn set(
    By(acting): By,
    auth: web::Data<AuthService>,
    body: JsonBytes,
) -> Result<web::Json<LogView>, ApiError> {
    let SetLog { filter, for_s } = outcrop_wire::json::parse(&body)?;
    Ok(web::Json(auth.set_log_filter(&acting, &filter, for_s).await?.into()))
}

/// Goes back to that of the settings.
#[delete("/log")]
pub(super) async fn reset(By(acting): By, auth: web::Data<AuthService>) -> Result<HttpResponse, ApiError> {
    auth.reset_log_filter(&acting).await?;
    Ok(HttpResponse::NoContent().finish())
}
