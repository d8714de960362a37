//! Signing keys, their public parts, and sets of them.

use super::*;

#[test]
fn a_key_comes_back_as_it_was_kept() {
    for key in [&*ED, &*RSA] {
        let pkcs8 = key.to_pkcs8();
        let again = SigningKey::from_pkcs8(key.algorithm(), Some(key.kid()), pkcs8.expose_secret()).unwrap();
        assert_eq!(again.public_jwk(), key.public_jwk());
        assert_eq!(verify(&sign(&again, &claims()).unwrap()), Ok(claims()));
        let stored = Jwk::parse(key.public_jwk().to_json().as_bytes()).unwrap();
        assert_eq!(VerifyingKey::from_jwk(stored), Ok(key.verifying_key()));
        let wrong = if key.algorithm() == Algorithm::EdDsa { Algorithm::Rs256 } else { Algorithm::EdDsa };
        assert_eq!(
            SigningKey::from_pkcs8(wrong, None, pkcs8.expose_secret()).unwrap_err(),
            KeyError::Private
        );
    }
}

#[test]
fn a_key_comes_from_pem() {
    let pem = |label: &str, der: &[u8]| {
        let base64 = base64::engine::general_purpose::STANDARD.encode(der);
        let lines: Vec<&str> =
            base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
    };
    for key in [&*ED, &*RSA] {
        let der = key.to_pkcs8();
        let read = SigningKey::from_pem(Some(key.kid()), &pem("PRIVATE KEY", der.expose_secret())).unwrap();
        assert_eq!((read.algorithm(), read.public_jwk()), (key.algorithm(), key.public_jwk()));
        assert_eq!(verify(&sign(&read, &claims()).unwrap()), Ok(claims()));
        for label in ["RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "PUBLIC KEY", "CERTIFICATE"] {
            let refused = SigningKey::from_pem(None, &pem(label, der.expose_secret()));
            assert_eq!(refused.unwrap_err(), KeyError::Pem, "{label}");
        }
        let two = pem("PRIVATE KEY", der.expose_secret()).repeat(2);
        assert_eq!(SigningKey::from_pem(None, &two).unwrap_err(), KeyError::Pem);
    }
    let ec = EC.to_pkcs8v1().unwrap();
    let refused = SigningKey::from_pem(None, &pem("PRIVATE KEY", ec.as_ref()));
    assert_eq!(refused.unwrap_err(), KeyError::Private);
    assert_eq!(SigningKey::from_pem(None, "").unwrap_err(), KeyError::Pem);
    let small_rsa = format!("-----BEGIN PRIVATE KEY-----\n{SMALL_RSA}-----END PRIVATE KEY-----\n");
    assert_eq!(SigningKey::from_pem(None, &small_rsa).unwrap_err(), KeyError::Private);
}

#[test]
fn a_key_prints_nothing_private() {
    for key in [&*ED, &*RSA] {
        let printed = format!("{key:?} {:?}", key.to_pkcs8());
        let named = format!("SigningKey {{ kid: {:?}, algorithm: {:?}, .. }}", key.kid(), key.algorithm());
        assert!(printed.starts_with(&named), "{printed}");
        assert!(printed.len() < 150, "{printed}");
        let public: Value = serde_json::from_str(&key.public_jwk().to_json()).unwrap();
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(public.get(private).is_none(), "{private}");
        }
    }
}

