//! Masks what is nobody's business in texts that go into traces: secrets, and what tells who people are.
//!
//! It reads words from their beginnings and knows things by their form, checked where the form has a check (Luhn, ISO 7064).
//! What has no form of its own, such as a name, it does not find: whoever opts in still keeps people's words.

mod numbers;
mod tokens;

use outcrop_types::without_secrets;
use serde_json::Value;

/// Something that was found.
pub(super) struct Found {
    /// How much of its beginning stays, bytes.
    keep: usize,
    /// Where it ends, bytes from its beginning.
    end: usize,
    /// What stands in its place.
    mask: &'static str,
}

impl Found {
    const fn whole(end: usize, mask: &'static str) -> Self {
        Self { keep: 0, end, mask }
    }
}

/// Longest local part of an address (RFC 5321, 4.5.3.1.1), and longest domain.
const LOCAL: usize = 64;
const DOMAIN: usize = 253;

/// The text with its findings masked. What is escaped in it, as in JSON, ends one word and begins another.
pub(super) fn redact(text: &str) -> String {
    let text = without_secrets(text);
    let (mut out, mut copied, mut at) = (String::with_capacity(text.len()), 0, 0);
    let (mut before, mut escaped) = (None, 0);
    while let Some(first) = text[at..].chars().next() {
        if first == '\\' {
            escaped = at + escape(&text[at..]);
        }
        if at == escaped && before.is_some_and(is_word) {
            // The letter before is that of the escape.
            before = Some(' ');
        }
        let begins = !(is_word(first) && before.is_some_and(is_word));
        match begins.then(|| find(&text[at..], before)).flatten() {
            Some(Found { keep, end, mask }) => {
                out.push_str(&text[copied..at + keep]);
                out.push_str(mask);
                at += end;
                copied = at;
                before = text[..at].chars().next_back();
            }
            None => {
                at += first.len_utf8();
                before = Some(first);
            }
        }
    }
    out.push_str(&text[copied..]);
    out
}

/// The same for all texts and numbers in a value, the names of its fields left as they are. What stands under the name
/// of a secret is one.
pub(super) fn redact_value(value: &Value) -> Value {
    match value {
        Value::String(text) => redact(text).into(),
        Value::Number(number) => {
            let (text, shown) = (number.to_string(), redact(&number.to_string()));
            if text == shown { value.clone() } else { shown.into() }
        }
        Value::Array(items) => items.iter().map(redact_value).collect(),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                let hidden = tokens::names_secret(name) && !value.is_object() && !value.is_array();
                (redact(name), if hidden { tokens::SECRET.into() } else { redact_value(value) })
            };
            Value::Object(fields.iter().map(field).collect())
        }
        Value::Null | Value::Bool(_) => value.clone(),
    }
}

/// How long what begins with a backslash is (RFC 8259, 7); it need not be one of JSON's own.
fn escape(rest: &str) -> usize {
    let mut letters = rest.bytes().skip(1);
    match letters.next() {
        Some(b'u') if letters.by_ref().take(4).filter(u8::is_ascii_hexdigit).count() == 4 => 6,
        Some(it) if it.is_ascii() => 2,
        _ => 1,
    }
}

fn find(rest: &str, before: Option<char>) -> Option<Found> {
    tokens::find(rest, before).or_else(|| email(rest)).or_else(|| numbers::find(rest, before))
}

/// An address of mail: a local part, and a domain with a dot in it.
fn email(rest: &str) -> Option<Found> {
    let local = |c: char| c.is_alphanumeric() || "._%+-".contains(c);
    let at = run(rest, LOCAL, local).filter(|at| *at > 0)?;
    let domain = rest[at..].strip_prefix('@')?;
    let in_domain = |c: char| c.is_alphanumeric() || ".-".contains(c);
    let domain = domain[..run(domain, DOMAIN, in_domain)?].trim_end_matches(['.', '-']);
    let (name, top) = domain.rsplit_once('.')?;
    let is_top = top.chars().count() >= 2 && top.chars().all(char::is_alphabetic);
    (is_top && !name.is_empty()).then(|| Found::whole(at + 1 + domain.len(), "[email]"))
}

/// How many bytes from here on are of this kind; `None` where they are more than so many. Looks no further than that, so
/// that long texts take no long time.
fn run(rest: &str, most: usize, of: impl Fn(char) -> bool) -> Option<usize> {
    let mut chars = rest.char_indices();
    loop {
        match chars.next() {
            Some((at, _)) if at > most => return None,
            Some((_, c)) if of(c) => {}
            Some((at, _)) => return Some(at),
            None => return (rest.len() <= most).then_some(rest.len()),
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
#[path = "redact_tests.rs"]
mod tests;
