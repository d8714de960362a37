//! Amazon Nova multimodal embeddings, synchronous: one text or one medium.

use super::{Extra, Invoked, malformed, no_extra, parse};
use crate::embed;
use crate::errors::Refusal;
use crate::models::Model;
use crate::tokens;
use serde::Deserialize;
use serde_json::{Value, json};

const SCHEMA: &str = "nova-multimodal-embed-v1";
const PURPOSES: [&str; 9] = [
    "GENERIC_INDEX",
    "GENERIC_RETRIEVAL",
    "TEXT_RETRIEVAL",
    "IMAGE_RETRIEVAL",
    "VIDEO_RETRIEVAL",
    "DOCUMENT_RETRIEVAL",
    "AUDIO_RETRIEVAL",
    "CLASSIFICATION",
    "CLUSTERING",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    schema_version: Option<String>,
    task_type: String,
    single_embedding_params: Params,
    #[serde(flatten)]
    extra: Extra,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    embedding_purpose: String,
    embedding_dimension: Option<usize>,
    text: Option<Text>,
    image: Option<Value>,
    audio: Option<Value>,
    video: Option<Value>,
    #[serde(flatten)]
    extra: Extra,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    truncation_mode: String,
    value: Option<String>,
    #[serde(flatten)]
    extra: Extra,
}

/// Answers one embedding.
pub(crate) fn invoke(model: &Model, body: &[u8]) -> Result<Invoked, Refusal> {
    let request: Request = parse(body)?;
    let params = request.single_embedding_params;
    no_extra(&request.extra)?;
    no_extra(&params.extra)?;
    if request.schema_version.is_some_and(|it| it != SCHEMA) {
        return Err(malformed("#/schemaVersion: not a valid enum value"));
    }
    if request.task_type != "SINGLE_EMBEDDING" {
        return Err(malformed("#/taskType: must be SINGLE_EMBEDDING for synchronous calls"));
    }
    if !PURPOSES.contains(&params.embedding_purpose.as_str()) {
        let purpose = params.embedding_purpose;
        return Err(malformed(format_args!(
            "#/singleEmbeddingParams/embeddingPurpose: {purpose} is not a valid enum value"
        )));
    }
    let dimensions = params.embedding_dimension.unwrap_or(model.dimensions[0]);
    if !model.dimensions.contains(&dimensions) {
        return Err(malformed(format_args!(
            "#/singleEmbeddingParams/embeddingDimension: {dimensions} is not a valid enum value"
        )));
    }
    let media = [params.image, params.audio, params.video];
    let given = usize::from(params.text.is_some()) + media.iter().flatten().count();
    if given != 1 {
        return Err(malformed(
            "#/singleEmbeddingParams: exactly one of [text], [image], [audio] and [video] is required",
        ));
    }
    let (vector, kind, input_tokens) = match params.text {
        Some(text) => {
            let (vector, tokens) = of_text(model, &text, dimensions)?;
            (vector, "TEXT", tokens)
        }
        None => {
            let medium = media.into_iter().flatten().next().unwrap_or_default().to_string();
            (embed::opaque(medium.as_bytes(), dimensions), "IMAGE", tokens::IMAGE)
        }
    };
    let answer = json!({"embeddings": [{"embeddingType": kind, "embedding": vector}]});
    Ok(Invoked { body: answer.to_string().into_bytes(), input_tokens, ..Invoked::default() })
}

fn of_text(model: &Model, text: &Text, dimensions: usize) -> Result<(Vec<f32>, u64), Refusal> {
    no_extra(&text.extra)?;
    if !["START", "END", "NONE"].contains(&text.truncation_mode.as_str()) {
        return Err(malformed("#/singleEmbeddingParams/text/truncationMode: not a valid enum value"));
    }
    let value = text.value.as_deref().unwrap_or_default();
    if value.is_empty() {
        return Err(malformed("#/singleEmbeddingParams/text/value: expected minLength: 1, actual: 0"));
    }
    let count = tokens::count(value);
    if count > model.context_tokens && text.truncation_mode == "NONE" {
        let most = model.context_tokens;
        return Err(Refusal::validation(format!(
            "The text has {count} tokens, more than the {most} that fit."
        )));
    }
    Ok((embed::text(value, dimensions, true), count.min(model.context_tokens)))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::needless_pass_by_value, reason = "tables of literals read better without references")]
    use super::*;
    use crate::models::Catalog;

    fn run(body: Value) -> Result<Value, String> {
        let catalog = Catalog::load().unwrap();
        let model = catalog.invoked("amazon.nova-2-multimodal-embeddings-v1:0").unwrap();
        let invoked = invoke(model, body.to_string().as_bytes()).map_err(|it| it.message.into_owned())?;
        Ok(serde_json::from_slice(&invoked.body).unwrap())
    }

    fn text(params: Value) -> Value {
        let mut all =
            json!({"embeddingPurpose":"GENERIC_INDEX","text":{"truncationMode":"NONE","value":"a cat"}});
        all.as_object_mut().unwrap().extend(params.as_object().unwrap().clone());
        json!({"schemaVersion":SCHEMA,"taskType":"SINGLE_EMBEDDING","singleEmbeddingParams":all})
    }

    #[test]
    fn a_text_has_the_length_asked_for() {
        let length = |it: Value| run(it).unwrap()["embeddings"][0]["embedding"].as_array().unwrap().len();
        assert_eq!(length(text(json!({}))), 3072);
        assert_eq!(length(text(json!({"embeddingDimension":384,"embeddingPurpose":"CLUSTERING"}))), 384);
    }

    #[test]
    fn refusals_name_the_key() {
        let none = |value: &str| json!({"text":{"truncationMode":"NONE","value":value}});
        for (body, part) in [
            (text(json!({"embeddingDimension":512})), "embeddingDimension"),
            (text(json!({"embeddingPurpose":"SEARCH"})), "embeddingPurpose"),
            (text(json!({"text":{"value":"x"}})), "truncationMode"),
            (text(json!({"text":{"truncationMode":"CUT","value":"x"}})), "truncationMode"),
            (text(json!({"image":{"format":"png"}})), "exactly one"),
            (text(json!({"size":1})), "[size]"),
            (text(none("")), "minLength"),
            (text(none(&"word ".repeat(9000))), "more than the 8172"),
            (
                json!({"taskType":"SEGMENTED_EMBEDDING","singleEmbeddingParams":{"embeddingPurpose":"CLUSTERING"}}),
                "taskType",
            ),
        ] {
            let message = run(body.clone()).unwrap_err();
            assert!(message.contains(part), "{body}: {message}");
        }
    }
}
