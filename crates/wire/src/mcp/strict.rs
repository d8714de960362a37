//! Reads what a client sent, strictly: where an object is wanted, there is one.
//!
//! serde takes a list for a structure, as its fields in their order. Nothing of the protocol is written like that, and somebody on
//! the way who looks for the names would see something else than we do.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Value};

/// Reads a value, and all that is in it.
///
/// Types that serde reads by looking first (`#[serde(tag)]`, `untagged`, `flatten`) are out of its reach.
///
/// # Errors
/// Where it is, and what is wrong.
pub(super) fn read<T: DeserializeOwned>(value: Value) -> Result<T, serde_path_to_error::Error<Error>> {
    serde_path_to_error::deserialize(Strict(value))
}

struct Strict(Value);

impl<'de> Deserializer<'de> for Strict {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(items) => {
                let mut items = SeqDeserializer::new(items.into_iter().map(Strict));
                let value = visitor.visit_seq(&mut items)?;
                items.end().map(|()| value)
            }
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(name, value)| (name, Strict(value)));
                let mut fields = MapDeserializer::new(fields);
                let value = visitor.visit_map(&mut fields)?;
                fields.end().map(|()| value)
            }
            plain => plain.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(_) => Err(Error::invalid_type(Unexpected::Seq, &"an object")),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

impl IntoDeserializer<'_, Error> for Strict {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Map, json};

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Outer {
        inner: Inner,
        list: Vec<Inner>,
        maybe: Option<Inner>,
        #[serde(default)]
        free: Map<String, Value>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner {
        name: String,
    }

    #[test]
    fn objects_are_read_as_ever() {
        let inner = |name: &str| Inner { name: name.to_owned() };
        let value =
            json!({ "inner": { "name": "a", "more": [1] }, "list": [{ "name": "b" }], "free": { "x": [1] } });
        let free = json!({ "x": [1] }).as_object().cloned().unwrap();
        let expected = Outer { inner: inner("a"), list: vec![inner("b")], maybe: None, free };
        assert_eq!(read::<Outer>(value).unwrap(), expected);
    }

    #[test]
    fn a_list_is_no_object_at_any_depth() {
        let good = json!({ "inner": { "name": "a" }, "list": [], "maybe": { "name": "b" } });
        assert!(read::<Outer>(good.clone()).is_ok());
        for (field, wrong, path) in [
            ("inner", json!(["a"]), "inner"),
            ("list", json!([["a"]]), "list[0]"),
            ("maybe", json!(["b"]), "maybe"),
        ] {
            let mut value = good.clone();
            value[field] = wrong;
            let error = read::<Outer>(value).unwrap_err();
            assert_eq!(error.path().to_string(), path);
            assert!(error.inner().to_string().contains("expected an object"), "{error}");
        }
        assert!(read::<Outer>(json!([{ "name": "a" }, [], null, {}])).is_err());
    }
}
