//! Cohere Embed: up to 96 texts at once. Source: Amazon Bedrock user guide, "Cohere Embed models", "Cohere Embed v4".

use std::fmt;

use outcrop_ports::{EmbedPurpose, ModelError};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::{Shape, Vectors, Wanted};
use crate::parts::body;

/// Vectors of one length.
pub(super) const V3: Shape = Shape { write: write_v3, read };
/// Vectors of several lengths.
pub(super) const V4: Shape = Shape { write: write_v4, read };

#[derive(Serialize)]
struct Request<'a> {
    texts: &'a [String],
    input_type: &'static str,
    /// Too long a text is refused rather than cut: nobody would learn what was left out.
    truncate: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    embedding_types: Option<[&'static str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimension: Option<u32>,
}

fn request(wanted: Wanted, texts: &[String]) -> Request<'_> {
    let input_type = match wanted.purpose {
        EmbedPurpose::Document => "search_document",
        EmbedPurpose::Query => "search_query",
        EmbedPurpose::Classification => "classification",
        EmbedPurpose::Clustering => "clustering",
    };
    Request { texts, input_type, truncate: "NONE", embedding_types: None, output_dimension: None }
}

fn write_v3(wanted: Wanted, texts: &[String]) -> Result<Vec<u8>, ModelError> {
    body(&request(wanted, texts))
}

fn write_v4(wanted: Wanted, texts: &[String]) -> Result<Vec<u8>, ModelError> {
    let output_dimension = wanted.dimensions;
    body(&Request { embedding_types: Some(["float"]), output_dimension, ..request(wanted, texts) })
}

#[derive(Deserialize)]
struct Answer {
    embeddings: Embeddings,
}

/// A list, or, where types were asked for, a list of each type.
struct Embeddings(Vec<Vec<f32>>);

impl<'de> Deserialize<'de> for Embeddings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EmbeddingsVisitor;

        impl<'de> Visitor<'de> for EmbeddingsVisitor {
            type Value = Embeddings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("vectors, or vectors by type")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Embeddings, A::Error> {
                Vec::deserialize(de::value::SeqAccessDeserializer::new(seq)).map(Embeddings)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Embeddings, A::Error> {
                #[derive(Deserialize)]
                struct ByType {
                    float: Vec<Vec<f32>>,
                }
                ByType::deserialize(de::value::MapAccessDeserializer::new(map)).map(|it| Embeddings(it.float))
            }
        }

        deserializer.deserialize_any(EmbeddingsVisitor)
    }
}

fn read(body: &[u8]) -> serde_json::Result<Vectors> {
    let answer: Answer = serde_json::from_slice(body)?;
    Ok(Vectors { vectors: answer.embeddings.0, tokens: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_read_in_both_shapes() {
        let bodies = [
            r#"{"id":"x","texts":["a"],"embeddings":[[1,-0.5],[0.25,1e-3]]}"#,
            r#"{"response_type":"embeddings_by_type","embeddings":{"float":[[1,-0.5],[0.25,1e-3]]}}"#,
        ];
        for body in bodies {
            let vectors = read(body.as_bytes()).unwrap().vectors;
            assert_eq!(vectors, [vec![1.0, -0.5], vec![0.25, 0.001]], "{body}");
        }
        assert!(read(br#"{"embeddings":{"int8":[[1]]}}"#).is_err());
        assert!(read(br#"{"embeddings":"none"}"#).is_err());
    }
}
