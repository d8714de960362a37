//! An answer in pieces: the model's events become the dialect's frames, as they come.
//!
//! This is the hot path of streaming. Everything that is ready at once leaves in one piece; the record of the call
//! is safe before the frame that ends a whole answer is handed out; dropped before its end, the call upstream is
//! dropped with it and metered as cancelled.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::Stream;
use outcrop_chat::Event;
use outcrop_ports::ModelError;
use outcrop_types::{Classify, ErrorCode, RequestId};
use outcrop_wire::error::ErrorBody;
use outcrop_wire::openai::stream::ChatStream;
use outcrop_wire::outcrop::generate::GenerateStream;
use outcrop_wire::sse;
use tokio::time::{Instant, Sleep};

use crate::ChatError;
use crate::metering::OpenCall;

/// A piece is sent at this size even if more is ready.
const PIECE_BYTES: usize = 16 * 1024;
/// What a new buffer holds; most pieces are a frame or two.
const BUFFER_BYTES: usize = 4 * 1024;
/// Longest silence towards the client.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// For the log: the answer is over, and the model did not say that it was done in a way that makes an answer.
#[derive(Debug, thiserror::Error)]
#[error("the model's words are over, and it did not end them")]
struct NoEnd;

/// A piece of an answer as a model gives it.
pub(crate) trait Piece {
    /// Tells the record of the call what the piece says of it. `Some` if it says that the answer ends: whether that
    /// makes an answer.
    fn meter(&self, open: &mut OpenCall) -> Option<bool>;
}

impl Piece for Event {
    fn meter(&self, open: &mut OpenCall) -> Option<bool> {
        open.saw(self);
        if let Self::Stop(reason) = self { Some(!reason.is_malformed()) } else { None }
    }
}

/// The pieces of one answer; after an error nothing comes.
pub(crate) type PieceStream<P> = Pin<Box<dyn Stream<Item = Result<P, ModelError>> + Send>>;

/// Writes a dialect's frames.
pub(crate) trait Frames<P = Event>: Unpin + Send {
    fn push(&mut self, piece: &P, out: &mut BytesMut);
    fn finish(&mut self, out: &mut BytesMut);
    fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut);
    /// Fills a silence, where the framing knows what every client passes over.
    fn heartbeat(&self, out: &mut BytesMut);
}

macro_rules! frames {
    ($($writer:ty),*) => {$(
        impl Frames for $writer {
            fn push(&mut self, event: &Event, out: &mut BytesMut) {
                self.push(event, out);
            }

            fn finish(&mut self, out: &mut BytesMut) {
                self.finish(out);
            }

            fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut) {
                self.fail(error, out);
            }

            fn heartbeat(&self, out: &mut BytesMut) {
                sse::heartbeat(out);
            }
        }
    )*};
}
frames!(ChatStream, GenerateStream);

/// The pieces of one streamed answer.
pub(crate) struct FrameStream<F, P = Event> {
    /// Taken when it has ended.
    events: Option<PieceStream<P>>,
    frames: F,
    open: OpenCall,
    request_id: RequestId,
    buffer: BytesMut,
    /// Whether the model said that it was done, in a way that makes an answer.
    stopped: bool,
    /// When a piece was last handed out.
    last_sent: Instant,
    /// Made at the first pause.
    heartbeat: Option<Pin<Box<Sleep>>>,
}

impl<F: Frames<P>, P: Piece> FrameStream<F, P> {
    pub(crate) fn new(events: PieceStream<P>, frames: F, open: OpenCall, request_id: RequestId) -> Self {
        Self {
            events: Some(events),
            frames,
            open,
            request_id,
            buffer: BytesMut::with_capacity(BUFFER_BYTES),
            stopped: false,
            last_sent: Instant::now(),
            heartbeat: None,
        }
    }

    fn push(&mut self, piece: &P) {
        if let Some(stopped) = piece.meter(&mut self.open) {
            self.stopped = stopped;
        }
        self.frames.push(piece, &mut self.buffer);
    }

    /// The model has nothing more to say: closes the record, then the stream.
    fn finish(&mut self) {
        self.events = None;
        if self.stopped {
            self.open.completed();
        } else {
            self.open.failed(ErrorCode::Upstream);
            outcrop_http::broke_off(ErrorCode::Upstream, &NoEnd, None);
        }
        // Without a stop this writes the dialect's error, or nothing after one.
        self.frames.finish(&mut self.buffer);
    }

    fn fail(&mut self, error: ModelError) {
        self.events = None;
        let code = error.code();
        self.open.failed(code);
        outcrop_http::broke_off(code, &error, error.bedrock_request_id.as_deref());
        let message = ChatError::from(error).to_string();
        let request_id = Some(self.request_id.as_str().to_owned());
        self.frames.fail(&ErrorBody { code, message, param: None, request_id }, &mut self.buffer);
    }

    fn take(&mut self) -> Bytes {
        self.last_sent = Instant::now();
        self.buffer.split().freeze()
    }

    /// Whether the client has heard nothing for too long; wakes the task when that will be.
    fn is_silent(&mut self, cx: &mut Context<'_>) -> bool {
        let due = self.last_sent + HEARTBEAT;
        let timer = self.heartbeat.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        while timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= due {
                timer.as_mut().reset(Instant::now() + HEARTBEAT);
                // Polled once more to be woken by it.
                let _ = timer.as_mut().poll(cx);
                return true;
            }
            // Pieces were sent since the timer was set: that costs them nothing, so it is late by one round.
            timer.as_mut().reset(due);
        }
        false
    }
}

impl<F: Frames<P>, P: Piece> Stream for FrameStream<F, P> {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = &mut *self;
        while this.buffer.len() < PIECE_BYTES {
            let Some(events) = &mut this.events else { break };
            match events.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(event))) => this.push(&event),
                Poll::Ready(Some(Err(error))) => this.fail(error),
                Poll::Ready(None) => this.finish(),
                Poll::Pending if !this.buffer.is_empty() => break,
                Poll::Pending => {
                    if this.is_silent(cx) {
                        this.frames.heartbeat(&mut this.buffer);
                    }
                    if this.buffer.is_empty() {
                        return Poll::Pending;
                    }
                    break;
                }
            }
        }
        if this.buffer.is_empty() { Poll::Ready(None) } else { Poll::Ready(Some(this.take())) }
    }
}

#[cfg(test)]
mod tests;
