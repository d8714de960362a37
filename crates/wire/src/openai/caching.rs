//! What OpenAI's clients say of the prompt cache for the request as a whole (OpenAI API reference,
//! `prompt_cache_options`; openai-python 3.52).

use outcrop_chat::{CacheTtl, Caching, InvalidRequest};
use serde::Deserialize;

use crate::vendor::one_of;

/// `prompt_cache_options`.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct CacheOptions {
    mode: Option<String>,
    ttl: Option<String>,
}

/// What the three fields say.
///
/// OpenAI puts a breakpoint of its own unless the mode is `explicit`; here that is for whoever runs the models to say,
/// or for a client that writes `implicit`. It keeps for half an hour at least, or for a day at most; the nearest that
/// Bedrock has to either is an hour.
pub(super) fn caching(
    key: Option<String>,
    options: Option<&CacheOptions>,
    retention: Option<&str>,
) -> Result<Caching, InvalidRequest> {
    let mut caching = Caching { key: key.filter(|it| !it.is_empty()), ..Caching::default() };
    caching.ttl = retained(retention)?;
    if retention.is_some() {
        caching.said.push("prompt_cache_retention");
    }
    let Some(options) = options else { return Ok(caching) };
    let explicit = match options.mode.as_deref() {
        None => false,
        Some("implicit") => {
            caching.messages = Some(true);
            false
        }
        Some("explicit") => {
            (caching.tools, caching.system, caching.messages) = (Some(false), Some(false), Some(false));
            true
        }
        Some(other) => return Err(one_of("prompt_cache_options.mode", &["implicit", "explicit"], other)),
    };
    if let Some(word) = &options.ttl {
        caching.ttl = Some(ttl(word)?);
    }
    if options.ttl.is_some() || (options.mode.is_some() && !explicit) {
        caching.said.push("prompt_cache_options");
    }
    Ok(caching)
}

/// How long what a breakpoint marks is kept that does not say so itself.
///
/// # Errors
/// [`InvalidRequest`] for a time that nobody knows.
pub(super) fn inherited(
    options: Option<&CacheOptions>,
    retention: Option<&str>,
) -> Result<CacheTtl, InvalidRequest> {
    match options.and_then(|it| it.ttl.as_deref()) {
        Some(word) => ttl(word),
        None => Ok(retained(retention)?.unwrap_or_default()),
    }
}

fn retained(retention: Option<&str>) -> Result<Option<CacheTtl>, InvalidRequest> {
    match retention {
        None => Ok(None),
        Some("in_memory" | "in-memory") => Ok(Some(CacheTtl::FiveMinutes)),
        Some("24h") => Ok(Some(CacheTtl::OneHour)),
        Some(other) => Err(one_of("prompt_cache_retention", &["in_memory", "24h"], other)),
    }
}

/// Bedrock's own times are as good as OpenAI's.
fn ttl(word: &str) -> Result<CacheTtl, InvalidRequest> {
    match word {
        "30m" | "12h" => Ok(CacheTtl::OneHour),
        word => CacheTtl::parse(word)
            .ok_or_else(|| one_of("prompt_cache_options.ttl", &["30m", "12h", "5m", "1h"], word)),
    }
}
