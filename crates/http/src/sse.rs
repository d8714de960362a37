//! Answers that are streams of events.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use bytes::Bytes;
use futures::Stream;

/// A body that is sent piece by piece, each as soon as it is there. When the client goes away it is dropped,
/// and the stream with it.
pub struct StreamBody(Pin<Box<dyn Stream<Item = Bytes>>>);

impl StreamBody {
    /// Sends what the stream gives.
    pub fn new(stream: impl Stream<Item = Bytes> + 'static) -> Self {
        Self(Box::pin(stream))
    }
}

impl fmt::Debug for StreamBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamBody(…)")
    }
}

impl MessageBody for StreamBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        loop {
            match self.0.as_mut().poll_next(cx) {
                // An empty piece would read as the end of a chunked body.
                Poll::Ready(Some(bytes)) if bytes.is_empty() => {}
                Poll::Ready(piece) => return Poll::Ready(piece.map(Ok)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// A 200 that sends these already framed events, with what keeps proxies from holding them back.
#[must_use]
pub fn respond(events: impl Stream<Item = Bytes> + 'static) -> HttpResponse {
    stream("text/event-stream", events)
}

/// The same for a stream of another type: `application/vnd.amazon.eventstream`.
#[must_use]
pub fn stream(content_type: &'static str, pieces: impl Stream<Item = Bytes> + 'static) -> HttpResponse {
    let body = BoxBody::new(StreamBody::new(pieces));
    let mut response = HttpResponse::Ok().finish().set_body(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // nginx's switch; others have learnt it.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}
