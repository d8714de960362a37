//! `/admin/v1/teams`: create, list, read, change, remove.

use actix_web::{HttpResponse, delete, get, patch, post, web};
use chrono::{DateTime, Utc};
use outcrop_http::{ApiError, JsonBytes};
use outcrop_ports::TeamFilter;
use outcrop_types::{Team, TeamId};
use serde::{Deserialize, Serialize};

use super::acting::By;
use super::list::{List, path_id};
use super::query::{Flag, Limit, Query};
use crate::{AuthService, TeamPatch};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateTeam {
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PatchTeam {
    name: Option<String>,
    disabled: Option<bool>,
    revision: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ListTeams {
    name_prefix: Option<String>,
    disabled: Option<Flag>,
    after: Option<TeamId>,
    limit: Limit,
}

/// A team as it is shown.
#[derive(Debug, Serialize)]
pub(super) struct TeamView {
    id: TeamId,
    name: String,
    created_at: DateTime<Utc>,
    disabled_at: Option<DateTime<Utc>>,
    revision: u32,
}

impl From<Team> for TeamView {
    fn from(team: Team) -> Self {
        Self {
            id: team.id,
            name: team.name,
            created_at: team.created_at,
            disabled_at: team.disabled_at,
            revision: team.revision,
        }
    }
}

/// Makes a team.
#[post("/teams")]
pub(super) async fn create(
    By(acting): By,
    auth: web::Data<AuthService>,
    body: JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let asked: CreateTeam = outcrop_wire::json::parse(&body)?;
    let team = auth.create_team(&acting, &asked.name).await?;
    Ok(HttpResponse::Created().json(TeamView::from(team)))
}

/// Lists all teams for those who run the platform, the caller's own for everybody else.
#[get("/teams")]
pub(super) async fn list(
    By(acting): By,
    auth: web::Data<AuthService>,
    Query(query): Query<ListTeams>,
) -> Result<web::Json<List<TeamView>>, ApiError> {
    let filter = TeamFilter {
        name_prefix: query.name_prefix,
        disabled: query.disabled.map(|it| it.0),
        ..TeamFilter::default()
    };
    let page = auth.list_teams(&acting, filter, query.after, query.limit.0).await?;
    Ok(List::of(page, |team| team.id, TeamView::from))
}

/// Shows one team.
#[get("/teams/{team}")]
pub(super) async fn get(
    By(acting): By,
    auth: web::Data<AuthService>,
    id: web::Path<String>,
) -> Result<web::Json<TeamView>, ApiError> {
    let team = auth.get_team(&acting, path_id(&id, "team")?).await?;
    Ok(web::Json(team.into()))
}

/// Renames, disables or enables a team.
#[patch("/teams/{team}")]
pub(super) async fn update(
    By(acting): By,
    auth: web::Data<AuthService>,
    id: web::Path<String>,
    body: JsonBytes,
) -> Result<web::Json<TeamView>, ApiError> {
    let PatchTeam { name, disabled, revision } = outcrop_wire::json::parse(&body)?;
    let patch = TeamPatch { name, disabled, revision };
    let team = auth.update_team(&acting, path_id(&id, "team")?, patch).await?;
    Ok(web::Json(team.into()))
}

/// Removes a team and what belongs to it; its keys are revoked.
#[delete("/teams/{team}")]
pub(super) async fn delete(
    By(acting): By,
    auth: web::Data<AuthService>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    auth.delete_team(&acting, path_id(&id, "team")?).await?;
    Ok(HttpResponse::NoContent().finish())
}
