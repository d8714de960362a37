//! No answer ends before what it used is in the ledger, where settings say so (`usage.flush_ms = 0`).
//!
//! A process that is frozen as soon as it has answered, as AWS Lambda's are, ships nothing afterwards, and may never be woken
//! again. What is sent waits for nobody: of an answer in pieces only the end is held back, which comes after the last of them.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use bytes::Bytes;
use futures::future::LocalBoxFuture;
use outcrop_http::Layer;
use tokio::time::timeout;

use crate::InferenceService;

/// Longest wait for the ledger. What it has not taken by then is in the spool, and goes with the next answer.
const LONGEST: Duration = Duration::from_secs(5);

impl InferenceService {
    /// The layer, and around it that answers wait for the ledger; the layer alone where settings do not ask for it.
    #[must_use]
    pub fn settle_first(&self, layer: Layer) -> Layer {
        if !self.inner().flush.is_zero() {
            return layer;
        }
        let service = self.clone();
        Layer::new(move |request, next| {
            // Nothing is called by reading.
            let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
            let answered = layer.call(request, next);
            if reads {
                return answered;
            }
            let service = service.clone();
            Box::pin(async move { Ok(service.settled(answered.await?).await) })
        })
    }

    async fn settled(self, answer: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        match answer.response().body().size() {
            BodySize::Stream => answer.map_body(|_, body| {
                BoxBody::new(SettledBody {
                    body: Some(body),
                    settle: Box::pin(async move { self.settle().await }),
                })
            }),
            // Its client knows its end by its size.
            BodySize::None | BodySize::Sized(_) => {
                self.settle().await;
                answer
            }
        }
    }

    async fn settle(&self) {
        if timeout(LONGEST, self.inner().metering.spool.shipped()).await.is_err() {
            tracing::warn!("the ledger took too long; usage records wait in the spool");
        }
    }
}

/// A body whose end waits.
struct SettledBody {
    /// None once it has ended: most bodies may not be asked again.
    body: Option<BoxBody>,
    settle: LocalBoxFuture<'static, ()>,
}

impl MessageBody for SettledBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let Self { body, settle } = &mut *self;
        if let Some(open) = body {
            let polled = Pin::new(open).poll_next(cx);
            if !matches!(polled, Poll::Ready(None)) {
                return polled;
            }
            // With it goes what it holds: the call that it told of ends here, and is among what is waited for.
            *body = None;
        }
        settle.as_mut().poll(cx).map(|()| None)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::BodyStream;
    use futures::future::poll_fn;
    use futures::stream;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn the_end_waits_and_what_has_ended_is_not_asked_again() {
        // Such streams panic when they are asked again after their end.
        let piece = |n: u8| (Ok::<_, std::io::Error>(Bytes::from(vec![n])), n + 1);
        let pieces = stream::unfold(0, move |n| async move { (n < 2).then(|| piece(n)) });
        let body = BoxBody::new(BodyStream::new(Box::pin(pieces)));
        let (settled, wait) = oneshot::channel::<()>();
        let settle = Box::pin(async move { wait.await.unwrap() });
        let mut body = std::pin::pin!(SettledBody { body: Some(body), settle });
        for expected in 0..2 {
            let piece = poll_fn(|cx| body.as_mut().poll_next(cx)).await.unwrap().unwrap();
            assert_eq!(piece.as_ref(), [expected]);
        }
        let mut asked = 0;
        let mut settled = Some(settled);
        let end = poll_fn(|cx| {
            asked += 1;
            let polled = body.as_mut().poll_next(cx);
            if asked == 2 {
                settled.take().unwrap().send(()).unwrap();
            }
            if polled.is_pending() {
                cx.waker().wake_by_ref();
            }
            polled
        });
        assert!(end.await.is_none());
        assert!(asked > 2, "it waited");
    }
}
