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
                let settle =
                    Some(Box::pin(async move { self.settle().await }) as LocalBoxFuture<'static, ()>);
                BoxBody::new(SettledBody { body, settle })
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
    body: BoxBody,
    settle: Option<LocalBoxFuture<'static, ()>>,
}

impl MessageBody for SettledBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let Self { body, settle } = &mut *self;
        let polled = Pin::new(body).poll_next(cx);
        let (Poll::Ready(None), Some(wait)) = (&polled, settle.as_mut()) else { return polled };
        if wait.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        *settle = None;
        polled
    }
}
