//! `DELETE /v1/cache`: what is kept of a team's answers is forgotten.

use actix_web::{HttpRequest, HttpResponse, web};
use outcrop_http::permission::ManageTeam;
use outcrop_http::{Allowed, ApiError, RequestContext, require};
use outcrop_policy::Resource;
use outcrop_types::{ErrorCode, Permission};

use crate::InferenceService;
use crate::response_cache::{NAMES, is_namespace};

/// Forgets the answers of the caller's own team. Those that are under way are not hindered, and may be kept after it.
pub(crate) async fn forget(
    allowed: Allowed<ManageTeam>,
    context: RequestContext,
    service: web::Data<InferenceService>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let principal = &allowed.principal;
    require(principal, Permission::ManageTeam, Resource::OwnTeam)?;
    let namespace = which(request.query_string())?;
    let forgotten = service.forget_answers(principal.team, namespace.as_deref()).await;
    forgotten.map_err(ApiError::from_error)?;
    let (request_id, subject) = (context.request_id.as_str(), principal.subject.to_string());
    tracing::info!(request.id = request_id, subject.id = subject, team.id = %principal.team, namespace, "kept answers were forgotten");
    Ok(HttpResponse::NoContent().finish())
}

/// The name under which answers are to be forgotten; `None` is all of them.
fn which(query: &str) -> Result<Option<String>, ApiError> {
    let invalid =
        |message: String, param: &str| ApiError::new(ErrorCode::InvalidRequest, message).with_param(param);
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query);
    let pairs = pairs.map_err(|_| invalid("The query cannot be read.".to_owned(), "namespace"))?.into_inner();
    let mut namespace = None;
    for (name, value) in pairs {
        if name != "namespace" {
            let name: String = name.chars().take(64).collect();
            return Err(invalid(format!("`{name}` is not known here; `namespace` is."), &name));
        }
        if !is_namespace(&value) {
            return Err(invalid(format!("`namespace` {NAMES}."), "namespace"));
        }
        if namespace.replace(value).is_some() {
            return Err(invalid("`namespace` stands there twice.".to_owned(), "namespace"));
        }
    }
    Ok(namespace)
}
