//! An answer as it is kept: a version, a checksum bound to its name, then what is known of it and the answer itself.
//!
//! `[version][flags][crc32 of name and rest, 4][head's length, 4][head][body]`; head and body are compressed together
//! where that is asked for. What cannot be read, because it is damaged, of another version or of another name, is a miss.

use bytes::Bytes;
use outcrop_ports::{CacheKey, Place};
use outcrop_types::{AccountName, PriceTier, Region, TokenUsage};
use serde::{Deserialize, Serialize};

const VERSION: u8 = 2;
const PLAIN: u8 = 0;
const COMPRESSED: u8 = 1;
/// Before what may be compressed.
const FRONT: usize = 6;

/// What is known of a kept answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// When it was given, milliseconds since 1970.
    pub(crate) at_ms: i64,
    /// The Bedrock id that gave it.
    pub(crate) model: String,
    /// Where.
    pub(crate) region: Region,
    /// In whose account; `None` is our own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<AccountName>,
    /// The tier that it was paid at.
    pub(crate) tier: PriceTier,
    /// What it used.
    pub(crate) usage: TokenUsage,
}

impl Head {
    /// Where it was given.
    pub(crate) fn place(&self) -> Place {
        Place { account: self.account.clone(), region: self.region.clone() }
    }
}

/// A kept answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) head: Head,
    pub(crate) body: Bytes,
}

impl Entry {
    /// As it is kept under this name; compressed from so many bytes of the answer.
    pub(crate) fn encode(&self, key: &CacheKey, compress_from: usize) -> Option<Bytes> {
        let head = serde_json::to_vec(&self.head).ok()?;
        let mut content = Vec::with_capacity(FRONT + 4 + head.len() + self.body.len());
        content.extend(u32::try_from(head.len()).ok()?.to_be_bytes());
        content.extend(head);
        content.extend(&self.body);
        let (flags, content) = if self.body.len() >= compress_from.max(1) {
            (COMPRESSED, lz4_flex::block::compress_prepend_size(&content))
        } else {
            (PLAIN, content)
        };
        let mut whole = Vec::with_capacity(FRONT + content.len());
        whole.extend([VERSION, flags]);
        whole.extend(checksum(key, flags, &content).to_be_bytes());
        whole.extend(content);
        Some(whole.into())
    }

    /// What was kept under this name, if it is whole and no larger than `most` bytes.
    pub(crate) fn decode(key: &CacheKey, kept: &Bytes, most: usize) -> Option<Self> {
        let (front, _) = kept.split_first_chunk::<FRONT>()?;
        let [version, flags, crc @ ..] = *front;
        let content = kept.slice(FRONT..);
        if version != VERSION || checksum(key, flags, &content) != u32::from_be_bytes(crc) {
            return None;
        }
        let content = match flags {
            PLAIN => content,
            COMPRESSED => {
                let (size, packed) = lz4_flex::block::uncompressed_size(&content).ok()?;
                // Nothing that we kept is larger: a length that lies gets no memory.
                let sane = size <= most.saturating_add(HEAD_BYTES);
                sane.then(|| lz4_flex::block::decompress(packed, size).ok()).flatten()?.into()
            }
            _ => return None,
        };
        let (length, _) = content.split_first_chunk::<4>()?;
        let behind = usize::try_from(u32::from_be_bytes(*length)).ok()?.checked_add(4)?;
        let head = serde_json::from_slice(content.get(4..behind)?).ok()?;
        Some(Self { head, body: content.slice(behind..) })
    }
}

/// Longest head, and more.
const HEAD_BYTES: usize = 4 << 10;

fn checksum(key: &CacheKey, flags: u8, content: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(key);
    crc.update(&[flags]);
    crc.update(content);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: CacheKey = [7; 32];

    fn entry(text: &str) -> Entry {
        let head = Head {
            at_ms: 1_760_000_000_000,
            model: "anthropic.claude".into(),
            region: "eu-central-1".parse().unwrap(),
            account: None,
            tier: PriceTier::Standard,
            usage: TokenUsage { input: 3, output: 4, ..TokenUsage::default() },
        };
        Entry { head, body: Bytes::copy_from_slice(text.as_bytes()) }
    }

    #[test]
    fn entries_read_as_they_were_written() {
        let long = "a long answer says some things more than once. ".repeat(400);
        for text in ["", "short", &long] {
            for from in [0, 100, usize::MAX] {
                let kept = entry(text).encode(&KEY, from).unwrap();
                assert_eq!(Entry::decode(&KEY, &kept, 1 << 20), Some(entry(text)), "{} {from}", text.len());
            }
        }
        let (plain, packed) = (entry(&long).encode(&KEY, usize::MAX), entry(&long).encode(&KEY, 4_096));
        assert!(packed.unwrap().len() * 4 < plain.unwrap().len());
    }

    #[test]
    fn whatever_is_damaged_is_a_miss() {
        let text = "an answer ".repeat(30);
        for from in [1, usize::MAX] {
            let kept = entry(&text).encode(&KEY, from).unwrap();
            assert_eq!(Entry::decode(&[8; 32], &kept, 1 << 20), None, "it has another name");
            for at in 0..kept.len() {
                let mut damaged = kept.to_vec();
                damaged[at] ^= 0x11;
                assert_eq!(Entry::decode(&KEY, &damaged.into(), 1 << 20), None, "{at}");
                assert_eq!(Entry::decode(&KEY, &kept.slice(..at), 1 << 20), None, "{at}");
            }
        }
    }

    #[test]
    fn a_length_that_lies_gets_no_memory() {
        let mut content = u32::MAX.to_le_bytes().to_vec();
        content.extend([0x1f, b'a', 1, 0, 0xff, 0xff]);
        let mut kept = vec![VERSION, COMPRESSED];
        kept.extend(checksum(&KEY, COMPRESSED, &content).to_be_bytes());
        kept.extend(content);
        assert_eq!(Entry::decode(&KEY, &kept.into(), 1 << 20), None);
    }
}
