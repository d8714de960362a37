//! Refused administrative acts, noted in the audit log.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use outcrop_http::ApiError;

use super::acting::acting;
use crate::AuthService;
use crate::audit::RefusedAct;

/// A middleware around administrative routes: whatever an authenticated caller is refused is noted before it is
/// told. The answer stays what it was.
pub(super) async fn note(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let answer = next.call(request).await?;
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
