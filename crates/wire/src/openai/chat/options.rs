//! The request's options: what is refused, what is dropped, and how to generate.

use std::collections::BTreeMap;

use outcrop_chat::{Inference, InvalidRequest};

use super::Dropped;
use super::request::Body;
use crate::json::shorten;

/// Refuses what would make the answer another one than the client asked for.
pub(super) fn refuse(body: &Body) -> Result<(), InvalidRequest> {
    let unsupported = [
        ("functions", body.functions.is_some(), "is the legacy form; use `tools`"),
        ("function_call", body.function_call.is_some(), "is the legacy form; use `tool_choice`"),
        ("audio", body.audio.is_some(), "is not supported: models on Bedrock answer in text"),
        ("moderation", body.moderation.is_some(), "is not supported"),
        ("web_search_options", body.web_search_options.is_some(), "is not supported"),
    ];
    if let Some((field, _, why)) = unsupported.iter().find(|(_, asked, _)| *asked) {
        return Err(InvalidRequest::new(*field, format!("`{field}` {why}.")));
    }
    if body.n.is_some_and(|n| n != 1) {
        return Err(InvalidRequest::new("n", "`n` must be 1: Bedrock gives one answer per request."));
    }
    if body.modalities.iter().flatten().any(|it| it != "text") {
        let message = "`modalities` must be [\"text\"]: models on Bedrock answer in text.";
        return Err(InvalidRequest::new("modalities", message));
    }
    match body.response_format.as_ref().map(|it| it.r#type.as_str()) {
        None | Some("text") => Ok(()),
        Some(other) => {
            let message =
                format!("`response_format` of type `{}` is not supported; use `text`.", shorten(other));
            Err(InvalidRequest::new("response_format", message))
        }
    }
}

/// Notes what is set and without effect. A field that is set to OpenAI's own default asks for nothing.
pub(super) fn note_dropped(body: &Body, dropped: &mut Dropped) {
    let asked = [
        ("frequency_penalty", body.frequency_penalty.is_some_and(|it| it != 0.0)),
        ("presence_penalty", body.presence_penalty.is_some_and(|it| it != 0.0)),
        ("logit_bias", body.logit_bias.as_ref().is_some_and(|it| !it.is_empty())),
        ("logprobs", body.logprobs == Some(true)),
        ("top_logprobs", body.top_logprobs.is_some_and(|it| it != 0)),
        ("prediction", body.prediction.is_some()),
        ("prompt_cache_key", body.prompt_cache_key.is_some()),
        ("prompt_cache_options", body.prompt_cache_options.is_some()),
        ("prompt_cache_retention", body.prompt_cache_retention.is_some()),
        ("reasoning_effort", body.reasoning_effort.is_some()),
        ("seed", body.seed.is_some()),
        ("service_tier", body.service_tier.as_deref().is_some_and(|it| it != "auto" && it != "default")),
        ("store", body.store == Some(true)),
        ("verbosity", body.verbosity.is_some()),
    ];
    for (field, _) in asked.iter().filter(|(_, asked)| *asked) {
        dropped.note(field);
    }
}

/// Converse's `inferenceConfig`; ranges are Bedrock's (Amazon Bedrock API reference, InferenceConfiguration).
pub(super) fn inference(body: &mut Body) -> Result<Inference, InvalidRequest> {
    let (field, max_tokens) = match body.max_completion_tokens {
        Some(most) => ("max_completion_tokens", Some(most)),
        None => ("max_tokens", body.max_tokens),
    };
    if max_tokens == Some(0) {
        return Err(InvalidRequest::new(field, format!("`{field}` must be at least 1.")));
    }
    Ok(Inference {
        max_tokens,
        temperature: zero_to_one("temperature", body.temperature)?,
        top_p: zero_to_one("top_p", body.top_p)?,
        top_k: None,
        stop: std::mem::take(&mut body.stop).into_list(),
    })
}

pub(crate) fn zero_to_one(field: &'static str, value: Option<f64>) -> Result<Option<f32>, InvalidRequest> {
    let Some(value) = value else { return Ok(None) };
    if !(0.0..=1.0).contains(&value) {
        let message = format!("`{field}` must be from 0 to 1, which is Bedrock's range, not {value}.");
        return Err(InvalidRequest::new(field, message));
    }
    #[expect(clippy::cast_possible_truncation, reason = "Converse takes single precision")]
    Ok(Some(value as f32))
}

/// `metadata`, `user` and `safety_identifier` as Bedrock's `requestMetadata`.
///
/// Bedrock takes at most 16 pairs of limited words; a pair that does not fit would cost the client the
/// whole answer, so it is dropped and reported.
pub(super) fn metadata(body: &mut Body, dropped: &mut Dropped) -> BTreeMap<String, String> {
    const MOST_PAIRS: usize = 16;
    let own = [("user", body.user.take()), ("safety_identifier", body.safety_identifier.take())];
    let mut pairs = BTreeMap::new();
    for (key, value) in body.metadata.take().unwrap_or_default() {
        if pairs.len() < MOST_PAIRS && !key.is_empty() && fits_metadata(&key) && fits_metadata(&value) {
            pairs.insert(key, value);
        } else {
            dropped.note("metadata");
        }
    }
    for (key, value) in own {
        let Some(value) = value else { continue };
        if pairs.len() < MOST_PAIRS && !pairs.contains_key(key) && fits_metadata(&value) {
            pairs.insert(key.to_owned(), value);
        } else {
            dropped.note(key);
        }
    }
    pairs
}

/// Converse's pattern for both keys and values (botocore, `RequestMetadataKeyString`).
fn fits_metadata(text: &str) -> bool {
    text.len() <= 256
        && text.bytes().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
                || b":_@$#=/+,-.".contains(&byte)
        })
}
