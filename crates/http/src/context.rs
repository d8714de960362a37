//! What is known of a request besides its content.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use outcrop_telemetry::current::{self, Who};
use outcrop_telemetry::trace::TraceContext;
use outcrop_types::{ErrorCode, Principal, RequestId, Used, Way};
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
    /// How whoever works it off wants it done, where it is work that could wait. Believed only from our own services.
    pub way: Option<Way>,
    /// What is used for it.
    pub spent: Spent,
    /// Where in its trace this service works on it: what is done for it goes on from here.
    pub trace: TraceContext,
}

/// What was used for a request so far. Clones are one sum.
#[derive(Debug, Clone, Default)]
pub struct Spent(Arc<Mutex<Used>>);

impl Spent {
    /// Adds what one call used.
    pub fn add(&self, used: Used) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += used;
    }

    /// All of it.
    #[must_use]
    pub fn sum(&self) -> Used {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RequestContext {
    /// How much of the deadline is left.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_sub(self.arrived.elapsed())
    }
}

/// Tells the task that works on a request on whose behalf it does: its log lines and its span say so.
pub fn know(principal: &Principal) {
    current::with(|current| {
        current.know(|| Who {
            team: principal.team.to_string().into(),
            subject: principal.subject.to_string().into(),
            key: principal.key.as_ref().map(|key| key.prefix().into()),
        });
    });
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
