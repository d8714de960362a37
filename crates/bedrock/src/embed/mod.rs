//! Vectors, by InvokeModel, in each family's own shape.
//!
//! A family is a [`Shape`]: how its bodies are written and read. Which one a model has stands in the catalogue, and how
//! many texts it takes at once is told by [`InvokeApi::batch`].

mod cohere;
mod nova;
mod titan;

use async_trait::async_trait;
use outcrop_ports::{EmbedCall, EmbedPurpose, Embedder, InvokeApi, ModelError};
use outcrop_types::TokenUsage;

use crate::BedrockModel;
use crate::errors::{invalid, malformed};
use crate::parts::{Answered, Part, Parts, unreadable};

/// The usual rule of thumb for text.
const BYTES_PER_TOKEN: usize = 4;

/// What is asked of every text.
#[derive(Clone, Copy)]
struct Wanted {
    dimensions: Option<u32>,
    purpose: EmbedPurpose,
}

/// What a body holds.
struct Vectors {
    vectors: Vec<Vec<f32>>,
    /// Tokens read, where the body tells; otherwise a header may.
    tokens: Option<u64>,
}

/// How a family is asked.
#[derive(Clone, Copy)]
struct Shape {
    write: fn(Wanted, &[String]) -> Result<Vec<u8>, ModelError>,
    read: fn(&[u8]) -> serde_json::Result<Vectors>,
}

#[async_trait]
impl Embedder for BedrockModel {
    async fn embed(&self, call: EmbedCall) -> Result<Vec<Vec<f32>>, ModelError> {
        let EmbedCall { model, inputs, dimensions, purpose, metadata, deadline, tally } = call;
        let api = model.info.invoke_api;
        let (shape, batch) = api
            .and_then(|api| Some((shape(api)?, api.batch())))
            .ok_or_else(|| invalid(format!("`model`: {} makes no embeddings", model.info.id)))?;
        let wanted = Wanted { dimensions, purpose };
        let texts = |at: usize| &inputs[at * batch..inputs.len().min((at + 1) * batch)];
        let parts = (0..inputs.len().div_ceil(batch)).map(|at| part(shape, wanted, texts(at)));
        let call = Parts::new(self, model, metadata, deadline, tally);
        let answers = call
            .all(parts, |at, answer| {
                let Vectors { vectors, tokens } = (shape.read)(&answer.body).map_err(unreadable)?;
                check(&vectors, texts(at).len(), dimensions)?;
                Ok(Answered { value: vectors, usage: tokens.map(read_tokens) })
            })
            .await?;
        Ok(answers.into_iter().flatten().collect())
    }
}

const fn shape(api: InvokeApi) -> Option<Shape> {
    match api {
        InvokeApi::TitanEmbed => Some(titan::TEXT),
        InvokeApi::TitanEmbedV2 => Some(titan::TEXT_V2),
        InvokeApi::TitanMultimodal => Some(titan::MULTIMODAL),
        InvokeApi::CohereEmbed => Some(cohere::V3),
        InvokeApi::CohereEmbedV4 => Some(cohere::V4),
        InvokeApi::NovaEmbed => Some(nova::SHAPE),
        InvokeApi::CohereRerank
        | InvokeApi::AmazonRerank
        | InvokeApi::AmazonImage
        | InvokeApi::StabilityImage => None,
    }
}

fn part(shape: Shape, wanted: Wanted, texts: &[String]) -> Result<Part, ModelError> {
    let bytes: usize = texts.iter().map(String::len).sum();
    let estimate = read_tokens(bytes.div_ceil(BYTES_PER_TOKEN) as u64);
    Ok(Part { body: (shape.write)(wanted, texts)?, estimate })
}

fn read_tokens(input: u64) -> TokenUsage {
    TokenUsage { input, ..TokenUsage::default() }
}

/// A vector for each text, and each as long as was asked for: what comes next would be put to the wrong text.
fn check(vectors: &[Vec<f32>], texts: usize, dimensions: Option<u32>) -> Result<(), ModelError> {
    let fits = |vector: &Vec<f32>| match dimensions {
        Some(asked) => vector.len() == asked as usize,
        None => !vector.is_empty(),
    };
    if vectors.len() == texts && vectors.iter().all(fits) {
        return Ok(());
    }
    Err(malformed("the model did not make the vectors that it was asked for"))
}
