//! Refused administrative acts, noted in the audit log.

use std::collections::HashMap;
use std::sync::LazyLock;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use outcrop_http::{ApiError, check_scope, require};
use outcrop_openapi::Access;
use outcrop_policy::Resource;
use outcrop_types::Permission;

use super::acting::acting;
use crate::AuthService;
use crate::audit::RefusedAct;

/// What the table of the API asks for, by method and path, where the path names nothing: what it is about is the
/// caller's own team, or the platform.
static NEEDED: LazyLock<HashMap<(&str, &str), Permission>> = LazyLock::new(|| {
    let plain = outcrop_openapi::operations().filter(|it| !it.path.contains('{'));
    let needed = plain.filter_map(|it| match it.access {
        Access::Needs(permission) => Some(((it.method, it.path), permission)),
        Access::Public | Access::Known => None,
    });
    needed.collect()
});

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

/// Lets in whose credential is good here, and who has the permission without which nothing is to be had, whatever the
/// body says: else a body that does not read would keep a refusal out of the audit log.
fn admit(request: &ServiceRequest) -> Result<(), ApiError> {
    let acting = acting(request.request())?;
    let Some(principal) = acting.who() else { return Ok(()) };
    check_scope(principal, request.path(), acting.client_ip())?;
    let pattern = request.match_pattern();
    let needed =
        pattern.and_then(|pattern| NEEDED.get(&(request.method().as_str(), pattern.as_str())).copied());
    needed.map_or(Ok(()), |permission| require(principal, permission, resource(permission)))
}

/// What a permission is needed on, where the path names nothing.
const fn resource(permission: Permission) -> Resource {
    match permission {
        Permission::ManagePlatform => Resource::Platform,
        _ => Resource::OwnTeam,
    }
}
