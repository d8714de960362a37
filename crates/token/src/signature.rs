//! Checking a signature with a key, by the one algorithm that the caller has settled on.

use jsonwebtoken::DecodingKey;
use jsonwebtoken::crypto::verify;

use crate::jwk::Material;
use crate::unverified::Unverified;
use crate::{Jwk, OutsideAlgorithm, TokenError};

/// The key [fits](Jwk::fits) the algorithm: both callers have seen to it.
pub(crate) fn check(
    token: &Unverified<'_>,
    key: &Jwk,
    algorithm: OutsideAlgorithm,
) -> Result<(), TokenError> {
    let key = decoding_key(&key.material);
    match verify(token.signature, token.message.as_bytes(), &key, algorithm.library()) {
        Ok(true) => Ok(()),
        // A key that the library cannot read, such as a point off the curve, has signed nothing either.
        Ok(false) | Err(_) => Err(TokenError::BadSignature),
    }
}

fn decoding_key(material: &Material) -> DecodingKey {
    match material {
        Material::Rsa { n, e } => DecodingKey::from_rsa_raw_components(n, e),
        // Named for DER, which these are not: the library wants the bare point (SEC 1, section 2.3.3).
        Material::P256 { x, y } | Material::P384 { x, y } => {
            DecodingKey::from_ec_der(&[&[4], x.as_slice(), y].concat())
        }
        Material::Ed25519 { x } => DecodingKey::from_ed_der(x),
    }
}