#[test]
fn a_key_without_a_name_is_named_after_its_thumbprint() {
    // The examples of RFC 7638, section 3.1, and RFC 8037, appendix A.3.
    let rsa = json!({
        "kty": "RSA", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    });
    let ed = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    for (jwk, thumbprint) in [
        (rsa, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
        (ed, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
    ] {
        assert_eq!(Jwk::parse(jwk.to_string().as_bytes()).unwrap().thumbprint(), thumbprint);
    }
    let key = SigningKey::generate(Algorithm::EdDsa, None).unwrap();
    assert_eq!(key.kid(), key.public_jwk().thumbprint());
    for kid in ["", "with space", "ünicode", &"k".repeat(201)] {
        assert_eq!(SigningKey::generate(Algorithm::EdDsa, Some(kid)).unwrap_err(), KeyError::Name);
    }
}

#[test]
fn a_set_reads_back_as_it_was_published() {
    let set = JwkSet::new(vec![ED.public_jwk(), RSA.public_jwk(), ec_jwk("ec-1")]);
    let json = serde_json::to_string(&set).unwrap();
    assert_eq!(JwkSet::parse(json.as_bytes()), Ok(set));
    let first: Value = serde_json::from_str(&ED.public_jwk().to_json()).unwrap();
    let x = &first["x"];
    let expected =
        json!({"crv": "Ed25519", "kty": "OKP", "x": x, "kid": "ed-1", "alg": "EdDSA", "use": "sig"});
    assert_eq!(first, expected);
    let zeros = URL_SAFE_NO_PAD.encode([vec![0, 0], vec![0xff; 256]].concat());
    let padded = Jwk::parse(json!({"kty": "RSA", "n": zeros, "e": "AAEAAQ"}).to_string().as_bytes()).unwrap();
    assert!(padded.fits(OutsideAlgorithm::Ps256) && padded.to_json().contains(r#""e":"AQAB""#));
}

#[test]
fn what_checks_no_signature_is_left_out_of_a_set() {
    let number = |bytes: usize| URL_SAFE_NO_PAD.encode(vec![0xff; bytes]);
    let rsa = |n: usize, e: &str| json!({"kty": "RSA", "n": number(n), "e": e});
    let ed = |more: Value| {
        let mut key = json!({"kty": "OKP", "crv": "Ed25519", "x": number(32)});
        key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        key
    };
    let unusable = [
        json!(7),
        json!({}),
        json!({"kty": "oct", "k": number(32), "alg": "HS256"}),
        json!({"kty": "AKP", "alg": "ML-DSA-65", "pub": "AAAA"}),
        json!({"kty": "OKP", "crv": "X25519", "x": number(32)}),
        json!({"kty": "OKP", "crv": "Ed448", "x": number(57)}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": number(31)}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": "not base64!"}),
        json!({"kty": "OKP", "crv": "Ed25519"}),
        json!({"kty": "EC", "crv": "secp256k1", "x": number(32), "y": number(32)}),
        json!({"kty": "EC", "crv": "P-521", "x": number(66), "y": number(66)}),
        json!({"kty": "EC", "crv": "P-256", "x": number(32), "y": number(48)}),
        rsa(128, "AQAB"),
        rsa(255, "AQAB"),
        rsa(1_025, "AQAB"),
        rsa(256, ""),
        rsa(256, "AQ"),
        rsa(256, "Ag"),
        rsa(256, "____________"),
        ed(json!({"use": "enc"})),
        ed(json!({"use": 7})),
        ed(json!({"key_ops": ["encrypt"]})),
        ed(json!({"key_ops": []})),
        ed(json!({"alg": "RS256"})),
        ed(json!({"alg": "RSA-OAEP"})),
        ed(json!({"alg": null})),
        ed(json!({"kid": 7})),
        ed(json!({"kid": ""})),
    ];
    for key in unusable {
        let set = json!({"keys": [key, ed(json!({"kid": "good", "use": "sig", "key_ops": ["verify"]}))]});
        let read = JwkSet::parse(set.to_string().as_bytes()).unwrap();
        assert_eq!(read.keys().iter().map(Jwk::kid).collect::<Vec<_>>(), [Some("good")], "{key}");
    }
}

#[test]
fn a_set_is_bounded() {
    let parse = |text: &str| JwkSet::parse(text.as_bytes());
    let many = |count: usize| json!({"keys": vec![json!({}); count]}).to_string();
    assert_eq!(parse(&many(100)), Ok(JwkSet::default()));
    assert_eq!(parse(&many(101)), Err(KeyError::TooMany { count: 101, limit: 100 }));
    let long = format!(r#"{{"keys":[]}}{}"#, " ".repeat(256 * 1024 - 11));
    assert_eq!(parse(&long), Ok(JwkSet::default()));
    let refused = KeyError::TooLong { length: 256 * 1024 + 1, limit: 256 * 1024 };
    assert_eq!(parse(&format!("{long} ")), Err(refused));
    for text in ["{}", r#"{"keys":{}}"#, r#"{"error":"busy"}"#] {
        assert_eq!(parse(text), Err(KeyError::NoKeys), "{text}");
    }
    for text in ["", "<html>", "[]", r#"{"keys":[],"keys":[]}"#, r#"{"keys":[{"kid":"a","kid":"b"}]}"#] {
        assert!(matches!(parse(text), Err(KeyError::Json { .. })), "{text}");
    }
}

/// RSA of 1,024 bits, made for this test and never used.
const SMALL_RSA: &str = include_str!("small_rsa.base64");
