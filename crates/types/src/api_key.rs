//! API keys and the other secrets we hand out: how they are written, read, hashed and kept.
//!
//! `ock_<id>_<secret><checksum>` (`ock` for an API key; see [`SecretKind`] for the others): the id (16 characters) is public and finds the record; the secret
//! (43 base-62 characters, 256 bits) is shown once; the checksum (6 characters, CRC-32 of all before it)
//! lets a typo be told from a wrong key and lets scanners recognise a leaked one.
//! Kept is only an HMAC-SHA256 of the whole key under a secret of the server.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::{Limits, Principal, Role, Scope, Subject, TeamId};

const PREFIX: &str = "ock_";
const PREFIX_LEN: usize = PREFIX.len();
const ID_LEN: usize = 16;
const SECRET_LEN: usize = 43;
const CHECKSUM_LEN: usize = 6;
const KEY_LEN: usize = PREFIX_LEN + ID_LEN + 1 + SECRET_LEN + CHECKSUM_LEN;
const ID_ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What a secret of ours is for; each kind begins differently, so that none passes for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecretKind {
    /// An API key: `ock_`.
    ApiKey,
    /// A refresh token: `ocr_`.
    Refresh,
    /// The cookie of a browser that is logged in: `ocs_`.
    Session,
    /// An invitation to set a password, good once: `oci_`.
    Invitation,
}

impl SecretKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::ApiKey, Self::Refresh, Self::Session, Self::Invitation];

    /// What every secret of this kind begins with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::ApiKey => PREFIX,
            Self::Refresh => "ocr_",
            Self::Session => "ocs_",
            Self::Invitation => "oci_",
        }
    }
}

/// The public part of a key, which names its record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(String);

impl KeyId {
    /// The id as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How the key begins, for people who look for it: `ock_` and the id.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("{PREFIX}{}", self.0)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KeyId {
    type Err = MalformedKey;

    /// Reads an id, with or without the `ock_` before it.
    fn from_str(text: &str) -> Result<Self, MalformedKey> {
        let id = text.strip_prefix(PREFIX).unwrap_or(text);
        let fits = id.len() == ID_LEN && id.bytes().all(|byte| ID_ALPHABET.contains(&byte));
        if fits { Ok(Self(id.to_owned())) } else { Err(MalformedKey) }
    }
}

impl TryFrom<String> for KeyId {
    /// Goes on in a sentence that begins with the field's name.
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        text.parse().map_err(|_| "must be the id of a key, as the list of keys shows it")
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.0
    }
}

/// Something that is not an API key of ours: wrong shape or wrong checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed API key")]
pub struct MalformedKey;

/// A whole key (or another secret of ours) as a client presents it. Prints only its id.
#[derive(Clone)]
pub struct PresentedKey {
    kind: SecretKind,
    id: KeyId,
    whole: SecretString,
}

impl PresentedKey {
    /// Makes a new API key out of fresh randomness.
    #[must_use]
    pub fn generate(id_entropy: [u8; ID_LEN], secret_entropy: [u8; SECRET_LEN * 2]) -> Self {
        Self::generate_as(SecretKind::ApiKey, id_entropy, secret_entropy)
    }

    /// Makes a new secret of this kind out of fresh randomness.
    #[must_use]
    pub fn generate_as(
        kind: SecretKind,
        id_entropy: [u8; ID_LEN],
        secret_entropy: [u8; SECRET_LEN * 2],
    ) -> Self {
        let id: String =
            id_entropy.iter().map(|byte| char::from(ID_ALPHABET[usize::from(byte % 32)])).collect();
        // Two bytes a character keep the bias of the modulus below one in a thousand.
        let secret: String = secret_entropy
            .chunks_exact(2)
            .map(|pair| char::from(BASE62[usize::from(u16::from_be_bytes([pair[0], pair[1]])) % 62]))
            .collect();
        let body = format!("{}{id}_{secret}", kind.prefix());
        let whole = format!("{body}{}", checksum(&body));
        Self { kind, id: KeyId(id), whole: whole.into() }
    }

    /// Reads an API key. The checksum is no secret: it only tells a typo from a key.
    pub fn parse(text: &str) -> Result<Self, MalformedKey> {
        Self::parse_as(SecretKind::ApiKey, text)
    }

    /// Reads a secret of this kind, and of no other.
    pub fn parse_as(kind: SecretKind, text: &str) -> Result<Self, MalformedKey> {
        if text.len() != KEY_LEN || !text.is_ascii() {
            return Err(MalformedKey);
        }
        let (body, sum) = text.split_at(KEY_LEN - CHECKSUM_LEN);
        let rest = body.strip_prefix(kind.prefix()).ok_or(MalformedKey)?;
        let (id, secret) = rest.split_once('_').ok_or(MalformedKey)?;
        let id: KeyId = id.parse()?;
        let secret_fits =
            secret.len() == SECRET_LEN && secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !secret_fits || checksum(body) != sum {
            return Err(MalformedKey);
        }
        Ok(Self { kind, id, whole: text.into() })
    }

    /// What it is for.
    #[must_use]
    pub const fn kind(&self) -> SecretKind {
        self.kind
    }

    /// The public part.
    #[must_use]
    pub const fn id(&self) -> &KeyId {
        &self.id
    }

    /// The whole key, secret included: for showing it once, sending it on to the auth service and hashing.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.whole.expose_secret()
    }
}

