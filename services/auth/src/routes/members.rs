//! `/admin/v1/teams/{team}/members`: who is what in a team.

use actix_web::{HttpResponse, delete, get, post, put, web};
use chrono::{DateTime, Utc};
use outcrop_http::{ApiError, JsonBytes};
use outcrop_types::{Role, TeamId, UserId};
use serde::{Deserialize, Serialize};

use super::acting::By;
use super::list::{List, path_id};
use super::query::{Limit, Query};
use crate::{AuthService, Member};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AddMember {
    /// An id or a name.
    user: String,
    role: Role,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SetMember {
    role: Role,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ListMembers {
    after: Option<UserId>,
    limit: Limit,
}

/// A member as it is shown.
#[derive(Debug, Serialize)]
pub(super) struct MemberView {
    user: UserId,
    name: String,
    team: TeamId,
    role: Role,
    created_at: DateTime<Utc>,
    /// Since when the person is kept out everywhere, if so.
    disabled_at: Option<DateTime<Utc>>,
}

impl From<Member> for MemberView {
    fn from(Member { membership, user }: Member) -> Self {
        Self {
            user: user.id,
            name: user.name,
            team: membership.team,
            role: membership.role,
            created_at: membership.created_at,
            disabled_at: user.disabled_at,
        }
    }
}

/// Lists the members of a team.
#[get("/teams/{team}/members")]
pub(super) async fn list(
    By(acting): By,
    auth: web::Data<AuthService>,
    team: web::Path<String>,
    Query(query): Query<ListMembers>,
) -> Result<web::Json<List<MemberView>>, ApiError> {
    let page = auth.list_members(&acting, path_id(&team, "team")?, query.after, query.limit.0).await?;
    Ok(List::of(page, |member| member.user.id, MemberView::from))
}

/// Makes somebody a member who is named in the body. A team's admin thereby changes what a member is, and adds nobody.
#[post("/teams/{team}/members")]
pub(super) async fn add(
    By(acting): By,
    auth: web::Data<AuthService>,
    team: web::Path<String>,
    body: JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let asked: AddMember = outcrop_wire::json::parse(&body)?;
    let added = auth.add_member(&acting, path_id(&team, "team")?, &asked.user, asked.role).await?;
    Ok(answer(added))
}

/// Shows one member.
#[get("/teams/{team}/members/{user}")]
pub(super) async fn get(
    By(acting): By,
    auth: web::Data<AuthService>,
    path: web::Path<(String, String)>,
) -> Result<web::Json<MemberView>, ApiError> {
    let (team, user) = (path_id(&path.0, "team")?, path_id(&path.1, "member")?);
    Ok(web::Json(auth.get_member(&acting, team, user).await?.into()))
}

/// Changes the role of a member; for those who run the platform, also makes somebody one.
#[put("/teams/{team}/members/{user}")]
pub(super) async fn set(
    By(acting): By,
    auth: web::Data<AuthService>,
    path: web::Path<(String, String)>,
    body: JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let asked: SetMember = outcrop_wire::json::parse(&body)?;
    let (team, user) = (path_id(&path.0, "team")?, path_id(&path.1, "user")?);
    Ok(answer(auth.set_member(&acting, team, user, asked.role).await?))
}

/// Ends a membership.
#[delete("/teams/{team}/members/{user}")]
pub(super) async fn remove(
    By(acting): By,
    auth: web::Data<AuthService>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (team, user) = (path_id(&path.0, "team")?, path_id(&path.1, "member")?);
    auth.remove_member(&acting, team, user).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn answer((member, new): (Member, bool)) -> HttpResponse {
    let mut answer = if new { HttpResponse::Created() } else { HttpResponse::Ok() };
    answer.json(MemberView::from(member))
}
