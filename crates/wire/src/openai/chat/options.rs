//! The request's options: what is refused, what is dropped, and what is asked for beside the conversation.

use outcrop_chat::{Caching, Inference, InvalidRequest, JsonSchema, OutputFormat, ServiceTier};
use serde_json::Value;

use super::Dropped;
use super::request::{Body, SchemaFormat};
use crate::json::shorten;
use crate::openai::caching;
use crate::vendor::one_of;

/// Most answers to one request: each is a call of its own upstream.
const MOST_CHOICES: usize = 8;

/// Refuses what would make the answer another one than the client asked for.
pub(super) fn refuse(body: &Body<'_>) -> Result<(), InvalidRequest> {
    let unsupported = [
        ("audio", body.audio.is_some(), "is not supported: models on Bedrock answer in text"),
        ("moderation", body.moderation.is_some(), "is not supported; use a guardrail"),
    ];
    if let Some((field, _, why)) = unsupported.iter().find(|(_, asked, _)| *asked) {
        return Err(InvalidRequest::new(*field, format!("`{field}` {why}.")));
    }
    if body.modalities.iter().flatten().any(|it| it != "text") {
        let message = "`modalities` must be [\"text\"]: models on Bedrock answer in text.";
        return Err(InvalidRequest::new("modalities", message));
    }
    Ok(())
}

/// How many answers are asked for.
pub(super) fn choices(body: &Body<'_>) -> Result<usize, InvalidRequest> {
    match body.n {
        None => Ok(1),
        Some(n @ 1..=MOST_CHOICES) => Ok(n),
        Some(n) => {
            let message = format!("`n` must be from 1 to {MOST_CHOICES}, not {n}.");
            Err(InvalidRequest::new("n", message))
        }
    }
}

/// Notes what is set and without effect. A field that is set to OpenAI's own default asks for nothing.
pub(super) fn note_dropped(body: &Body<'_>, dropped: &mut Dropped) {
    let search = body.web_search_options.as_ref();
    let asked = [
        ("frequency_penalty", body.frequency_penalty.is_some_and(|it| it != 0.0)),
        ("presence_penalty", body.presence_penalty.is_some_and(|it| it != 0.0)),
        (
            "max_tokens",
            body.max_tokens.is_some_and(|it| body.max_completion_tokens.is_some_and(|most| it != most)),
        ),
        ("logit_bias", body.logit_bias.as_ref().is_some_and(|it| !it.is_empty())),
        ("logprobs", body.logprobs == Some(true)),
        ("top_logprobs", body.top_logprobs.is_some_and(|it| it != 0)),
        ("prediction", body.prediction.is_some()),
        ("seed", body.seed.is_some()),
        ("store", body.store == Some(true)),
        ("verbosity", body.verbosity.is_some()),
        ("web_search_options.search_context_size", search.is_some_and(|it| it.search_context_size.is_some())),
        ("web_search_options.user_location", search.is_some_and(|it| it.user_location.is_some())),
    ];
    for (field, _) in asked.iter().filter(|(_, asked)| *asked) {
        dropped.note(field);
    }
}

/// What is said of the prompt cache for the request as a whole.
pub(super) fn caching(body: &mut Body<'_>) -> Result<Caching, InvalidRequest> {
    let options = body.prompt_cache_options.as_ref();
    caching::caching(body.prompt_cache_key.take(), options, body.prompt_cache_retention.as_deref())
}

/// The tier that is to answer: `auto` leaves it to Bedrock, which has one default.
pub(super) fn service_tier(body: &Body<'_>) -> Result<Option<ServiceTier>, InvalidRequest> {
    match body.service_tier.as_deref() {
        None | Some("auto") => Ok(None),
        Some("default") => Ok(Some(ServiceTier::Default)),
        Some("flex") => Ok(Some(ServiceTier::Flex)),
        // `fast` is OpenAI's newer word for the same promise.
        Some("priority" | "fast") => Ok(Some(ServiceTier::Priority)),
        Some(other) => Err(one_of("service_tier", &["auto", "default", "flex", "priority", "fast"], other)),
    }
}

/// What shape the answer is to have.
pub(super) fn output(body: &mut Body<'_>) -> Result<Option<OutputFormat>, InvalidRequest> {
    let Some(format) = body.response_format.take() else { return Ok(None) };
    match format.r#type.as_str() {
        "text" => Ok(None),
        "json_object" => Ok(Some(OutputFormat::JsonObject)),
        "json_schema" => schema(format.json_schema).map(OutputFormat::JsonSchema).map(Some),
        other => Err(one_of("response_format.type", &["text", "json_object", "json_schema"], other)),
    }
}

fn schema(format: Option<SchemaFormat>) -> Result<JsonSchema, InvalidRequest> {
    let missing = |param: &str| InvalidRequest::new(param, format!("`{param}` is required."));
    let format = format.ok_or_else(|| missing("response_format.json_schema"))?;
    let name = format.name.ok_or_else(|| missing("response_format.json_schema.name"))?;
    if !is_name(&name) {
        let param = "response_format.json_schema.name";
        let message = format!(
            "`{param}` must be 1 to 64 letters, digits, underscores and hyphens, not `{}`.",
            shorten(&name)
        );
        return Err(InvalidRequest::new(param, message));
    }
    let schema = format.schema.ok_or_else(|| missing("response_format.json_schema.schema"))?;
    Ok(JsonSchema {
        name,
        description: format.description.filter(|it| !it.trim().is_empty()),
        schema: Value::Object(schema),
        strict: format.strict.unwrap_or(false),
    })
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// Converse's `inferenceConfig`; ranges are Bedrock's (Amazon Bedrock API reference, InferenceConfiguration).
pub(super) fn inference(body: &mut Body<'_>) -> Result<Inference, InvalidRequest> {
    let (field, max_tokens) = match body.max_completion_tokens {
        Some(most) => ("max_completion_tokens", Some(most)),
        None => ("max_tokens", body.max_tokens),
    };
    if max_tokens == Some(0) {
        return Err(InvalidRequest::new(field, format!("`{field}` must be at least 1.")));
    }
    if body.top_k == Some(0) {
        return Err(InvalidRequest::new("top_k", "`top_k` must be at least 1."));
    }
    Ok(Inference {
        max_tokens,
        temperature: zero_to_one("temperature", body.temperature)?,
        top_p: zero_to_one("top_p", body.top_p)?,
        top_k: body.top_k,
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
