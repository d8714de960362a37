//! The format of a segment: records one after another, framed so that a torn or spoilt one shows.
//!
//! A frame is the payload's length (u32, little endian), a CRC-32 over those four bytes and the payload
//! (u32, little endian), and the payload: one usage record as JSON.

use outcrop_types::UsageRecord;

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

/// Frames one record.
pub(crate) fn encode(record: &UsageRecord) -> Result<Vec<u8>, EncodeError> {
    let mut frame = Vec::with_capacity(1024);
    frame.extend_from_slice(&[0; HEAD]);
    serde_json::to_writer(&mut frame, record).map_err(EncodeError::Json)?;
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

/// What a segment holds.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Every record that can be read, those behind a spoilt place included.
    pub(crate) records: Vec<UsageRecord>,
    /// Whether something that was a record cannot be read any more.
    pub(crate) spoilt: bool,
    /// Bytes of a last record that was never written whole; nobody was promised it.
    pub(crate) torn: usize,
}

/// Reads a segment, or the part of one that begins and ends between records.
pub(crate) fn scan(bytes: &[u8]) -> Scan {
    let mut found = Scan::default();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if let Some(payload) = frame_at(rest) {
            match serde_json::from_slice(payload) {
                Ok(record) => found.records.push(record),
                Err(_) => found.spoilt = true,
            }
            at += HEAD + payload.len();
        } else if let Some(skip) = next_frame(rest) {
            found.spoilt = true;
            at += skip;
        } else {
            // Nothing readable follows: a write that was cut short, or a spoilt last record.
            if is_torn(rest) {
                found.torn = rest.len()
            } else {
                found.spoilt = true
            }
            break;
        }
    }
    found
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
