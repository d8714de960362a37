//! `GET /admin/v1/alerts`: which budgets ran out, and how far.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use outcrop_http::permission::ReadUsage;
use outcrop_http::{Allowed, ApiError};
use outcrop_ports::{AlertFilter, AlertStore};
use outcrop_types::{AlertId, TeamId};

use super::{List, MOST, USUAL, read_id, team_or_all};
use crate::reports::{Params, Unfit};

/// Alerts, newest first: all of them for a platform admin, others see those of their own team.
pub(crate) async fn list(
    allowed: Allowed<ReadUsage>,
    alerts: web::Data<Arc<dyn AlertStore>>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let mut params = Params::parse(request.query_string())?;
    let team = params.take("team").map(|text| text.parse::<TeamId>()).transpose();
    let team = team.map_err(|_| Unfit::new("team", "must be the id of a team: `team_…`"))?;
    let limit = params.take_count("limit", USUAL, MOST)?;
    let after = params.take("after").map(|text| read_id::<AlertId>(&text)).transpose()?;
    params.end()?;
    let filter = AlertFilter { team: team_or_all(&allowed.principal, team)? };
    let page = alerts.list_alerts(&filter, after, limit).await.map_err(ApiError::from_error)?;
    let data = page.items.iter().map(outcrop_wire::alert::view).collect();
    Ok(HttpResponse::Ok().json(List { object: "list", data, has_more: page.has_more }))
}
