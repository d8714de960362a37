//! The parameters of a token request, from a form (RFC 6749, section 4) or, as a courtesy, from JSON.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::SecretString;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::GrantError;

/// Every parameter that some grant has. A form may hold others, which are passed over (RFC 6749, section 3.2); JSON
/// may not.
const KNOWN: [&str; 14] = [
    "grant_type",
    "username",
    "password",
    "team",
    "refresh_token",
    "client_id",
    "client_secret",
    "scope",
    "resource",
    "iam_request_method",
    "iam_request_url",
    "iam_request_headers",
    "iam_request_body",
    "aws_iam_token",
];

/// The one parameter that may be an object; it is kept as it was written.
const MAY_BE_OBJECT: &str = "iam_request_headers";

/// Most parameters of a form.
const MAX_FIELDS: usize = 64;

/// Parameters by name, each given once. Some are secrets: this type has no `Debug`.
#[derive(Default)]
pub(crate) struct Fields(BTreeMap<String, String>);

impl Fields {
    /// Reads `application/x-www-form-urlencoded`.
    pub(crate) fn from_form(body: &[u8]) -> Result<Self, GrantError> {
        let mut fields = BTreeMap::new();
        for (count, (name, value)) in form_urlencoded::parse(body).enumerate() {
            if count == MAX_FIELDS {
                return Err(GrantError::request(None, format!("more than {MAX_FIELDS} parameters")));
            }
            let name = name.into_owned();
            if fields.contains_key(&name) {
                return Err(GrantError::request(None, format!("`{}` is given twice", short(&name))));
            }
            fields.insert(name, value.into_owned());
        }
        Ok(Self(fields))
    }

    /// Reads a JSON object of strings.
    pub(crate) fn from_json(body: &[u8]) -> Result<Self, GrantError> {
        // Looked at first: serde_json quotes a value that is of another type, and this one may be a secret.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(GrantError::request(None, "the body must be a JSON object"));
        }
        serde_json::from_slice(body).map_err(|error| {
            if error.classify() != Category::Data {
                return GrantError::request(None, "the body must be a JSON object; it is not well-formed");
            }
            let text = error.to_string();
            // Of an object only the messages below are left. serde_json ends them with where, which says nothing here.
            let text = text.split(" at line ").next().unwrap_or_default().to_owned();
            GrantError::request(None, format!("the body is not a JSON object of parameters: {text}"))
        })
    }

    /// A parameter. One without a value counts as not given (RFC 6749, section 3.2).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A parameter that must be there.
    pub(crate) fn need(&self, name: &'static str) -> Result<&str, GrantError> {
        self.get(name).ok_or_else(|| GrantError::request(Some(name), format!("`{name}` is required")))
    }

    /// A secret that must be there.
    pub(crate) fn need_secret(&self, name: &'static str) -> Result<SecretString, GrantError> {
        self.need(name).map(SecretString::from)
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = BTreeMap<String, String>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some((name, raw)) = map.next_entry::<String, &RawValue>()? {
                    if !KNOWN.contains(&name.as_str()) {
                        return Err(A::Error::custom(format!("`{}` is not known here", short(&name))));
                    }
                    if fields.contains_key(&name) {
                        return Err(A::Error::custom(format!("`{name}` is given twice")));
                    }
                    if let Some(value) = text(&name, raw.get()).map_err(A::Error::custom)? {
                        fields.insert(name, value);
                    }
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Object).map(Self)
    }
}

fn text(name: &str, raw: &str) -> Result<Option<String>, String> {
    match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw).map(Some).map_err(|_| format!("`{name}` is not a string")),
        Some(b'n') => Ok(None),
        Some(b'{') if name == MAY_BE_OBJECT => Ok(Some(raw.to_owned())),
        _ => Err(format!("`{name}` is not a string")),
    }
}

/// As much of a client's word as an answer repeats.
fn short(name: &str) -> String {
    name.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> Result<Fields, GrantError> {
        Fields::from_form(text.as_bytes())
    }

    fn json(text: &str) -> Result<Fields, GrantError> {
        Fields::from_json(text.as_bytes())
    }

    #[test]
    fn a_form_is_decoded_and_strangers_are_passed_over() {
        let fields = form("grant_type=password&username=a+b%2Bc&password=%C3%BC&x=1&scope=").unwrap();
        assert_eq!((fields.get("username"), fields.get("password")), (Some("a b+c"), Some("ü")));
        assert_eq!(fields.get("scope"), None, "without a value it counts as not given");
    }

    #[test]
    fn json_says_the_same() {
        let fields = json(r#"{"grant_type":"password","username":"\u00fc","team":null}"#).unwrap();
        assert_eq!((fields.get("username"), fields.get("team")), (Some("ü"), None));
        let fields = json(r#"{"iam_request_headers":{"a":"1","A":"2"}}"#).unwrap();
        assert_eq!(fields.get("iam_request_headers"), Some(r#"{"a":"1","A":"2"}"#), "to the letter");
    }

    #[test]
    fn what_is_given_twice_or_is_no_text_is_refused() {
        assert!(form("scope=a&scope=a").is_err());
        assert!(form(&"x=1&".repeat(2)).is_err());
        assert!(form(&(0..65).map(|it| format!("f{it}=1&")).collect::<String>()).is_err());
        for text in [
            r#"{"scope":"a","scope":"a"}"#,
            r#"{"scope":1}"#,
            r#"{"scope":["a"]}"#,
            r#"{"scope":{"a":1}}"#,
            r#"{"colour":"red"}"#,
            r#"["scope"]"#,
            r#"{"scope":"a"} x"#,
            "",
        ] {
            assert!(json(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_not_quoted() {
        for (text, told) in [
            (r#""hunter2""#, "the body must be a JSON object"),
            ("hunter2", "the body must be a JSON object"),
            (r#"["hunter2"]"#, "the body must be a JSON object"),
            ("271828", "the body must be a JSON object"),
            (r#"{"password":hunter2}"#, "the body must be a JSON object; it is not well-formed"),
            (r#"{"password":"hunter2"#, "the body must be a JSON object; it is not well-formed"),
            (r#"{"password":"hunter2"} hunter2"#, "the body must be a JSON object; it is not well-formed"),
            (r#"{"password":"hunter2\x"}"#, "the body must be a JSON object; it is not well-formed"),
            (
                r#"{"password":["hunter2"]}"#,
                "the body is not a JSON object of parameters: `password` is not a string",
            ),
            (
                r#"{"password":271828}"#,
                "the body is not a JSON object of parameters: `password` is not a string",
            ),
        ] {
            let Err(error) = json(text) else { panic!("{text} was read") };
            assert_eq!(error.to_string(), told, "{text}");
        }
    }
}
