//! What a request says besides messages and tools. Limits: Amazon Bedrock API reference, Converse.

use std::collections::BTreeMap;

use outcrop_chat as chat;
use outcrop_chat::InvalidRequest;
use serde_json::Value;

use crate::bedrock::at::At;
use crate::bedrock::shapes::options::{
    GuardrailConfig, InferenceConfig, JsonSchema, OutputConfig, PerformanceConfig, Structure, TextFormat,
};
use crate::bedrock::shapes::words::{Latency, Words as _};
use crate::bedrock::union::Union;
use crate::json::InnerJson;

/// What a schema is called whose client does not say.
const SCHEMA: &str = "answer";
/// Most pairs of metadata.
const MOST_PAIRS: usize = 16;
/// Longest key, value or path.
const LONGEST: usize = 256;
/// Most paths into the model's own answer.
const MOST_PATHS: usize = 10;

/// Ranges are Bedrock's (Amazon Bedrock API reference, InferenceConfiguration).
pub(super) fn inference(config: InferenceConfig) -> Result<chat::Inference, InvalidRequest> {
    let at = At::top("inferenceConfig");
    if config.max_tokens == Some(0) {
        return Err(at.member("maxTokens").refuse("must be at least 1"));
    }
    let stop = config.stop_sequences.unwrap_or_default();
    if stop.iter().any(String::is_empty) {
        return Err(at.member("stopSequences").refuse("must not hold an empty text"));
    }
    Ok(chat::Inference {
        max_tokens: config.max_tokens,
        temperature: zero_to_one(&at.member("temperature"), config.temperature)?,
        top_p: zero_to_one(&at.member("topP"), config.top_p)?,
        top_k: None,
        stop,
    })
}

fn zero_to_one(at: &At<'_>, value: Option<f64>) -> Result<Option<f32>, InvalidRequest> {
    let Some(value) = value else { return Ok(None) };
    if !(0.0..=1.0).contains(&value) {
        return Err(at.refuse(format_args!("must be from 0 to 1, which is Bedrock's range, not {value}")));
    }
    #[expect(clippy::cast_possible_truncation, reason = "Converse takes single precision")]
    Ok(Some(value as f32))
}

pub(super) fn optimized(config: PerformanceConfig) -> bool {
    config.latency.is_some_and(|it| matches!(it.0, Latency::Optimized))
}

pub(super) fn guardrail(config: GuardrailConfig) -> chat::Guardrail {
    chat::Guardrail {
        id: config.guardrail_identifier,
        version: config.guardrail_version,
        trace: config.trace.map(|it| it.0.word().to_owned()),
        stream_mode: config.stream_processing_mode.map(|it| it.0.word().to_owned()),
    }
}

/// Checks pairs for the invocation log; `param` is where they stand.
///
/// # Errors
/// [`InvalidRequest`] when there are too many or too few, or one is too long or of other letters.
pub fn metadata(
    param: &str,
    pairs: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, InvalidRequest> {
    let at = At::top(param);
    if !(1..=MOST_PAIRS).contains(&pairs.len()) {
        return Err(at.refuse(format_args!("must hold 1 to {MOST_PAIRS} pairs, not {}", pairs.len())));
    }
    let fits = |text: &str| text.len() <= LONGEST && text.chars().all(is_metadata);
    match pairs.iter().find(|(key, value)| key.is_empty() || !fits(key) || !fits(value)) {
        None => Ok(pairs),
        Some(_) => Err(at.refuse(
            "must hold keys of 1 to 256 and values of up to 256 of the characters `a-z A-Z 0-9 : _ @ $ # = / + , - .` and \
             white space",
        )),
    }
}

fn is_metadata(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter.is_ascii_whitespace() || ":_@$#=/+,-.".contains(letter)
}

/// JSON pointers into the model's own answer.
pub(super) fn paths(paths: Vec<String>) -> Result<Vec<String>, InvalidRequest> {
    let at = At::top("additionalModelResponseFieldPaths");
    if paths.len() > MOST_PATHS {
        return Err(at.refuse(format_args!("must hold at most {MOST_PATHS} paths, not {}", paths.len())));
    }
    match paths.iter().position(|path| !path.starts_with('/') || path.len() > LONGEST) {
        None => Ok(paths),
        Some(index) => {
            Err(at.element(index).refuse("must be a JSON pointer: a slash and at most 255 more characters"))
        }
    }
}

/// Puts what `outputConfig` asks for into the request.
pub(super) fn output(config: OutputConfig, request: &mut chat::Request) -> Result<(), InvalidRequest> {
    request.reasoning = config.effort.map(|it| chat::ReasoningMode::Effort(it.0));
    if let Some(TextFormat { structure: Union(Structure::JsonSchema(it)), .. }) = config.text_format {
        request.output = Some(chat::OutputFormat::JsonSchema(schema(it)?));
    }
    Ok(())
}

/// Bedrock holds its answers to a schema without being asked to.
fn schema(schema: JsonSchema) -> Result<chat::JsonSchema, InvalidRequest> {
    let at = At::top("outputConfig.textFormat.structure.jsonSchema.schema");
    InnerJson::default().admit(&schema.schema).map_err(|why| at.refuse(why))?;
    match serde_json::from_str(&schema.schema) {
        Ok(value @ Value::Object(_)) => Ok(chat::JsonSchema {
            name: schema.name.unwrap_or_else(|| SCHEMA.to_owned()),
            description: schema.description,
            schema: value,
            strict: true,
        }),
        Ok(_) => Err(at.refuse("must be a JSON object in a string")),
        Err(error) => Err(at.refuse(format_args!("is not valid JSON: {error}"))),
    }
}
