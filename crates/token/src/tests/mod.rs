//! Every way a token can be wrong, and that good ones come through.

mod attacks;
mod forged_headers;
mod keys;
mod outside_attacks;
mod properties;
mod tampering;

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use outcrop_types::{Limits, Role, Subject, TeamId, UserId};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::*;

const ISSUER: &str = "https://ai.example.com";
const AUDIENCE: &str = "outcrop";

static ED: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::EdDsa, Some("ed-1")).unwrap());
static RSA: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::Rs256, Some("rsa-1")).unwrap());
static EC: LazyLock<EcdsaKeyPair> =
    LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap());

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn claims() -> AccessClaims {
    AccessClaims {
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        subject: Subject::User(UserId::new(Uuid::from_u128(1))),
        team: TeamId::new(Uuid::from_u128(2)),
        role: Role::Developer,
        scope: None,
        granted: Vec::new(),
        limits: Limits::default(),
        key: None,
        session: None,
        id: Uuid::from_u128(3),
        issued_at: now(),
        expires_at: now() + chrono::Duration::minutes(15),
    }
}

/// The claims of a good token as JSON, with these members changed; `null` takes one away.
fn payload(changes: &Value) -> String {
    let mut members = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "user_00000000000000000000000000000001",
        "iat": now().timestamp(), "nbf": now().timestamp(), "exp": now().timestamp() + 900,
        "jti": "00000000-0000-0000-0000-000000000003",
        "team": "team_00000000000000000000000000000002", "role": "developer",
    });
    for (name, value) in changes.as_object().unwrap() {
        members[name] = value.clone();
        if value.is_null() {
            members.as_object_mut().unwrap().remove(name);
        }
    }
    members.to_string()
}

/// Puts a token together by hand: any header, any payload, signed as told.
fn forge(header: &str, payload: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(sign(message.as_bytes())))
}

/// A token of ours with this payload, properly signed.
fn signed(payload: &str) -> String {
    forge(r#"{"typ":"at+jwt","alg":"EdDSA","kid":"ed-1"}"#, payload, ed)
}

fn ed(message: &[u8]) -> Vec<u8> {
    let pair = Ed25519KeyPair::from_pkcs8(ED.to_pkcs8().expose_secret()).unwrap();
    pair.sign(message).as_ref().to_vec()
}

fn rs256(message: &[u8]) -> Vec<u8> {
    let pair = RsaKeyPair::from_pkcs8(RSA.to_pkcs8().expose_secret()).unwrap();
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
    signature
}

fn es256(message: &[u8]) -> Vec<u8> {
    EC.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
}

fn hs256(secret: &[u8]) -> impl Fn(&[u8]) -> Vec<u8> {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
    move |message| aws_lc_rs::hmac::sign(&key, message).as_ref().to_vec()
}

/// The public part of [`EC`], as its issuer publishes it.
fn ec_jwk(kid: &str) -> Jwk {
    let point = EC.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
    let members = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid, "use": "sig"});
    Jwk::parse(members.to_string().as_bytes()).unwrap()
}

/// What our verifier says.
fn verify(token: &str) -> Result<AccessClaims, TokenError> {
    let keys = [ED.verifying_key(), RSA.verifying_key()];
    AccessVerifier::new(ISSUER, AUDIENCE).verify(token, &keys, now())
}

/// What a verifier of an outside issuer says, that takes every algorithm.
fn verify_outside(token: &str) -> Result<serde_json::Map<String, Value>, TokenError> {
    let keys = JwkSet::new(vec![ED.public_jwk(), RSA.public_jwk(), ec_jwk("ec-1")]);
    outside(&OutsideAlgorithm::ALL).verify(token, &keys, now())
}

fn outside(algorithms: &[OutsideAlgorithm]) -> OutsideVerifier {
    OutsideVerifier::new(OutsideIssuer {
        issuer: ISSUER.to_owned(),
        audiences: vec!["another".to_owned(), AUDIENCE.to_owned()],
        algorithms: algorithms.to_vec(),
    })
}

fn header(name: &'static str, problem: &'static str) -> TokenError {
    TokenError::Header { name, problem }
}

fn claim(name: &'static str, problem: &'static str) -> TokenError {
    TokenError::Claim { name, problem }
}

fn malformed(part: &'static str, problem: &'static str) -> TokenError {
    TokenError::Malformed { part, problem }
}
