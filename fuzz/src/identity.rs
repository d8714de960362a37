//! Keys, tokens, networks: who somebody is, and what for.
//!
//! `crates/token/tests/corpus.rs` includes this file and replays its part of `fuzz/corpus` on the stable toolchain.

use std::net::IpAddr;
use std::sync::LazyLock;

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use outcrop_token::{
    AccessVerifier, Algorithm, Jwk, JwkSet, MAX_TOKEN_LEN, OutsideAlgorithm, OutsideIssuer, OutsideVerifier,
    SigningKey, peek, sign,
};
use outcrop_types::{KeyId, Network, Pattern, PresentedKey, SecretKind};

/// What a target does with its input; whether the input was taken for what it should be.
pub type Body = fn(&[u8]) -> bool;

/// Every target, by the name of its file in `fuzz_targets` and of its folder in `corpus`.
pub const TARGETS: [(&str, Body); 6] = [
    ("api_key", api_key),
    ("jwk_set", jwk_set),
    ("network", network),
    ("pattern", pattern),
    ("token_peek", token_peek),
    ("token_verify", token_verify),
];

const ISSUER: &str = "https://ai.example.com";
const AUDIENCE: &str = "outcrop";
const KID: &str = "fuzz";

/// A key that everybody knows: what the fuzzer writes is signed with it.
const SEED: [u8; 32] = [7; 32];

static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    // RFC 8410, section 7: the frame of an Ed25519 key in PKCS #8.
    let frame = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    match SigningKey::from_pkcs8(Algorithm::EdDsa, Some(KID), &[frame.as_slice(), &SEED].concat()) {
        Ok(key) => key,
        Err(error) => panic!("{error}"),
    }
});

/// Any secret of ours as a client presents it.
pub fn api_key(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let kinds = [SecretKind::ApiKey, SecretKind::Refresh, SecretKind::Session, SecretKind::Invitation];
    let mut taken = 0;
    for kind in kinds {
        let Ok(key) = PresentedKey::parse_as(kind, text) else { continue };
        taken += 1;
        assert_eq!((key.kind(), key.expose()), (kind, text));
        assert!(text.starts_with(kind.prefix()) && text[4..].starts_with(key.id().as_str()));
        assert!(!format!("{key:?}").contains(&text[21..]));
    }
    assert!(taken <= 1, "one secret of two kinds");
    if let Ok(id) = text.parse::<KeyId>() {
        assert_eq!(id.as_str().parse().as_ref(), Ok(&id));
        assert_eq!(id.prefix().parse().as_ref(), Ok(&id));
        assert!(text.ends_with(id.as_str()));
    }
    taken == 1
}

