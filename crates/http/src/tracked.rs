//! An answer's body that counts as open work until it has been sent or given up.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use bytes::Bytes;
use outcrop_lifecycle::Guard;

/// A body with the guard of its request, if the request counts.
#[derive(Debug)]
pub struct TrackedBody {
    body: BoxBody,
    guard: Option<Guard>,
}

impl TrackedBody {
    pub(crate) const fn new(body: BoxBody, guard: Option<Guard>) -> Self {
        Self { body, guard }
    }
}

impl MessageBody for TrackedBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        let Self { body, guard } = self;
        body.try_into_bytes().map_err(|body| Self { body, guard })
    }
}
