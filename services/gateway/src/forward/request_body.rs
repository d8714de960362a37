//! The body on its way from the client to the service.
//!
//! actix-web's payloads stay on their thread while reqwest's bodies may change theirs, so a large body passes
//! through a short channel, filled by the same task that awaits the answer. A small one is read whole, which
//! is cheaper and can be sent again on a fresh connection.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::{HttpRequest, web};
use bytes::Bytes;
use futures::future::{Either, select};
use futures::stream;
use outcrop_http::{ApiError, BodyPieces, Bounds, read_body};
use tokio::sync::mpsc;

/// Bodies up to this long are read whole, bytes.
const SMALL: usize = 64 * 1024;

/// Pieces (of at most 32 KiB) on their way at once.
const CHANNEL: usize = 4;

/// A piece, or `None` for the true end: a channel that only closes means that the client broke off.
type Piece = Option<Bytes>;

/// What is still to be sent.
pub(super) enum Sending {
    /// Nothing: all there is went into the body.
    Done,
    /// This, piece by piece.
    Open { body: BodyPieces, to: mpsc::Sender<Piece> },
}

impl Sending {
    /// Begins with a request's body; gives what the outgoing request carries.
    pub(super) async fn begin(
        request: &HttpRequest,
        payload: web::Payload,
        bounds: Bounds,
        remaining: Duration,
    ) -> Result<(Self, Option<reqwest::Body>), ApiError> {
        let headers = request.headers();
        let length = headers.get(CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse::<usize>().ok());
        match length {
            None | Some(0) if !headers.contains_key(TRANSFER_ENCODING) => Ok((Self::Done, None)),
            Some(length) if length <= SMALL => {
                let body = read_body(payload.into_inner(), &bounds, Some(length)).await?;
                Ok((Self::Done, Some(body.into())))
            }
            _ => {
                let (to, from) = mpsc::channel(CHANNEL);
                let body = BodyPieces::new(payload.into_inner(), bounds, remaining);
                Ok((Self::Open { body, to }, Some(reqwest::Body::wrap_stream(pieces(from)))))
            }
        }
    }

    /// Awaits the answer while sending what is left. An answer that comes before all is sent ends the sending;
    /// a body that fails ends the waiting.
    pub(super) async fn alongside<T>(self, answer: impl Future<Output = T>) -> Result<T, ApiError> {
        let Self::Open { body, to } = self else { return Ok(answer.await) };
        let failure = async {
            match pump(body, &to).await {
                Ok(()) => std::future::pending().await,
                Err(error) => error,
            }
        };
        // The pump is polled first: its error says more than the broken call that follows from it.
        match select(pin!(failure), pin!(answer)).await {
            Either::Left((error, _)) => Err(error),
            Either::Right((answer, _)) => Ok(answer),
        }
    }
}

/// Sends a body on; ends early without an error when the service wants no more of it.
async fn pump(mut body: BodyPieces, to: &mpsc::Sender<Piece>) -> Result<(), ApiError> {
    while let Some(bytes) = body.next().await? {
        if to.send(Some(bytes)).await.is_err() {
            return Ok(());
        }
    }
    drop(to.send(None).await);
    Ok(())
}

/// What the client sends, for the outgoing request.
fn pieces(from: mpsc::Receiver<Piece>) -> impl futures::Stream<Item = io::Result<Bytes>> + Send {
    stream::unfold(Some(from), |from| async {
        let mut from = from?;
        match from.recv().await {
            Some(Some(bytes)) => Some((Ok(bytes), Some(from))),
            Some(None) => None,
            None => Some((Err(io::ErrorKind::ConnectionAborted.into()), None)),
        }
    })
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;

    use super::*;

    #[tokio::test]
    async fn a_body_that_breaks_off_is_no_whole_body() {
        let (to, from) = mpsc::channel(CHANNEL);
        to.send(Some(Bytes::from_static(b"half"))).await.unwrap();
        drop(to);
        assert!(pieces(from).try_collect::<Vec<_>>().await.is_err());
        let (to, from) = mpsc::channel(CHANNEL);
        to.send(Some(Bytes::from_static(b"whole"))).await.unwrap();
        to.send(None).await.unwrap();
        assert_eq!(pieces(from).try_collect::<Vec<_>>().await.unwrap(), [Bytes::from_static(b"whole")]);
    }
}
