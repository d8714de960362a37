//! Names with wildcards: `claude-*`, `/v1/chat/*`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest pattern, characters.
const MAX_LEN: usize = 200;

/// Most wildcards in one pattern.
const MAX_STARS: usize = 4;

/// A name in which each `*` stands for any number of any characters. There is no escape: none of the names
/// that are matched holds a star.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(String);

/// A text that is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {MAX_LEN} visible ASCII characters, of which at most {MAX_STARS} are `*`")]
pub struct MalformedPattern;

impl Pattern {
    /// The pattern as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole of `name` fits.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        // There is always a first part, be it empty.
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else { return false };
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return rest.ends_with(part);
            }
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        true
    }

    /// Whether everything that `other` matches is matched by this too. A star of `other` can only be taken in
    /// by a star of this one, so that matching its text is enough.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.matches(&other.0)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Pattern {
    type Err = MalformedPattern;

    fn from_str(text: &str) -> Result<Self, MalformedPattern> {
        let fits = (1..=MAX_LEN).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic())
            && text.bytes().filter(|byte| *byte == b'*').count() <= MAX_STARS;
        if fits { Ok(Self(text.to_owned())) } else { Err(MalformedPattern) }
    }
}

impl TryFrom<String> for Pattern {
    type Error = MalformedPattern;

    fn try_from(text: String) -> Result<Self, MalformedPattern> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap()
    }

    #[test]
    fn stars_stand_for_anything() {
        for (text, name, fits) in [
            ("claude-*", "claude-haiku-4-5", true),
            ("claude-*", "claude-", true),
            ("claude-*", "claude", false),
            ("*", "", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("*nova*", "amazon.nova-lite-v1:0", true),
            ("nova", "nova-lite", false),
            ("*:0", "x:0", true),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(pattern(text).matches(name), fits, "{text} {name}");
        }
    }

    #[test]
    fn a_wider_pattern_covers_a_narrower() {
        for (wide, narrow, covers) in [
            ("*", "a*b", true),
            ("claude-*", "claude-haiku-*", true),
            ("claude-haiku-*", "claude-*", false),
            ("a*", "a", true),
            ("a", "a*", false),
            ("a*c", "a*b*c", true),
            ("a*c", "a*", false),
        ] {
            assert_eq!(pattern(wide).covers(&pattern(narrow)), covers, "{wide} {narrow}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["", "with space", "ünicode", "*****", &"x".repeat(201)] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
    }
}
