//! Ids of those who come from outside: always the same for the same one, so that no table of them is needed.

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

/// An id made of what somebody is known by outside: the first 16 bytes of the SHA-256 of purpose and parts, with a
/// zero byte between them, as a UUID of version 8 (RFC 9562, section 5.8). No part holds a zero byte.
pub(super) fn id(purpose: &str, parts: &[&str]) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest(purpose, parts)[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

/// The same as 16 hexadecimal digits, for names that must not meet others.
pub(super) fn mark(purpose: &str, parts: &[&str]) -> String {
    digest(purpose, parts).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn digest(purpose: &str, parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(purpose.as_bytes());
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_one_has_the_same_id_and_nobody_else() {
        let ours = id("outcrop oidc", &["https://a", "1"]);
        assert_eq!(ours, id("outcrop oidc", &["https://a", "1"]));
        assert_eq!(ours.get_version_num(), 8);
        for other in [
            id("outcrop oidc", &["https://a", "2"]),
            id("outcrop oidc", &["https://a1", ""]),
            id("outcrop oidc", &["https://a1"]),
            id("outcrop aws", &["https://a", "1"]),
        ] {
            assert_ne!(ours, other);
        }
    }
}
