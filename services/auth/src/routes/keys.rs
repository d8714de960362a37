//! `/admin/v1/keys`: create, list, read, revoke.

use actix_web::{HttpResponse, delete, get, post, web};
use chrono::{DateTime, Utc};
use outcrop_http::{Allowed, ApiError, JsonBytes, permission};
use outcrop_policy::{Decision, Resource, decide, may_grant};
use outcrop_types::{ApiKey, ErrorCode, KeyId, Limits, Permission, Principal, Role, Subject, TeamId};
use serde::{Deserialize, Serialize};

use crate::{AuthService, NewKey};

const DEFAULT_PAGE: usize = 20;
const MAX_PAGE: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateKey {
    name: String,
    team: Option<TeamId>,
    role: Option<Role>,
    #[serde(default)]
    limits: Limits,
    expires_at: Option<DateTime<Utc>>,
}

/// A key as it is shown, without anything that would let one use it.
#[derive(Debug, Serialize)]
struct KeyView {
    id: KeyId,
    prefix: String,
    name: String,
    team: TeamId,
    subject: Subject,
    role: Role,
    limits: Limits,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        Self {
            prefix: key.id.prefix(),
            id: key.id,
            name: key.name,
            team: key.team,
            subject: key.subject,
            role: key.role,
            limits: key.limits,
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// The one answer that holds a whole key; it has no `Debug`.
#[derive(Serialize)]
struct CreatedKey {
    /// Shown this once.
    key: String,
    #[serde(flatten)]
    view: KeyView,
}

#[derive(Debug, Serialize)]
struct KeyList {
    data: Vec<KeyView>,
    has_more: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    team: Option<TeamId>,
    after: Option<KeyId>,
    limit: Option<usize>,
}

/// Makes a key for the caller's team, or, by a platform admin, for any.
#[post("/admin/v1/keys")]
pub(super) async fn create(
    caller: Allowed<permission::ManageKeys>,
    auth: web::Data<AuthService>,
    body: JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let asked: CreateKey = outcrop_wire::json::parse(&body.0)?;
    let team = asked.team.unwrap_or(caller.principal.team);
    let role = asked.role.unwrap_or(Role::Developer);
    check_team(&caller.principal, team)?;
    if !may_grant(caller.principal.role, role) {
        let message = format!("the role `{}` may not grant the role `{role}`", caller.principal.role);
        return Err(ApiError::new(ErrorCode::Forbidden, message).with_param("role"));
    }
    let (limits, expires_at) = within_own(&auth, &caller.principal, asked.limits, asked.expires_at).await?;
    let (presented, key) = auth
        .create_key(NewKey {
            name: asked.name,
            team,
            subject: caller.principal.subject,
            role,
            limits,
            expires_at,
        })
        .await
        .map_err(ApiError::from_error)?;
    Ok(HttpResponse::Created().json(CreatedKey { key: presented.expose().to_owned(), view: key.into() }))
}

/// Lists the keys of the caller's team, or, for a platform admin, of any or all.
#[get("/admin/v1/keys")]
pub(super) async fn list(
    caller: Allowed<permission::ManageKeys>,
    auth: web::Data<AuthService>,
    query: web::Query<ListQuery>,
) -> Result<web::Json<KeyList>, ApiError> {
    if let Some(team) = query.team {
        check_team(&caller.principal, team)?;
    }
    let everything = caller.principal.role == Role::PlatformAdmin;
    let team = query.team.or((!everything).then_some(caller.principal.team));
    let limit = query.limit.unwrap_or(DEFAULT_PAGE).clamp(1, MAX_PAGE);
    let page = auth.list_keys(team, query.after.as_ref(), limit).await.map_err(ApiError::from_error)?;
    let data = page.items.into_iter().map(KeyView::from).collect();
    Ok(web::Json(KeyList { data, has_more: page.has_more }))
}

/// Shows one key's record.
#[get("/admin/v1/keys/{id}")]
pub(super) async fn get(
    caller: Allowed<permission::ManageKeys>,
    auth: web::Data<AuthService>,
    id: web::Path<String>,
) -> Result<web::Json<KeyView>, ApiError> {
    Ok(web::Json(lookup(&auth, &caller.principal, &id).await?.into()))
}

/// Revokes a key; doing so again changes nothing.
#[delete("/admin/v1/keys/{id}")]
pub(super) async fn revoke(
    caller: Allowed<permission::ManageKeys>,
    auth: web::Data<AuthService>,
    id: web::Path<String>,
) -> Result<web::Json<KeyView>, ApiError> {
    let key = lookup(&auth, &caller.principal, &id).await?;
    let revoked = auth.revoke_key(&key.id).await.map_err(ApiError::from_error)?;
    Ok(web::Json(revoked.ok_or_else(no_such_key)?.into()))
}

/// What a new key may have of what was asked for: no more than the caller's own key, and just that where
/// nothing was said. A key that is limited or ends must not be the way to one that is not or does not.
async fn within_own(
    auth: &AuthService,
    caller: &Principal,
    limits: Limits,
    expires_at: Option<DateTime<Utc>>,
) -> Result<(Limits, Option<DateTime<Utc>>), ApiError> {
    let own_end = match &caller.key {
        Some(id) => {
            let own = auth.lookup_key(id).await.map_err(ApiError::from_error)?;
            own.ok_or_else(|| ApiError::new(ErrorCode::Unauthenticated, "the credential is not valid"))?
                .expires_at
        }
        None => None,
    };
    let requests_per_minute =
        lesser(limits.requests_per_minute, caller.limits.requests_per_minute, "limits.requests_per_minute")?;
    Ok((Limits { requests_per_minute }, lesser(expires_at, own_end, "expires_at")?))
}

/// What was asked for if it is within the ceiling, the ceiling if nothing was.
fn lesser<T: Ord>(asked: Option<T>, ceiling: Option<T>, field: &'static str) -> Result<Option<T>, ApiError> {
    match (asked, ceiling) {
        (Some(asked), Some(ceiling)) if asked > ceiling => {
            let message = format!("`{field}` may not exceed that of the key this is asked with");
            Err(ApiError::new(ErrorCode::Forbidden, message).with_param(field))
        }
        (Some(asked), _) => Ok(Some(asked)),
        (None, ceiling) => Ok(ceiling),
    }
}

async fn lookup(auth: &AuthService, caller: &Principal, id: &str) -> Result<ApiKey, ApiError> {
    let id: KeyId = id.parse().map_err(|_| no_such_key())?;
    let key = auth.lookup_key(&id).await.map_err(ApiError::from_error)?.ok_or_else(no_such_key)?;
    match decide(caller, Permission::ManageKeys, Resource::Team(key.team)) {
        Decision::Allow => Ok(key),
        Decision::Deny | Decision::Hidden => Err(no_such_key()),
    }
}

fn check_team(caller: &Principal, team: TeamId) -> Result<(), ApiError> {
    match decide(caller, Permission::ManageKeys, Resource::Team(team)) {
        Decision::Allow => Ok(()),
        Decision::Deny | Decision::Hidden => {
            Err(ApiError::new(ErrorCode::NotFound, format!("there is no team `{team}`")).with_param("team"))
        }
    }
}

fn no_such_key() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "there is no such key")
}
