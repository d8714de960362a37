//! The answer on its way back.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use futures::Stream;
use outcrop_http::passed_on_broken;
use outcrop_types::ErrorCode;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};

use crate::events;

type Pieces = Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>>>>;

/// A service's answer, passed on piece by piece. Dropping it closes the call of the service.
pub(super) struct UpstreamBody {
    size: BodySize,
    pieces: Pieces,
    /// Of a stream of events, the last piece.
    last: Option<Bytes>,
}

impl UpstreamBody {
    pub(super) fn new(answer: reqwest::Response) -> Self {
        let length = answer.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let size = length.map_or(BodySize::Stream, BodySize::Sized);
        let kind = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let last = kind.is_some_and(|kind| kind.starts_with("text/event-stream")).then(Bytes::new);
        Self { size, pieces: Box::pin(answer.bytes_stream()), last }
    }

    /// The same with a whole end, and the call of the service closed, as soon as `end` is there and no event is half told.
    pub(super) fn until(self, end: impl Future<Output = ()> + 'static) -> Self {
        Self { pieces: Box::pin(events::until(self.pieces, end)), ..self }
    }
}

impl UpstreamBody {
    /// Which failure it was that an answer's last event tells of only the service knows, and has told: here it is the service's.
    fn listen(&mut self, piece: &Poll<Option<reqwest::Result<Bytes>>>) {
        let Some(last) = &mut self.last else { return };
        match piece {
            // The piece is shared, and none of it copied.
            Poll::Ready(Some(Ok(bytes))) => last.clone_from(bytes),
            Poll::Ready(None) if events::is_failure(last) => passed_on_broken(ErrorCode::Upstream),
            _ => {}
        }
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
                piece => {
                    self.listen(&piece);
                    return piece;
                }
            }
        }
    }
}
