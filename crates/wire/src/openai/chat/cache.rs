//! Marks for the prompt cache, in the spellings that OpenAI's clients use, as Bedrock's cache points.

use outcrop_chat::{CacheTtl, InvalidRequest};
use serde::Deserialize;

use super::turns::{Content, Message};
use crate::json::shorten;

/// Anthropic's mark, which LiteLLM's and OpenRouter's clients put on messages, parts, calls and tools.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct CacheControl {
    r#type: Option<String>,
    ttl: Option<String>,
}

/// OpenAI's own mark on a part.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Breakpoint {
    mode: Option<String>,
    ttl: Option<String>,
}

/// The cache point that a mark stands for; `path` is where it stands, for errors.
pub(super) fn point(
    control: Option<&CacheControl>,
    path: impl Fn() -> String,
) -> Result<Option<CacheTtl>, InvalidRequest> {
    let Some(control) = control else { return Ok(None) };
    if let Some(other) = control.r#type.as_deref().filter(|it| *it != "ephemeral") {
        return Err(not_one_of(&path(), "type", "`ephemeral`", other));
    }
    match control.ttl.as_deref() {
        None => Ok(Some(CacheTtl::default())),
        Some(ttl) => match CacheTtl::parse(ttl) {
            Some(ttl) => Ok(Some(ttl)),
            None => Err(not_one_of(&path(), "ttl", "`5m` or `1h`", ttl)),
        },
    }
}

/// The same for OpenAI's mark.
///
/// OpenAI keeps a prefix for half an hour or twelve hours, Bedrock for five minutes or one hour. What asks for more
/// than five minutes gets the hour, the longest there is; what names no time, in the mark or in the
/// request, gets Bedrock's own default, which every model with a cache has.
pub(super) fn breakpoint(
    mark: Option<&Breakpoint>,
    path: impl Fn() -> String,
) -> Result<Option<CacheTtl>, InvalidRequest> {
    let Some(mark) = mark else { return Ok(None) };
    if let Some(other) = mark.mode.as_deref().filter(|it| *it != "explicit") {
        return Err(not_one_of(&path(), "mode", "`explicit`", other));
    }
    match mark.ttl.as_deref() {
        None => Ok(Some(CacheTtl::default())),
        Some("30m" | "12h") => Ok(Some(CacheTtl::OneHour)),
        Some(other) => Err(not_one_of(&path(), "ttl", "`30m` or `12h`", other)),
    }
}

/// Gives the time of the request (`prompt_cache_options.ttl`) to the marks that name none.
pub(super) fn inherit(messages: &mut [Message<'_>], ttl: CacheTtl) {
    if ttl == CacheTtl::default() {
        return;
    }
    let parts = messages.iter_mut().filter_map(|it| match &mut it.content {
        Some(Content::Parts(parts)) => Some(parts),
        _ => None,
    });
    for mark in parts.flatten().filter_map(|it| it.prompt_cache_breakpoint.as_mut()) {
        mark.ttl.get_or_insert_with(|| "30m".to_owned());
    }
}

fn not_one_of(path: &str, field: &str, known: &str, found: &str) -> InvalidRequest {
    let param = format!("{path}.{field}");
    let message = format!("`{param}` must be {known}, not `{}`.", shorten(found));
    InvalidRequest::new(param, message)
}
