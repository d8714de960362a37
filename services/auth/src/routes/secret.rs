//! Secrets in bodies.

use std::fmt;

use secrecy::SecretString;
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A secret that a body holds. What is not a string is refused without being repeated, as it is elsewhere: a
/// password of digits is easily sent as a number.
pub(super) struct Secret(pub(super) SecretString);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor).map(Self)
    }
}

struct SecretVisitor;

fn refused<T, E: Error>() -> Result<T, E> {
    Err(E::custom("must be a string"))
}

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = SecretString;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SecretString, E> {
        Ok(text.into())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<SecretString, E> {
        Ok(text.into())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<SecretString, E> {
        refused()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<SecretString, E> {
        refused()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<SecretString, E> {
        refused()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<SecretString, E> {
        refused()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<SecretString, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        refused()
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretString, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        refused()
    }
}
