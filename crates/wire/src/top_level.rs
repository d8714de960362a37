//! The names of a request's own fields, and which of them nobody knows.
//!
//! Clients of OpenAI and Anthropic may send what their servers do not know. It has no effect, and is not lost in silence:
//! it is named like everything that is dropped. Only the request's own fields are looked at, not those within.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use crate::json::end_of_string;

/// Most unknown fields that are named, and the longest of their names: what fits a header.
const MOST_NAMES: usize = 16;
const MOST_LENGTH: usize = 64;

/// The fields of a request that are in none of the lists `known`, each once, in letters that fit a header; what is
/// null asks for nothing. The body is one that could be read.
pub(crate) fn unknown(body: &[u8], known: &[&[&str]]) -> Vec<String> {
    let mut unknown = Vec::new();
    each(body, |name, is_null| {
        let is_known = || known.iter().any(|names| names.contains(&name));
        if is_null || unknown.len() == MOST_NAMES || is_known() {
            return;
        }
        let name = fit_for_header(name);
        if !unknown.contains(&name) {
            unknown.push(name);
        }
    });
    unknown
}

/// Whether the request has one of these fields.
pub(crate) fn has_any(body: &[u8], names: &[&str]) -> bool {
    let mut found = false;
    each(body, |name, _| found |= names.contains(&name));
    found
}

/// The fields that a struct is read from, with their other names.
pub(crate) fn names<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    match T::deserialize(Names(&[])) {
        Ok(_) => &[],
        Err(Names(names)) => names,
    }
}

/// Each field of the object, and whether it is null: one pass, and nothing within is read.
fn each(body: &[u8], mut found: impl FnMut(&str, bool)) {
    let (mut depth, mut at, mut names_next) = (0_usize, 0, false);
    while let Some(&byte) = body.get(at) {
        at += 1;
        match byte {
            b'"' => {
                let end = (end_of_string(body, at) + 1).min(body.len());
                if depth == 1 && names_next {
                    names_next = false;
                    let is_null = value(&body[end..]).starts_with(b"null");
                    if let Some(name) = text(&body[at - 1..end]) {
                        found(&name, is_null);
                    }
                }
                at = end;
            }
            b'{' | b'[' => {
                depth += 1;
                names_next = depth == 1 && byte == b'{';
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => names_next = depth == 1,
            _ => {}
        }
    }
}

/// What stands behind a name.
fn value(rest: &[u8]) -> &[u8] {
    let rest = rest.trim_ascii_start();
    rest.strip_prefix(b":").unwrap_or(rest).trim_ascii_start()
}

/// The string between quotes, in which escapes are rare.
fn text(quoted: &[u8]) -> Option<Cow<'_, str>> {
    if quoted.contains(&b'\\') {
        return serde_json::from_slice(quoted).ok().map(Cow::Owned);
    }
    let inner = quoted.get(1..quoted.len() - 1)?;
    std::str::from_utf8(inner).ok().map(Cow::Borrowed)
}

fn fit_for_header(name: &str) -> String {
    let fits = |it: char| it.is_ascii_graphic() && it != ',';
    name.chars().take(MOST_LENGTH).map(|it| if fits(it) { it } else { '_' }).collect()
}

/// Reads nothing, and fails with the names that a struct would be read from.
#[derive(Debug)]
struct Names(&'static [&'static str]);

impl<'de> Deserializer<'de> for Names {
    type Error = Self;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self> {
        Err(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self> {
        Err(Self(fields))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("names only")
    }
}

impl std::error::Error for Names {}

impl de::Error for Names {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    #[expect(dead_code, reason = "only its names are read")]
    struct Known {
        model: String,
        #[serde(alias = "topK")]
        top_k: Option<u32>,
    }

    #[test]
    fn a_structs_names_are_known_with_their_others() {
        let mut names = names::<Known>().to_vec();
        names.sort_unstable();
        assert_eq!(names, ["model", "topK", "top_k"]);
    }

    #[test]
    fn only_the_requests_own_fields_are_looked_at() {
        let cases: [(&str, &[&str]); 9] = [
            (r#"{"model":"m","topK":1}"#, &[]),
            (r#"{"model":"m","a":1,"b":{"c":[{"d":1}]},"e":"f"}"#, &["a", "b", "e"]),
            (r#" { "a" : null , "b":[null,"x"], "model":null}"#, &["b"]),
            (r#"{"a":1,"a":2}"#, &["a"]),
            (r#"{"model":"\",\"a\":1","b":"\\"}"#, &["b"]),
            (r#"{"\u006dodel":"m","\u0061,\n\u00e9":1}"#, &["a___"]),
            (r#"["a",{"b":1}]"#, &[]),
            (r#"{"a":"unended"#, &["a"]),
            ("{}", &[]),
        ];
        for (body, expected) in cases {
            assert_eq!(unknown(body.as_bytes(), &[names::<Known>()]), expected, "{body}");
        }
    }

    #[test]
    fn what_is_named_is_bounded() {
        let fields: Vec<String> = (0..40).map(|at| format!("\"{at}{}\":1", "x".repeat(500))).collect();
        let named = unknown(format!("{{{}}}", fields.join(",")).as_bytes(), &[]);
        assert_eq!(named.len(), MOST_NAMES);
        assert!(named.iter().all(|it| it.len() == MOST_LENGTH));
    }
}
