//! `/admin/v1/service-accounts`: create, list, read, change, remove.

use actix_web::{HttpResponse, delete, get, patch, post, web};
use chrono::{DateTime, Utc};
use outcrop_http::{ApiError, JsonBytes};
use outcrop_ports::ServiceAccountFilter;
use outcrop_types::{Role, ServiceAccount, ServiceAccountId, TeamId};
use serde::{Deserialize, Serialize};

use super::acting::By;
use super::list::{List, path_id};
use super::query::{Flag, Limit, Query};
use crate::{AuthService, NewServiceAccount, ServiceAccountPatch};

const WHAT: &str = "service account";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateAccount {
    name: String,
    team: Option<TeamId>,
    role: Option<Role>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PatchAccount {
    name: Option<String>,
    role: Option<Role>,
    disabled: Option<bool>,
    revision: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ListAccounts {
    team: Option<TeamId>,
    name_prefix: Option<String>,
    disabled: Option<Flag>,
    after: Option<ServiceAccountId>,
    limit: Limit,
}

/// A service account as it is shown.
#[derive(Debug, Serialize)]
pub(super) struct AccountView {
    id: ServiceAccountId,
    name: String,
    team: TeamId,
    role: Role,
    created_at: DateTime<Utc>,
    disabled_at: Option<DateTime<Utc>>,
    revision: u32,
}

impl From<ServiceAccount> for AccountView {
    fn from(account: ServiceAccount) -> Self {
        Self {
            id: account.id,
            name: account.name,
            team: account.team,
            role: account.role,
            created_at: account.created_at,
            disabled_at: account.disabled_at,
            revision: account.revision,
        }
    }
}

/// Makes a service account; keys are made for it at `/admin/v1/keys`.
#[post("/service-accounts")]
pub(super) async fn create(
    By(acting): By,
    auth: web::Data<AuthService>,
    body: JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let CreateAccount { name, team, role } = outcrop_wire::json::parse(&body)?;
    let account = auth.create_service_account(&acting, NewServiceAccount { name, team, role }).await?;
    Ok(HttpResponse::Created().json(AccountView::from(account)))
}

/// Lists service accounts of the caller's team, or, for a platform admin, of any or all.
#[get("/service-accounts")]
pub(super) async fn list(
    By(acting): By,
    auth: web::Data<AuthService>,
    Query(query): Query<ListAccounts>,
) -> Result<web::Json<List<AccountView>>, ApiError> {
    let filter = ServiceAccountFilter {
        team: query.team,
        name_prefix: query.name_prefix,
        disabled: query.disabled.map(|it| it.0),
    };
    let page = auth.list_service_accounts(&acting, filter, query.after, query.limit.0).await?;
    Ok(List::of(page, |account| account.id, AccountView::from))
}

/// Shows one service account.
#[get("/service-accounts/{account}")]
pub(super) async fn get(
    By(acting): By,
    auth: web::Data<AuthService>,
    id: web::Path<String>,
) -> Result<web::Json<AccountView>, ApiError> {
    let account = auth.get_service_account(&acting, path_id(&id, WHAT)?).await?;
    Ok(web::Json(account.into()))
}

/// Changes a service account's name, role or state.
#[patch("/service-accounts/{account}")]
pub(super) async fn update(
    By(acting): By,
    auth: web::Data<AuthService>,
    id: web::Path<String>,
    body: JsonBytes,
) -> Result<web::Json<AccountView>, ApiError> {
    let PatchAccount { name, role, disabled, revision } = outcrop_wire::json::parse(&body)?;
    let patch = ServiceAccountPatch { name, role, disabled, revision };
    let account = auth.update_service_account(&acting, path_id(&id, WHAT)?, patch).await?;
    Ok(web::Json(account.into()))
}

/// Removes a service account; its keys are revoked.
#[delete("/service-accounts/{account}")]
pub(super) async fn delete(
    By(acting): By,
    auth: web::Data<AuthService>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    auth.delete_service_account(&acting, path_id(&id, WHAT)?).await?;
    Ok(HttpResponse::NoContent().finish())
}
