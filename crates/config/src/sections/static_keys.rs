//! Keys with names that stand in the settings, for platforms that keep no keys of their own.

use std::fmt;

use outcrop_types::Role;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use crate::check::fault_of_key;

/// Most keys: all of them are in memory, and each is compared with what a client shows.
const MOST: usize = 1_000;
/// Longest name of a key or a team, bytes.
const NAME_BYTES: usize = 64;
/// The team of a key that names none: the one that a platform has from its start.
const TEAM: &str = "default";

/// A key of [`AuthConfig::static_keys`](crate::AuthConfig::static_keys).
#[derive(Clone)]
pub struct StaticKey {
    /// What its bearer is called.
    pub name: String,
    /// What its bearer shows.
    pub key: SecretString,
    /// The name of the bearer's team.
    pub team: String,
    /// What the bearer is, if the key says it.
    pub role: Option<Role>,
}

impl fmt::Debug for StaticKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticKey")
            .field("name", &self.name)
            .field("team", &self.team)
            .finish_non_exhaustive()
    }
}

/// Keys that do not read. What was written is not repeated: it may be a key.
#[derive(Debug, PartialEq, Eq)]
pub enum StaticKeysError {
    /// It is no JSON.
    Json {
        /// Where it stops being it.
        line: usize,
        /// And in which column.
        column: usize,
    },
    /// It is no object, or an empty or too large one.
    Shape,
    /// A name that no key can have.
    Name,
    /// The entry of this name is wrong.
    Entry {
        /// Its name.
        name: String,
        /// What is wrong with it.
        fault: &'static str,
    },
}

impl fmt::Display for StaticKeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json { line, column } => write!(f, "this is no JSON (line {line}, column {column})"),
            Self::Shape => write!(f, "this is no JSON object of 1 to {MOST} names and keys"),
            Self::Name => {
                write!(f, "names are 1 to {NAME_BYTES} characters of `a-z`, `A-Z`, `0-9`, `_`, `.` and `-`")
            }
            Self::Entry { name, fault } => write!(f, "the key of `{name}` {fault}"),
        }
    }
}

impl std::error::Error for StaticKeysError {}

impl StaticKey {
    /// Reads the setting.
    ///
    /// # Errors
    /// [`StaticKeysError`] for what is no table of keys.
    pub fn read(setting: &SecretString) -> Result<Vec<Self>, StaticKeysError> {
        let table: Value = serde_json::from_str(setting.expose_secret())
            .map_err(|error| StaticKeysError::Json { line: error.line(), column: error.column() })?;
        let Value::Object(table) = table else { return Err(StaticKeysError::Shape) };
        if !(1..=MOST).contains(&table.len()) {
            return Err(StaticKeysError::Shape);
        }
        let keys = table.into_iter().map(|(name, entry)| Self::of(name, &entry));
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        let mut texts: Vec<_> = keys.iter().map(|it| (it.key.expose_secret(), it.name.as_str())).collect();
        texts.sort_unstable();
        match texts.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(wrong(pair[1].1, "is another one's, too")),
            None => Ok(keys),
        }
    }

    fn of(name: String, entry: &Value) -> Result<Self, StaticKeysError> {
        if !is_name(&name) {
            return Err(StaticKeysError::Name);
        }
        let none = Map::new();
        let (key, rest) = match entry {
            Value::String(key) => (Some(key.as_str()), &none),
            Value::Object(rest) => (rest.get("key").and_then(Value::as_str), rest),
            _ => (None, &none),
        };
        let Some(key) = key else { return Err(wrong(&name, "is not there")) };
        if let Some(fault) = fault_of_key(key) {
            return Err(wrong(&name, fault));
        }
        if rest.keys().any(|field| !matches!(field.as_str(), "key" | "team" | "role")) {
            return Err(wrong(&name, "has a field besides `key`, `team` and `role`"));
        }
        let team = rest.get("team").map_or(Some(TEAM), Value::as_str).filter(|team| is_name(team));
        let Some(team) = team else { return Err(wrong(&name, "has a `team` that is no name")) };
        let role = match rest.get("role") {
            None => None,
            Some(role) => match role.as_str().and_then(|role| role.parse().ok()) {
                Some(role) => Some(role),
                None => return Err(wrong(&name, "has a `role` that there is not")),
            },
        };
        let (key, team) = (key.into(), team.to_owned());
        Ok(Self { name, key, team, role })
    }
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=NAME_BYTES).contains(&name.len()) && name.bytes().all(fits)
}

fn wrong(name: &str, fault: &'static str) -> StaticKeysError {
    StaticKeysError::Entry { name: name.to_owned(), fault }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "a-key-of-many-letters";

    fn read(text: &str) -> Result<Vec<StaticKey>, String> {
        StaticKey::read(&text.into()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_may_be_all_there_is_of_an_entry() {
        let keys = read(&format!(
            r#"{{"me": "{LONG}", "ci": {{"key": "{LONG}-2", "team": "research", "role": "viewer"}}}}"#
        ));
        let keys = keys.unwrap();
        let seen: Vec<_> = keys.iter().map(|it| (it.name.as_str(), it.team.as_str(), it.role)).collect();
        assert_eq!(seen, [("me", "default", None), ("ci", "research", Some(Role::Viewer))]);
        assert_eq!(keys[1].key.expose_secret(), &format!("{LONG}-2"));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_key() {
        let check = |text: &str, told: &str| {
            let error = read(text).unwrap_err();
            assert!(error.contains(told) && !error.contains("a-key"), "{text}: {error}");
        };
        check(r#"{"me": "a-key-of-many"#, "no JSON (line 1");
        check("[]", "no JSON object");
        check("{}", "no JSON object");
        check(&format!(r#"{{"a b": "{LONG}"}}"#), "names are");
        check(r#"{"me": "a-key"}"#, "16 to 512");
        check(&format!(r#"{{"me": "ock_{LONG}"}}"#), "looks like an Outcrop key");
        check(r#"{"me": 1}"#, "is not there");
        check(&format!(r#"{{"me": {{"key": "{LONG}", "teem": "x"}}}}"#), "a field besides");
        check(&format!(r#"{{"me": {{"key": "{LONG}", "team": "a b"}}}}"#), "`team`");
        check(&format!(r#"{{"me": {{"key": "{LONG}", "role": "king"}}}}"#), "`role`");
        check(&format!(r#"{{"me": "{LONG}", "you": "{LONG}"}}"#), "`you` is another one's");
        let many = (0..=MOST).map(|at| format!(r#""n{at}": "{LONG}-{at}""#)).collect::<Vec<_>>().join(",");
        check(&format!("{{{many}}}"), "1 to 1000");
    }
}
