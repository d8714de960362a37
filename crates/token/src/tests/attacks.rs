//! The attack table: claims that are missing, malformed, of another time or for somebody else, in tokens that are
//! otherwise good and properly signed; and signatures that are none.

use super::*;

#[test]
fn a_good_token_is_taken() {
    assert_eq!(verify(&signed(&payload(&json!({})))), Ok(claims()));
    let token = sign(&RSA, &claims()).unwrap();
    assert_eq!(verify(&token), Ok(claims()));
}

#[test]
fn every_claim_is_needed() {
    for name in ["iss", "aud", "sub", "iat", "nbf", "exp", "jti", "team", "role"] {
        let token = signed(&payload(&json!({ name: null })));
        assert_eq!(verify(&token), Err(claim(name, "is missing")));
    }
}

#[test]
fn claims_of_another_type_are_refused() {
    let (text, time) = ("is not a text", "is not a time in seconds since 1970");
    let cases = [
        ("iss", json!(7), text),
        ("iss", json!([ISSUER]), text),
        ("aud", json!([AUDIENCE]), text),
        ("aud", json!({}), text),
        ("sub", json!(["user_00000000000000000000000000000001"]), text),
        ("sub", json!("root"), "does not read"),
        ("sub", json!(""), "does not read"),
        ("team", json!("team_1"), "does not read"),
        ("team", json!("user_00000000000000000000000000000001"), "does not read"),
        ("role", json!("owner"), "does not read"),
        ("role", json!("Developer"), "does not read"),
        ("jti", json!("1"), "does not read"),
        ("exp", json!("1800000900"), time),
        ("exp", json!(true), time),
        ("exp", json!([1_800_000_900]), time),
        ("exp", json!(1e300), time),
        ("exp", json!(u64::MAX), time),
        ("exp", json!(-1), time),
        ("iat", json!("yesterday"), time),
        ("nbf", json!(i64::MIN), time),
        ("scope", json!(["models:invoke"]), text),
        ("scope", json!("everything"), "has a permission that is none"),
        ("outcrop", json!("*"), "is not an object"),
        ("outcrop", json!({"modles": ["*"]}), "holds what is not known here"),
        ("outcrop", json!({"models": ["with space"]}), "holds what is not known here"),
        ("outcrop", json!({"networks": ["10.0.0.1/8"]}), "holds what is not known here"),
    ];
    for (name, value, problem) in cases {
        let token = signed(&payload(&json!({ name: value })));
        assert_eq!(verify(&token), Err(claim(name, problem)), "{name}: {value}");
    }
}

#[test]
fn numbers_that_are_none_are_no_json() {
    for number in
        ["1e400", "-1e400", "NaN", "Infinity", "-Infinity", "0x6B49D200", "01800000900", "1_800", "+1"]
    {
        let payload = payload(&json!({})).replace("1800000900", number);
        assert_eq!(verify(&signed(&payload)), Err(malformed("payload", "is not JSON")), "{number}");
    }
}

#[test]
fn the_issuer_and_the_audience_are_compared_to_the_letter() {
    for other in ["https://ai.example.com/", "https://AI.example.com", "http://ai.example.com", "", " "] {
        assert_eq!(
            verify(&signed(&payload(&json!({"iss": other})))),
            Err(TokenError::WrongIssuer),
            "{other}"
        );
    }
    for other in ["Outcrop", "outcrop ", "outcrop-internal", "*", ""] {
        assert_eq!(
            verify(&signed(&payload(&json!({"aud": other})))),
            Err(TokenError::WrongAudience),
            "{other}"
        );
    }
}

