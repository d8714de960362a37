//! The outermost middleware: what is true of every request and every answer.
//!
//! In: a request id, the dialect, the client's address, the deadline, the bound on the body. Out: the id on every
//! answer, what browsers are to be told, every failure in the caller's dialect. It also counts the request as open work
//! until its answer's last byte is handed over, and has it told then: in its trace, in metrics, and once in the log.

use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::BoxBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::ConnectionType;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::{Error, HttpMessage};
use futures::future::LocalBoxFuture;
use outcrop_lifecycle::InFlight;
use outcrop_ports::IdGen;
use outcrop_telemetry::trace::TraceContext;
use outcrop_types::{ErrorCode, Network, RequestId};
use outcrop_wire::Dialect;

use crate::browser::Browser;
use crate::ending::Ending;
use crate::metrics::METRICS_PATH;
use crate::patterns::Patterns;
use crate::record::Record;
use crate::serve::Draining;
use crate::telling::{Telling, TellingOptions};
use crate::tracked::TrackedBody;
use crate::watch::Watch;
use crate::{ApiError, Bounds, REQUEST_ID_HEADER, RequestContext, Spent, client_ip, is_health_path};

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
    trusted: Arc<[Network]>,
    browser: Option<Browser>,
    telling: Arc<Telling>,
}

impl Scope {
    /// Bounds requests, counts them in `in_flight` and names them with `ids`.
    #[must_use]
    pub fn new(bounds: Bounds, in_flight: InFlight, ids: Arc<dyn IdGen>) -> Self {
        let (draining, trusted) = (Draining::default(), Arc::default());
        let telling = Telling::new(TellingOptions::default(), false);
        Self { bounds, in_flight, ids, draining, trusted, browser: None, telling }
    }

    /// Refuses new requests once draining has begun.
    pub(crate) fn with_draining(mut self, draining: Draining) -> Self {
        self.draining = draining;
        self
    }

    /// Believes what the proxies in these networks say of their clients' addresses.
    pub(crate) fn with_trusted(mut self, trusted: Arc<[Network]>) -> Self {
        self.trusted = trusted;
        self
    }

    /// Faces the public, browsers among it.
    pub(crate) fn with_browser(mut self, browser: Option<Browser>) -> Self {
        self.browser = browser;
        self
    }

    /// Tells of its requests what this says.
    pub(crate) fn with_telling(mut self, telling: Arc<Telling>) -> Self {
        self.telling = telling;
        self
    }

    fn context(&self, request: &ServiceRequest) -> RequestContext {
        let given = request.headers().get(REQUEST_ID_HEADER).and_then(|value| value.to_str().ok());
        RequestContext {
            request_id: given
                .and_then(RequestId::of_client)
                .unwrap_or_else(|| RequestId::from_uuid(self.ids.uuid())),
            dialect: Dialect::of_request(request.path(), request.headers().contains_key("anthropic-version")),
            client_ip: client_ip::find(
                request.peer_addr().map(|peer| peer.ip()),
                request.headers(),
                &self.trusted,
            ),
            arrived: Instant::now(),
            deadline: self.bounds.of(request.method(), request.path()).request_timeout,
            way: None,
            spent: Spent::default(),
            trace: TraceContext::none(),
        }
    }

    /// Refuses a body that announces itself as too large, before a byte of it is read.
    fn too_large(&self, request: &ServiceRequest) -> Option<ApiError> {
        let length = request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse::<u64>().ok()?;
        let max = self.bounds.of(request.method(), request.path()).max_body_bytes;
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
        let (scope, patterns) = (self.clone(), Patterns::default());
        ready(Ok(ScopeService { service, scope, patterns, _watch: Watch::start() }))
    }
}

/// The middleware around one worker's routes.
#[derive(Debug)]
pub struct ScopeService<S> {
    service: S,
    scope: Scope,
    patterns: Patterns,
    _watch: Watch,
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
        let (path, scope) = (request.path(), &self.scope);
        let health = is_health_path(path);
        // Probes are no work that a stop would wait for, and nothing is told of them.
        let guard = (!health).then(|| scope.in_flight.enter());
        let unheard = health || path == METRICS_PATH && !scope.telling.faces_public();
        let mut context = scope.context(&request);
        let record = (!unheard).then(|| Record::begin(&scope.telling, &self.patterns, &request, &context));
        let current = record.as_ref().map(Record::current);
        if let Some(current) = &current {
            context.trace = current.trace.clone();
        }
        let browser = scope.browser.as_ref();
        let mut ending = Ending::new(&request, context.clone(), browser, record, guard);
        // Asked without a credential, and thus answered before anybody asks for one.
        if let Some((answer, allowed)) = browser.and_then(|browser| browser.preflight(&request)) {
            ending.may_be_read(allowed);
            return Box::pin(ready(Ok(ending.answer(request.into_response(answer)))));
        }
        let draining = scope.draining.has_begun();
        let refusal = if draining && !health { Some(stopping()) } else { scope.too_large(&request) };
        if let Some(error) = refusal {
            let mut answer = ending.answer(request.error_response(error));
            if draining {
                answer.response_mut().head_mut().set_connection_type(ConnectionType::Close);
            }
            return Box::pin(ready(Ok(answer)));
        }
        let deadline = context.arrived + context.deadline + GRACE;
        let mut extensions = request.extensions_mut();
        extensions.insert(context);
        if let Some(pattern) = ending.pattern() {
            extensions.insert(pattern);
        }
        drop(extensions);
        // Layers begin their work before anybody waits for it.
        let begin = || self.service.call(request);
        let answer = match current.clone() {
            Some(current) => current.enter(begin),
            None => begin(),
        };
        let ended = async move {
            let answer = tokio::time::timeout_at(deadline.into(), answer).await.unwrap_or_else(|_| {
                Err(ApiError::new(ErrorCode::Timeout, "there was no answer in time").into())
            });
            match answer {
                Ok(answer) => Ok(ending.answer(answer)),
                // Without the request there is no answer to be made here, but what it will be can be said.
                Err(error) => Err(ending.error(&error).into()),
            }
        };
        match current {
            Some(current) => Box::pin(current.scope(ended)),
            None => Box::pin(ended),
        }
    }
}
