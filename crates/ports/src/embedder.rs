//! Turns texts into vectors, and sorts texts by how well they answer a question.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;

use crate::{ModelError, ResolvedModel, Tally};

/// What the vectors are for; models that do not distinguish take no note.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum EmbedPurpose {
    /// Texts that will be searched.
    #[default]
    Document,
    /// A question to search with.
    Query,
    /// Sorting into classes.
    Classification,
    /// Grouping.
    Clustering,
}

/// Texts to be turned into vectors.
#[derive(Debug, Clone)]
pub struct EmbedCall {
    /// Which model, and where.
    pub model: ResolvedModel,
    /// The texts, none of them blank.
    pub inputs: Vec<String>,
    /// Length of the vectors; `None` leaves it to the model.
    pub dimensions: Option<u32>,
    /// What they are for.
    pub purpose: EmbedPurpose,
    /// Up to 16 pairs that go to Bedrock's invocation log.
    pub metadata: BTreeMap<String, String>,
    /// How long the caller waits for all of them.
    pub deadline: Duration,
    /// Learns what each part used.
    pub tally: Tally,
}

/// Turns texts into vectors.
#[async_trait]
pub trait Embedder: Send + Sync + 'static {
    /// The vectors of all texts in their order, or none. Families that take one text at a time are called in bounded
    /// parallel; what the parts used is in the tally, however the call ended.
    async fn embed(&self, call: EmbedCall) -> Result<Vec<Vec<f32>>, ModelError>;
}

/// Texts to be sorted by how well they answer a question.
#[derive(Debug, Clone)]
pub struct RerankCall {
    /// Which model, and where.
    pub model: ResolvedModel,
    /// The question.
    pub query: String,
    /// The texts, at least one.
    pub documents: Vec<String>,
    /// How many of the best are wanted; `None` is all.
    pub top_n: Option<u32>,
    /// How long the caller waits.
    pub deadline: Duration,
    /// Learns what the call used.
    pub tally: Tally,
}

/// One of the texts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// Its place among the documents of the call.
    pub index: usize,
    /// How well it answers, 0 to 1.
    pub score: f64,
}

/// Sorts texts by how well they answer a question.
#[async_trait]
pub trait Reranker: Send + Sync + 'static {
    /// The best texts, best first.
    async fn rerank(&self, call: RerankCall) -> Result<Vec<Ranked>, ModelError>;
}
