//! How to generate, and what looks on.

use outcrop_chat::{Guardrail, Inference, JsonSchema, OutputFormat};
use outcrop_ports::ModelInfo;

use crate::json::{Object, object};

/// `inferenceConfig`. A model's least `maxTokens` is kept to here as well: raising it costs the caller a few tokens,
/// and refusing would break clients that probe with `max_tokens: 1`.
pub(super) fn inference(out: &mut Object<'_>, info: &ModelInfo, inference: &Inference) {
    let Inference { max_tokens, temperature, top_p, stop, .. } = inference;
    if max_tokens.is_none() && temperature.is_none() && top_p.is_none() && stop.is_empty() {
        return;
    }
    // Bedrock's number is a signed one.
    let max_tokens = max_tokens.map(|it| i32::try_from(it.max(info.min_max_tokens)).unwrap_or(i32::MAX));
    out.object("inferenceConfig", |it| {
        it.maybe("maxTokens", max_tokens.as_ref());
        it.maybe("temperature", temperature.as_ref());
        it.maybe("topP", top_p.as_ref());
        it.maybe("stopSequences", Some(stop).filter(|it| !it.is_empty()));
    });
}

/// `outputConfig`: a schema to conform to, as JSON in a string.
pub(super) fn output(out: &mut Object<'_>, output: Option<&OutputFormat>) {
    // Any JSON object is nothing that Converse can be asked for: that stands in the instructions.
    let Some(OutputFormat::JsonSchema(format)) = output else { return };
    out.object("outputConfig", |it| {
        it.object("textFormat", |it| {
            it.value("type", "json_schema");
            it.object("structure", |it| json_schema(it, format));
        });
    });
}

fn json_schema(out: &mut Object<'_>, format: &JsonSchema) {
    out.object("jsonSchema", |it| {
        it.value("schema", &format.schema.to_string());
        it.value("name", &format.name);
        it.maybe("description", format.description.as_ref());
    });
}

/// `guardrailConfig`; only a stream has a mode.
pub(super) fn guardrail(out: &mut Vec<u8>, guardrail: &Guardrail, streamed: bool) {
    object(out, |it| {
        it.value("guardrailIdentifier", &guardrail.id);
        it.value("guardrailVersion", &guardrail.version);
        it.maybe("trace", guardrail.trace.as_ref());
        it.maybe("streamProcessingMode", guardrail.stream_mode.as_ref().filter(|_| streamed));
    });
}
