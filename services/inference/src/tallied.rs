//! Model calls that are metered by a tally: vectors, scores, pictures.

use std::time::Instant;

use outcrop_http::ApiError;
use outcrop_ports::{InvokeApi, Modality, ModelError, Tally};
use outcrop_types::{ErrorCode, TokenUsage};

use crate::admission::Need;
use crate::chat::{AskedModel, Caller, Facts};
use crate::metering::{OpenCall, Operation};
use crate::{ChatError, InferenceService};

/// A call that was answered, and whose record is still open.
pub(crate) struct Tallied<T> {
    pub(crate) answer: T,
    pub(crate) open: OpenCall,
    /// What it used.
    pub(crate) used: TokenUsage,
    pub(crate) facts: Facts,
}

impl InferenceService {
    /// Lets the call in, makes it, and meters it if it fails; whoever takes the answer closes the record, which is about
    /// all calls of the model that `need` is for.
    pub(crate) async fn tallied<T>(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        need: Need,
        cost: (Operation, u64),
        call: impl AsyncFnOnce(Tally) -> Result<T, ModelError>,
    ) -> Result<Tallied<T>, ChatError> {
        let calls = need.calls;
        let entry = self.enter(caller, model, need).await?.of_calls(calls);
        let (mut open, mut facts) = self.open(caller, model, &entry, cost)?;
        open.keeps(entry);
        let tally = Tally::default();
        open.watch(tally.clone());
        let begun = Instant::now();
        let answer = call(tally.clone()).await;
        facts.upstream = begun.elapsed();
        let answer = answer.inspect_err(|error| open.refused(error))?;
        let (used, _) = tally.read();
        Ok(Tallied { answer, open, used, facts })
    }
}

impl AskedModel {
    /// How many calls of the model so many texts or pictures take.
    pub(crate) fn calls(&self, items: usize) -> usize {
        items.div_ceil(self.model.info.invoke_api.map_or(usize::MAX, InvokeApi::batch))
    }

    /// Refuses a model that does not make what this operation gives; `doing` is what it would have to do.
    pub(crate) fn must_write(&self, output: Modality, doing: &str) -> Result<(), ApiError> {
        if self.model.info.output.contains(&output) {
            return Ok(());
        }
        let message = format!("The model `{}` does not {doing}.", self.shown());
        Err(ApiError::new(ErrorCode::InvalidRequest, message).with_param("model"))
    }
}
