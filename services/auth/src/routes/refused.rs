//! Refused administrative acts, noted in the audit log.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use outcrop_http::{ApiError, check_scope};

use super::acting::acting;
use crate::AuthService;
use crate::audit::RefusedAct;

/// A middleware around administrative routes: whatever an authenticated caller is refused is noted before it is
/// told. The answer stays what it was. Where a credential is not to be used here at all, that is said here and not
/// at the edge, so that it is noted too.
pub(super) async fn note(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let answer = match admit(&request) {
        Ok(()) => next.call(request).await?,
        Err(error) => request.error_response(error),
    };
    let request = answer.request();
    if matches!(answer.status().as_u16(), 401 | 403 | 404 | 409 | 429)
        && let Some(auth) = request.app_data::<web::Data<AuthService>>()
        // No pattern: there is nothing at this path, and so no act that was refused.
        && let Some(pattern) = request.match_pattern()
        && let Ok(acting) = acting(request)
        && acting.who().is_some()
    {
        let told = answer.response().error().and_then(|error| error.as_error::<ApiError>());
        let act = RefusedAct {
            action: format!("{} {pattern}", request.method()),
            target: request.path().to_owned(),
            detail: told.map_or_else(|| answer.status().to_string(), |error| error.message.clone()),
        };
        auth.record_refused(&acting, act).await;
    }
    Ok(answer)
}

/// Lets in whose credential is good here.
fn admit(request: &ServiceRequest) -> Result<(), ApiError> {
    let acting = acting(request.request())?;
    let Some(principal) = acting.who() else { return Ok(()) };
    check_scope(principal, request.path(), acting.client_ip())
}
