//! The format of a segment: records one after another, framed so that a torn or spoilt one shows.
//!
//! A frame is the payload's length (u32, little endian), a CRC-32 over those four bytes and the payload
//! (u32, little endian), and the payload as JSON: a usage record; or `{"mark":…,"hold":…}`, a call that is about to be
//! made; or `{"void":"…"}`, the end of one that cost nothing. A call's mark stands before its end, always.

use outcrop_ports::Hold;
use outcrop_types::{UsageId, UsageRecord};
use serde::{Deserialize, Serialize};

/// Bytes before the payload.
const HEAD: usize = 8;
/// Largest payload; a length above it is no length.
const MAX_PAYLOAD: usize = 64 * 1024;

/// Why a record cannot be framed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EncodeError {
    /// It is not representable as JSON.
    #[error("could not write a usage record as JSON")]
    Json(#[source] serde_json::Error),
    /// It is absurdly large.
    #[error("a usage record of {0} bytes is over the limit of {MAX_PAYLOAD}")]
    TooLarge(usize),
}

/// How the payloads begin that are no records.
const MARK: &[u8] = b"{\"mark\":";
const VOID: &[u8] = b"{\"void\":";

/// A call that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Mark {
    /// Its record, as it is to be if nobody writes another one.
    #[serde(rename = "mark")]
    pub(crate) record: UsageRecord,
    /// What it holds of its limits.
    pub(crate) hold: Option<Hold>,
}

/// The same, on its way to the disk.
#[derive(Serialize)]
struct MarkOf<'a> {
    mark: &'a UsageRecord,
    hold: Option<&'a Hold>,
}

/// The end of a call that cost nothing.
#[derive(Serialize, Deserialize)]
struct Void {
    void: UsageId,
}

/// Frames one record.
pub(crate) fn encode(record: &UsageRecord) -> Result<Vec<u8>, EncodeError> {
    frame(record)
}

/// Frames the mark of a call: the record that it leaves if its process dies, and what it holds.
pub(crate) fn encode_mark(record: &UsageRecord, hold: Option<&Hold>) -> Result<Vec<u8>, EncodeError> {
    frame(&MarkOf { mark: record, hold })
}

/// Frames the end of a call that cost nothing.
pub(crate) fn encode_void(call: UsageId) -> Result<Vec<u8>, EncodeError> {
    frame(&Void { void: call })
}

fn frame(payload: &impl Serialize) -> Result<Vec<u8>, EncodeError> {
    let mut frame = Vec::with_capacity(2048);
    frame.extend_from_slice(&[0; HEAD]);
    serde_json::to_writer(&mut frame, payload).map_err(EncodeError::Json)?;
    let length = frame.len() - HEAD;
    let word = u32::try_from(length).ok().filter(|_| length <= MAX_PAYLOAD);
    let head = word.ok_or(EncodeError::TooLarge(length))?.to_le_bytes();
    let sum = checksum(head, &frame[HEAD..]).to_le_bytes();
    frame[..4].copy_from_slice(&head);
    frame[4..HEAD].copy_from_slice(&sum);
    Ok(frame)
}

fn checksum(length: [u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(payload);
    hasher.finalize()
}

/// What a segment holds for the ledger.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Every record that can be read, those behind a spoilt place included.
    pub(crate) records: Vec<UsageRecord>,
    /// Whether something that was a record cannot be read any more.
    pub(crate) spoilt: bool,
    /// Bytes of a last record that was never written whole; nobody was promised it.
    pub(crate) torn: usize,
}

/// What a segment tells of calls.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// One is about to be made.
    Begun(Box<Mark>),
    /// One has ended, with this record.
    Ended(Box<UsageRecord>),
    /// One has ended, and cost nothing.
    Void(UsageId),
}

/// Reads the records of a segment, or of the part of one that begins and ends between frames. Marks are passed over.
pub(crate) fn scan(bytes: &[u8]) -> Scan {
    let mut records = Vec::new();
    let (spoilt, torn) = walk(bytes, |payload| {
        if payload.starts_with(MARK) || payload.starts_with(VOID) {
            return true;
        }
        match serde_json::from_slice(payload) {
            Ok(record) => records.push(record),
            Err(_) => return false,
        }
        true
    });
    Scan { records, spoilt, torn }
}

