//! The outermost middleware: what is true of every request and every answer.
//!
//! In: a request id, the dialect, the deadline, the bound on the body. Out: the id on every answer, every
//! failure in the caller's dialect and once in the log. It also counts the request as open work until its
//! answer's last byte is handed over.

use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::ConnectionType;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use actix_web::{Error, HttpMessage, HttpResponse, ResponseError};
use bytes::Bytes;
use futures::future::LocalBoxFuture;
use outcrop_lifecycle::InFlight;
use outcrop_ports::IdGen;
use outcrop_types::{ErrorCode, Principal, RequestId};
use outcrop_wire::Dialect;

use crate::failure::Failure;
use crate::serve::Draining;
use crate::tracked::TrackedBody;
use crate::{ApiError, Bounds, REQUEST_ID_HEADER, RequestContext, is_health_path};

/// How much longer than the deadline a handler may take before it is cut off: handlers keep the deadline
/// themselves and answer in better words.
const GRACE: Duration = Duration::from_secs(2);

/// The middleware. One value serves all workers.
#[derive(Clone)]
pub struct Scope {
    bounds: Bounds,
    in_flight: InFlight,
    ids: Arc<dyn IdGen>,
    draining: Draining,
}

impl Scope {
    /// Bounds requests, counts them in `in_flight` and names them with `ids`.
    #[must_use]
    pub fn new(bounds: Bounds, in_flight: InFlight, ids: Arc<dyn IdGen>) -> Self {
        Self { bounds, in_flight, ids, draining: Draining::default() }
    }

    /// Refuses new requests once draining has begun.
    pub(crate) fn with_draining(mut self, draining: Draining) -> Self {
        self.draining = draining;
        self
    }

    fn context(&self, request: &ServiceRequest) -> RequestContext {
        let given = request.headers().get(REQUEST_ID_HEADER).and_then(|value| value.to_str().ok());
        RequestContext {
            request_id: given
                .and_then(RequestId::parse)
                .unwrap_or_else(|| RequestId::from_uuid(self.ids.uuid())),
            dialect: Dialect::of_path(request.path()),
            arrived: Instant::now(),
            deadline: self.bounds.request_timeout,
        }
    }

    /// Refuses a body that announces itself as too large, before a byte of it is read.
    fn too_large(&self, request: &ServiceRequest) -> Option<ApiError> {
        let length = request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse::<u64>().ok()?;
        let max = self.bounds.max_body_bytes;
        (length > max as u64).then(|| body_too_large(max))
    }
}

/// The refusal of a request that comes after the stop.
fn stopping() -> ApiError {
    ApiError::new(ErrorCode::Unavailable, "this instance is stopping; try again")
        .with_retry_after(Duration::from_secs(1))
}

/// The refusal of a body over the limit, bytes.
#[must_use]
pub fn body_too_large(max: usize) -> ApiError {
    ApiError::new(ErrorCode::PayloadTooLarge, format!("the body is larger than {max} bytes"))
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}

impl<S> Transform<S, ServiceRequest> for Scope
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error> + 'static,
    S::Future: 'static,
{
    type Response = ServiceResponse<TrackedBody>;
    type Error = Error;
    type Transform = ScopeService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(ScopeService { service, scope: self.clone() }))
    }
}

/// The middleware around one worker's routes.
#[derive(Debug)]
pub struct ScopeService<S> {
    service: S,
    scope: Scope,
}

impl<S> Service<ServiceRequest> for ScopeService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error> + 'static,
    S::Future: 'static,
{
    type Response = ServiceResponse<TrackedBody>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let health = is_health_path(request.path());
        // Probes are no work that a stop would wait for.
        let guard = (!health).then(|| self.scope.in_flight.enter());
        let context = self.scope.context(&request);
        let head = Head { method: request.method().clone(), path: request.path().into() };
        let draining = self.scope.draining.has_begun();
        let refusal = if draining && !health { Some(stopping()) } else { self.scope.too_large(&request) };
        if let Some(error) = refusal {
            let mut answer = request.error_response(error);
            answer = finish(answer, &context, &head);
            if draining {
                answer.response_mut().head_mut().set_connection_type(ConnectionType::Close);
            }
            return Box::pin(ready(Ok(answer.map_body(|_, body| TrackedBody::new(body, None)))));
        }
        request.extensions_mut().insert(context.clone());
        let deadline = context.arrived + context.deadline + GRACE;
        let answer = self.service.call(request);
        Box::pin(async move {
            let answer = tokio::time::timeout_at(deadline.into(), answer).await.unwrap_or_else(|_| {
                Err(ApiError::new(ErrorCode::Timeout, "there was no answer in time").into())
            });
            match answer {
                Ok(answer) => {
                    Ok(finish(answer, &context, &head).map_body(|_, body| TrackedBody::new(body, guard)))
                }
                // Without the request there is no answer to be made here, but what it will be can be said.
                Err(error) => Err(Told::new(&error, &context, &head).into()),
            }
        })
    }
}