/// A set of keys as an outside issuer serves it.
pub fn jwk_set(data: &[u8]) -> bool {
    let Ok(set) = JwkSet::parse(data) else { return false };
    assert!(set.keys().len() <= 100);
    for key in set.keys() {
        assert_eq!(Jwk::parse(key.to_json().as_bytes()).as_ref(), Ok(key));
        assert_eq!(key.thumbprint().len(), 43);
        assert!(OutsideAlgorithm::ALL.into_iter().any(|algorithm| key.fits(algorithm)));
    }
    let keys: Vec<String> = set.keys().iter().map(Jwk::to_json).collect();
    let published = format!(r#"{{"keys":[{}]}}"#, keys.join(","));
    // Numbers that came with zeros before them only get shorter.
    assert!(published.len() > 256 * 1024 || JwkSet::parse(published.as_bytes()).as_ref() == Ok(&set));
    for algorithm in OutsideAlgorithm::ALL {
        for kid in set.keys().iter().map(Jwk::kid) {
            if let Ok(key) = set.find(kid, algorithm) {
                assert!(key.fits(algorithm) && (kid.is_none() || key.kid() == kid));
            }
        }
    }
    !keys.is_empty()
}

/// Lines: a network, another, and an address.
pub fn network(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let mut lines = text.split('\n');
    let Some(Ok(wide)) = lines.next().map(str::parse::<Network>) else { return false };
    assert_eq!(wide.to_string().parse().as_ref(), Ok(&wide));
    assert!(wide.covers(&wide));
    let narrow = lines.next().and_then(|line| line.parse::<Network>().ok()).unwrap_or(wide);
    let Some(Ok(address)) = lines.next().map(str::parse::<IpAddr>) else { return true };
    if wide.covers(&narrow) && narrow.contains(address) {
        assert!(wide.contains(address));
    }
    if let IpAddr::V4(v4) = address {
        assert_eq!(wide.contains(address), wide.contains(v4.to_ipv6_mapped().into()));
    }
    true
}

/// Lines: a pattern, another, and a name.
pub fn pattern(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let mut lines = text.splitn(3, '\n');
    let Some(Ok(wide)) = lines.next().map(str::parse::<Pattern>) else { return false };
    assert_eq!(wide.to_string().parse().as_ref(), Ok(&wide));
    assert!(wide.covers(&wide) && wide.matches(&wide.as_str().replace('*', "")));
    let narrow = lines.next().and_then(|line| line.parse::<Pattern>().ok()).unwrap_or_else(|| wide.clone());
    let name = lines.next().unwrap_or_default();
    if wide.covers(&narrow) && narrow.matches(name) {
        assert!(wide.matches(name));
    }
    true
}

/// A token that nobody has verified.
pub fn token_peek(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let Ok(peeked) = peek(text) else { return false };
    assert!(text.len() <= MAX_TOKEN_LEN && text.split('.').count() == 3);
    let visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let names = [Some(peeked.algorithm), peeked.kid, peeked.typ];
    assert!(names.iter().flatten().all(|name| (1..=200).contains(&name.len()) && visible(name)));
    assert!(peeked.issuer.is_none_or(|issuer| issuer.len() <= 2_000 && visible(&issuer)));
    true
}

/// A token to be verified; or two lines, the header and the payload of one, which are signed before.
pub fn token_verify(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let token = match text.split_once('\n') {
        Some((header, payload)) => signed(header, payload),
        None => text.to_owned(),
    };
    let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default();
    // Both look at it, whatever the first says.
    ours(&token, now) | others(&token, now)
}

/// What is taken can be signed again, and says the same.
fn ours(token: &str, now: DateTime<Utc>) -> bool {
    let (verifier, keys) = (AccessVerifier::new(ISSUER, AUDIENCE), [KEY.verifying_key()]);
    let Ok(claims) = verifier.verify(token, &keys, now) else { return false };
    assert_eq!((claims.issuer.as_str(), claims.audience.as_str()), (ISSUER, AUDIENCE));
    assert!(claims.expires_at > now - chrono::Duration::seconds(5));
    assert!(claims.issued_at <= now + chrono::Duration::seconds(5));
    // Written anew it can be longer: a scope may have been spelt without what we always write.
    if let Ok(again) = sign(&KEY, &claims) {
        assert_eq!(verifier.verify(&again, &keys, now).as_ref(), Ok(&claims));
    }
    true
}

fn others(token: &str, now: DateTime<Utc>) -> bool {
    let verifier = OutsideVerifier::new(OutsideIssuer {
        issuer: ISSUER.to_owned(),
        audiences: vec![AUDIENCE.to_owned()],
        algorithms: OutsideAlgorithm::ALL.to_vec(),
    });
    let Ok(claims) = verifier.verify(token, &JwkSet::new(vec![KEY.public_jwk()]), now) else { return false };
    assert_eq!(claims["iss"], ISSUER);
    let aud = &claims["aud"];
    assert!(aud == AUDIENCE || aud.as_array().is_some_and(|list| list.iter().any(|it| it == AUDIENCE)));
    assert!(claims["exp"].is_number());
    true
}

fn signed(header: &str, payload: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    match Ed25519KeyPair::from_seed_unchecked(&SEED) {
        Ok(pair) => format!("{message}.{}", URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes()))),
        Err(error) => panic!("{error}"),
    }
}
