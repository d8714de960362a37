//! An object line by line, with no more of it in memory than a line and what just came.

use crate::objects::{ObjectBytes, ObjectsError};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;

/// Longest line, bytes: what one call may have for a body.
const LONGEST: usize = 32 << 20;

/// Lines as they come. Empty ones are left out.
pub(crate) struct Lines {
    bytes: ObjectBytes,
    held: BytesMut,
    /// How far `held` was searched.
    searched: usize,
}

impl Lines {
    pub(crate) fn new(bytes: ObjectBytes) -> Self {
        Self { bytes, held: BytesMut::new(), searched: 0 }
    }

    /// The next line; nothing at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ObjectsError> {
        loop {
            if let Some(at) = self.held[self.searched..].iter().position(|it| *it == b'\n') {
                let line = self.held.split_to(self.searched + at + 1).freeze();
                self.searched = 0;
                let line = line.slice(..line.len() - 1);
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return Ok(Some(line));
            }
            self.searched = self.held.len();
            if self.held.len() > LONGEST {
                return Err(ObjectsError(format!("A record is longer than {LONGEST} bytes.")));
            }
            match self.bytes.next().await {
                Some(piece) => self.held.extend_from_slice(&piece?),
                None => {
                    self.searched = 0;
                    let last = self.held.split().freeze();
                    return Ok((!last.trim_ascii().is_empty()).then_some(last));
                }
            }
        }
    }
}
