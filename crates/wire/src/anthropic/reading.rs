//! How the request's unions and lists are read: by hand-written visitors, which copy no picture aside and name the
//! field that is wrong.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::request::{Block, Citations, Content, Source};
use crate::json::Object;
use crate::list::bounded;

/// Most blocks of one message, tool result or document.
const MOST_BLOCKS: usize = 10_000;

fn blocks<'de: 'a, 'a, A: SeqAccess<'de>>(seq: A) -> Result<Vec<Block<'a>>, A::Error> {
    bounded(seq, MOST_BLOCKS, |Object(block)| block)
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ContentVisitor<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for ContentVisitor<'a> {
            type Value = Content<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of content blocks")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Content<'a>, E> {
                Ok(Content::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Content<'a>, E> {
                Ok(Content::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Content<'a>, A::Error> {
                blocks(seq).map(Content::Blocks)
            }

            // Some results of server tools hold an object here; their kind is refused by name later.
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content<'a>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Content::Blocks(Vec::new()))
            }
        }

        deserializer.deserialize_any(ContentVisitor(PhantomData))
    }
}

/// `system`: a string, or text blocks.
#[derive(Debug)]
pub(super) struct Texts<'a>(pub(super) Content<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Texts<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Content::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Citations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Config {
            enabled: Option<bool>,
        }

        struct CitationsVisitor;

        impl<'de> Visitor<'de> for CitationsVisitor {
            type Value = Citations;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Citations, A::Error> {
                let mut count = 0;
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Citations::List(count))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Citations, A::Error> {
                let config = Config::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Citations::Enabled(config.enabled.unwrap_or(false)))
            }
        }

        deserializer.deserialize_any(CitationsVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Source<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SourceVisitor<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for SourceVisitor<'a> {
            type Value = Source<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Source<'a>, E> {
                Ok(Source::Name(name.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Source<'a>, A::Error> {
                Deserialize::deserialize(MapAccessDeserializer::new(map))
                    .map(|it| Source::Object(Box::new(it)))
            }
        }

        deserializer.deserialize_any(SourceVisitor(PhantomData))
    }
}
