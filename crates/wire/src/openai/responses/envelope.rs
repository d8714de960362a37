//! `encrypted_content`: thoughts on their way through a client that gives them back unread.
//!
//! What a model signed or kept encrypted must come back to it unchanged, and a reasoning item has no place for that but
//! this field. It is an envelope, not a lock: signed thoughts are proven by the model's own signature, encrypted ones are
//! encrypted by it. A check sum tells an envelope that was damaged on the way from one that was not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use outcrop_chat::Reasoning;
use serde::{Deserialize, Serialize};

use crate::error::to_vec;

/// The first byte; another layout gets another one.
const VERSION: u8 = 1;
/// Version and check sum.
const HEAD: usize = 5;

/// What is inside: JSON with short names.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inside {
    /// The model that thought so: no other takes it.
    m: String,
    b: Vec<Thought>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
enum Thought {
    /// A thought in the open, and its signature.
    T(String, Option<String>),
    /// An encrypted one, in base64.
    R(String),
}

/// Thoughts and whose they are.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) model: String,
    pub(super) thoughts: Vec<Reasoning>,
}

/// Puts thoughts into an envelope.
pub(super) fn seal(model: &str, thoughts: &[Reasoning]) -> String {
    let thoughts = thoughts.iter().map(|thought| match thought {
        Reasoning::Text { text, signature } => Thought::T(text.clone(), signature.clone()),
        Reasoning::Redacted(bytes) => Thought::R(STANDARD.encode(bytes)),
    });
    let inside = to_vec(&Inside { m: model.to_owned(), b: thoughts.collect() });
    let mut envelope = Vec::with_capacity(HEAD + inside.len());
    envelope.push(VERSION);
    envelope.extend_from_slice(&crc32fast::hash(&inside).to_be_bytes());
    envelope.extend_from_slice(&inside);
    STANDARD.encode(envelope)
}

/// Opens an envelope; `None` if it is none of ours, or not as we closed it.
pub(super) fn open(text: &str) -> Option<Opened> {
    let envelope = STANDARD.decode(text).ok()?;
    let (head, inside) = envelope.split_at_checked(HEAD)?;
    if head[0] != VERSION || head[1..] != crc32fast::hash(inside).to_be_bytes() {
        return None;
    }
    let Inside { m, b } = serde_json::from_slice(inside).ok()?;
    let thoughts = b.into_iter().map(|thought| match thought {
        Thought::T(text, signature) => Some(Reasoning::Text { text, signature }),
        Thought::R(text) => Some(Reasoning::Redacted(Bytes::from(STANDARD.decode(text).ok()?))),
    });
    Some(Opened { model: m, thoughts: thoughts.collect::<Option<_>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thoughts() -> Vec<Reasoning> {
        let signed = Reasoning::Text { text: "é \"so\"\n".into(), signature: Some("c2ln".into()) };
        let unsigned = Reasoning::Text { text: String::new(), signature: None };
        vec![signed, Reasoning::Redacted(Bytes::from_static(b"\x00\xff")), unsigned]
    }

    #[test]
    fn thoughts_come_back_as_they_were() {
        let opened = open(&seal("claude", &thoughts())).unwrap();
        assert_eq!(opened, Opened { model: "claude".into(), thoughts: thoughts() });
    }

    #[test]
    fn what_was_changed_on_the_way_is_noticed() {
        let sealed = seal("claude", &thoughts());
        let bytes = STANDARD.decode(&sealed).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(open(&STANDARD.encode(&changed)), None, "byte {at}");
            assert_eq!(open(&STANDARD.encode(&bytes[..at])), None, "cut at {at}");
        }
        for other in ["", "ENC", "gAAAAABo", "%"] {
            assert_eq!(open(other), None, "{other}");
        }
    }
}
