//! Amazon Titan embeddings: text v1 and v2, and multimodal.

use super::{Extra, Invoked, malformed, no_extra, parse};
use crate::embed;
use crate::errors::Refusal;
use crate::models::Model;
use crate::tokens;
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    input_text: Option<String>,
    input_image: Option<String>,
    dimensions: Option<usize>,
    normalize: Option<bool>,
    embedding_types: Option<Vec<String>>,
    embedding_config: Option<EmbeddingConfig>,
    #[serde(flatten)]
    extra: Extra,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EmbeddingConfig {
    output_embedding_length: Option<usize>,
}

/// Answers one embedding.
pub(crate) fn invoke(model: &Model, body: &[u8]) -> Result<Invoked, Refusal> {
    let request: Request = parse(body)?;
    let dimensions = dimensions(model, &request)?;
    let input_tokens = input_tokens(model, &request)?;
    let normalize = request.normalize.unwrap_or(true);
    let of_text = request.input_text.as_deref().map(|it| embed::text(it, dimensions, normalize));
    let of_image = request.input_image.as_ref().map(|it| embed::opaque(it.as_bytes(), dimensions));
    let vector = match (of_text, of_image) {
        (Some(text), Some(image)) => embed::both(text, &image),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return Err(malformed("#: required key [inputText] not found")),
    };
    let mut answer = Map::new();
    if is_version_2(model) {
        let types = request.embedding_types.unwrap_or_else(|| vec!["float".to_owned()]);
        if types.iter().any(|it| it == "float") {
            answer.insert("embedding".to_owned(), json!(vector));
        }
        answer.insert("embeddingsByType".to_owned(), Value::Object(by_type(&vector, &types)?));
    } else {
        answer.insert("embedding".to_owned(), json!(vector));
    }
    answer.insert("inputTextTokenCount".to_owned(), json!(input_tokens));
    if model.takes("IMAGE") {
        answer.insert("message".to_owned(), Value::Null);
    }
    Ok(Invoked { body: Value::Object(answer).to_string().into_bytes(), input_tokens, ..Invoked::default() })
}

fn is_version_2(model: &Model) -> bool {
    model.id.ends_with("v2:0")
}

/// How long a vector is asked for; refuses what only the other models know.
fn dimensions(model: &Model, request: &Request) -> Result<usize, Refusal> {
    no_extra(&request.extra)?;
    let (multimodal, version_2) = (model.takes("IMAGE"), is_version_2(model));
    let others: [(&str, bool); 5] = [
        ("inputImage", request.input_image.is_some() && !multimodal),
        ("embeddingConfig", request.embedding_config.is_some() && !multimodal),
        ("dimensions", request.dimensions.is_some() && !version_2),
        ("normalize", request.normalize.is_some() && !version_2),
        ("embeddingTypes", request.embedding_types.is_some() && !version_2),
    ];
    if let Some((key, _)) = others.iter().find(|it| it.1) {
        return Err(malformed(format_args!("#: extraneous key [{key}] is not permitted")));
    }
    let wanted =
        request.dimensions.or(request.embedding_config.as_ref().and_then(|it| it.output_embedding_length));
    let dimensions = wanted.unwrap_or(model.dimensions[0]);
    if !model.dimensions.contains(&dimensions) {
        return Err(malformed(format_args!("#/dimensions: {dimensions} is not a valid enum value")));
    }
    Ok(dimensions)
}

fn input_tokens(model: &Model, request: &Request) -> Result<u64, Refusal> {
    let text = request.input_text.as_deref();
    if text.is_none() && request.input_image.is_none() {
        return Err(malformed("#: required key [inputText] not found"));
    }
    if text == Some("") {
        return Err(malformed("expected minLength: 1, actual: 0"));
    }
    let input_tokens = text.map_or(0, tokens::count);
    let most = model.context_tokens;
    if input_tokens > most {
        return Err(Refusal::validation(format!(
            "400 Bad Request: Too many input tokens. Max input tokens: {most}, request input token count: {input_tokens} "
        )));
    }
    Ok(input_tokens)
}

fn by_type(vector: &[f32], types: &[String]) -> Result<Map<String, Value>, Refusal> {
    let vectors = types.iter().map(|kind| match kind.as_str() {
        "float" => Ok((kind.clone(), json!(vector))),
        "binary" => Ok((kind.clone(), vector.iter().map(|it| Value::from(u8::from(*it > 0.0))).collect())),
        _ => Err(malformed(format_args!("#/embeddingTypes/0: {kind} is not a valid enum value"))),
    });
    vectors.collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::needless_pass_by_value, reason = "tables of literals read better without references")]
    use super::*;
    use crate::models::Catalog;

    fn run(model: &str, body: Value) -> Result<Value, String> {
        let catalog = Catalog::load().unwrap();
        let model = catalog.invoked(model).unwrap();
        let invoked = invoke(model, body.to_string().as_bytes()).map_err(|it| it.message.into_owned())?;
        Ok(serde_json::from_slice(&invoked.body).unwrap())
    }

    #[test]
    fn dimensions_follow_model_and_request() {
        let length = |it: &Value| it["embedding"].as_array().unwrap().len();
        assert_eq!(length(&run("amazon.titan-embed-text-v1", json!({"inputText":"hi"})).unwrap()), 1536);
        assert_eq!(length(&run("amazon.titan-embed-text-v2:0", json!({"inputText":"hi"})).unwrap()), 1024);
        let small = run(
            "amazon.titan-embed-text-v2:0",
            json!({"inputText":"hi there","dimensions":256,"embeddingTypes":["float","binary"]}),
        )
        .unwrap();
        assert_eq!(length(&small), 256);
        assert_eq!(small["inputTextTokenCount"], 2);
        assert_eq!(small["embeddingsByType"]["binary"].as_array().unwrap().len(), 256);
    }

    #[test]
    fn refusals_name_the_key() {
        for (model, body, part) in [
            ("amazon.titan-embed-text-v1", json!({"inputText":"x","dimensions":256}), "[dimensions]"),
            ("amazon.titan-embed-text-v2:0", json!({"inputText":"x","dimensions":300}), "#/dimensions"),
            ("amazon.titan-embed-text-v2:0", json!({"inputText":""}), "minLength"),
            ("amazon.titan-embed-text-v2:0", json!({}), "[inputText]"),
            ("amazon.titan-embed-text-v2:0", json!({"inputText":"x","model":"y"}), "[model]"),
            ("amazon.titan-embed-text-v2:0", json!({"inputText":["x"]}), "inputText"),
        ] {
            let message = run(model, body.clone()).unwrap_err();
            assert!(
                message.starts_with("Malformed input request: ") && message.contains(part),
                "{body}: {message}"
            );
        }
    }
}
