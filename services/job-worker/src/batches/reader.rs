//! A file read line by line, however large it is.

use std::ops::Range;

use bytes::{Buf as _, BytesMut};
use futures::StreamExt as _;
use outcrop_ports::{BlobBytes, Blobs, PortError};

/// What files of some editors begin with, and no JSON does.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Lines, one after the other; in memory is one of them and a piece of the file.
pub(crate) struct LineReader {
    bytes: BlobBytes,
    buffer: BytesMut,
    /// How much of the buffer holds no line's end.
    searched: usize,
    longest: usize,
    /// The number of the next line, from 1.
    number: u64,
    /// Where it begins in the file.
    offset: u64,
    ended: bool,
}

/// One line.
#[derive(Debug)]
pub(crate) struct FileLine {
    /// Its number, from 1.
    pub(crate) number: u64,
    /// Where it begins in the file.
    pub(crate) from_byte: u64,
    /// Where the next one begins.
    pub(crate) to_byte: u64,
    /// What it holds, without white space at its ends; `None` if it is too long.
    pub(crate) text: Option<BytesMut>,
}

impl FileLine {
    /// Whether nothing is in it.
    pub(crate) fn is_blank(&self) -> bool {
        self.text.as_ref().is_some_and(|text| text.is_empty())
    }
}

impl LineReader {
    /// Reads these bytes of a blob, whose first line has this number. `None` if there is no such blob.
    pub(crate) async fn open(
        blobs: &dyn Blobs,
        key: &str,
        range: Option<Range<u64>>,
        number: u64,
        longest: usize,
    ) -> Result<Option<Self>, PortError> {
        let offset = range.as_ref().map_or(0, |range| range.start);
        let Some(read) = blobs.read(key, range).await? else { return Ok(None) };
        let buffer = BytesMut::new();
        Ok(Some(Self { bytes: read.bytes, buffer, searched: 0, longest, number, offset, ended: false }))
    }

    /// The next line; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<FileLine>, PortError> {
        let (from_byte, mut too_long) = (self.offset, false);
        loop {
            let unseen = self.buffer.get(self.searched..).unwrap_or_default();
            if let Some(place) = unseen.iter().position(|byte| *byte == b'\n') {
                let text = self.buffer.split_to(self.searched + place + 1);
                return Ok(Some(self.line(from_byte, text, too_long)));
            }
            self.searched = self.buffer.len();
            if self.searched > self.longest {
                too_long = true;
                self.offset += self.searched as u64;
                self.buffer.advance(self.searched);
                self.searched = 0;
            }
            if self.ended {
                if self.buffer.is_empty() && !too_long {
                    return Ok(None);
                }
                let text = self.buffer.split();
                return Ok(Some(self.line(from_byte, text, too_long)));
            }
            match self.bytes.next().await {
                Some(piece) => self.buffer.extend_from_slice(&piece?),
                None => self.ended = true,
            }
        }
    }

    fn line(&mut self, from_byte: u64, mut text: BytesMut, too_long: bool) -> FileLine {
        let number = self.number;
        self.number += 1;
        self.searched = 0;
        self.offset += text.len() as u64;
        if number == 1 && text.starts_with(BYTE_ORDER_MARK) {
            text.advance(BYTE_ORDER_MARK.len());
        }
        text.truncate(text.trim_ascii_end().len());
        text.advance(text.len() - text.trim_ascii_start().len());
        let text = (!too_long && text.len() <= self.longest).then_some(text);
        FileLine { number, from_byte, to_byte: self.offset, text }
    }
}
