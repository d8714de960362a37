//! Where Bedrock's answers stand, by the number of the line: its own order is none.
//!
//! The index is a blob of entries of one size, sorted: line (8 bytes), where the answer begins (8), how long it is (4), all
//! big-endian.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use futures::StreamExt as _;
use outcrop_ports::{BatchRecord, Blobs, PortError, RecordOutput};
use outcrop_types::BedrockBatch;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::records;
use crate::batches::reader::LineReader;

/// Bytes of an entry.
const ENTRY: usize = 20;
/// Longest line of answers that is taken in: it repeats what was asked.
const LONGEST: usize = 64 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    line: u64,
    offset: u64,
    length: u32,
}

/// What of an answer names the line.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    record_id: String,
}

/// A line of answers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(borrow)]
    model_output: Option<&'a RawValue>,
}

/// Writes the index of these answers; how many there are. None are there if Bedrock wrote none.
pub(super) async fn write(blobs: &dyn Blobs, answers: &str, index: &str) -> Result<u64, PortError> {
    let mut entries = Vec::new();
    if let Some(mut reader) = LineReader::open(blobs, answers, None, 1, LONGEST).await? {
        while let Some(line) = reader.next().await? {
            let Some(text) = line.text.filter(|text| !text.is_empty()) else { continue };
            let named = serde_json::from_slice::<Named>(&text).ok();
            let Some(number) = named.and_then(|it| records::number(&it.record_id)) else { continue };
            let length = u32::try_from(line.to_byte - line.from_byte).unwrap_or(u32::MAX);
            entries.push(Entry { line: number, offset: line.from_byte, length });
        }
    }
    entries.sort_unstable();
    entries.dedup_by_key(|it| it.line);
    let mut bytes = BytesMut::with_capacity(entries.len() * ENTRY);
    for Entry { line, offset, length } in &entries {
        bytes.put_u64(*line);
        bytes.put_u64(*offset);
        bytes.put_u32(*length);
    }
    let mut upload = blobs.upload(index).await?;
    upload.write(bytes.freeze()).await?;
    upload.finish().await?;
    Ok(entries.len() as u64)
}

/// The answers to some lines of a batch.
pub(crate) struct BedrockAnswers {
    blobs: Arc<dyn Blobs>,
    /// Where they stand.
    key: String,
    /// Sorted.
    entries: Vec<Entry>,
    record: BatchRecord,
}

impl BedrockAnswers {
    /// The answers to these lines; `None` if there is no index.
    pub(super) async fn open(
        blobs: &Arc<dyn Blobs>,
        (answers, index): (String, &str),
        batch: &BedrockBatch,
        lines: Range<u64>,
    ) -> Result<Option<Self>, PortError> {
        let Some(mut read) = blobs.read(index, None).await? else { return Ok(None) };
        let (mut buffer, mut entries) = (BytesMut::new(), Vec::new());
        'all: while let Some(piece) = read.bytes.next().await {
            buffer.extend_from_slice(&piece?);
            while buffer.len() >= ENTRY {
                let (line, offset, length) = (buffer.get_u64(), buffer.get_u64(), buffer.get_u32());
                if line >= lines.end {
                    break 'all;
                }
                if line >= lines.start {
                    entries.push(Entry { line, offset, length });
                }
            }
        }
        let BedrockBatch { model, region, submitted_at, .. } = batch;
        let (model, region) = (model.clone(), region.clone());
        let record = BatchRecord { model, region, at: *submitted_at, input: Bytes::new() };
        Ok(Some(Self { blobs: Arc::clone(blobs), key: answers, entries, record }))
    }

    /// The answer to a line, and the record that it is an answer to; `None` where Bedrock gave none that stays: the line is
    /// then called on demand.
    pub(crate) async fn take(&mut self, line: u64) -> Result<Option<(BatchRecord, RecordOutput)>, PortError> {
        let Ok(place) = self.entries.binary_search_by_key(&line, |it| it.line) else { return Ok(None) };
        let Entry { offset, length, .. } = self.entries[place];
        let range = offset..offset + u64::from(length);
        let Some(mut read) = self.blobs.read(&self.key, Some(range)).await? else { return Ok(None) };
        let mut text = BytesMut::new();
        while let Some(piece) = read.bytes.next().await {
            text.extend_from_slice(&piece?);
        }
        Ok(output(&text).map(|output| (self.record.clone(), output)))
    }
}

/// What a line of answers says. A failure is as good as no answer, whatever its code: a record may be refused for what a
/// call is not, and the call tells.
fn output(text: &[u8]) -> Option<RecordOutput> {
    let answer = serde_json::from_slice::<Answer<'_>>(text);
    if let Err(error) = &answer {
        tracing::warn!(%error, "an answer of batch inference could not be read");
    }
    let output = answer.ok()?.model_output?;
    Some(RecordOutput::Output(Bytes::copy_from_slice(output.get().as_bytes())))
}

impl std::fmt::Debug for BedrockAnswers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BedrockAnswers")
            .field("key", &self.key)
            .field("entries", &self.entries.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_made_is_an_answer() {
        let good = output(br#"{"recordId":"L1","modelInput":{"a":1},"modelOutput":{"b": 0.10}}"#);
        let as_written = RecordOutput::Output(Bytes::from_static(br#"{"b": 0.10}"#));
        assert_eq!(good, Some(as_written));
        for code in ["400", "\"403\"", "429", "500", "\"Throttled\"", "null"] {
            let refused = format!(r#"{{"error":{{"errorCode":{code},"errorMessage":"no"}}}}"#);
            assert_eq!(output(refused.as_bytes()), None, "{code}");
        }
        assert_eq!((output(b"{}"), output(b"{")), (None, None));
    }
}
