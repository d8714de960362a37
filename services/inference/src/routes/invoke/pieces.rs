//! The chunks of a stream, on their way through.

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use outcrop_ports::ChunkStream;
use outcrop_types::RequestId;
use outcrop_wire::anthropic::invoke::Weight;
use outcrop_wire::bedrock::invoke;
use outcrop_wire::error::ErrorBody;

use super::stop::stop_reason;
use crate::metering::OpenCall;
use crate::stream::{FrameStream, Frames, Piece};

/// One chunk: an event of the model's own.
pub(super) struct Chunk(Bytes);

impl Piece for Chunk {
    fn meter(&self, open: &mut OpenCall) -> Option<bool> {
        if let Some(usage) = invoke::chunk_usage(&self.0) {
            open.reported(invoke::with_lifetimes(usage, &open.told()));
        } else if let Some(usage) = invoke::claude_usage(&self.0) {
            open.begun(usage);
        } else {
            let written = invoke::written(&self.0);
            // Before the first word, nothing is written yet.
            if written > Weight::default() {
                open.saw_output(written);
            }
        }
        if let Some(reason) = stop_reason(&self.0) {
            open.saw_stop(reason);
        }
        open.saw_body(&self.0);
        // Which chunk is the last one differs from model to model; a connection that breaks is an error.
        Some(true)
    }
}

/// Writes chunks as they are.
pub(super) struct Pieces;

impl Frames<Chunk> for Pieces {
    fn push(&mut self, Chunk(chunk): &Chunk, out: &mut BytesMut) {
        invoke::put_chunk(out, chunk);
    }

    fn finish(&mut self, _: &mut BytesMut) {}

    fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        invoke::put_failure(out, error);
    }

    /// Nothing: SDKs hand every kind of event to their callers, or trip over it.
    fn heartbeat(&self, _: &mut BytesMut) {}
}

/// The stream that leaves.
pub(super) fn frames(
    chunks: ChunkStream,
    pieces: Pieces,
    open: OpenCall,
    request_id: RequestId,
) -> FrameStream<Pieces, Chunk> {
    FrameStream::new(Box::pin(chunks.map(|chunk| chunk.map(Chunk))), pieces, open, request_id)
}
