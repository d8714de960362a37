//! InvokeModel and its stream: bodies in the vendor's own dialect.

pub(crate) mod anthropic;
mod anthropic_blocks;
pub(crate) mod anthropic_encode;
pub(crate) mod anthropic_fields;
pub(crate) mod anthropic_validate;
pub(crate) mod cohere;
pub(crate) mod images;
pub(crate) mod nova_embed;
pub(crate) mod rerank;
pub(crate) mod titan;

use crate::errors::Refusal;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

/// What a model that does not converse answers.
#[derive(Debug, Default)]
pub(crate) struct Invoked {
    pub(crate) body: Vec<u8>,
    pub(crate) input_tokens: u64,
    /// Pictures made.
    pub(crate) images: u64,
    /// Queries, as rerankers are sold by.
    pub(crate) queries: u64,
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
