//! Sorting by relevance, by InvokeModel, in each family's own shape.

use async_trait::async_trait;
use outcrop_ports::{ModelError, Ranked, RerankCall, Reranker};

use crate::BedrockModel;
use crate::errors::invalid;

#[async_trait]
impl Reranker for BedrockModel {
    async fn rerank(&self, _call: RerankCall) -> Result<Vec<Ranked>, ModelError> {
        Err(invalid("not served".to_owned()))
    }
}