#[test]
fn time_is_respected_to_the_second_and_five_more() {
    let at = |changes: Value, seconds: i64| {
        let keys = [ED.verifying_key()];
        let now = now() + chrono::Duration::seconds(seconds);
        AccessVerifier::new(ISSUER, AUDIENCE).verify(&signed(&payload(&changes)), &keys, now).map(|_| ())
    };
    assert_eq!(at(json!({}), 904), Ok(()));
    assert_eq!(at(json!({}), 905), Err(TokenError::Expired));
    assert_eq!(at(json!({}), -5), Ok(()));
    assert_eq!(at(json!({}), -6), Err(TokenError::NotYetValid));
    assert_eq!(at(json!({"exp": 0}), 0), Err(TokenError::Expired));
    let later = now().timestamp() + 6;
    assert_eq!(at(json!({"nbf": later}), 0), Err(TokenError::NotYetValid));
    assert_eq!(at(json!({"iat": later}), 0), Err(TokenError::FromTheFuture));
    assert_eq!(at(json!({"exp": 253_402_300_799_i64}), 0), Ok(()));
    assert_eq!(
        at(json!({"exp": 253_402_300_800_i64}), 0),
        Err(claim("exp", "is not a time in seconds since 1970"))
    );
}

#[test]
fn a_claim_that_stands_twice_is_refused_at_every_level() {
    let twice = malformed("payload", "has a member twice");
    let good = payload(&json!({}));
    let cases = [
        good.replacen('{', r#"{"role":"platform_admin","#, 1),
        good.replacen('{', r#"{"r\u006fle":"platform_admin","#, 1),
        good.replacen('{', r#"{"aud":"outcrop","#, 1),
        good.replacen('{', r#"{"outcrop":{"models":["a"],"models":["*"]},"#, 1),
        good.replacen('{', r#"{"unknown":[[{"a":1,"a":1}]],"#, 1),
    ];
    for payload in cases {
        assert_eq!(verify(&signed(&payload)).as_ref(), Err(&twice), "{payload}");
        assert_eq!(verify_outside(&signed(&payload)).as_ref(), Err(&twice), "{payload}");
        assert_eq!(peek(&signed(&payload)).as_ref(), Err(&twice), "{payload}");
    }
}

#[test]
fn nesting_is_bounded() {
    let deep = |levels: usize| {
        payload(&json!({})).replacen(
            '{',
            &format!(r#"{{"x":{}{},"#, "[".repeat(levels), "]".repeat(levels)),
            1,
        )
    };
    assert!(verify(&signed(&deep(7))).is_ok());
    let refused = Err(malformed("payload", "is nested deeper than 8 levels"));
    assert_eq!(verify(&signed(&deep(8))), refused);
    assert_eq!(verify(&signed(&deep(5_000))), refused);
}

#[test]
fn a_payload_that_is_no_object_is_refused() {
    for payload in ["null", "[]", "7", r#""a.b.c""#] {
        let refused = Err(malformed("payload", "is not a JSON object"));
        assert_eq!(verify(&signed(payload)), refused, "{payload}");
    }
    assert_eq!(verify(&signed("")), Err(malformed("payload", "is empty")));
    assert_eq!(verify(&signed("{")), Err(malformed("payload", "is not JSON")));
    assert_eq!(verify(&signed("{}")), Err(claim("iss", "is missing")));
}

#[test]
fn errors_never_hold_the_token() {
    let (role, key) = ("hunter2", "hunter3");
    let tokens = [
        signed(&payload(&json!({"role": role}))),
        signed(&payload(&json!({"outcrop": {"models": [role, key, "a b"]}}))),
        signed(&payload(&json!({"scope": role}))),
        signed(&payload(&json!({"iss": role}))),
        forge(r#"{"typ":"at+jwt","alg":"EdDSA","kid":"hunter2"}"#, &payload(&json!({})), ed),
        forge(r#"{"typ":"hunter2","alg":"EdDSA","kid":"ed-1"}"#, &payload(&json!({})), ed),
        forge(r#"{"typ":"at+jwt","alg":"hunter2","kid":"ed-1"}"#, &payload(&json!({})), ed),
    ];
    for token in tokens {
        let error = verify(&token).unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(!said.contains("hunter"), "{said}");
        assert!(token.split('.').all(|part| !said.contains(part)), "{said}");
    }
}
