//! InvokeModel and its stream: bodies in the vendor's own dialect.

pub(crate) mod anthropic;
pub(crate) mod anthropic_encode;
pub(crate) mod anthropic_validate;
pub(crate) mod cohere;
pub(crate) mod titan;

use crate::errors::Refusal;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

/// What an embedding model answers.
#[derive(Debug)]
pub(crate) struct Embedded {
    pub(crate) body: Vec<u8>,
    pub(crate) input_tokens: u64,
}

/// Members beyond the known ones.
pub(crate) type Extra = BTreeMap<String, IgnoredAny>;

/// What Bedrock's own check of a body's form says.
pub(crate) fn malformed(what: impl std::fmt::Display) -> Refusal {
    Refusal::validation(format!("Malformed input request: {what}, please reformat your input and try again."))
}

/// Refuses members the model does not know.
pub(crate) fn no_extra(extra: &Extra) -> Result<(), Refusal> {
    match extra.keys().next() {
        Some(key) => Err(malformed(format_args!("#: extraneous key [{key}] is not permitted"))),
        None => Ok(()),
    }
}

/// Parses a vendor's body; any failure is Bedrock's `Malformed input request`.
pub(crate) fn parse<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        let named = crate::body::parse::<T>(body)
            .err()
            .map_or_else(|| error.to_string(), |it| it.message.into_owned());
        malformed(named)
    })
}
