//! Vectors, by InvokeModel, in each family's own shape.

use async_trait::async_trait;
use outcrop_ports::{EmbedCall, Embedded, Embedder, ModelError};

use crate::BedrockModel;
use crate::errors::invalid;

#[async_trait]
impl Embedder for BedrockModel {
    async fn embed(&self, _call: EmbedCall) -> Result<Embedded, ModelError> {
        Err(invalid("not served".to_owned()))
    }
}
