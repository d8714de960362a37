//! The request's options: what is refused, what is dropped, and how to generate.

use outcrop_chat::{
    Caching, Effort, Inference, InvalidRequest, JsonSchema, OutputFormat, ReasoningMode, ServiceTier,
};
use serde_json::Value;

use super::request::{Body, Format};
use super::{Dropped, required};
use crate::json::shorten;
use crate::openai::caching;
use crate::openai::chat::zero_to_one;

/// What `include` asks for beside `reasoning.encrypted_content`, none of which exists here.
const INCLUDABLE: [(&str, &str); 7] = [
    ("file_search_call.results", "include.file_search_call.results"),
    ("web_search_call.results", "include.web_search_call.results"),
    ("web_search_call.action.sources", "include.web_search_call.action.sources"),
    ("message.input_image.image_url", "include.message.input_image.image_url"),
    ("computer_call_output.output.image_url", "include.computer_call_output.output.image_url"),
    ("code_interpreter_call.outputs", "include.code_interpreter_call.outputs"),
    ("message.output_text.logprobs", "include.message.output_text.logprobs"),
];

/// What asks for thoughts in a form that can be given back.
pub(super) const ENCRYPTED_CONTENT: &str = "reasoning.encrypted_content";

/// Refuses what would make the answer another one than the client asked for.
pub(super) fn refuse(body: &Body<'_>) -> Result<(), InvalidRequest> {
    let later = body.background == Some(true);
    let unsupported = [
        ("conversation", body.conversation.is_some(), "is not supported; use `previous_response_id`"),
        ("stream", later && body.stream == Some(true), "cannot be `true` where `background` is `true`"),
        ("store", later && body.store == Some(false), "cannot be `false` where `background` is `true`"),
        ("prompt", body.prompt.is_some(), "is not supported: there are no prompt templates here"),
        ("moderation", body.moderation.is_some(), "is not supported"),
    ];
    match unsupported.iter().find(|(_, asked, _)| *asked) {
        Some((field, _, why)) => Err(InvalidRequest::new(*field, format!("`{field}` {why}."))),
        None => Ok(()),
    }
}

/// Notes what is set and without effect. A field that is set to OpenAI's own default asks for nothing.
pub(super) fn note_dropped(body: &Body<'_>, dropped: &mut Dropped) {
    let reasoning = body.reasoning.as_ref();
    let obfuscation = body.stream_options.as_ref().and_then(|it| it.include_obfuscation);
    let asked = [
        ("max_tool_calls", body.max_tool_calls.is_some()),
        ("text.verbosity", body.text.as_ref().is_some_and(|it| it.verbosity.is_some())),
        (
            "reasoning.context",
            reasoning.is_some_and(|it| it.context.as_deref().is_some_and(|it| it != "auto")),
        ),
        ("reasoning.mode", reasoning.is_some_and(|it| it.mode.as_deref().is_some_and(|it| it != "standard"))),
        ("top_logprobs", body.top_logprobs.is_some_and(|it| it != 0)),
        ("truncation", body.truncation.as_deref().is_some_and(|it| it != "disabled")),
        ("background_options", body.background_options.is_some()),
        ("context_management", body.context_management.as_ref().is_some_and(|it| !it.is_empty())),
        ("access_programs", body.access_programs.is_some()),
        ("image", body.image.is_some()),
        ("client_metadata", body.client_metadata.is_some()),
        ("stream_options.include_obfuscation", obfuscation == Some(true)),
    ];
    for (field, _) in asked.iter().filter(|(_, asked)| *asked) {
        dropped.note(field);
    }
    for wanted in body.include.iter().flatten().filter(|it| *it != ENCRYPTED_CONTENT) {
        let known = INCLUDABLE.iter().find(|(name, _)| name == wanted);
        dropped.note(known.map_or("include", |(_, field)| field));
    }
}

/// What is said of the prompt cache for the request as a whole.
pub(super) fn caching(body: &mut Body<'_>) -> Result<Caching, InvalidRequest> {
    let options = body.prompt_cache_options.as_ref();
    caching::caching(body.prompt_cache_key.take(), options, body.prompt_cache_retention.as_deref())
}

