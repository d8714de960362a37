//! The attack table: headers. Algorithms that are none or another family's, keys brought along, names made to break
//! out, types of other tokens.

use super::*;

const NOT_TAKEN: &str = "is not taken";
const NO_NAME: &str = "is not 1 to 200 visible ASCII characters";

/// What both verifiers say to a good payload under this header, signed by each of our keys in turn.
fn check(header: &str, expected: &TokenError) {
    for sign in [ed, rs256, es256] {
        let token = forge(header, &payload(&json!({})), sign);
        assert_eq!(verify(&token).as_ref(), Err(expected), "{header}");
        assert_eq!(verify_outside(&token).as_ref(), Err(expected), "{header}");
    }
}

#[test]
fn no_algorithm_is_never_one() {
    let spellings = ["none", "None", "NONE", "nOnE", "noNe", "null", "no", "plain"];
    for alg in spellings {
        check(&format!(r#"{{"typ":"at+jwt","alg":"{alg}","kid":"ed-1"}}"#), &TokenError::WrongAlgorithm);
        check(&format!(r#"{{"typ":"at+jwt","alg":"{alg}"}}"#), &TokenError::WrongAlgorithm);
        let header = format!(r#"{{"typ":"at+jwt","alg":"{alg}","kid":"ed-1"}}"#);
        let unsigned = forge(&header, &payload(&json!({})), |_| Vec::new());
        assert_eq!(verify(&unsigned), Err(malformed("signature", "is empty")), "{alg}");
        assert_eq!(verify_outside(&unsigned), Err(malformed("signature", "is empty")), "{alg}");
    }
    for alg in ["none ", " none", "none\\u0000", "", "ｎone"] {
        let header_text = format!(r#"{{"typ":"at+jwt","alg":"{alg}","kid":"ed-1"}}"#);
        check(&header_text, &header("alg", NO_NAME));
    }
    for alg in ["null", "[\"EdDSA\"]", "{}", "0", "false"] {
        check(&format!(r#"{{"typ":"at+jwt","alg":{alg},"kid":"ed-1"}}"#), &header("alg", NO_NAME));
    }
    check(r#"{"typ":"at+jwt","kid":"ed-1"}"#, &header("alg", "is missing"));
    check(r#"{"typ":"at+jwt","ALG":"EdDSA","kid":"ed-1"}"#, &header("alg", "is missing"));
}

#[test]
fn a_public_key_is_never_a_shared_secret() {
    let of = |key: &SigningKey| {
        let jwk = key.public_jwk();
        let members: Value = serde_json::from_str(&jwk.to_json()).unwrap();
        let number = members["n"].as_str().or(members["x"].as_str()).unwrap();
        [
            jwk.to_json().into_bytes(),
            number.as_bytes().to_vec(),
            URL_SAFE_NO_PAD.decode(number).unwrap(),
            jwk.thumbprint().into_bytes(),
            Vec::new(),
        ]
    };
    for key in [&*ED, &*RSA] {
        for secret in of(key) {
            for alg in ["HS256", "HS384", "HS512", "hs256"] {
                let header = format!(r#"{{"typ":"at+jwt","alg":"{alg}","kid":"{}"}}"#, key.kid());
                let token = forge(&header, &payload(&json!({})), hs256(&secret));
                assert_eq!(verify(&token), Err(TokenError::WrongAlgorithm), "{header}");
                assert_eq!(verify_outside(&token), Err(TokenError::WrongAlgorithm), "{header}");
            }
            // The right name over a MAC: the key settles what is checked.
            let alg = key.algorithm().name();
            let header = format!(r#"{{"typ":"at+jwt","alg":"{alg}","kid":"{}"}}"#, key.kid());
            let token = forge(&header, &payload(&json!({})), hs256(&secret));
            assert_eq!(verify(&token), Err(TokenError::BadSignature), "{header}");
            assert_eq!(verify_outside(&token), Err(TokenError::BadSignature), "{header}");
        }
    }
}

#[test]
fn a_key_is_only_for_its_own_algorithm() {
    check(r#"{"typ":"at+jwt","alg":"EdDSA","kid":"rsa-1"}"#, &TokenError::WrongKey);
    check(r#"{"typ":"at+jwt","alg":"RS256","kid":"ed-1"}"#, &TokenError::WrongKey);
    let outside_only = |header: &str| verify_outside(&forge(header, &payload(&json!({})), rs256));
    // The RSA key says that it is for RS256; PS256 and RS512 with it are another's idea.
    for alg in ["PS256", "RS384", "RS512", "ES256", "ES384"] {
        let header = format!(r#"{{"alg":"{alg}","kid":"rsa-1"}}"#);
        assert_eq!(outside_only(&header), Err(TokenError::WrongKey), "{alg}");
    }
    for alg in ["ES384", "RS256", "EdDSA"] {
        let header = format!(r#"{{"alg":"{alg}","kid":"ec-1"}}"#);
        assert_eq!(outside_only(&header), Err(TokenError::WrongKey), "{alg}");
    }
    for alg in
        ["ES256K", "ES512", "PS384", "PS512", "Ed25519", "ed25519", "eddsa", "rs256", "RSA-OAEP", "dir"]
    {
        check(&format!(r#"{{"typ":"at+jwt","alg":"{alg}","kid":"ed-1"}}"#), &TokenError::WrongAlgorithm);
    }
}

#[test]
fn a_key_name_is_compared_and_nothing_else() {
    let unknown =
        ["../../etc/passwd", "/dev/null", "ed-1'--", "'||(select'1')||'", "https://evil.example/k", "ED-1"];
    for kid in unknown {
        check(&format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"{kid}"}}"#), &TokenError::UnknownKey);
    }
    let long = "k".repeat(200);
    check(&format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"{long}"}}"#), &TokenError::UnknownKey);
    let malformed = [
        format!(r#""{}""#, "k".repeat(201)),
        format!(r#""{}""#, "k".repeat(9_000)),
        r#""""#.to_owned(),
        r#""ed 1""#.to_owned(),
        r#""ed-1\n""#.to_owned(),
        r#""ed-1\u0000""#.to_owned(),
        r#""ed\u20111""#.to_owned(),
        "1".to_owned(),
        "null".to_owned(),
        r#"["ed-1"]"#.to_owned(),
        r#"{"$ne":1}"#.to_owned(),
    ];
    for kid in malformed {
        check(&format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":{kid}}}"#), &header("kid", NO_NAME));
    }
    let unnamed = forge(r#"{"typ":"at+jwt","alg":"EdDSA"}"#, &payload(&json!({})), ed);
    assert_eq!(verify(&unnamed), Err(header("kid", "is missing")));
}

#[test]
fn a_token_brings_no_key_and_no_instructions() {
    let jwk = ED.public_jwk().to_json();
    let cases = [
        ("jwk", jwk),
        ("jwk", "null".to_owned()),
        ("jku", r#""https://evil.example/jwks.json""#.to_owned()),
        ("x5u", r#""https://evil.example/cert.pem""#.to_owned()),
        ("crit", r#"["exp"]"#.to_owned()),
        ("crit", "[]".to_owned()),
        ("b64", "false".to_owned()),
        ("b64", "true".to_owned()),
        ("enc", r#""A256GCM""#.to_owned()),
        ("zip", r#""DEF""#.to_owned()),
        ("cty", r#""JWT""#.to_owned()),
        ("cty", r#""jwt""#.to_owned()),
    ];
    for (name, value) in cases {
        let text = format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"ed-1","{name}":{value}}}"#);
        check(&text, &header(name, NOT_TAKEN));
        let token = forge(&text, &payload(&json!({})), ed);
        assert_eq!(peek(&token), Err(header(name, NOT_TAKEN)));
    }
    // A certificate chain may stand there, as some issuers have it; it vouches for nothing.
    let text = r#"{"typ":"at+jwt","alg":"EdDSA","kid":"other","x5c":["AAAA"],"x5t":"AAAA"}"#;
    check(text, &TokenError::UnknownKey);
}

#[test]
fn a_member_that_stands_twice_is_refused() {
    for text in [
        r#"{"typ":"at+jwt","alg":"none","alg":"EdDSA","kid":"ed-1"}"#,
        r#"{"typ":"at+jwt","alg":"EdDSA","kid":"evil","kid":"ed-1"}"#,
        r#"{"typ":"at+jwt","alg":"EdDSA","kid":"ed-1","x":{"y":1,"y":2}}"#,
    ] {
        check(text, &malformed("header", "has a member twice"));
    }
    check("[]", &malformed("header", "is not a JSON object"));
    check(r#"{"alg":"EdDSA""#, &malformed("header", "is not JSON"));
    let deep = format!(r#"{{"alg":"EdDSA","x":{}{}}}"#, "[".repeat(8), "]".repeat(8));
    check(&deep, &malformed("header", "is nested deeper than 8 levels"));
}

#[test]
fn a_token_for_another_purpose_is_refused() {
    for typ in ["logout+jwt", "dpop+jwt", "secevent+jwt", "token-introspection+jwt", "at+jwt2"] {
        check(&format!(r#"{{"typ":"{typ}","alg":"EdDSA","kid":"ed-1"}}"#), &TokenError::WrongType);
    }
    for header in [r#"{"typ":"JWT","alg":"EdDSA","kid":"ed-1"}"#, r#"{"alg":"EdDSA","kid":"ed-1"}"#] {
        let token = forge(header, &payload(&json!({})), ed);
        assert_eq!(verify(&token), Err(TokenError::WrongType), "ours say what they are");
        assert!(verify_outside(&token).is_ok(), "others need not");
    }
    check(r#"{"typ":7,"alg":"EdDSA","kid":"ed-1"}"#, &header("typ", NO_NAME));
}