/// What the log says of a request. The query is left out: it is the client's business.
struct Head {
    method: actix_web::http::Method,
    path: Box<str>,
}

/// Puts the last hand to an answer.
fn finish(
    answer: ServiceResponse<BoxBody>,
    context: &RequestContext,
    head: &Head,
) -> ServiceResponse<BoxBody> {
    let (request, mut response) = answer.into_parts();
    let team = || request.extensions().get::<Principal>().map(|principal| principal.team);
    if let Some(error) = response.error() {
        let failure = Failure::of(error);
        log(&failure, context, head, team());
        response = failure.response(context);
    } else if is_bare_failure(&response) {
        let failure = Failure::of_status(response.status());
        log(&failure, context, head, team());
        response = failure.response(context);
    }
    mark(response.headers_mut(), context);
    tracing::debug!(
        request.id = %context.request_id,
        http.request.method = %head.method,
        url.path = %head.path,
        http.response.status_code = response.status().as_u16(),
        duration_ms = context.arrived.elapsed().as_secs_f64() * 1000.0,
        "answered"
    );
    ServiceResponse::new(request, response)
}

/// A status with nothing to explain it, as actix-web answers a wrong method.
fn is_bare_failure(response: &HttpResponse<BoxBody>) -> bool {
    let status = response.status();
    (status.is_client_error() || status.is_server_error())
        && matches!(response.body().size(), BodySize::None | BodySize::Sized(0))
        && !response.headers().contains_key(CONTENT_TYPE)
}

/// Puts the request's id on an answer, under the name each dialect's SDK looks for.
fn mark(headers: &mut HeaderMap, context: &RequestContext) {
    let Ok(id) = HeaderValue::from_str(context.request_id.as_str()) else { return };
    match context.dialect {
        Dialect::Anthropic => headers.insert(HeaderName::from_static("request-id"), id.clone()),
        Dialect::Bedrock => headers.insert(HeaderName::from_static("x-amzn-requestid"), id.clone()),
        _ => return drop(headers.insert(HeaderName::from_static(REQUEST_ID_HEADER), id)),
    };
    headers.insert(HeaderName::from_static(REQUEST_ID_HEADER), id);
}

fn log(failure: &Failure<'_>, context: &RequestContext, head: &Head, team: Option<outcrop_types::TeamId>) {
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                request.id = %context.request_id,
                http.request.method = %head.method,
                url.path = %head.path,
                http.response.status_code = failure.code.status(),
                error.code = failure.code.name(),
                error = failure.chain,
                team.id = team.map(tracing::field::display),
                duration_ms = context.arrived.elapsed().as_secs_f64() * 1000.0,
                "request failed"
            )
        };
    }
    if failure.code.status() >= 500 { line!(error) } else { line!(info) }
}

/// A failure that has been logged and rendered, on its way out of actix-web.
#[derive(Debug)]
struct Told {
    status: actix_web::http::StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Told {
    fn new(error: &Error, context: &RequestContext, head: &Head) -> Self {
        let failure = Failure::of(error);
        log(&failure, context, head, None);
        let (response, body) = failure.response(context).into_parts();
        let mut headers = response.headers().clone();
        mark(&mut headers, context);
        Self { status: response.status(), headers, body: body.try_into_bytes().unwrap_or_default() }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status.fmt(f)
    }
}

impl ResponseError for Told {
    fn status_code(&self) -> actix_web::http::StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status).set_body(BoxBody::new(self.body.clone()));
        for (name, value) in &self.headers {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        response
    }
}
