//! Amazon Nova multimodal embeddings: one text at a time. Source: Amazon Nova user guide, "Complete embeddings request
//! and response schema".

use outcrop_ports::{EmbedPurpose, ModelError};
use serde::{Deserialize, Serialize};

use super::{Shape, Vectors, Wanted};
use crate::parts::body;

pub(super) const SHAPE: Shape = Shape { write, read };

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    schema_version: &'static str,
    task_type: &'static str,
    single_embedding_params: Params<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Params<'a> {
    embedding_purpose: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    embedding_dimension: Option<u32>,
    text: Text<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Text<'a> {
    /// Too long a text is refused rather than cut: nobody would learn what was left out.
    truncation_mode: &'static str,
    value: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    embeddings: Vec<Embedding>,
}

#[derive(Deserialize)]
struct Embedding {
    embedding: Vec<f32>,
}

fn write(wanted: Wanted, texts: &[String]) -> Result<Vec<u8>, ModelError> {
    let embedding_purpose = match wanted.purpose {
        EmbedPurpose::Document => "GENERIC_INDEX",
        EmbedPurpose::Query => "GENERIC_RETRIEVAL",
        EmbedPurpose::Classification => "CLASSIFICATION",
        EmbedPurpose::Clustering => "CLUSTERING",
    };
    body(&Request {
        schema_version: "nova-multimodal-embed-v1",
        task_type: "SINGLE_EMBEDDING",
        single_embedding_params: Params {
            embedding_purpose,
            embedding_dimension: wanted.dimensions,
            text: Text { truncation_mode: "NONE", value: texts.first().map_or("", String::as_str) },
        },
    })
}

fn read(body: &[u8]) -> serde_json::Result<Vectors> {
    let answer: Answer = serde_json::from_slice(body)?;
    Ok(Vectors { vectors: answer.embeddings.into_iter().map(|it| it.embedding).collect(), tokens: None })
}
