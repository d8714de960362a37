//! The answer on its way back.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use futures::Stream;
use reqwest::header::CONTENT_LENGTH;

use crate::events;

type Pieces = Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>>>>;

/// A service's answer, passed on piece by piece. Dropping it closes the call of the service.
pub(super) struct UpstreamBody {
    size: BodySize,
    pieces: Pieces,
}

impl UpstreamBody {
    pub(super) fn new(answer: reqwest::Response) -> Self {
        let length = answer.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let size = length.map_or(BodySize::Stream, BodySize::Sized);
        Self { size, pieces: Box::pin(answer.bytes_stream()) }
    }

    /// The same with a whole end, and the call of the service closed, as soon as `end` is there and no event is half told.
    pub(super) fn until(self, end: impl Future<Output = ()> + 'static) -> Self {
        Self { size: self.size, pieces: Box::pin(events::until(self.pieces, end)) }
    }
}

impl fmt::Debug for UpstreamBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamBody").field("size", &self.size).finish_non_exhaustive()
    }
}

impl MessageBody for UpstreamBody {
    /// Makes actix-web break off the answer, so that the client does not take half of it for the whole.
    type Error = reqwest::Error;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<reqwest::Result<Bytes>>> {
        loop {
            match self.pieces.as_mut().poll_next(cx) {
                // An empty piece would read as the end of a chunked body.
                Poll::Ready(Some(Ok(bytes))) if bytes.is_empty() => {}
                piece => return piece,
            }
        }
    }
}
