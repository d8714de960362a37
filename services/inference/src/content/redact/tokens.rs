//! Secrets: keys, tokens and passwords.

use super::{Found, run};

/// What stands in a secret's place.
pub(super) const SECRET: &str = "[secret]";

/// Prefixes that providers give their tokens, so that scanners find them.
const PREFIXES: [&str; 20] = [
    "sk-",
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "pk_live_",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "AIza",
    "ya29.",
    "hf_",
    "npm_",
    "eyJ",
    "whsec_",
];
/// Shortest token behind such a prefix, with it.
const LEAST_TOKEN: usize = 20;
/// Shortest token of an `Authorization` header.
const LEAST_CREDENTIAL: usize = 12;

/// How AWS' ids of access keys and principals begin (IAM user guide, "Unique identifiers").
const AWS_IDS: [&str; 6] = ["AKIA", "ASIA", "ABIA", "ACCA", "AROA", "AIDA"];
const AWS_ID: usize = 20;
const AWS_SECRET: usize = 40;

/// Names whose values are secrets, and endings of such names.
const NAMES: [&str; 11] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "apikey",
    "api_key",
    "access_key",
    "private_key",
    "token",
    "credential",
];
/// Longest name of a secret.
const LONGEST_NAME: usize = 64;
/// Longest scheme of an address.
const LONGEST_SCHEME: usize = 24;
/// Longest quoted value.
const LONGEST_VALUE: usize = 256;
/// A value shorter than this that has no digit in it is a word of a sentence.
const LEAST_WORD: usize = 6;

pub(super) fn find(rest: &str, before: Option<char>) -> Option<Found> {
    private_key(rest)
        .or_else(|| in_address(rest))
        .or_else(|| credential(rest))
        .or_else(|| prefixed(rest))
        .or_else(|| aws(rest, before))
        .or_else(|| named(rest))
}

/// Whether a field's name says that its value is a secret.
pub(super) fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    NAMES.iter().any(|it| name.strip_suffix(it).is_some_and(|front| front.is_empty() || front.ends_with('_')))
}

/// A key in PEM, to its end or that of the text.
fn private_key(rest: &str) -> Option<Found> {
    let title = rest.strip_prefix("-----BEGIN ")?;
    let title = &title[..title.find("-----")?];
    if !title.ends_with("PRIVATE KEY") || title.len() > 40 {
        return None;
    }
    let end = rest.find("-----END ").map_or(rest.len(), |at| {
        let tail = &rest[at + 9..];
        tail.find("-----").map_or(rest.len(), |length| at + 9 + length + 5)
    });
    Some(Found::whole(end, "[private key]"))
}

/// `Bearer …` and `Basic …`.
fn credential(rest: &str) -> Option<Found> {
    let keep = ["bearer ", "basic "].iter().find_map(|scheme| {
        let head = rest.get(..scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then_some(scheme.len())
    })?;
    let length = token(&rest[keep..]);
    let token = &rest[keep..keep + length];
    (length >= LEAST_CREDENTIAL && has_digit(token)).then_some(Found {
        keep,
        end: keep + length,
        mask: SECRET,
    })
}

fn prefixed(rest: &str) -> Option<Found> {
    PREFIXES.iter().find(|it| rest.starts_with(**it))?;
    let length = token(rest);
    (length >= LEAST_TOKEN && has_digit(&rest[..length])).then(|| Found::whole(length, SECRET))
}

fn aws(rest: &str, before: Option<char>) -> Option<Found> {
    let letters = run(rest, AWS_ID, |c| c.is_ascii_alphanumeric());
    let is_id = |word: &str| {
        AWS_IDS.iter().any(|it| word.starts_with(it))
            && word.bytes().all(|it| it.is_ascii_uppercase() || it.is_ascii_digit())
    };
    if letters == Some(AWS_ID) && is_id(&rest[..AWS_ID]) {
        return Some(Found::whole(AWS_ID, "[aws key]"));
    }
    let key = |c: char| c.is_ascii_alphanumeric() || c == '/' || c == '+';
    let length = run(rest, AWS_SECRET, key)?;
    let word = &rest[..length];
    let mixed = |of: fn(&u8) -> bool| word.as_bytes().iter().any(of);
    let is_secret = length == AWS_SECRET
        && !before.is_some_and(key)
        && mixed(u8::is_ascii_uppercase)
        && mixed(u8::is_ascii_lowercase)
        && mixed(u8::is_ascii_digit);
    is_secret.then(|| Found::whole(length, "[aws key]"))
}

/// The password in `scheme://user:password@host` (RFC 3986, 3.2.1).
fn in_address(rest: &str) -> Option<Found> {
    let scheme = run(rest, LONGEST_SCHEME, |c| c.is_ascii_alphanumeric() || "+-.".contains(c))?;
    let behind = ["://", r":\/\/"].iter().find_map(|it| rest[scheme..].strip_prefix(it))?;
    let begin = rest.len() - behind.len();
    let ends = |c: char| c.is_whitespace() || "/?#\"'<>\\".contains(c);
    let authority = &behind[..run(behind, LONGEST_VALUE, |c| !ends(c))?];
    let (user, _) = authority.rsplit_once('@')?;
    let keep = begin + user.find(':')? + 1;
    let end = begin + user.len();
    (keep < end).then_some(Found { keep, end, mask: SECRET })
}

/// `password: …`, `"api_key": "…"`, `token=…`; also within a text of JSON, where quotes are escaped.
fn named(rest: &str) -> Option<Found> {
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let name = run(rest, LONGEST_NAME, in_name)?;
    if !names_secret(&rest[..name]) {
        return None;
    }
    let skip = |at: usize, what: &[char]| at + (rest[at..].len() - rest[at..].trim_start_matches(what).len());
    let at = skip(name, &['"', '\'', ' ', '\\']);
    let at = at + rest[at..].strip_prefix([':', '=']).map(|_| 1)?;
    let at = skip(at, &[' ']);
    let escapes = skip(at, &['\\']) - at;
    let quote = rest[at + escapes..].chars().next().filter(|it| matches!(it, '"' | '\''));
    let keep = quote.map_or(at, |it| at + escapes + it.len_utf8());
    // What is quoted goes to the quote's end, words and all.
    let quoted = quote.and_then(|it| closing(&rest[keep..], it, escapes));
    let ends = |c: char| c.is_whitespace() || "\"',;)}]".contains(c);
    let length = quoted.unwrap_or_else(|| rest[keep..].find(ends).unwrap_or(rest.len() - keep));
    let value = &rest[keep..keep + length];
    let is_one = length >= LEAST_WORD || (length >= 4 && has_digit(value));
    (is_one && !value.starts_with('[')).then_some(Found { keep, end: keep + length, mask: SECRET })
}

/// Where the quote ends that began with so many backslashes: one with more of them is part of what is quoted.
fn closing(rest: &str, quote: char, escapes: usize) -> Option<usize> {
    let mut before = 0;
    for (at, c) in rest.char_indices().take_while(|(at, _)| *at <= LONGEST_VALUE) {
        match c {
            '\\' => before += 1,
            c if c == quote && before <= escapes => return Some(at - before),
            _ => before = 0,
        }
    }
    None
}

/// How far a token goes.
fn token(rest: &str) -> usize {
    let in_token = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
    let length = rest.find(|c| !in_token(c)).unwrap_or(rest.len());
    // The end of a sentence is no part of it.
    rest[..length].trim_end_matches('.').len()
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|it| it.is_ascii_digit())
}
