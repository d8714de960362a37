//! What was used: single records (`GET /v1/usage`), the caller's own standing (`/v1/usage/me`) and sums
//! (`GET /admin/v1/usage`).

pub(crate) mod alerts;
pub(crate) mod me;
pub(crate) mod recount;
pub(crate) mod report;

use actix_web::{HttpRequest, HttpResponse, web};
use outcrop_http::permission::ReadUsage;
use outcrop_http::{Allowed, ApiError, require};
use outcrop_policy::{Decision, Resource, decide};
use outcrop_types::{Permission, Principal, TeamId, UsageId, UsageRecord};
use serde::Serialize;

use crate::reports::{Params, Reports, Unfit};

const USUAL: usize = 20;
const MOST: usize = 1000;

#[derive(Serialize)]
struct List<T> {
    object: &'static str,
    data: Vec<T>,
    has_more: bool,
}

/// The team's records of some time, newest first. A call shows up once its record has been shipped, shortly after its end.
pub(crate) async fn list(
    allowed: Allowed<ReadUsage>,
    reports: web::Data<Reports>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let mut params = Params::parse(request.query_string())?;
    let (mut filter, within) = reports.take_filter(&mut params)?;
    let limit = params.take_count("limit", USUAL, MOST)?;
    let after = params.take("after").map(|text| read_id::<UsageId>(&text)).transpose()?;
    params.end()?;
    filter.team = Some(one_team(&allowed.principal, filter.team)?);
    let page =
        reports.ledger.list_usage(&filter, Some(within), after, limit).await.map_err(ApiError::from_error)?;
    Ok(HttpResponse::Ok().json(List::<UsageRecord> {
        object: "list",
        data: page.items,
        has_more: page.has_more,
    }))
}

/// The team that is asked about: the caller's own if it names none. Another's is not there for it, unless its role
/// reaches everywhere.
fn one_team(caller: &Principal, asked: Option<TeamId>) -> Result<TeamId, ApiError> {
    let team = asked.unwrap_or(caller.team);
    require(caller, Permission::ReadUsage, Resource::Team(team))?;
    Ok(team)
}

/// The team that is asked about; `None`, all of them, for whoever reads everywhere and names none.
fn team_or_all(caller: &Principal, asked: Option<TeamId>) -> Result<Option<TeamId>, ApiError> {
    if asked.is_none() && decide(caller, Permission::ReadUsage, Resource::Platform) == Decision::Allow {
        return Ok(None);
    }
    one_team(caller, asked).map(Some)
}

fn read_id<T: std::str::FromStr>(text: &str) -> Result<T, Unfit> {
    text.parse().map_err(|_| Unfit::new("after", "must be the last id of the page before"))
}
