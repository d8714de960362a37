//! `/admin/v1/keys`: create, list, read, change, rotate, revoke.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::{HttpResponse, delete, get, patch, post, web};
use chrono::{DateTime, Utc};
use outcrop_http::{ApiError, JsonBytes};
use outcrop_ports::KeyFilter;
use outcrop_types::{
    ApiKey, ErrorCode, KeyId, Limits, Role, Scope, ServiceAccountId, Subject, TeamId, UserId,
};
use serde::{Deserialize, Serialize};

use super::acting::By;
use super::list::{List, given, path_id};
use super::query::{Flag, Limit, Query};
use crate::{AuthService, KeyPatch, NewKey};

/// How long both keys are good after a rotation, if nothing is said, seconds.
const DEFAULT_OVERLAP_S: u64 = 24 * 3_600;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateKey {
    name: String,
    team: Option<TeamId>,
    role: Option<Role>,
    user: Option<UserId>,
    service_account: Option<ServiceAccountId>,
    #[serde(default)]
    scope: Scope,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    expires_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PatchKey {
    name: Option<String>,
    limits: Option<Limits>,
    scope: Option<Scope>,
    tags: Option<BTreeMap<String, String>>,
    #[serde(default, deserialize_with = "given")]
    expires_at: Option<Option<DateTime<Utc>>>,
    revision: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RotateKey {
    overlap_s: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ListKeys {
    team: Option<TeamId>,
    user: Option<UserId>,
    service_account: Option<ServiceAccountId>,
    name_prefix: Option<String>,
    active: Option<Flag>,
    after: Option<KeyId>,
    limit: Limit,
}

/// A key as it is shown, without anything that would let one use it.
#[derive(Debug, Serialize)]
pub(super) struct KeyView {
    id: KeyId,
    prefix: String,
    name: String,
    team: TeamId,
    subject: Subject,
    role: Role,
    limits: Limits,
    scope: Scope,
    tags: BTreeMap<String, String>,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
    replaced_by: Option<KeyId>,
    revision: u32,
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
            scope: key.scope,
            tags: key.tags,
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            last_used_at: key.last_used_at,
            replaced_by: key.replaced_by,
            revision: key.revision,
        }
    }
}

/// An answer that holds a whole key; it has no `Debug`.
#[derive(Serialize)]
struct CreatedKey {
    /// Shown this once.
    key: String,
    #[serde(flatten)]
    view: KeyView,
    /// The key whose place it took, at a rotation.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<KeyView>,
}

/// Makes a key for the caller's team, or, by a platform admin, for any.
#[post("/keys")]
pub(super) async fn create(
    By(acting): By,
    auth: web::Data<AuthService>,
    body: JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let asked: CreateKey = outcrop_wire::json::parse(&body)?;
    let new = NewKey {
        name: asked.name,
        team: asked.team,
        subject: subject(asked.user, asked.service_account)?,
        role: asked.role,
        scope: asked.scope,
        limits: asked.limits,
        tags: asked.tags,
        expires_at: asked.expires_at,
    };
    let (presented, key) = auth.create_key(&acting, new).await?;
    let key = CreatedKey { key: presented.expose().to_owned(), view: key.into(), replaces: None };
    Ok(HttpResponse::Created().json(key))
}

/// Lists the keys of the caller's team, or, for a platform admin, of any or all.
#[get("/keys")]
pub(super) async fn list(
    By(acting): By,
    auth: web::Data<AuthService>,
    Query(query): Query<ListKeys>,
) -> Result<web::Json<List<KeyView>>, ApiError> {
    let filter = KeyFilter {
        team: query.team,
        subject: subject(query.user, query.service_account)?,
        name_prefix: query.name_prefix,
        active_at: active_at(query.active, auth.ports().clock.now())?,
    };
    let page = auth.list_keys(&acting, filter, query.after.as_ref(), query.limit.0).await?;
    Ok(List::of(page, |key| key.id.clone(), KeyView::from))
}

/// Shows one key's record.
#[get("/keys/{key}")]
pub(super) async fn get(
    By(acting): By,
    auth: web::Data<AuthService>,
    id: web::Path<String>,
) -> Result<web::Json<KeyView>, ApiError> {
    Ok(web::Json(auth.get_key(&acting, &path_id(&id, "key")?).await?.into()))
}

/// Changes a key's name, limits, scope, tags or end.
#[patch("/keys/{key}")]
pub(super) async fn update(
    By(acting): By,
    auth: web::Data<AuthService>,
    id: web::Path<String>,
    body: JsonBytes,
) -> Result<web::Json<KeyView>, ApiError> {
    let asked: PatchKey = outcrop_wire::json::parse(&body)?;
    let PatchKey { name, limits, scope, tags, expires_at, revision } = asked;
    let patch = KeyPatch { name, limits, scope, tags, expires_at, revision };
    Ok(web::Json(auth.update_key(&acting, &path_id(&id, "key")?, patch).await?.into()))
}

/// Puts a new key in the place of this one, which stays good for a while.
#[post("/keys/{key}/rotate")]
pub(super) async fn rotate(
    By(acting): By,
    auth: web::Data<AuthService>,
    id: web::Path<String>,
    body: JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let asked: RotateKey =
        if body.is_empty() { RotateKey::default() } else { outcrop_wire::json::parse(&body)? };
    let overlap = Duration::from_secs(asked.overlap_s.unwrap_or(DEFAULT_OVERLAP_S));
    let rotated = auth.rotate_key(&acting, &path_id(&id, "key")?, overlap).await?;
    Ok(HttpResponse::Created().json(CreatedKey {
        key: rotated.presented.expose().to_owned(),
        view: rotated.key.into(),
        replaces: Some(rotated.replaced.into()),
    }))
}

/// Revokes a key; doing so again changes nothing.
#[delete("/keys/{key}")]
pub(super) async fn revoke(
    By(acting): By,
    auth: web::Data<AuthService>,
    id: web::Path<String>,
) -> Result<web::Json<KeyView>, ApiError> {
    Ok(web::Json(auth.revoke_key(&acting, &path_id(&id, "key")?).await?.into()))
}

fn subject(user: Option<UserId>, account: Option<ServiceAccountId>) -> Result<Option<Subject>, ApiError> {
    match (user, account) {
        (Some(_), Some(_)) => {
            let message = "`user` and `service_account` exclude each other";
            Err(ApiError::new(ErrorCode::InvalidRequest, message).with_param("service_account"))
        }
        (Some(user), None) => Ok(Some(Subject::User(user))),
        (None, account) => Ok(account.map(Subject::ServiceAccount)),
    }
}

fn active_at(active: Option<Flag>, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, ApiError> {
    match active {
        None => Ok(None),
        Some(Flag(true)) => Ok(Some(now)),
        Some(Flag(false)) => {
            let message = "`active` can only be `true`; leave it out to see all keys";
            Err(ApiError::new(ErrorCode::InvalidRequest, message).with_param("active"))
        }
    }
}
