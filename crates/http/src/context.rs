//! What is known of a request besides its content.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use outcrop_types::{ErrorCode, RequestId};
use outcrop_wire::Dialect;

use crate::ApiError;

/// Put into every request by the `scope` middleware; handlers take it as an argument.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// The id to log, meter and answer under.
    pub request_id: RequestId,
    /// The dialect the client speaks.
    pub dialect: Dialect,
    /// The address the client has, as far as it can be known: behind our own proxies and services it is the one
    /// that they tell of, and nobody else's word is taken.
    pub client_ip: Option<IpAddr>,
    /// When the request arrived.
    pub arrived: Instant,
    /// How long the caller waits, counted from `arrived`.
    pub deadline: Duration,
}

impl RequestContext {
    /// How much of the deadline is left.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_sub(self.arrived.elapsed())
    }
}

impl FromRequest for RequestContext {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let context = request.extensions().get::<Self>().cloned();
        std::future::ready(
            context.ok_or_else(|| ApiError::new(ErrorCode::Internal, "the request has no context")),
        )
    }
}