/// Whether thoughts are to be given in a form that can be given back.
pub(super) fn wants_encrypted(body: &Body<'_>) -> bool {
    body.include.iter().flatten().any(|it| it == ENCRYPTED_CONTENT)
}

/// Converse's `inferenceConfig`; ranges are Bedrock's (Amazon Bedrock API reference, InferenceConfiguration).
pub(super) fn inference(body: &Body<'_>) -> Result<Inference, InvalidRequest> {
    if body.max_output_tokens == Some(0) {
        return Err(InvalidRequest::new("max_output_tokens", "`max_output_tokens` must be at least 1."));
    }
    Ok(Inference {
        max_tokens: body.max_output_tokens,
        temperature: zero_to_one("temperature", body.temperature)?,
        top_p: zero_to_one("top_p", body.top_p)?,
        ..Inference::default()
    })
}

/// `reasoning.effort`. A `summary` needs no word to the model: its thoughts are the summary.
pub(super) fn reasoning(body: &Body<'_>) -> Result<Option<ReasoningMode>, InvalidRequest> {
    let Some(effort) = body.reasoning.as_ref().and_then(|it| it.effort.as_deref()) else { return Ok(None) };
    match Effort::parse(effort) {
        Some(Effort::None) => Ok(Some(ReasoningMode::Off)),
        Some(effort) => Ok(Some(ReasoningMode::Effort(effort))),
        None => {
            let known = Effort::ALL.map(|it| format!("`{}`", it.name())).join(", ");
            let message = format!("`reasoning.effort` must be one of {known}, not `{}`.", shorten(effort));
            Err(InvalidRequest::new("reasoning.effort", message))
        }
    }
}

/// `text.format`.
pub(super) fn output(format: Option<Format>) -> Result<Option<OutputFormat>, InvalidRequest> {
    let Some(format) = format else { return Ok(None) };
    match format.r#type.as_str() {
        "text" => Ok(None),
        "json_object" => Ok(Some(OutputFormat::JsonObject)),
        "json_schema" => json_schema(format).map(|it| Some(OutputFormat::JsonSchema(it))),
        other => {
            let message = format!(
                "`text.format.type` must be `text`, `json_object` or `json_schema`, not `{}`.",
                shorten(other)
            );
            Err(InvalidRequest::new("text.format.type", message))
        }
    }
}

fn json_schema(format: Format) -> Result<JsonSchema, InvalidRequest> {
    let name = format.name.ok_or_else(|| required("text.format.name"))?;
    let fits = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'-');
    if !(1..=64).contains(&name.len()) || !name.bytes().all(fits) {
        let message = "`text.format.name` must be 1 to 64 letters, digits, underscores and hyphens.";
        return Err(InvalidRequest::new("text.format.name", message));
    }
    let schema = format.schema.ok_or_else(|| required("text.format.schema"))?;
    if !matches!(schema, Value::Object(_)) {
        let message = "`text.format.schema` must be a JSON schema, which is an object.";
        return Err(InvalidRequest::new("text.format.schema", message));
    }
    Ok(JsonSchema { name, description: format.description, schema, strict: format.strict == Some(true) })
}

/// `service_tier` in Bedrock's words.
pub(super) fn service_tier(
    tier: Option<&str>,
    dropped: &mut Dropped,
) -> Result<Option<ServiceTier>, InvalidRequest> {
    match tier {
        None | Some("auto") => Ok(None),
        Some("default") => Ok(Some(ServiceTier::Default)),
        Some("flex") => Ok(Some(ServiceTier::Flex)),
        Some("priority" | "fast") => Ok(Some(ServiceTier::Priority)),
        Some("scale" | "ultrafast") => {
            dropped.note("service_tier");
            Ok(None)
        }
        Some(other) => {
            let message = format!(
                "`service_tier` must be `auto`, `default`, `flex` or `priority`, not `{}`.",
                shorten(other)
            );
            Err(InvalidRequest::new("service_tier", message))
        }
    }
}
