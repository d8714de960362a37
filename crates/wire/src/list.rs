//! Arrays of a bounded number of elements, so that a small body becomes no large memory.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

use crate::json::Object;

/// An array of at most `MOST` objects; `null` is an empty one where the field is optional.
#[derive(Debug)]
pub(crate) struct List<T, const MOST: usize>(pub(crate) Vec<T>);

/// The same of strings.
#[derive(Debug, Default)]
pub(crate) struct Strings<const MOST: usize>(pub(crate) Vec<String>);

impl<T, const MOST: usize> List<T, MOST> {
    pub(crate) fn take(&mut self) -> Vec<T> {
        std::mem::take(&mut self.0)
    }
}

impl<const MOST: usize> Strings<MOST> {
    pub(crate) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.0)
    }
}

impl<T, const MOST: usize> Default for List<T, MOST> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for List<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Elements { most: MOST, keep: |Object(item)| item }).map(Self)
    }
}

impl<'de, const MOST: usize> Deserialize<'de> for Strings<MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Elements { most: MOST, keep: |text: String| text }).map(Self)
    }
}

struct Elements<R, T> {
    most: usize,
    keep: fn(R) -> T,
}

impl<'de, R: Deserialize<'de>, T> Visitor<'de> for Elements<R, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        bounded(seq, self.most, self.keep)
    }
}

/// Reads an array of at most `most` elements; each is read as an `R` and kept as a `T`.
pub(crate) fn bounded<'de, R: Deserialize<'de>, T, A: SeqAccess<'de>>(
    mut seq: A,
    most: usize,
    keep: fn(R) -> T,
) -> Result<Vec<T>, A::Error> {
    let mut items = Vec::new();
    while let Some(item) = seq.next_element()? {
        if items.len() == most {
            return Err(de::Error::custom(format_args!("must not have more than {most} elements")));
        }
        items.push(keep(item));
    }
    Ok(items)
}
