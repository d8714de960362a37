//! The attack table: tokens changed after they were signed, and texts that are no token.

use super::*;

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Every text that differs from the token in one place: by each of seven bits, and at the ends of its parts, where
/// bits are left over, by each letter that base64url has.
fn neighbours(token: &str) -> impl Iterator<Item = String> {
    let bits =
        (0..token.len()).flat_map(move |at| (0..7).map(move |bit| (at, token.as_bytes()[at] ^ (1 << bit))));
    let tails = token.match_indices('.').map(|(at, _)| at - 1).chain([token.len() - 1]);
    let letters = tails.flat_map(|at| ALPHABET.iter().map(move |letter| (at, *letter)));
    bits.chain(letters).filter_map(move |(at, byte)| {
        let mut changed = token.as_bytes().to_vec();
        changed[at] = byte;
        String::from_utf8(changed).ok().filter(|it| it != token)
    })
}

#[test]
fn no_changed_byte_is_overlooked_in_ours() {
    for key in [&*ED, &*RSA] {
        let token = sign(key, &claims()).unwrap();
        assert!(verify(&token).is_ok());
        for changed in neighbours(&token) {
            assert!(verify(&changed).is_err(), "{changed}");
        }
    }
}

#[test]
fn no_changed_byte_is_overlooked_in_others() {
    let header = |alg: &str, kid: &str| format!(r#"{{"alg":"{alg}","kid":"{kid}"}}"#);
    let body = payload(&json!({}));
    for token in [
        forge(&header("RS256", "rsa-1"), &body, rs256),
        forge(&header("ES256", "ec-1"), &body, es256),
        forge(&header("EdDSA", "ed-1"), &body, ed),
    ] {
        assert!(verify_outside(&token).is_ok());
        for changed in neighbours(&token) {
            assert!(verify_outside(&changed).is_err(), "{changed}");
        }
    }
}

#[test]
fn parts_of_two_tokens_do_not_make_one() {
    let one = signed(&payload(&json!({})));
    let other = signed(&payload(&json!({"role": "platform_admin"})));
    let (one, other): (Vec<&str>, Vec<&str>) = (one.split('.').collect(), other.split('.').collect());
    let rsa_header = URL_SAFE_NO_PAD.encode(r#"{"typ":"at+jwt","alg":"RS256","kid":"rsa-1"}"#);
    for [header, payload, signature] in
        [[one[0], other[1], one[2]], [one[0], one[1], other[2]], [rsa_header.as_str(), one[1], one[2]]]
    {
        let token = format!("{header}.{payload}.{signature}");
        assert_eq!(verify(&token), Err(TokenError::BadSignature));
    }
}

#[test]
fn another_alphabet_is_no_token() {
    let token = signed(&payload(&json!({})));
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = [parts[0], parts[1], parts[2]];
    let refused = |part| Err(malformed(part, "is not base64url without padding"));
    for junk in ["=", "==", " ", "\n", "\t", "\0", "%", "+", "/", "é", "\u{200b}", "\r\n"] {
        assert_eq!(verify(&format!("{header}{junk}.{payload}.{signature}")), refused("header"), "{junk:?}");
        assert_eq!(verify(&format!("{junk}{header}.{payload}.{signature}")), refused("header"), "{junk:?}");
        assert_eq!(verify(&format!("{header}.{payload}{junk}.{signature}")), refused("payload"), "{junk:?}");
        assert_eq!(
            verify(&format!("{header}.{payload}.{signature}{junk}")),
            refused("signature"),
            "{junk:?}"
        );
    }
}

#[test]
fn a_token_has_three_parts() {
    let token = signed(&payload(&json!({})));
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = [parts[0], parts[1], parts[2]];
    let stripped = Err(malformed("signature", "is empty"));
    assert_eq!(verify(&format!("{header}.{payload}.")), stripped);
    assert_eq!(verify(&format!("{header}..{signature}")), Err(malformed("payload", "is empty")));
    assert_eq!(verify(&format!(".{payload}.{signature}")), Err(malformed("header", "is empty")));
    for (text, count) in [
        (String::new(), 1),
        ("garbage".to_owned(), 1),
        ("{\"payload\":\"\",\"signatures\":[]}".to_owned(), 1),
        (format!("{header}.{payload}"), 2),
        (format!("{token}."), 4),
        (format!(".{token}"), 4),
        // The compact form of an encrypted token (RFC 7516, section 7.1).
        (format!("{header}.{payload}.{signature}.{payload}.{signature}"), 5),
        (".".repeat(9_000), 6),
    ] {
        assert_eq!(verify(&text), Err(TokenError::Parts { count }), "{text}");
        assert_eq!(peek(&text), Err(TokenError::Parts { count }), "{text}");
    }
}

#[test]
fn a_token_within_a_token_is_not_opened() {
    let inner = signed(&payload(&json!({})));
    let token = forge(r#"{"typ":"at+jwt","alg":"EdDSA","kid":"ed-1","cty":"JWT"}"#, &inner, ed);
    assert_eq!(verify(&token), Err(header("cty", "is not taken")));
    let token = forge(r#"{"typ":"at+jwt","alg":"EdDSA","kid":"ed-1"}"#, &inner, ed);
    assert_eq!(verify(&token), Err(malformed("payload", "is not JSON")));
}

#[test]
fn no_more_than_sixteen_kib_are_read() {
    let padded = |more: usize| signed(&payload(&json!({"x": "y".repeat(more)})));
    let most =
        (0..).map(|more| padded(11_700 + more)).take_while(|it| it.len() <= MAX_TOKEN_LEN).last().unwrap();
    assert!(verify(&most).is_ok(), "{}", most.len());
    for length in [MAX_TOKEN_LEN + 1, 10_000_000] {
        let long = "a".repeat(length);
        let refused = TokenError::TooLong { length, limit: MAX_TOKEN_LEN };
        assert_eq!(verify(&long), Err(TokenError::TooLong { length, limit: MAX_TOKEN_LEN }));
        assert_eq!(verify_outside(&long).unwrap_err(), refused);
        assert_eq!(peek(&long).unwrap_err(), refused);
    }
}

#[test]
fn a_peek_tells_what_a_token_says_and_no_more() {
    let token = forge(r#"{"alg":"HS256"}"#, r#"{"iss":"https://anybody.example"}"#, |_| vec![0]);
    let peeked = peek(&token).unwrap();
    assert_eq!(peeked.algorithm, "HS256");
    assert_eq!(peeked.issuer.as_deref(), Some("https://anybody.example"));
    assert_eq!((peeked.kid, peeked.typ), (None, None));
    let problem = "is longer than 2,000 characters, or not visible ASCII";
    for issuer in ["x".repeat(2_001), "line\\nbreak".to_owned(), "\\u001b[2J".to_owned()] {
        let token = forge(r#"{"alg":"HS256"}"#, &format!(r#"{{"iss":"{issuer}"}}"#), |_| vec![0]);
        assert_eq!(peek(&token), Err(claim("iss", problem)));
    }
}
