//! The layer that stands between the public and every service: credential, permission, route.

use std::sync::Arc;

use actix_web::HttpMessage;
use actix_web::body::BoxBody;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::middleware::Next;
use outcrop_http::{
    ApiError, CLIENT_IP_HEADER, DEADLINE_HEADER, Layer, LayerFuture, MCP_PATH, RESPONSE_ID_HEADER,
    RequestContext, RoutePattern, WAY_HEADER, check_scope, is_front_path, is_health_path, know, require,
};
use outcrop_policy::Resource;
use outcrop_ports::Credential;
use outcrop_types::{ErrorCode, Principal};

use crate::credential::Reader;
use crate::forward::asks_for_news;
use crate::mcp::Door;
use crate::route::{self, Access, Route};
use crate::standing::Standing;
use crate::{AuthCache, Refusal, auth_cache, page, pattern};

/// What only our own services may say; whatever a client says there is thrown away.
const INTERNAL_HEADERS: [&str; 5] =
    [outcrop_token::HEADER, DEADLINE_HEADER, CLIENT_IP_HEADER, WAY_HEADER, RESPONSE_ID_HEADER];

/// What a request has to get past.
struct Edge {
    reader: Reader,
    mcp: Door,
}

pub(crate) fn layer(cache: AuthCache, reader: Reader, mcp: Door) -> Layer {
    let edge = Arc::new(Edge { reader, mcp });
    Layer::new(move |mut request, next| {
        for name in INTERNAL_HEADERS {
            request.headers_mut().remove(name);
        }
        if is_before_routes(&request) {
            return next.call(request);
        }
        let (route, credential) = match edge.enter(&request) {
            Ok((route, Some(credential))) => (route, credential),
            Ok((_, None)) => return next.call(request),
            Err(error) => return Layer::refuse(request, error),
        };
        // Nearly every request is of a caller known from the last second: no future is made for it.
        if let Some(answer) = cache.recall(&credential) {
            return match edge.admit(&request, route, answer) {
                Ok(()) => go_on(&cache, credential, request, next),
                Err(error) => Layer::refuse(request, error),
            };
        }
        let (cache, edge) = (cache.clone(), Arc::clone(&edge));
        Box::pin(async move {
            let answer = cache.authenticate(&credential).await;
            match edge.admit(&request, route, answer) {
                Ok(()) => go_on(&cache, credential, request, next).await,
                Err(error) => Layer::refuse(request, error).await,
            }
        })
    })
}

/// Passes on what has been let in. Streams of the MCP server are watched for as long as they last.
fn go_on(
    cache: &AuthCache,
    credential: Credential,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> LayerFuture {
    if request.path() != MCP_PATH {
        return next.call(request);
    }
    let Some(principal) = request.extensions().get::<Principal>().cloned() else {
        return next.call(request);
    };
    let is_of_news = asks_for_news(request.method(), request.path(), request.headers());
    let standing = Standing { cache: cache.clone(), credential, principal, is_of_news };
    Box::pin(async move { Ok(standing.watch(next.call(request).await?)) })
}

/// Whether the process itself answers, whoever asks.
fn is_before_routes(request: &ServiceRequest) -> bool {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    is_health_path(request.path()) || reads && is_front_path(request.path())
}

impl Edge {
    /// Finds the route, leaves it where the forwarder looks for it, and reads the credential if the route asks for one.
    fn enter(&self, request: &ServiceRequest) -> Result<(Route, Option<Credential>), ApiError> {
        let route = route::find(request.method(), request.path())
            .ok_or_else(|| ApiError::new(ErrorCode::NotFound, "there is nothing at this path"))?;
        request.extensions_mut().insert(route);
        if let Some(pattern) = pattern::of(request.path()) {
            RoutePattern::tell(request, pattern);
        }
        self.mcp.check_origin(request)?;
        Door::check_method(request)?;
        let credential = match route.access {
            Access::Public => None,
            Access::OwnPages => {
                page::check_own(request, &self.reader.origins)?;
                None
            }
            Access::Known | Access::Needs(_) => Some(self.reader.read(request).map_err(|error| {
                let is_shown = Reader::is_shown(request.headers());
                if is_shown {
                    // Whoever guesses shows what is not even well-formed, too.
                    auth_cache::count_refused();
                }
                self.mcp.explain(request.path(), error, is_shown)
            })?),
        };
        Ok((route, credential))
    }

    /// Checks what the credential is good for, and puts the principal where handlers and the forwarder look for it.
    fn admit(
        &self,
        request: &ServiceRequest,
        route: Route,
        answer: Result<Principal, Refusal>,
    ) -> Result<(), ApiError> {
        let path = request.path();
        let principal = answer.map_err(|refusal| self.mcp.explain(path, refuse(refusal), true))?;
        know(&principal);
        // Below /admin/v1 the auth service checks it, and notes in the audit log whom it refuses.
        if !route::is_admin(path) {
            let client_ip =
                request.extensions().get::<RequestContext>().and_then(|context| context.client_ip);
            check_scope(&principal, path, client_ip)?;
        }
        if let Access::Needs(permission) = route.access {
            require(&principal, permission, Resource::OwnTeam)
                .map_err(|error| self.mcp.explain_lack(path, error))?;
        }
        Door::check_type(request)?;
        request.extensions_mut().insert(principal);
        Ok(())
    }
}

fn refuse(refusal: Refusal) -> ApiError {
    let retry_after = refusal.retry_after();
    let mut error = ApiError::from_error(refusal);
    error.retry_after = retry_after;
    error
}
