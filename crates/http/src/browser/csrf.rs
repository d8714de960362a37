//! The proof that a page can read its own cookie's counterpart, and thus is ours.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use outcrop_types::PresentedKey;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Keeps the hash apart from any other hash of the cookie.
const DOMAIN: &[u8] = b"outcrop csrf\0";

/// What the header `x-outcrop-csrf` must hold beside this session cookie: the base64url of a SHA-256 of it. Pages
/// get it from the answer to their login; a stranger's page can have the cookie sent, but reads neither.
#[must_use]
pub fn csrf_token(cookie: &PresentedKey) -> String {
    let hash = Sha256::new().chain_update(DOMAIN).chain_update(cookie.expose().as_bytes()).finalize();
    URL_SAFE_NO_PAD.encode(hash)
}

/// Whether `given` is the token of this cookie; takes the same time wherever the first difference is.
#[must_use]
pub fn csrf_matches(cookie: &PresentedKey, given: &[u8]) -> bool {
    csrf_token(cookie).as_bytes().ct_eq(given).into()
}

#[cfg(test)]
mod tests {
    use outcrop_types::SecretKind;

    use super::*;

    #[test]
    fn each_cookie_has_a_token_of_its_own() {
        let cookie = |seed| PresentedKey::generate_as(SecretKind::Session, [seed; 16], [seed; 86]);
        let token = csrf_token(&cookie(1));
        assert_eq!(token.len(), 43);
        assert!(csrf_matches(&cookie(1), token.as_bytes()));
        assert!(!csrf_matches(&cookie(2), token.as_bytes()));
        assert!(!csrf_matches(&cookie(1), &token.as_bytes()[..42]) && !csrf_matches(&cookie(1), b""));
        // It says nothing of the cookie, and is the same for ever: pages keep it.
        let bare = Sha256::digest(cookie(1).expose().as_bytes());
        assert_ne!(token, URL_SAFE_NO_PAD.encode(bare));
    }
}
