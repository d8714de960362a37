//! Everything that models can be asked.

use crate::{ChatModel, Embedder, ImageModel, RawModel, Reranker};

/// One place that answers every kind of model call.
pub trait Models: ChatModel + RawModel + Embedder + Reranker + ImageModel {}

impl<T: ChatModel + RawModel + Embedder + Reranker + ImageModel> Models for T {}
