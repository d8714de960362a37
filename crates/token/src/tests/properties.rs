//! Rules that hold for any claims, any bytes and any key.

use std::net::IpAddr;

use outcrop_types::{KeyId, Network, Pattern, Permission, Scope, ServiceAccountId, SessionId};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

fn pattern() -> impl Strategy<Value = Pattern> {
    "[!-)+-~]{1,40}\\*?".prop_map(|text| text.parse().unwrap())
}

fn network() -> impl Strategy<Value = Network> {
    any::<IpAddr>().prop_map(|address| address.to_string().parse().unwrap())
}

fn scope() -> impl Strategy<Value = Scope> {
    (
        option::of(vec(select(&Permission::ALL[..]), 0..10)),
        vec(pattern(), 0..5),
        vec(pattern(), 0..5),
        vec(network(), 0..5),
    )
        .prop_map(|(permissions, routes, models, networks)| Scope {
            permissions,
            routes,
            models,
            networks,
        })
}

fn subject() -> impl Strategy<Value = Subject> {
    (any::<bool>(), any::<u128>()).prop_map(|(user, id)| match user {
        true => Subject::User(UserId::new(Uuid::from_u128(id))),
        false => Subject::ServiceAccount(ServiceAccountId::new(Uuid::from_u128(id))),
    })
}

/// Any claims that a token can hold; those of [`claims`] where the issuer, the audience and the time are looked at.
fn any_claims() -> impl Strategy<Value = AccessClaims> {
    let who = (subject(), any::<u128>(), select(&Role::ALL[..]), any::<u128>());
    let credential = (
        option::of(scope()),
        option::of(any::<u32>()),
        option::of("[a-km-np-z2-9]{16}".prop_filter_map("an id", |text| text.parse::<KeyId>().ok())),
        option::of(any::<u128>()),
    );
    let granted = vec(select(&Permission::ALL[..]), 0..10);
    (who, credential, granted, 0_i64..100_000, 0_i64..100_000).prop_map(
        |((subject, team, role, id), (scope, limit, key, session), granted, age, ttl)| AccessClaims {
            subject,
            team: TeamId::new(Uuid::from_u128(team)),
            role,
            // What the role allowed is told where the scope has no list of its own.
            granted: match scope.as_ref().and_then(|it| it.permissions.as_ref()) {
                Some(_) => Vec::new(),
                None => granted,
            },
            // A scope that narrows nothing is none.
            scope: scope.filter(|it| !it.is_empty()),
            limits: Limits { requests_per_minute: limit },
            key,
            session: session.map(|id| SessionId::new(Uuid::from_u128(id))),
            id: Uuid::from_u128(id),
            issued_at: now() - chrono::Duration::seconds(age),
            expires_at: now() + chrono::Duration::seconds(ttl),
            ..claims()
        },
    )
}

proptest! {
    #[test]
    fn what_was_signed_is_verified(claims in any_claims()) {
        let token = sign(&ED, &claims).unwrap();
        prop_assert_eq!(verify(&token), Ok(claims));
        let peeked = peek(&token).unwrap();
        prop_assert_eq!((peeked.algorithm.as_str(), peeked.kid.as_deref()), ("EdDSA", Some("ed-1")));
        prop_assert_eq!((peeked.issuer.as_deref(), peeked.typ.as_deref()), (Some(ISSUER), Some("at+jwt")));
    }

    #[test]
    fn any_issuer_and_audience_come_back(issuer: String, audience: String) {
        let claims = AccessClaims { issuer: issuer.clone(), audience: audience.clone(), ..claims() };
        let token = sign(&ED, &claims).unwrap();
        let verifier = AccessVerifier::new(issuer, audience);
        prop_assert_eq!(verifier.verify(&token, &[ED.verifying_key()], now()), Ok(claims));
    }

    #[test]
    fn any_text_is_read_without_harm(text: String, parts in vec("[A-Za-z0-9_-]{0,60}", 0..6)) {
        for token in [text, parts.join(".")] {
            prop_assert!(peek(&token).is_err() || token.len() <= MAX_TOKEN_LEN);
            prop_assert!(verify(&token).is_err());
            prop_assert!(verify_outside(&token).is_err());
        }
    }

    #[test]
    fn any_header_and_payload_are_read_without_harm(header: String, payload: String) {
        let token = forge(&header, &payload, ed);
        let _ = peek(&token);
        prop_assert!(verify(&token).is_err());
        prop_assert!(verify_outside(&token).is_err());
    }

    #[test]
    fn any_bytes_are_read_as_keys_without_harm(bytes: Vec<u8>) {
        let _ = JwkSet::parse(&bytes);
        let _ = Jwk::parse(&bytes);
        prop_assert!(SigningKey::from_pkcs8(Algorithm::EdDsa, None, &bytes).is_err());
        prop_assert!(SigningKey::from_pkcs8(Algorithm::Rs256, None, &bytes).is_err());
        prop_assert!(SigningKey::from_pem(None, &String::from_utf8_lossy(&bytes)).is_err());
    }

    #[test]
    fn what_was_sealed_opens(nonce: [u8; 12], plaintext: Vec<u8>, aad: Vec<u8>) {
        let sealer = sealer("tests");
        let sealed = sealer.seal(nonce, &plaintext, &aad).unwrap();
        prop_assert_eq!((sealed[0], sealed.len()), (1, plaintext.len() + 29));
        prop_assert_eq!(sealer.open(&sealed, &aad), Ok(plaintext));
    }

    #[test]
    fn what_was_changed_does_not_open(plaintext: Vec<u8>, aad: Vec<u8>, at: Index, bit in 0..8) {
        let sealer = sealer("tests");
        let sealed = sealer.seal([7; 12], &plaintext, &aad).unwrap();
        let mut changed = sealed.clone();
        changed[at.index(sealed.len())] ^= 1_u8 << bit;
        prop_assert_eq!(sealer.open(&changed, &aad), Err(TokenError::Unseal));
        prop_assert_eq!(sealer.open(&sealed[..at.index(sealed.len())], &aad), Err(TokenError::Unseal));
        let longer = [sealed.as_slice(), &[0]].concat();
        prop_assert_eq!(sealer.open(&longer, &aad), Err(TokenError::Unseal));
        let other_aad = [aad.as_slice(), &[0]].concat();
        prop_assert_eq!(sealer.open(&sealed, &other_aad), Err(TokenError::Unseal));
    }
}

