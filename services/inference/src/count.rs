//! How many tokens a model reads for a request, without asking it to answer.

use outcrop_ports::ModelFailure;

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
        AskedModel { model, .. }: &AskedModel,
        Prepared { request, .. }: Prepared,
    ) -> Result<Count, ChatError> {
        let estimate = estimate_input(&request);
        match self.inner().model.count_tokens(model.clone(), request, caller.context.remaining()).await {
            Ok(tokens) => Ok(Count { tokens, exact: true }),
            Err(error) if error.failure == ModelFailure::Invalid => {
                Ok(Count { tokens: estimate, exact: false })
            }
            Err(error) => Err(error.into()),
        }
    }
}
