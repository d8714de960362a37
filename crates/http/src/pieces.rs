//! A body that is read piece by piece, and held by nobody.

use std::fmt;
use std::time::{Duration, Instant};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use bytes::Bytes;

use crate::body::{next_piece, too_slow};
use crate::scope::body_too_large;
use crate::{ApiError, Bounds, RequestContext};

/// The body of a request within the [`Bounds`] of its path: its size, the wait for each piece, the wait for all of them.
/// Nothing is read from the client before it is asked for.
pub struct BodyPieces {
    payload: Payload,
    bounds: Bounds,
    until: Instant,
    read: usize,
}

impl BodyPieces {
    /// A body that must be there within `remaining`.
    #[must_use]
    pub fn new(payload: Payload, bounds: Bounds, remaining: Duration) -> Self {
        Self { payload, bounds, until: Instant::now() + remaining, read: 0 }
    }

    /// The next piece; `None` at the true end. A body that is too large, too slow or broken off ends with the refusal.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        let next = tokio::time::timeout_at(self.until.into(), next_piece(&mut self.payload, &self.bounds));
        let Some(bytes) = next.await.unwrap_or_else(|_| Err(too_slow(&self.bounds)))? else {
            return Ok(None);
        };
        self.read = self.read.saturating_add(bytes.len());
        if self.read > self.bounds.max_body_bytes {
            return Err(body_too_large(self.bounds.max_body_bytes));
        }
        Ok(Some(bytes))
    }
}

impl fmt::Debug for BodyPieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyPieces").field("read", &self.read).finish_non_exhaustive()
    }
}

impl FromRequest for BodyPieces {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bounds = request.app_data::<Bounds>().copied().unwrap_or_default();
        let bounds = bounds.of(request.method(), request.path());
        let context = request.extensions().get::<RequestContext>().cloned();
        let remaining = context.map_or(bounds.request_timeout, |context| context.remaining());
        std::future::ready(Ok(Self::new(payload.take(), bounds, remaining)))
    }
}
