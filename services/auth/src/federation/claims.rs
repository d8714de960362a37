//! Looking into the claims of a token.

use std::borrow::Cow;
use std::fmt;

use outcrop_types::Pattern;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Longest path, characters.
const MAX_LEN: usize = 200;

/// Most steps of a path.
const MAX_STEPS: usize = 8;

/// The name of a claim; dots lead into objects: `realm_access.roles`.
///
/// A claim whose own name holds dots (`https://example.com/groups`) is found by that name as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClaimPath(String);

impl ClaimPath {
    /// What stands there.
    #[must_use]
    pub fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        find(claims, &self.0)
    }

    /// The text that stands there.
    #[must_use]
    pub fn text<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a str> {
        self.find(claims).and_then(Value::as_str)
    }

    /// Whether something that fits stands there: a string, a number or a boolean as a whole, or one entry of a
    /// list. Of OAuth's `scope` and `scp`, which are words in one string, each word counts as well.
    #[must_use]
    pub fn fits(&self, claims: &Map<String, Value>, pattern: &Pattern) -> bool {
        let Some(value) = self.find(claims) else { return false };
        let matches = |value: &Value| text_of(value).is_some_and(|text| pattern.matches(&text));
        match value {
            Value::Array(entries) => entries.iter().any(matches),
            Value::String(words) if matches!(self.0.as_str(), "scope" | "scp") => {
                matches(value) || words.split_ascii_whitespace().any(|word| pattern.matches(word))
            }
            _ => matches(value),
        }
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ClaimPath {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = (1..=MAX_LEN).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic())
            && text.bytes().filter(|byte| *byte == b'.').count() < MAX_STEPS;
        if fits {
            Ok(Self(text))
        } else {
            Err("a claim is named by 1 to 200 visible ASCII characters with at most 7 dots")
        }
    }
}

impl From<ClaimPath> for String {
    fn from(path: ClaimPath) -> Self {
        path.0
    }
}

fn find<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    path.match_indices('.').find_map(|(at, _)| match claims.get(&path[..at]) {
        Some(Value::Object(inner)) => find(inner, &path[at + 1..]),
        _ => None,
    })
}

fn text_of(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string().into()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(text: &str) -> ClaimPath {
        ClaimPath::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn claims_are_matched_in_every_form_that_issuers_give_them() {
        let claims = json!({
            "groups": ["staff", "bedrock-users", 7],
            "cognito:groups": ["bedrock"],
            "realm_access": {"roles": ["dev"], "deep": {"er": true}},
            "https://example.com/groups": "bedrock",
            "scp": "openid bedrock.use",
            "scope": "a b",
            "department": "a b",
            "level": 3,
            "nothing": null,
            "empty": [],
            "lists": [["bedrock"]],
        });
        let claims = claims.as_object().unwrap();
        for (claim, value, fits) in [
            ("groups", "bedrock-*", true),
            ("groups", "7", true),
            ("groups", "bedrock", false),
            ("cognito:groups", "bedrock", true),
            ("realm_access.roles", "dev", true),
            ("realm_access.deep.er", "true", true),
            ("realm_access", "*", false),
            ("https://example.com/groups", "bedrock", true),
            ("scp", "bedrock.use", true),
            ("scope", "b", true),
            ("department", "b", false),
            ("department", "a*", true),
            ("level", "3", true),
            ("nothing", "*", false),
            ("empty", "*", false),
            ("absent", "*", false),
            ("lists", "*", false),
        ] {
            let pattern: Pattern = value.parse().unwrap();
            assert_eq!(path(claim).fits(claims, &pattern), fits, "{claim} {value}");
        }
    }

    #[test]
    fn what_names_no_claim_is_refused() {
        for text in ["", "a b", "ü", &"a.".repeat(8), &"x".repeat(201)] {
            assert!(ClaimPath::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
