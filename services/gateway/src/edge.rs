//! The layer that stands between the public and every service: credential, permission, route.

use actix_web::HttpMessage;
use actix_web::dev::ServiceRequest;
use outcrop_http::{ApiError, DEADLINE_HEADER, Layer, is_health_path};
use outcrop_policy::{Decision, Resource, decide};
use outcrop_types::{ErrorCode, Permission, Principal};

use crate::route::{self, Access, Route};
use crate::{AuthCache, Refusal, credential};

/// What only our own services may say; whatever a client says there is thrown away.
const INTERNAL_HEADERS: [&str; 2] = [outcrop_token::HEADER, DEADLINE_HEADER];

pub(crate) fn layer(cache: AuthCache) -> Layer {
    Layer::new(move |mut request, next| {
        for name in INTERNAL_HEADERS {
            request.headers_mut().remove(name);
        }
        if is_health_path(request.path()) {
            return next.call(request);
        }
        let Some(route) = route::find(request.method(), request.path()) else {
            return Layer::refuse(
                request,
                ApiError::new(ErrorCode::NotFound, "there is nothing at this path"),
            );
        };
        request.extensions_mut().insert(route);
        if route.access == Access::Public {
            return next.call(request);
        }
        let credential = match credential::read(request.headers()) {
            Ok(credential) => credential,
            Err(error) => return Layer::refuse(request, error),
        };
        // Nearly every request is of a caller known from the last second: no future is made for it.
        if let Some(answer) = cache.recall(&credential) {
            return match admit(&request, route, answer) {
                Ok(()) => next.call(request),
                Err(error) => Layer::refuse(request, error),
            };
        }
        let cache = cache.clone();
        Box::pin(async move {
            let answer = cache.authenticate(&credential).await;
            match admit(&request, route, answer) {
                Ok(()) => next.call(request).await,
                Err(error) => Layer::refuse(request, error).await,
            }
        })
    })
}

/// Checks the permission, and puts the principal where handlers and the forwarder look for it.
fn admit(request: &ServiceRequest, route: Route, answer: Result<Principal, Refusal>) -> Result<(), ApiError> {
    let principal = answer.map_err(refuse)?;
    if let Access::Needs(permission) = route.access {
        check(&principal, permission)?;
    }
    request.extensions_mut().insert(principal);
    Ok(())
}

fn check(principal: &Principal, permission: Permission) -> Result<(), ApiError> {
    match decide(principal, permission, Resource::OwnTeam) {
        Decision::Allow => Ok(()),
        Decision::Deny | Decision::Hidden => {
            let role = principal.role;
            let message =
                format!("this needs the permission `{permission}`, which the role `{role}` does not have");
            Err(ApiError::new(ErrorCode::Forbidden, message))
        }
    }
}

fn refuse(refusal: Refusal) -> ApiError {
    let retry_after = refusal.retry_after();
    let mut error = ApiError::from_error(refusal);
    error.retry_after = retry_after;
    error
}
