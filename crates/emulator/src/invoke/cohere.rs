//! Cohere Embed v3 (English, multilingual) and v4.

use super::{Extra, Invoked, malformed, no_extra, parse};
use crate::embed;
use crate::errors::Refusal;
use crate::hash;
use crate::models::Model;
use crate::tokens;
use serde::Deserialize;
use serde_json::{Map, Value, json};

const MAX_TEXTS: usize = 96;
/// Characters of one text for v3; v4 takes its whole context.
const MAX_TEXT_CHARS: usize = 2048;
const INPUT_TYPES: [&str; 5] = ["search_document", "search_query", "classification", "clustering", "image"];

#[derive(Deserialize)]
struct Request {
    texts: Option<Vec<String>>,
    images: Option<Vec<String>>,
    inputs: Option<Vec<Input>>,
    input_type: Option<String>,
    truncate: Option<String>,
    embedding_types: Option<Vec<String>>,
    output_dimension: Option<usize>,
    /// Accepted; texts within the limits above are never longer.
    #[serde(rename = "max_tokens")]
    _max_tokens: Option<u64>,
    #[serde(flatten)]
    extra: Extra,
}

#[derive(Deserialize)]
struct Input {
    content: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    r#type: String,
    text: Option<String>,
    image_url: Option<Value>,
}

/// Answers a list of embeddings.
pub(crate) fn invoke(model: &Model, body: &[u8]) -> Result<Invoked, Refusal> {
    let request: Request = parse(body)?;
    let version_4 = model.id.contains("v4");
    check(&request, version_4)?;
    let dimensions = request.output_dimension.unwrap_or(model.dimensions[0]);
    if !model.dimensions.contains(&dimensions) {
        return Err(malformed(format_args!("#/output_dimension: {dimensions} is not a valid enum value")));
    }
    let texts = request.texts.as_deref().unwrap_or_default();
    let mut input_tokens: u64 = texts.iter().map(|it| tokens::count(it)).sum();
    let mut vectors: Vec<_> = texts.iter().map(|it| embed::text(it, dimensions, true)).collect();
    for image in request.images.iter().flatten() {
        input_tokens += tokens::IMAGE;
        vectors.push(embed::opaque(image.as_bytes(), dimensions));
    }
    for input in request.inputs.iter().flatten() {
        let (vector, tokens) = mixed(input, dimensions)?;
        input_tokens += tokens;
        vectors.push(vector);
    }
    let mut answer = Map::new();
    let embeddings = match &request.embedding_types {
        None => json!(vectors),
        Some(types) => {
            let mut by_type = Map::new();
            for kind in types {
                let all = vectors.iter().map(|it| quantized(it, kind)).collect::<Result<Vec<_>, _>>()?;
                by_type.insert(kind.clone(), Value::Array(all));
            }
            Value::Object(by_type)
        }
    };
    let kind = if request.embedding_types.is_some() { "embeddings_by_type" } else { "embeddings_floats" };
    let seed = hash::of(body);
    let id = uuid::Builder::from_u128(u128::from(hash::mix(seed)) << 64 | u128::from(seed))
        .with_version(uuid::Version::Random);
    answer.insert("embeddings".to_owned(), embeddings);
    answer.insert("id".to_owned(), json!(id.into_uuid().to_string()));
    answer.insert("response_type".to_owned(), json!(kind));
    answer.insert("texts".to_owned(), json!(texts));
    Ok(Invoked { body: Value::Object(answer).to_string().into_bytes(), input_tokens, ..Invoked::default() })
}

fn check(request: &Request, version_4: bool) -> Result<(), Refusal> {
    no_extra(&request.extra)?;
    if !version_4 && (request.inputs.is_some() || request.output_dimension.is_some()) {
        let key = if request.inputs.is_some() { "inputs" } else { "output_dimension" };
        return Err(malformed(format_args!("#: extraneous key [{key}] is not permitted")));
    }
    match request.input_type.as_deref() {
        None => return Err(malformed("#: required key [input_type] not found")),
        Some(it) if !INPUT_TYPES.contains(&it) => {
            return Err(malformed(format_args!("#/input_type: {it} is not a valid enum value")));
        }
        Some(_) => {}
    }
    if request.truncate.as_deref().is_some_and(|it| !["NONE", "START", "END", "LEFT", "RIGHT"].contains(&it))
    {
        return Err(malformed("#/truncate: not a valid enum value"));
    }
    let given = [request.texts.is_some(), request.images.is_some(), request.inputs.is_some()];
    if given.iter().filter(|it| **it).count() != 1 {
        return Err(malformed("#: exactly one of [texts], [images] and [inputs] is required"));
    }
    if request.images.as_ref().is_some_and(|it| it.len() != 1 || !it[0].starts_with("data:image/")) {
        return Err(malformed("#/images: expected one data URL of an image"));
    }
    let count = request.texts.as_ref().map(Vec::len).or(request.inputs.as_ref().map(Vec::len));
    match count {
        Some(0) => return Err(malformed("#/texts: expected minimum item count: 1, found: 0")),
        Some(many) if many > MAX_TEXTS => {
            return Err(malformed(format_args!(
                "#/texts: expected maximum item count: {MAX_TEXTS}, found: {many}"
            )));
        }
        _ => {}
    }
    for (at, text) in request.texts.iter().flatten().enumerate() {
        let length = text.chars().count();
        if length == 0 {
            return Err(malformed(format_args!("#/texts/{at}: expected minLength: 1, actual: 0")));
        }
        if !version_4 && length > MAX_TEXT_CHARS {
            return Err(malformed(format_args!(
                "#/texts/{at}: expected maxLength: {MAX_TEXT_CHARS}, actual: {length}"
            )));
        }
    }
    Ok(())
}

