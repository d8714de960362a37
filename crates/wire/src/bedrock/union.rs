//! Converse's unions: objects with one member, which names what they are.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, IntoDeserializer as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A union, read as the enum `T`. serde's own way calls a second member a syntax error.
pub(super) struct Union<T>(pub(super) T);

impl<T: Serialize> Serialize for Union<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// What Converse has and is not served here: to read it is to refuse it, by the name of its field.
pub(super) enum Unserved {}

impl<'de> Deserialize<'de> for Unserved {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(de::Error::custom("is not supported here"))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Union<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UnionVisitor(PhantomData))
    }
}

struct UnionVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for UnionVisitor<T> {
    type Value = Union<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        const ONE: &str = "must have exactly one member";
        let name = map.next_key::<String>()?.ok_or_else(|| de::Error::custom(ONE))?;
        let value = T::deserialize(MapAccessDeserializer::new(Member { name: Some(name), map: &mut map }))?;
        match map.next_key::<IgnoredAny>()? {
            None => Ok(Union(value)),
            Some(_) => Err(de::Error::custom(ONE)),
        }
    }
}

/// A map whose next name has been read already.
struct Member<'a, A> {
    name: Option<String>,
    map: &'a mut A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Member<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.name.take().map(|name| seed.deserialize(name.into_deserializer())).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}