impl fmt::Debug for PresentedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PresentedKey({}{}_…)", self.kind.prefix(), self.id)
    }
}

fn checksum(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = [b'0'; CHECKSUM_LEN];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().map(|byte| char::from(*byte)).collect()
}

/// What is kept of a key: HMAC-SHA256 of the whole key under the server's secret.
#[derive(Clone, Copy)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Takes a hash as it was stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for KeyHash {
    /// Takes the same time wherever the first difference is.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyHash {}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

/// Hashes keys under the server's secret.
#[derive(Clone)]
pub struct KeyHasher(Hmac<Sha256>);

/// A server secret too short to protect anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret must be at least 32 bytes long")]
pub struct KeySecretTooShort;

impl KeyHasher {
    /// Takes the server's secret, at least 32 bytes.
    pub fn new(secret: &[u8]) -> Result<Self, KeySecretTooShort> {
        if secret.len() < 32 {
            return Err(KeySecretTooShort);
        }
        Hmac::new_from_slice(secret).map(Self).map_err(|_| KeySecretTooShort)
    }

    /// Hashes a key as it is kept.
    #[must_use]
    pub fn hash(&self, key: &PresentedKey) -> KeyHash {
        let mut mac = self.0.clone();
        mac.update(key.expose().as_bytes());
        KeyHash(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for KeyHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHasher(…)")
    }
}

/// The record of a key. The key itself is nowhere in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its public part.
    pub id: KeyId,
    /// What the whole key hashes to.
    pub hash: KeyHash,
    /// A name for people.
    pub name: String,
    /// The team it acts for.
    pub team: TeamId,
    /// The person or program it acts as.
    pub subject: Subject,
    /// The role it acts in.
    pub role: Role,
    /// Limits on this key.
    pub limits: Limits,
    /// What it is good for, out of what the role allows.
    pub scope: Scope,
    /// Words of its owner's, for finding it again and for usage reports.
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself, if ever.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute; written late, so that no request waits for it.
    pub last_used_at: Option<DateTime<Utc>>,
    /// The key that took its place, if it was rotated.
    pub replaced_by: Option<KeyId>,
    /// How often it was changed; its last use is no change.
    pub revision: u32,
}

impl ApiKey {
    /// Whether the key is good at this time.
    #[must_use]
    pub fn is_active(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none_or(|at| at > now) && self.expires_at.is_none_or(|at| at > now)
    }

    /// Who acts when this key is presented.
    #[must_use]
    pub fn principal(&self) -> Principal {
        Principal {
            subject: self.subject,
            team: self.team,
            role: self.role,
            key: Some(self.id.clone()),
            limits: self.limits,
            scope: (!self.scope.is_empty()).then(|| Arc::new(self.scope.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> PresentedKey {
        let mut secret = [0; SECRET_LEN * 2];
        for (at, byte) in secret.iter_mut().enumerate() {
            *byte = (at * 37 % 251) as u8;
        }
        PresentedKey::generate([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16], secret)
    }

    #[test]
    fn a_generated_key_parses_and_keeps_its_id() {
        let key = key();
        let read = PresentedKey::parse(key.expose()).unwrap();
        assert_eq!(read.id(), key.id());
        assert_eq!(key.expose().len(), KEY_LEN);
    }

    #[test]
    fn any_changed_character_is_refused() {
        let good = key().expose().to_owned();
        for at in 0..good.len() {
            let mut bytes = good.clone().into_bytes();
            bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
            let bad = String::from_utf8(bytes).unwrap();
            assert!(PresentedKey::parse(&bad).is_err(), "{at}");
        }
    }

    #[test]
    fn nothing_secret_is_printed() {
        let key = key();
        let secret = &key.expose()[KEY_LEN - CHECKSUM_LEN - SECRET_LEN..];
        assert!(!format!("{key:?}").contains(secret));
        let hasher = KeyHasher::new(&[7; 32]).unwrap();
        assert_eq!(format!("{:?} {:?}", hasher, hasher.hash(&key)), "KeyHasher(…) KeyHash(…)");
    }

    #[test]
    fn of_a_whole_key_in_a_text_only_the_id_is_shown() {
        let key = key();
        let (whole, id) = (key.expose(), key.id());
        for (text, shown) in [
            (format!("/admin/v1/keys/{whole}/rotate"), format!("/admin/v1/keys/ock_{id}_…/rotate")),
            (format!("`{whole}` and {whole}"), format!("`ock_{id}_…` and ock_{id}_…")),
            (whole.replace("ock_", "oci_"), format!("oci_{id}_…")),
            (format!("/admin/v1/keys/ock_{id}"), format!("/admin/v1/keys/ock_{id}")),
            ("/é/ocké oc ock_".to_owned(), "/é/ocké oc ock_".to_owned()),
        ] {
            assert_eq!(crate::without_secrets(&text), shown, "{text}");
        }
    }

    #[test]
    fn the_hash_depends_on_key_and_server() {
        let (one, other) = (KeyHasher::new(&[1; 32]).unwrap(), KeyHasher::new(&[2; 32]).unwrap());
        assert_eq!(one.hash(&key()), one.hash(&key()));
        assert_ne!(one.hash(&key()), other.hash(&key()));
        assert!(KeyHasher::new(&[1; 31]).is_err());
    }
}
