//! The operator's own keys (`auth.signing_key`): PEM blocks, one after the other. The first signs; the others are
//! believed, so that one takes over from another while tokens of both are out and while replicas differ.

use outcrop_token::{KeyError, SigningKey};

/// Most keys that are read: the one that signs, the one before, the one to come, and room.
const MAX_KEYS: usize = 8;

/// How a PEM block begins. Nothing inside of one does.
const BEGIN: &str = "-----BEGIN ";

/// A key that cannot be used. Says which one, and nothing of what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadKey {
    /// The how-manieth it is, from 1.
    pub(super) number: usize,
    /// What is wrong with it.
    pub(super) source: KeyError,
}

/// Reads all keys, the one that signs first. One that stands there twice is read once.
pub(super) fn read(pem: &str) -> Result<Vec<SigningKey>, BadKey> {
    let mut keys: Vec<SigningKey> = Vec::new();
    let blocks = blocks(pem);
    if blocks.len() > MAX_KEYS {
        let source = KeyError::TooMany { count: blocks.len(), limit: MAX_KEYS };
        return Err(BadKey { number: MAX_KEYS + 1, source });
    }
    for (at, block) in blocks.into_iter().enumerate() {
        let key = SigningKey::from_pem(None, block).map_err(|source| BadKey { number: at + 1, source })?;
        if keys.iter().all(|known| known.kid() != key.kid()) {
            keys.push(key);
        }
    }
    Ok(keys)
}

/// The text cut before each block but the first: what stands around a block belongs to it, and spoils it.
fn blocks(pem: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = pem.match_indices(BEGIN).map(|(at, _)| at).collect();
    match starts.first_mut() {
        Some(first) => *first = 0,
        None => return vec![pem],
    }
    let ends = starts.iter().skip(1).copied().chain([pem.len()]);
    starts.iter().zip(ends).map(|(start, end)| &pem[*start..end]).collect()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use outcrop_token::Algorithm;
    use secrecy::ExposeSecret as _;

    use super::*;

    fn made() -> (String, String) {
        let key = SigningKey::generate(Algorithm::EdDsa, None).unwrap();
        let body = STANDARD.encode(key.to_pkcs8().expose_secret());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        (pem, key.kid().to_owned())
    }

    fn kids(pem: &str) -> Result<Vec<String>, BadKey> {
        read(pem).map(|keys| keys.iter().map(|key| key.kid().to_owned()).collect())
    }

    #[test]
    fn keys_are_read_in_their_order_and_once() {
        let ((new, first), (old, second)) = (made(), made());
        assert_eq!(kids(&new).unwrap(), [first.as_str()]);
        for between in ["", "\n\n", "\r\n  "] {
            let pem = format!("{between}{new}{between}{old}{between}{new}");
            assert_eq!(kids(&pem).unwrap(), [first.clone(), second.clone()]);
        }
        assert_eq!(kids(&format!("{}{old}", new.trim_end())).unwrap(), [first, second], "no line end needed");
    }

    #[test]
    fn a_bad_key_is_told_by_its_number() {
        let (good, _) = made();
        let other = good.replace("PRIVATE KEY", "CERTIFICATE");
        let cut = good.replace("-----END PRIVATE KEY-----", "");
        for (pem, number) in [
            (String::new(), 1),
            ("no PEM".to_owned(), 1),
            (format!("text\n{good}"), 1),
            (format!("{cut}{good}"), 1),
            (format!("{good}{other}"), 2),
            (format!("{good}text"), 1),
            (format!("{good}{good}{cut}"), 3),
        ] {
            assert_eq!(kids(&pem), Err(BadKey { number, source: KeyError::Pem }), "{pem}");
        }
        let none = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let bad = BadKey { number: 2, source: KeyError::Private };
        assert_eq!(kids(&format!("{good}{none}{good}")), Err(bad));
        let many = BadKey { number: 9, source: KeyError::TooMany { count: 9, limit: 8 } };
        assert_eq!(kids(&good.repeat(9)), Err(many));
    }
}
