//! Everything that models can be asked.

use crate::{ChatModel, Embedder, Guardrails, ImageModel, RawModel, Reranker};

/// One place that answers every kind of model call.
pub trait Models: ChatModel + RawModel + Embedder + Reranker + ImageModel + Guardrails {}

impl<T: ChatModel + RawModel + Embedder + Reranker + ImageModel + Guardrails> Models for T {}
