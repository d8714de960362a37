//! Secrets in texts that were not meant to hold any: people paste keys where ids belong.

use std::borrow::Cow;

use crate::SecretKind;

/// The beginnings of AWS' ids of access keys (IAM user guide, "Unique identifiers"), and their length.
const AWS_KEYS: [&[u8]; 4] = [b"AKIA", b"ASIA", b"ABIA", b"ACCA"];
const AWS_KEY: usize = 20;
/// Shortest head of a JSON Web Token: less than `{"alg":` is no head, in Base64.
const JWT_HEAD: usize = 10;
/// Shortest body of one: `{}`.
const JWT_BODY: usize = 2;

/// Something that is not to be shown.
struct Found {
    /// So many bytes of it are public.
    keep: usize,
    /// Where it ends, bytes from its beginning.
    end: usize,
    mask: &'static str,
}

/// A text without what is secret in it, for logs, spans and the audit log. Of keys of ours, `ock_<id>_<secret>`, the prefix
/// and the id stay; JSON Web Tokens (RFC 7519) and ids of AWS access keys are known by their form and go whole. Borrowed
/// where there was nothing.
#[must_use]
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut shown = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(next) = bytes.get(at..).and_then(first_that_may_begin) {
        at += next;
        let rest = &bytes[at..];
        let found = match rest {
            [b'o', b'c', ..] => own_key(rest),
            [b'A', ..] => aws_key(rest),
            [b'e', b'y', b'J', ..] => match token(rest) {
                Ok(found) => Some(found),
                // No other begins within its head.
                Err(head) => {
                    at += head;
                    continue;
                }
            },
            _ => None,
        };
        let Some(Found { keep, end, mask }) = found else {
            at += 1;
            continue;
        };
        // Both ends are next to ASCII.
        shown.push_str(&text[copied..at + keep]);
        shown.push_str(mask);
        at += end;
        copied = at;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    shown.push_str(&text[copied..]);
    Cow::Owned(shown)
}

/// Bytes that are looked at together.
const BLOCK: usize = 32;

/// Where the first secret may begin. Every line of the log comes by: whole blocks without a beginning are passed over, by a
/// loop without a branch, which compilers make wide.
fn first_that_may_begin(rest: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(block) = rest.get(at..).and_then(|rest| rest.first_chunk::<{ BLOCK + 2 }>()) {
        let mut any = false;
        for place in 0..BLOCK {
            any |= may_begin(block[place], block[place + 1], block[place + 2]);
        }
        if any {
            break;
        }
        at += BLOCK;
    }
    let near = rest.get(at..)?.windows(3).position(|it| may_begin(it[0], it[1], it[2]));
    near.map(|near| at + near)
}

/// `oc`, of all our own; AWS' four; `eyJ`, which is how `{"` begins in Base64.
#[expect(clippy::needless_bitwise_bool, reason = "no branches")]
const fn may_begin(one: u8, two: u8, three: u8) -> bool {
    ((one == b'o') & (two == b'c'))
        | ((one == b'e') & (two == b'y') & (three == b'J'))
        | ((one == b'A') & ((two == b'K') | (two == b'S') | (two == b'B') | (two == b'C')))
}