/// Shows everything that a segment tells of calls, in its order; what cannot be read tells nothing.
pub(crate) fn each(bytes: &[u8], mut visit: impl FnMut(Told)) {
    walk(bytes, |payload| {
        let told = if payload.starts_with(MARK) {
            serde_json::from_slice(payload).map(Told::Begun)
        } else if payload.starts_with(VOID) {
            serde_json::from_slice(payload).map(|Void { void }| Told::Void(void))
        } else {
            serde_json::from_slice(payload).map(Told::Ended)
        };
        told.map(&mut visit).is_ok()
    });
}

/// Shows the payloads of all sound frames to `read`, which says whether it can make sense of one. Whether something is
/// spoilt, and how many bytes at the end were never written whole.
fn walk(bytes: &[u8], mut read: impl FnMut(&[u8]) -> bool) -> (bool, usize) {
    let (mut spoilt, mut at) = (false, 0);
    while at < bytes.len() {
        let rest = &bytes[at..];
        if let Some(payload) = frame_at(rest) {
            spoilt |= !read(payload);
            at += HEAD + payload.len();
        } else if let Some(skip) = next_frame(rest) {
            spoilt = true;
            at += skip;
        } else if is_torn(rest) {
            // Nothing readable follows: a write that was cut short, or a spoilt last record.
            return (spoilt, rest.len());
        } else {
            return (true, 0);
        }
    }
    (spoilt, 0)
}

/// The payload of a whole and sound frame at the beginning of `bytes`.
fn frame_at(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let size = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let payload = rest.get(..size).filter(|_| (1..=MAX_PAYLOAD).contains(&size))?;
    (checksum(*length, payload) == u32::from_le_bytes(*sum)).then_some(payload)
}

/// How far off the next sound frame is.
fn next_frame(bytes: &[u8]) -> Option<usize> {
    (1..bytes.len()).find(|skip| frame_at(&bytes[*skip..]).is_some())
}

/// Whether this is what a cut-off write leaves: fewer bytes than a frame, or space never written.
fn is_torn(bytes: &[u8]) -> bool {
    if bytes.iter().all(|byte| *byte == 0) {
        return true;
    }
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return true };
    let size = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    (1..=MAX_PAYLOAD).contains(&size) && rest.len() < 4 + size
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::usage_record;

    fn frames(count: u128) -> (Vec<UsageRecord>, Vec<Vec<u8>>) {
        let records: Vec<_> = (1..=count).map(usage_record).collect();
        let frames = records.iter().map(|record| encode(record).unwrap()).collect();
        (records, frames)
    }

    #[test]
    fn what_is_written_is_read() {
        let (records, frames) = frames(3);
        let found = scan(&frames.concat());
        assert_eq!((found.records, found.spoilt, found.torn), (records, false, 0));
    }

    #[test]
    fn a_torn_tail_of_any_length_costs_only_itself() {
        let (records, frames) = frames(2);
        let whole = frames.concat();
        for cut in frames[0].len() + 1..whole.len() {
            let found = scan(&whole[..cut]);
            assert_eq!(found.records, records[..1], "cut at {cut}");
            assert_eq!((found.spoilt, found.torn), (false, cut - frames[0].len()), "cut at {cut}");
        }
        let zeros = [whole.as_slice(), &[0; 300]].concat();
        assert_eq!((scan(&zeros).records.len(), scan(&zeros).spoilt), (2, false));
    }

    #[test]
    fn a_spoilt_byte_anywhere_is_seen_and_costs_one_record() {
        let (records, frames) = frames(3);
        let whole = frames.concat();
        for at in frames[0].len()..frames[0].len() + frames[1].len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x41;
            let found = scan(&bytes);
            assert!(found.spoilt, "byte {at}");
            assert_eq!(found.records, [records[0].clone(), records[2].clone()], "byte {at}");
        }
    }
}
