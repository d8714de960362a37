//! Amazon Titan embeddings: one text at a time. Source: Amazon Bedrock user guide, "Amazon Titan Embeddings G1 - Text",
//! "Amazon Titan Text Embeddings V2", "Amazon Titan Multimodal Embeddings G1".

use outcrop_ports::ModelError;
use serde::{Deserialize, Serialize};

use super::{Shape, Vectors, Wanted};
use crate::parts::body;

/// Vectors of one length.
pub(super) const TEXT: Shape = Shape { write: write_text, read };
/// Vectors of several lengths.
pub(super) const TEXT_V2: Shape = Shape { write: write_text_v2, read };
/// Vectors of texts among those of pictures.
pub(super) const MULTIMODAL: Shape = Shape { write: write_multimodal, read };

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    input_text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    normalize: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    embedding_config: Option<EmbeddingConfig>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EmbeddingConfig {
    output_embedding_length: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    embedding: Vec<f32>,
    input_text_token_count: Option<u64>,
}

fn request(texts: &[String]) -> Request<'_> {
    let input_text = texts.first().map_or("", String::as_str);
    Request { input_text, dimensions: None, normalize: None, embedding_config: None }
}

fn write_text(_: Wanted, texts: &[String]) -> Result<Vec<u8>, ModelError> {
    body(&request(texts))
}

/// OpenAI's vectors are of unit length, and clients compare them by their inner product alone.
fn write_text_v2(wanted: Wanted, texts: &[String]) -> Result<Vec<u8>, ModelError> {
    body(&Request { dimensions: wanted.dimensions, normalize: Some(true), ..request(texts) })
}

fn write_multimodal(wanted: Wanted, texts: &[String]) -> Result<Vec<u8>, ModelError> {
    let config = wanted.dimensions.map(|output_embedding_length| EmbeddingConfig { output_embedding_length });
    body(&Request { embedding_config: config, ..request(texts) })
}

fn read(body: &[u8]) -> serde_json::Result<Vectors> {
    let answer: Answer = serde_json::from_slice(body)?;
    Ok(Vectors { vectors: vec![answer.embedding], tokens: answer.input_text_token_count })
}
