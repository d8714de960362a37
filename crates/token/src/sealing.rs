//! Authenticated encryption of what is kept or handed out and must come back unread and unchanged: signing keys at
//! rest, the state of a login in a browser's cookie.
//!
//! `1`, the nonce (12 bytes), then AES-256-GCM of the plaintext and its tag (16 bytes). The key is derived from the
//! server's secret for one purpose (HKDF with SHA-256, RFC 5869), so that nothing sealed for one opens for another.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use outcrop_types::KeySecretTooShort;

use crate::TokenError;

/// How what is sealed is written; another way of sealing gets another number.
const VERSION: u8 = 1;

/// Shortest secret taken, bytes.
const MIN_SECRET_LEN: usize = 32;

/// What the derivation starts from, so that other uses of the same secret have other keys.
const SALT: &[u8] = b"outcrop sealing";

/// Seals and opens, for one purpose.
pub struct Sealer {
    key: LessSafeKey,
    purpose: &'static str,
}

impl Sealer {
    /// Takes the server's secret, at least 32 bytes, and what for.
    pub fn new(secret: &[u8], purpose: &'static str) -> Result<Self, KeySecretTooShort> {
        if secret.len() < MIN_SECRET_LEN {
            return Err(KeySecretTooShort);
        }
        let root = Salt::new(HKDF_SHA256, SALT).extract(secret);
        let info = [purpose.as_bytes()];
        // One key's length is always within what the derivation gives.
        let derived = root.expand(&info, &AES_256_GCM).map_err(|_| KeySecretTooShort)?;
        Ok(Self { key: LessSafeKey::new(UnboundKey::from(derived)), purpose })
    }

    /// Encrypts under a nonce, which must be random and never be used twice; `aad` is not kept and must be given again
    /// to open: what it belongs to, so that it cannot be put in another's place.
    pub fn seal(&self, nonce: [u8; NONCE_LEN], plaintext: &[u8], aad: &[u8]) -> Result<Vec<u8>, TokenError> {
        let mut body = plaintext.to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut body)
            .map_err(|_| TokenError::Seal)?;
        Ok([&[VERSION], nonce.as_slice(), &body].concat())
    }

    /// Decrypts what was sealed for this purpose, with this secret and `aad`, and has not been changed since.
    pub fn open(&self, sealed: &[u8], aad: &[u8]) -> Result<Vec<u8>, TokenError> {
        let rest = sealed.strip_prefix(&[VERSION]).ok_or(TokenError::Unseal)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE_LEN>().ok_or(TokenError::Unseal)?;
        let mut body = body.to_vec();
        let length = self
            .key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), &mut body)
            .map_err(|_| TokenError::Unseal)?
            .len();
        body.truncate(length);
        Ok(body)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({}, …)", self.purpose)
    }
}
