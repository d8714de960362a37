//! `POST /admin/v1/usage/recount`: budgets anew from the ledger.

use actix_web::{HttpResponse, web};
use outcrop_http::permission::ManagePlatform;
use outcrop_http::{Allowed, ApiError, RequestContext, require};
use outcrop_policy::Resource;
use outcrop_types::Permission;
use serde_json::json;

use crate::InferenceService;

/// Sets what budgets have counted to what the ledger knows. For those who run the platform.
pub(crate) async fn recount(
    allowed: Allowed<ManagePlatform>,
    context: RequestContext,
    service: web::Data<InferenceService>,
) -> Result<HttpResponse, ApiError> {
    require(&allowed.principal, Permission::ManagePlatform, Resource::Platform)?;
    let budgets = service.recount().await?;
    let (request_id, subject) = (context.request_id.as_str(), allowed.principal.subject.to_string());
    tracing::info!(
        request.id = request_id,
        subject.id = subject,
        budgets,
        "budgets were counted anew from the ledger"
    );
    Ok(HttpResponse::Ok().json(json!({ "object": "recount", "budgets": budgets })))
}
