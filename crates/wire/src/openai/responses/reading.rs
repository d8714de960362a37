//! How the request's unions and lists are read.
//!
//! By hand-written visitors, not by untagged enums: those would copy every value aside first, large media included, and
//! could not say which field was wrong. Long strings stay where they are in the body.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use super::request::{Choice, ChoiceObject, Content, Input, Item, MOST_ITEMS, MOST_PARTS, Part};
use crate::json::Object;
use crate::list::bounded;

/// A string that stays in the body, if it is written there without escapes.
#[derive(Debug, Clone)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

/// Reads what is one string or an array of objects.
macro_rules! text_or_list {
    ($name:ident of $item:ident, at most $most:expr, called $called:literal) => {
        impl<'de: 'a, 'a> Deserialize<'de> for $name<'a> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct UnionVisitor;

                impl<'de> Visitor<'de> for UnionVisitor {
                    type Value = $name<'de>;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!("a string or an array of ", $called))
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                        Ok($name::Text(text.to_owned()))
                    }

                    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                        bounded(seq, $most, |Object(item): Object<$item<'de>>| item).map($name::List)
                    }
                }

                deserializer.deserialize_any(UnionVisitor)
            }
        }
    };
}
text_or_list!(Input of Item, at most MOST_ITEMS, called "input items");
text_or_list!(Content of Part, at most MOST_PARTS, called "content parts");

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ChoiceVisitor;

        impl<'de> Visitor<'de> for ChoiceVisitor {
            type Value = Choice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an object")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Choice, E> {
                Ok(Choice::Word(word.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Choice, A::Error> {
                let object = de::value::MapAccessDeserializer::new(map);
                ChoiceObject::deserialize(object).map(Choice::Object)
            }
        }

        deserializer.deserialize_any(ChoiceVisitor)
    }
}
