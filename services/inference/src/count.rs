//! How many tokens a model reads for a request, without asking it to answer.

use bytes::Bytes;
use outcrop_chat::Request;
use outcrop_ports::{ModelError, ModelFailure};

use crate::chat::{AskedModel, Caller};
use crate::metering::estimate_input;
use crate::prepare::Prepared;
use crate::{ChatError, InferenceService};

/// Says that a count is our own estimate: Bedrock does not count for this model.
pub(crate) const ESTIMATED: (&str, &str) = ("x-outcrop-estimated", "input_tokens");

/// A number of tokens, and whether Bedrock counted them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) tokens: u64,
    pub(crate) exact: bool,
}

impl InferenceService {
    /// Counts a request's tokens: by Bedrock where it counts for this model, else by the usual rule of thumb.
    pub(crate) async fn count(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        Prepared { request, .. }: Prepared,
    ) -> Result<Count, ChatError> {
        let estimate = estimate_input(&request);
        match self.count_request(caller, model, request).await {
            Ok(tokens) => Ok(Count { tokens, exact: true }),
            Err(error) if error.failure == ModelFailure::Invalid => {
                Ok(Count { tokens: estimate, exact: false })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Has Bedrock count a request's tokens, in a region that calls of the model go to.
    pub(crate) async fn count_request(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        request: Request,
    ) -> Result<u64, ModelError> {
        self.ask(caller, model, |shot| {
            let request = request.clone();
            async move { shot.models.count_tokens(shot.model, request, shot.deadline).await }
        })
        .await
    }

    /// The same for a body in the model's own words.
    pub(crate) async fn count_body(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        body: Bytes,
    ) -> Result<u64, ModelError> {
        self.ask(caller, model, |shot| {
            let body = body.clone();
            async move { shot.models.count_invoke_tokens(shot.model, body, shot.deadline).await }
        })
        .await
    }
}
