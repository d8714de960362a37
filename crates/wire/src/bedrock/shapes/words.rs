//! Members that are one word of a few.

use std::fmt;
use std::marker::PhantomData;

use outcrop_chat as chat;
use serde::de::{self, Deserialize, Deserializer, Visitor};

use crate::json::shorten;

/// A value that Converse has a word for.
pub(in crate::bedrock) struct Named<T>(pub(in crate::bedrock) T);

/// The words for a type's values.
pub(in crate::bedrock) trait Words: Copy + 'static {
    const ALL: &'static [Self];

    fn word(self) -> &'static str;
}

/// Values that are nothing but their words.
macro_rules! enums {
    ($($(#[$doc:meta])* $name:ident { $($word:literal = $variant:ident),* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(in crate::bedrock) enum $name {
            $($variant),*
        }

        impl Words for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),*];

            fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),*
                }
            }
        }
    )*};
}

enums! {
    /// Whether the answer tells what a guardrail found.
    Trace { "enabled" = Enabled, "disabled" = Disabled, "enabled_full" = EnabledFull }
    /// Whether a stream waits for the guardrail.
    StreamMode { "sync" = Sync, "async" = Async }
    /// Which variant of a model answers.
    Latency { "standard" = Standard, "optimized" = Optimized }
    /// What an answer can be held to.
    TextFormatType { "json_schema" = JsonSchema }
    /// The one kind of cache point there is.
    CachePointType { "default" = Default }
}

macro_rules! words {
    ($($name:ty = [$($value:expr),* $(,)?];)*) => {$(
        impl Words for $name {
            const ALL: &'static [Self] = &[$($value),*];

            fn word(self) -> &'static str {
                self.name()
            }
        }
    )*};
}

macro_rules! formats {
    ($($name:ty),*) => {$(
        impl Words for $name {
            const ALL: &'static [Self] = <$name>::ALL;

            fn word(self) -> &'static str {
                self.name()
            }
        }
    )*};
}

formats!(chat::ImageFormat, chat::DocumentFormat, chat::VideoFormat, chat::AudioFormat);
words! {
    chat::CacheTtl = [Self::FiveMinutes, Self::OneHour];
    chat::ServiceTier = [Self::Priority, Self::Default, Self::Flex, Self::Reserved];
    chat::Effort = [Self::Low, Self::Medium, Self::High, Self::XHigh, Self::Max];
}

impl<'de, T: Words> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Word<T>(PhantomData<T>);

        impl<T: Words> Visitor<'_> for Word<T> {
            type Value = Named<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Named<T>, E> {
                let found = T::ALL.iter().copied().find(|it| it.word() == word);
                found.map(Named).ok_or_else(|| E::custom(unknown::<T>(word)))
            }
        }

        deserializer.deserialize_str(Word(PhantomData))
    }
}

fn unknown<T: Words>(word: &str) -> String {
    let known: Vec<String> = T::ALL.iter().map(|it| format!("`{}`", it.word())).collect();
    let known = match &known[..] {
        [one, other] => format!("{one} or {other}"),
        [one] => one.clone(),
        _ => format!("one of {}", known.join(", ")),
    };
    format!("must be {known}, not `{}`", shorten(word))
}
