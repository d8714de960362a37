//! The chunks of InvokeModelWithResponseStream, one by one as they come.

use std::time::Duration;

use aws_sdk_bedrockruntime::primitives::event_stream::EventReceiver;
use aws_sdk_bedrockruntime::types as sdk;
use aws_sdk_bedrockruntime::types::error::ResponseStreamError;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use outcrop_ports::{ChunkStream, ModelError};
use tokio::time::{Instant, timeout, timeout_at};

use crate::errors;

/// What the last chunk of every stream says of the call. Within a text of the model its quotation marks are escaped.
const METRICS: &[u8] = b"\"amazon-bedrock-invocationMetrics\"";

/// Longest wait for the end behind the last chunk.
const END_WAIT: Duration = Duration::from_secs(5);

/// Most chunks without a word that are read before a stream is handed out all the same.
const MOST_EARLY: usize = 16;

type Receiver = EventReceiver<sdk::ResponseStream, ResponseStreamError>;

/// A stream that Bedrock has accepted.
pub(super) struct Chunks {
    receiver: Receiver,
    request_id: Option<String>,
    /// Longest silence between two chunks.
    idle: Duration,
    /// Whether the last chunk came.
    whole: bool,
}

impl Chunks {
    pub(super) fn new(receiver: Receiver, request_id: Option<String>, idle: Duration) -> Self {
        Self { receiver, request_id, idle, whole: false }
    }

    /// Waits until `deadline` for the first chunk that says something, so that an early failure is the call's own: that a
    /// message begins is told at once, whatever becomes of it.
    pub(super) async fn begin(
        mut self,
        deadline: Instant,
        waited: Duration,
    ) -> Result<ChunkStream, ModelError> {
        let mut early = Vec::with_capacity(2);
        let mut until = deadline;
        while early.len() < MOST_EARLY {
            match timeout_at(until, self.next()).await {
                Ok(Ok(Some(chunk))) => {
                    let speaks = says_something(&chunk);
                    early.push(Ok(chunk));
                    if speaks {
                        break;
                    }
                    until = deadline.min(Instant::now() + self.idle);
                }
                Ok(Ok(None)) => return Ok(Box::pin(stream::iter(early))),
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(errors::timed_out(waited, "nothing")),
            }
        }
        let state = Some(Box::new(self));
        let rest = stream::unfold(state, |state| async move {
            let mut chunks = state?;
            match timeout(chunks.patience(), chunks.next()).await {
                Ok(Ok(Some(chunk))) => Some((Ok(chunk), Some(chunks))),
                Ok(Ok(None)) => None,
                // Everything was said; how the connection ends is of no interest.
                Ok(Err(_)) | Err(_) if chunks.whole => None,
                Ok(Err(error)) => Some((Err(error), None)),
                Err(_) => Some((Err(errors::timed_out(chunks.idle, "nothing more")), None)),
            }
        });
        Ok(Box::pin(stream::iter(early).chain(rest)))
    }

    /// Longest wait for the next chunk.
    fn patience(&self) -> Duration {
        if self.whole { self.idle.min(END_WAIT) } else { self.idle }
    }

    /// The next chunk; `None` at the end. Whether a model's own stream is whole without Bedrock's last word is for
    /// its reader to say.
    async fn next(&mut self) -> Result<Option<Bytes>, ModelError> {
        loop {
            match self.receiver.recv().await {
                Ok(Some(sdk::ResponseStream::Chunk(sdk::PayloadPart { bytes: Some(bytes), .. }))) => {
                    let chunk = Bytes::from(bytes.into_inner());
                    self.whole |= memchr::memmem::find(&chunk, METRICS).is_some();
                    return Ok(Some(chunk));
                }
                Ok(Some(_)) => tracing::debug!("left out a stream event of an unknown kind"),
                Ok(None) => return Ok(None),
                Err(error) => return Err(errors::from_stream(error, self.request_id.take())),
            }
        }
    }
}

/// Whether a chunk is more than the beginning of a message, or a sign of life, in the words of Claude; whatever another
/// model sends is. (Anthropic, "Streaming messages": a block is begun before a model thinks unseen.)
fn says_something(chunk: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Typed<'a> {
        #[serde(borrow, default)]
        r#type: Option<std::borrow::Cow<'a, str>>,
    }
    let kind = serde_json::from_slice::<Typed<'_>>(chunk).ok().and_then(|it| it.r#type);
    !matches!(kind.as_deref(), Some("message_start" | "ping"))
}