/// One input of text and images.
fn mixed(input: &Input, dimensions: usize) -> Result<(Vec<f32>, u64), Refusal> {
    let (mut vector, mut count) = (None, 0);
    for part in &input.content {
        let one = match (part.r#type.as_str(), &part.text, &part.image_url) {
            ("text", Some(text), _) => {
                count += tokens::count(text);
                embed::text(text, dimensions, true)
            }
            ("image_url", _, Some(image)) => {
                count += tokens::IMAGE;
                embed::opaque(image.to_string().as_bytes(), dimensions)
            }
            (kind, ..) => {
                return Err(malformed(format_args!("#/inputs: a part of type {kind} is not as expected")));
            }
        };
        vector = Some(match vector {
            None => one,
            Some(before) => embed::both(before, &one),
        });
    }
    vector
        .map(|it| (it, count))
        .ok_or_else(|| malformed("#/inputs: expected minimum item count: 1, found: 0"))
}

/// A vector in one of the smaller forms: bytes of the same direction, or one bit per value in bytes.
fn quantized(vector: &[f32], kind: &str) -> Result<Value, Refusal> {
    let bits = |offset: i16| -> Value {
        let byte = |it: &[f32]| it.iter().fold(0_i16, |byte, it| byte << 1 | i16::from(*it > 0.0)) - offset;
        vector.chunks(8).map(|it| Value::from(byte(it))).collect()
    };
    Ok(match kind {
        "float" => json!(vector),
        "int8" => vector.iter().map(|it| Value::from((it * 127.0).round() as i8)).collect(),
        "uint8" => vector.iter().map(|it| Value::from((it * 127.0 + 128.0).round() as u8)).collect(),
        "ubinary" => bits(0),
        "binary" => bits(128),
        _ => return Err(malformed(format_args!("#/embedding_types: {kind} is not a valid enum value"))),
    })
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
    fn shapes() {
        let plain =
            run("cohere.embed-english-v3", json!({"texts":["a b","c"],"input_type":"search_document"}))
                .unwrap();
        assert_eq!(plain["response_type"], "embeddings_floats");
        assert_eq!(plain["embeddings"][1].as_array().unwrap().len(), 1024);
        let typed = run("cohere.embed-v4:0", json!({"texts":["a"],"input_type":"search_query","embedding_types":["float","int8","ubinary"],"output_dimension":256})).unwrap();
        assert_eq!(typed["response_type"], "embeddings_by_type");
        assert_eq!(typed["embeddings"]["float"][0].as_array().unwrap().len(), 256);
        assert_eq!(typed["embeddings"]["ubinary"][0].as_array().unwrap().len(), 32);
        let mixed = run("cohere.embed-v4:0", json!({"input_type":"search_document","inputs":[{"content":[{"type":"text","text":"cat"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}]})).unwrap();
        assert_eq!(mixed["embeddings"][0].as_array().unwrap().len(), 1536);
    }

    #[test]
    fn refusals_name_the_key() {
        for (body, part) in [
            (json!({"texts":["x"]}), "[input_type]"),
            (json!({"texts":["x"],"input_type":"other"}), "#/input_type"),
            (json!({"texts":vec!["x"; 97],"input_type":"search_query"}), "maximum item count: 96, found: 97"),
            (json!({"texts":["x".repeat(2049)],"input_type":"search_query"}), "#/texts/0"),
            (json!({"texts":["x"],"input_type":"search_query","output_dimension":256}), "[output_dimension]"),
            (json!({"texts":["x"],"input_type":"search_query","embedding_types":["f"]}), "#/embedding_types"),
            (json!({"input_type":"search_query"}), "[texts]"),
        ] {
            let message = run("cohere.embed-english-v3", body.clone()).unwrap_err();
            assert!(message.contains(part), "{body}: {message}");
        }
    }
}
