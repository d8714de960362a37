//! Every way a token can be wrong.

use std::time::Duration;

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use outcrop_types::{Limits, MAX_SCOPE_ENTRIES, Permission, Principal, Role, Scope};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;

const SECRET: &str = "a secret for tests, 32 bytes long";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn signer() -> InternalSigner {
    InternalSigner::new("gateway", &SECRET.to_owned().into(), Duration::from_secs(60)).unwrap()
}

fn verifier() -> InternalVerifier {
    InternalVerifier::new(&SECRET.to_owned().into()).unwrap()
}

fn principal() -> Principal {
    Principal {
        role: Role::Developer,
        limits: Limits { requests_per_minute: Some(7) },
        ..service_principal("caller")
    }
}

fn good_claims() -> Value {
    json!({
        "iss": "gateway", "aud": "outcrop-internal", "iat": now().timestamp(), "exp": now().timestamp() + 60,
        "principal": serde_json::to_value(principal()).unwrap(),
    })
}

fn signed(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
    encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

#[test]
fn what_was_signed_is_verified() {
    let token = signer().sign(&principal(), now()).unwrap();
    assert_eq!(verifier().verify(&token, now()).unwrap(), principal());
    assert!(token.len() < 1_000, "{}", token.len());
}

#[test]
fn time_is_respected() {
    let token = signer().sign(&principal(), now()).unwrap();
    let at = |seconds| verifier().verify(&token, now() + chrono::Duration::seconds(seconds));
    assert!(at(64).is_ok(), "within the leeway");
    assert!(matches!(at(65), Err(IdentityError::Expired)));
    assert!(at(-5).is_ok(), "within the leeway");
    assert!(matches!(at(-6), Err(IdentityError::FromTheFuture)));
}

#[test]
fn only_our_algorithm_secret_and_audience_are_taken() {
    let good = good_claims();
    assert!(verifier().verify(&signed(Algorithm::HS256, SECRET, &good), now()).is_ok());
    let mut other_audience = good.clone();
    other_audience["aud"] = json!("outcrop");
    let cases = [
        ("another secret", signed(Algorithm::HS256, "another secret, also 32 bytes long", &good)),
        ("HS512", signed(Algorithm::HS512, SECRET, &good)),
        ("HS384", signed(Algorithm::HS384, SECRET, &good)),
        ("another audience", signed(Algorithm::HS256, SECRET, &other_audience)),
    ];
    for (what, token) in cases {
        assert!(matches!(verifier().verify(&token, now()), Err(IdentityError::Forged { .. })), "{what}");
    }
}

#[test]
fn every_claim_is_needed() {
    for missing in ["iss", "aud", "exp", "iat", "principal"] {
        let mut claims = good_claims();
        claims.as_object_mut().unwrap().remove(missing);
        let token = signed(Algorithm::HS256, SECRET, &claims);
        assert!(verifier().verify(&token, now()).is_err(), "{missing}");
    }
}

#[test]
fn unsigned_and_tampered_tokens_are_refused() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let token = signer().sign(&principal(), now()).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    claims["principal"]["role"] = json!("platform_admin");
    let raised = URL_SAFE_NO_PAD.encode(claims.to_string());
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let cases = [
        format!("{}.{raised}.{}", parts[0], parts[2]),
        format!("{none}.{}.", parts[1]),
        format!("{none}.{raised}.{}", parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        String::new(),
        "...".to_owned(),
        "garbage".to_owned(),
    ];
    for case in cases {
        assert!(matches!(verifier().verify(&case, now()), Err(IdentityError::Forged { .. })), "{case}");
    }
    let long = format!("{token}{}", "a".repeat(32 * 1024));
    assert!(matches!(verifier().verify(&long, now()), Err(IdentityError::TooLong { .. })));
}

#[test]
fn short_secrets_are_refused_and_none_is_printed() {
    let short: SecretString = "x".repeat(31).into();
    assert!(InternalSigner::new("gateway", &short, Duration::from_secs(60)).is_err());
    assert!(InternalVerifier::new(&short).is_err());
    let printed = format!("{:?} {:?}", signer(), verifier());
    assert!(!printed.contains("a secret for tests"), "{printed}");
}

#[test]
fn a_token_is_reused_for_half_its_life_and_only_for_the_same_principal() {
    let signer = signer();
    let first = signer.sign(&principal(), now()).unwrap();
    let later = |seconds| now() + chrono::Duration::seconds(seconds);
    assert_eq!(signer.sign(&principal(), later(29)).unwrap(), first);
    assert_ne!(signer.sign(&principal(), later(30)).unwrap(), first);
    let changed = Principal { limits: Limits::default(), ..principal() };
    let token = signer.sign(&changed, later(30)).unwrap();
    assert_eq!(verifier().verify(&token, later(30)).unwrap(), changed);
}

#[test]
fn the_longest_scope_travels() {
    let patterns = vec!["x".repeat(200).parse().unwrap(); MAX_SCOPE_ENTRIES];
    let network = "2001:db8:1111:2222:3333:4444:5555:6666/128".parse().unwrap();
    let scope = Scope {
        permissions: Some(vec![Permission::ManagePlatform; MAX_SCOPE_ENTRIES]),
        routes: patterns.clone(),
        models: patterns,
        networks: vec![network; MAX_SCOPE_ENTRIES],
    };
    let principal = Principal { scope: Some(scope.into()), ..principal() };
    let token = signer().sign(&principal, now()).unwrap();
    assert!(token.len() < 24 * 1024, "{}", token.len());
    assert_eq!(verifier().verify(&token, now()).unwrap(), principal);
}

#[test]
fn principals_that_differ_in_scope_alone_do_not_share_a_token() {
    let signer = signer();
    let scoped = |model: &str| {
        let scope = Scope { models: vec![model.parse().unwrap()], ..Scope::default() };
        Principal { scope: Some(scope.into()), ..principal() }
    };
    for principal in [principal(), scoped("a"), scoped("b")] {
        let token = signer.sign(&principal, now()).unwrap();
        assert_eq!(verifier().verify(&token, now()).unwrap(), principal);
        assert_eq!(signer.sign(&principal, now()).unwrap(), token);
    }
}
