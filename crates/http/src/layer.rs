//! A middleware as a value, so that a composition can hand one to [`Server::bind`](crate::Server::bind).

use std::fmt;
use std::sync::Arc;

use actix_web::Error;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use futures::future::LocalBoxFuture;

use crate::ApiError;

/// What a layer gives back.
pub type LayerFuture = LocalBoxFuture<'static, Result<ServiceResponse<BoxBody>, Error>>;

type LayerFn = dyn Fn(ServiceRequest, Next<BoxBody>) -> LayerFuture + Send + Sync;

/// A middleware between the [`Scope`](crate::Scope) and the routes: who may pass, and as whom.
#[derive(Clone)]
pub struct Layer(Arc<LayerFn>);

impl Layer {
    /// A layer that does this to every request.
    pub fn new(f: impl Fn(ServiceRequest, Next<BoxBody>) -> LayerFuture + Send + Sync + 'static) -> Self {
        Self(Arc::new(f))
    }

    /// Lets every request through as it is.
    #[must_use]
    pub fn none() -> Self {
        Self::new(|request, next| next.call(request))
    }

    /// Passes a request through this layer.
    #[must_use]
    pub fn call(&self, request: ServiceRequest, next: Next<BoxBody>) -> LayerFuture {
        (self.0)(request, next)
    }

    /// Answers a request with a failure instead of letting it through.
    #[must_use]
    pub fn refuse(request: ServiceRequest, error: ApiError) -> LayerFuture {
        let answer = request.error_response(error);
        Box::pin(std::future::ready(Ok(answer)))
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Layer(…)")
    }
}
