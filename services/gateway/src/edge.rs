//! The layer that stands between the public and every service: credential, permission, route.

use std::sync::Arc;

use actix_web::HttpMessage;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use outcrop_http::{
    ApiError, CLIENT_IP_HEADER, DEADLINE_HEADER, Layer, RESPONSE_ID_HEADER, RequestContext, WAY_HEADER,
    check_scope, is_front_path, is_health_path, require,
};
use outcrop_policy::Resource;
use outcrop_types::{ErrorCode, Principal};

use crate::credential::Reader;
use crate::route::{self, Access, Route};
use crate::{AuthCache, Refusal, page};

/// What only our own services may say; whatever a client says there is thrown away.
const INTERNAL_HEADERS: [&str; 5] =
    [outcrop_token::HEADER, DEADLINE_HEADER, CLIENT_IP_HEADER, WAY_HEADER, RESPONSE_ID_HEADER];

pub(crate) fn layer(cache: AuthCache, reader: Reader) -> Layer {
    let reader = Arc::new(reader);
    Layer::new(move |mut request, next| {
        for name in INTERNAL_HEADERS {
            request.headers_mut().remove(name);
        }
        if is_before_routes(&request) {
            return next.call(request);
        }
        let (route, credential) = match enter(&request, &reader) {
            Ok((route, Some(credential))) => (route, credential),
            Ok((_, None)) => return next.call(request),
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

/// Whether the process itself answers, whoever asks.
fn is_before_routes(request: &ServiceRequest) -> bool {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    is_health_path(request.path()) || reads && is_front_path(request.path())
}

/// Finds the route, leaves it where the forwarder looks for it, and reads the credential if the route asks for one.
fn enter(
    request: &ServiceRequest,
    reader: &Reader,
) -> Result<(Route, Option<outcrop_ports::Credential>), ApiError> {
    let route = route::find(request.method(), request.path())
        .ok_or_else(|| ApiError::new(ErrorCode::NotFound, "there is nothing at this path"))?;
    request.extensions_mut().insert(route);
    let credential = match route.access {
        Access::Public => None,
        Access::OwnPages => {
            page::check_own(request, &reader.origins)?;
            None
        }
        Access::Known | Access::Needs(_) => Some(reader.read(request)?),
    };
    Ok((route, credential))
}

/// Checks what the credential is good for, and puts the principal where handlers and the forwarder look for it.
fn admit(request: &ServiceRequest, route: Route, answer: Result<Principal, Refusal>) -> Result<(), ApiError> {
    let principal = answer.map_err(refuse)?;
    // Below /admin/v1 the auth service checks it, and notes in the audit log whom it refuses.
    if !route::is_admin(request.path()) {
        let client_ip = request.extensions().get::<RequestContext>().and_then(|context| context.client_ip);
        check_scope(&principal, request.path(), client_ip)?;
    }
    if let Access::Needs(permission) = route.access {
        require(&principal, permission, Resource::OwnTeam)?;
    }
    request.extensions_mut().insert(principal);
    Ok(())
}

fn refuse(refusal: Refusal) -> ApiError {
    let retry_after = refusal.retry_after();
    let mut error = ApiError::from_error(refusal);
    error.retry_after = retry_after;
    error
}