/// `ock_<id>_<secret>` and its like.
fn own_key(rest: &[u8]) -> Option<Found> {
    let kind = SecretKind::ALL.into_iter().find(|kind| rest.starts_with(kind.prefix().as_bytes()))?;
    let end = run(rest, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let prefix = kind.prefix().len();
    let secret = rest[prefix..end].iter().position(|byte| *byte == b'_')?;
    Some(Found { keep: prefix + secret + 1, end, mask: "…" })
}

fn aws_key(rest: &[u8]) -> Option<Found> {
    let begins = AWS_KEYS.iter().any(|prefix| rest.starts_with(prefix));
    let of_id = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let near = &rest[..rest.len().min(AWS_KEY + 1)];
    (begins && run(near, of_id) == AWS_KEY).then_some(Found { keep: 0, end: AWS_KEY, mask: "[aws key]" })
}

/// Head, body and signature, with dots between them; or how long what looked like a head is.
fn token(rest: &[u8]) -> Result<Found, usize> {
    let of_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let head = run(rest, of_part);
    if head < JWT_HEAD || rest.get(head) != Some(&b'.') {
        return Err(head);
    }
    let body = head + 1 + run(&rest[head + 1..], of_part);
    if body - head - 1 < JWT_BODY || rest.get(body) != Some(&b'.') {
        return Err(head);
    }
    // An encrypted one has two parts more (RFC 7516).
    let mut end = body;
    while rest.get(end) == Some(&b'.') {
        let part = run(&rest[end + 1..], of_part);
        if part == 0 && end > body {
            break;
        }
        end += 1 + part;
    }
    Ok(Found { keep: 0, end, mask: "[secret]" })
}

/// How many bytes from here on are of this kind.
fn run(rest: &[u8], of: impl Fn(u8) -> bool) -> usize {
    rest.iter().position(|byte| !of(*byte)).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2lnbmF0dXJl-_";

    #[test]
    fn what_has_the_form_of_a_secret_is_not_shown() {
        for (text, shown) in [
            (TOKEN.to_owned(), "[secret]"),
            (format!("/v1/models/{TOKEN}/é {TOKEN}"), "/v1/models/[secret]/é [secret]"),
            (format!("Bearer {TOKEN}. And"), "Bearer [secret]. And"),
            (format!("\\n{TOKEN}\\n"), "\\n[secret]\\n"),
            ("eyJhbGciOiJub25lIn0.e30.".to_owned(), "[secret]"),
            ("eyJhbGciOiJSU0Et.aaa.bbb.ccc.ddd!".to_owned(), "[secret]!"),
            (
                "creds: AKIAIOSFODNN7EXAMPLE, \\nASIAIOSFODNN7EXAMPLE".to_owned(),
                "creds: [aws key], \\n[aws key]",
            ),
        ] {
            assert_eq!(without_secrets(&text), shown, "{text}");
        }
    }

    #[test]
    fn what_only_begins_like_one_stays() {
        for text in [
            "",
            "eyJ",
            "eyJohn.example.com",
            "eyJhbGciOiJub25lIn0",
            "eyJhbGciOiJub25lIn0.eyJ",
            "eyJhbGciOiJub25lIn0..x",
            "AKIA is a prefix, AKIAIOSFODNN7EXAMPL is too short, AKIAIOSFODNN7EXAMPLES too long",
            "an ocean, ocké, ock_",
        ] {
            assert!(matches!(without_secrets(text), Cow::Borrowed(shown) if shown == text), "{text}");
        }
    }

    #[test]
    fn it_is_found_wherever_it_begins() {
        let own = SecretKind::ALL.map(|kind| format!("{}abcdefgh_0123", kind.prefix()));
        let others = [TOKEN, "AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE"].map(str::to_owned);
        // Of one byte, so that it begins at each place of a block, and of two.
        for (secret, piece) in own.iter().chain(&others).flat_map(|it| [(it, "."), (it, "é")]) {
            for before in 0..3 * BLOCK {
                let before = piece.repeat(before);
                let shown = format!("{before}{secret} and more that is longer than a block of them is");
                let shown = without_secrets(&shown);
                assert!(!shown.contains(&secret[secret.len() - 4..]), "{shown}");
                assert!(shown.starts_with(&before) && shown.ends_with(" is"), "{shown}");
            }
        }
    }

    #[test]
    fn every_kind_of_ours_begins_as_is_looked_for() {
        for kind in SecretKind::ALL {
            let [one, two, three, ..] = *kind.prefix().as_bytes() else { panic!("{kind:?}") };
            assert!(may_begin(one, two, three) && kind.prefix().starts_with("oc"), "{kind:?}");
        }
    }

    #[test]
    fn what_begins_like_many_takes_no_long_time() {
        for piece in ["eyJ", "eyJaaaaaaaaa.", "eyJaaaaaaaaa..", "ock_", "AKIA"] {
            let text = piece.repeat(300_000);
            assert!(without_secrets(&text).len() <= text.len(), "{piece}");
        }
    }
}
