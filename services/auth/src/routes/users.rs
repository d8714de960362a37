//! `/admin/v1/users`: create, list, read, change, remove, invite.

use actix_web::{HttpResponse, delete, get, patch, post, web};
use chrono::{DateTime, Utc};
use outcrop_http::{ApiError, JsonBytes};
use outcrop_ports::UserFilter;
use outcrop_types::{Membership, Role, Team, TeamId, User, UserId};
use serde::{Deserialize, Serialize};

use super::acting::By;
use super::list::{List, given, path_id};
use super::query::{Flag, Limit, Query};
use crate::{AuthService, Invited, NewUser, UserPatch};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateUser {
    name: String,
    email: Option<String>,
    team: Option<TeamId>,
    role: Option<Role>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PatchUser {
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    email: Option<Option<String>>,
    disabled: Option<bool>,
    revision: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ListUsers {
    team: Option<TeamId>,
    name_prefix: Option<String>,
    disabled: Option<Flag>,
    after: Option<UserId>,
    limit: Limit,
}

/// A user as it is shown.
#[derive(Debug, Serialize)]
pub(super) struct UserView {
    id: UserId,
    name: String,
    email: Option<String>,
    created_at: DateTime<Utc>,
    disabled_at: Option<DateTime<Utc>>,
    revision: u32,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            name: user.name,
            email: user.email,
            created_at: user.created_at,
            disabled_at: user.disabled_at,
            revision: user.revision,
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct UserWithTeams {
    #[serde(flatten)]
    user: UserView,
    memberships: Vec<MembershipView>,
}

#[derive(Debug, Serialize)]
struct MembershipView {
    team: TeamId,
    team_name: String,
    role: Role,
    created_at: DateTime<Utc>,
}

impl From<(Membership, Team)> for MembershipView {
    fn from((membership, team): (Membership, Team)) -> Self {
        Self { team: team.id, team_name: team.name, role: membership.role, created_at: membership.created_at }
    }
}

/// An invitation, in the one answer that holds it; it has no `Debug`.
#[derive(Serialize)]
pub(super) struct InvitationView {
    user: UserId,
    /// Shown this once.
    invitation: String,
    expires_at: DateTime<Utc>,
}

impl InvitationView {
    fn new(user: UserId, invited: &Invited) -> Self {
        Self { user, invitation: invited.presented.expose().to_owned(), expires_at: invited.expires_at }
    }
}

#[derive(Serialize)]
struct CreatedUser {
    #[serde(flatten)]
    user: UserView,
    team: TeamId,
    role: Role,
    /// Shown this once.
    invitation: String,
    /// When the invitation ends.
    expires_at: DateTime<Utc>,
}

/// Makes a user, a member of one team, and an invitation by which it sets its password.
#[post("/users")]
pub(super) async fn create(
    By(acting): By,
    auth: web::Data<AuthService>,
    body: JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let CreateUser { name, email, team, role } = outcrop_wire::json::parse(&body)?;
    let made = auth.create_user(&acting, NewUser { name, email, team, role }).await?;
    let InvitationView { invitation, expires_at, .. } = InvitationView::new(made.user.id, &made.invited);
    Ok(HttpResponse::Created().json(CreatedUser {
        user: made.user.into(),
        team: made.membership.team,
        role: made.membership.role,
        invitation,
        expires_at,
    }))
}

/// Lists users: all of them for those who run the platform, else those of the caller's team.
#[get("/users")]
pub(super) async fn list(
    By(acting): By,
    auth: web::Data<AuthService>,
    Query(query): Query<ListUsers>,
) -> Result<web::Json<List<UserView>>, ApiError> {
    let filter = UserFilter {
        team: query.team,
        name_prefix: query.name_prefix,
        disabled: query.disabled.map(|it| it.0),
    };
    let page = auth.list_users(&acting, filter, query.after, query.limit.0).await?;
    Ok(List::of(page, |user| user.id, UserView::from))
}

/// Shows one user and what it is where, as far as that concerns the caller.
#[get("/users/{user}")]
pub(super) async fn get(
    By(acting): By,
    auth: web::Data<AuthService>,
    id: web::Path<String>,
) -> Result<web::Json<UserWithTeams>, ApiError> {
    let (user, memberships) = auth.get_user(&acting, path_id(&id, "user")?).await?;
    let memberships = memberships.into_iter().map(MembershipView::from).collect();
    Ok(web::Json(UserWithTeams { user: user.into(), memberships }))
}

/// Changes a user's name, address or state.
#[patch("/users/{user}")]
pub(super) async fn update(
    By(acting): By,
    auth: web::Data<AuthService>,
    id: web::Path<String>,
    body: JsonBytes,
) -> Result<web::Json<UserView>, ApiError> {
    let PatchUser { name, email, disabled, revision } = outcrop_wire::json::parse(&body)?;
    let patch = UserPatch { name, email, disabled, revision };
    let user = auth.update_user(&acting, path_id(&id, "user")?, patch).await?;
    Ok(web::Json(user.into()))
}

/// Removes a user; its keys are revoked.
#[delete("/users/{user}")]
pub(super) async fn delete(
    By(acting): By,
    auth: web::Data<AuthService>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    auth.delete_user(&acting, path_id(&id, "user")?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Makes a new invitation to set a password; older ones are withdrawn.
#[post("/users/{user}/invitation")]
pub(super) async fn invite(
    By(acting): By,
    auth: web::Data<AuthService>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let user = path_id(&id, "user")?;
    let invited = auth.create_invitation(&acting, user).await?;
    Ok(HttpResponse::Created().json(InvitationView::new(user, &invited)))
}
