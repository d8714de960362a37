//! InvokeModel and its stream: a model in its own words.

use std::time::Duration;

use async_trait::async_trait;
use outcrop_chat::Request;
use outcrop_ports::{ChunkStream, InvokeAnswer, InvokeCall, ModelError, RawModel, ResolvedModel};

use crate::BedrockModel;
use crate::errors::invalid;

#[async_trait]
impl RawModel for BedrockModel {
    async fn invoke(&self, _call: InvokeCall) -> Result<InvokeAnswer, ModelError> {
        Err(invalid("not served".to_owned()))
    }

    async fn invoke_stream(&self, _call: InvokeCall) -> Result<ChunkStream, ModelError> {
        Err(invalid("not served".to_owned()))
    }

    async fn count_tokens(
        &self,
        _model: ResolvedModel,
        _request: Request,
        _deadline: Duration,
    ) -> Result<u64, ModelError> {
        Err(invalid("not served".to_owned()))
    }
}
