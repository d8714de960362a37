//! The attack table: what is different with outside issuers.

use aws_lc_rs::signature::{RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding};

use super::*;

/// An otherwise good token of the issuer with these changes.
fn check(changes: &Value, expected: &Result<(), TokenError>) {
    let token = forge(r#"{"alg":"RS256","kid":"rsa-1"}"#, &payload(changes), rs256);
    assert_eq!(&verify_outside(&token).map(|_| ()), expected, "{changes}");
}

#[test]
fn every_algorithm_that_is_allowed_works_and_no_other() {
    let rsa = |encoding: &'static dyn RsaEncoding| {
        move |message: &[u8]| {
            let pair = RsaKeyPair::from_pkcs8(RSA.to_pkcs8().expose_secret()).unwrap();
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(encoding, &SystemRandom::new(), message, &mut signature).unwrap();
            signature
        }
    };
    // A key that does not say what for is for all of its kind.
    let unbound = RSA.public_jwk().to_json().replace(r#""alg":"RS256","#, "");
    let keys = JwkSet::new(vec![Jwk::parse(unbound.as_bytes()).unwrap(), ED.public_jwk(), ec_jwk("ec-1")]);
    let body = payload(&json!({}));
    let tokens = [
        (OutsideAlgorithm::Rs256, forge(r#"{"alg":"RS256","kid":"rsa-1"}"#, &body, rs256)),
        (OutsideAlgorithm::Rs384, forge(r#"{"alg":"RS384","kid":"rsa-1"}"#, &body, rsa(&RSA_PKCS1_SHA384))),
        (OutsideAlgorithm::Rs512, forge(r#"{"alg":"RS512","kid":"rsa-1"}"#, &body, rsa(&RSA_PKCS1_SHA512))),
        (OutsideAlgorithm::Ps256, forge(r#"{"alg":"PS256","kid":"rsa-1"}"#, &body, rsa(&RSA_PSS_SHA256))),
        (OutsideAlgorithm::Es256, forge(r#"{"alg":"ES256","kid":"ec-1"}"#, &body, es256)),
        (OutsideAlgorithm::EdDsa, forge(r#"{"alg":"EdDSA","kid":"ed-1"}"#, &body, ed)),
    ];
    for (allowed, token) in &tokens {
        assert!(outside(&[*allowed]).verify(token, &keys, now()).is_ok(), "{allowed:?}");
        for other in OutsideAlgorithm::ALL.into_iter().filter(|it| it != allowed) {
            let refused = outside(&[other]).verify(token, &keys, now());
            assert_eq!(refused, Err(TokenError::WrongAlgorithm), "{allowed:?} where {other:?} is");
        }
        assert_eq!(outside(&[]).verify(token, &keys, now()), Err(TokenError::WrongAlgorithm));
    }
    // One hash's signature under another's name.
    let swapped = forge(r#"{"alg":"RS512","kid":"rsa-1"}"#, &body, rs256);
    assert_eq!(outside(&OutsideAlgorithm::ALL).verify(&swapped, &keys, now()), Err(TokenError::BadSignature));
}

#[test]
fn es384_works_with_its_own_curve() {
    let pair = EcdsaKeyPair::generate(&aws_lc_rs::signature::ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..49]), URL_SAFE_NO_PAD.encode(&point[49..]));
    let jwk = json!({"kty": "EC", "crv": "P-384", "x": x, "y": y, "kid": "a"}).to_string();
    let keys = JwkSet::new(vec![Jwk::parse(jwk.as_bytes()).unwrap()]);
    let sign = |message: &[u8]| pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec();
    let token = |alg: &str| forge(&format!(r#"{{"alg":"{alg}","kid":"a"}}"#), &payload(&json!({})), sign);
    assert!(outside(&OutsideAlgorithm::ALL).verify(&token("ES384"), &keys, now()).is_ok());
    let refused = outside(&OutsideAlgorithm::ALL).verify(&token("ES256"), &keys, now());
    assert_eq!(refused, Err(TokenError::WrongKey));
}

#[test]
fn an_ecdsa_signature_of_zeros_is_none() {
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order: Vec<u8> =
        (0..64).step_by(2).map(|at| u8::from_str_radix(&order[at..at + 2], 16).unwrap()).collect();
    let (zero, one) = (vec![0; 32], [vec![0; 31], vec![1]].concat());
    let der = |message: &[u8]| {
        let fixed = es256(message);
        [&[0x30, 0x44, 2, 32], &fixed[..32], &[2, 32], &fixed[32..]].concat()
    };
    let header = r#"{"alg":"ES256","kid":"ec-1"}"#;
    for (r, s) in [(&zero, &zero), (&zero, &one), (&one, &zero), (&order, &order), (&order, &zero)] {
        let token = forge(header, &payload(&json!({})), |_| [r.as_slice(), s].concat());
        assert_eq!(verify_outside(&token), Err(TokenError::BadSignature));
    }
    let tokens = [
        forge(header, &payload(&json!({})), |_| vec![0]),
        forge(header, &payload(&json!({})), der),
        forge(header, &payload(&json!({})), |message| es256(message)[..63].to_vec()),
        forge(header, &payload(&json!({})), |message| [es256(message), vec![0]].concat()),
    ];
    for token in tokens {
        assert_eq!(verify_outside(&token), Err(TokenError::BadSignature));
    }
}

#[test]
fn the_audience_must_be_one_of_ours() {
    let malformed = claim("aud", "is not a text or a list of texts");
    for (aud, expected) in [
        (json!("outcrop"), Ok(())),
        (json!("another"), Ok(())),
        (json!(["x", "outcrop"]), Ok(())),
        (json!("x"), Err(TokenError::WrongAudience)),
        (json!(["x", "y"]), Err(TokenError::WrongAudience)),
        (json!([]), Err(TokenError::WrongAudience)),
        (json!(["Outcrop"]), Err(TokenError::WrongAudience)),
        (json!("outcrop another"), Err(TokenError::WrongAudience)),
        (json!(""), Err(TokenError::WrongAudience)),
    ] {
        check(&json!({"aud": aud}), &expected);
    }
    for aud in [json!(7), json!({"outcrop": 1}), json!(["outcrop", 7]), json!([["outcrop"]])] {
        let token = forge(r#"{"alg":"RS256","kid":"rsa-1"}"#, &payload(&json!({"aud": aud})), rs256);
        assert_eq!(verify_outside(&token).as_ref(), Err(&malformed), "{aud}");
    }
    check(&json!({"aud": null}), &Err(claim("aud", "is missing")));
    let nobody = OutsideVerifier::new(OutsideIssuer {
        issuer: ISSUER.to_owned(),
        audiences: Vec::new(),
        algorithms: vec![OutsideAlgorithm::Rs256],
    });
    let token = forge(r#"{"alg":"RS256","kid":"rsa-1"}"#, &payload(&json!({})), rs256);
    let keys = JwkSet::new(vec![RSA.public_jwk()]);
    assert_eq!(nobody.verify(&token, &keys, now()), Err(TokenError::WrongAudience));
}

#[test]
fn the_issuer_is_compared_to_the_letter() {
    for other in ["https://ai.example.com/", "https://ai.example.com.evil.example", ""] {
        check(&json!({"iss": other}), &Err(TokenError::WrongIssuer));
    }
    check(&json!({"iss": [ISSUER]}), &Err(claim("iss", "is not a text")));
    check(&json!({"iss": null}), &Err(claim("iss", "is missing")));
}

#[test]
fn times_have_a_leeway_of_a_minute() {
    let second = now().timestamp();
    for (changes, expected) in [
        (json!({"exp": second - 59}), Ok(())),
        (json!({"exp": second - 60}), Err(TokenError::Expired)),
        (json!({"nbf": second + 60}), Ok(())),
        (json!({"nbf": second + 61}), Err(TokenError::NotYetValid)),
        (json!({"iat": second + 60}), Ok(())),
        (json!({"iat": second + 61}), Err(TokenError::FromTheFuture)),
        (json!({"iat": null, "nbf": null}), Ok(())),
        (json!({"exp": second as f64 + 0.5}), Ok(())),
        (json!({"exp": null}), Err(claim("exp", "is missing"))),
        (
            json!({"exp": (second + 900).to_string()}),
            Err(claim("exp", "is not a time in seconds since 1970")),
        ),
        (json!({"nbf": "0"}), Err(claim("nbf", "is not a time in seconds since 1970"))),
    ] {
        check(&changes, &expected);
    }
}

#[test]
fn an_unknown_key_is_told_from_everything_else() {
    let body = payload(&json!({}));
    let token = forge(r#"{"alg":"RS256","kid":"rsa-2"}"#, &body, rs256);
    assert_eq!(verify_outside(&token), Err(TokenError::UnknownKey));
    // Another issuer's token is no reason to fetch this one's keys again.
    let other =
        forge(r#"{"alg":"RS256","kid":"rsa-2"}"#, &payload(&json!({"iss": "https://x.example"})), rs256);
    assert_eq!(verify_outside(&other), Err(TokenError::WrongIssuer));
    let unnamed = forge(r#"{"alg":"RS256"}"#, &body, rs256);
    assert!(verify_outside(&unnamed).is_ok(), "one key of the set fits");
    let find = |keys: Vec<Jwk>| outside(&OutsideAlgorithm::ALL).verify(&unnamed, &JwkSet::new(keys), now());
    let second =
        SigningKey::from_pkcs8(Algorithm::Rs256, Some("rsa-2"), RSA.to_pkcs8().expose_secret()).unwrap();
    assert_eq!(find(vec![RSA.public_jwk(), second.public_jwk()]), Err(TokenError::AmbiguousKey));
    assert_eq!(find(vec![ED.public_jwk()]), Err(TokenError::UnknownKey));
    assert_eq!(find(Vec::new()), Err(TokenError::UnknownKey));
}