fn sealer(purpose: &'static str) -> Sealer {
    Sealer::new(&[9; 32], purpose).unwrap()
}

#[test]
fn a_sealer_opens_only_its_own() {
    let sealed = sealer("keys").seal([1; 12], b"text", b"kid").unwrap();
    assert_eq!(sealer("keys").open(&sealed, b"kid").unwrap(), b"text");
    assert_eq!(sealer("cookies").open(&sealed, b"kid"), Err(TokenError::Unseal));
    assert_eq!(Sealer::new(&[8; 32], "keys").unwrap().open(&sealed, b"kid"), Err(TokenError::Unseal));
    assert!(Sealer::new(&[9; 31], "keys").is_err());
    assert_eq!(format!("{:?}", sealer("keys")), "Sealer(keys, …)");
}

#[test]
fn a_scope_that_is_too_long_is_not_signed() {
    let patterns = |length: usize| vec!["x".repeat(length).parse::<Pattern>().unwrap(); 32];
    let with = |length: usize| {
        let scope = Scope { routes: patterns(length), models: patterns(length), ..Scope::default() };
        sign(&ED, &AccessClaims { scope: Some(scope), ..claims() })
    };
    assert!(verify(&with(180).unwrap()).is_ok());
    assert!(matches!(with(200), Err(TokenError::TooLarge { limit: MAX_TOKEN_LEN, .. })));
}

#[test]
fn a_scope_stands_where_others_look_for_it() {
    let none_left = Scope { permissions: Some(Vec::new()), ..Scope::default() };
    let two = vec![Permission::InvokeModel, Permission::ReadModels];
    for (scope, spelt) in [
        (None, None),
        (Some(none_left), Some("")),
        (Some(Scope { permissions: Some(two), ..Scope::default() }), Some("inference:invoke models:read")),
    ] {
        let claims = AccessClaims { scope, ..claims() };
        let token = sign(&ED, &claims).unwrap();
        let payload = token.split('.').nth(1).unwrap();
        let members: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        assert_eq!(members.get("scope").and_then(Value::as_str), spelt);
        assert!(members.get("outcrop").is_none());
        assert_eq!(members["nbf"], members["iat"]);
        assert_eq!(verify(&token), Ok(claims));
    }
}

#[test]
fn what_the_role_allows_is_listed_and_narrows_nothing() {
    let granted = vec![Permission::InvokeModel, Permission::ReadModels];
    let models = Scope { models: vec!["claude-*".parse().unwrap()], ..Scope::default() };
    for scope in [None, Some(models)] {
        let claims = AccessClaims { scope, granted: granted.clone(), ..claims() };
        let token = sign(&ED, &claims).unwrap();
        let payload = token.split('.').nth(1).unwrap();
        let members: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        assert_eq!(members["scope"], "inference:invoke models:read");
        assert_eq!(members["outcrop"]["all"], true);
        let read = verify(&token).unwrap();
        assert_eq!(read.principal().scope().permissions, None, "it is no narrowing");
        assert_eq!(read, claims);
    }
    let narrow = Scope { permissions: Some(vec![Permission::ReadModels]), ..Scope::default() };
    let claims = AccessClaims { scope: Some(narrow.clone()), granted, ..claims() };
    let read = verify(&sign(&ED, &claims).unwrap()).unwrap();
    assert_eq!((read.scope, read.granted), (Some(narrow), Vec::new()), "a list that narrows stays one");
    for all in [json!(1), json!("true"), json!(null)] {
        let told = signed(&payload(&json!({ "scope": "models:read", "outcrop": { "all": all } })));
        assert_eq!(verify(&told), Err(claim("outcrop", "holds what is not known here")));
    }
    let not_all = signed(&payload(&json!({ "scope": "models:read", "outcrop": { "all": false } })));
    assert_eq!(verify(&not_all).unwrap().scope.unwrap().permissions, Some(vec![Permission::ReadModels]));
}
