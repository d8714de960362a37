//! Model calls that are metered by a tally: vectors, scores, pictures.

use outcrop_http::ApiError;
use outcrop_ports::{InvokeApi, Modality, ModelError};
use outcrop_types::{ErrorCode, TokenUsage};

use crate::admission::Need;
use crate::attempts::{Call, Made, Method, Shot};
use crate::chat::{AskedModel, Caller, Facts};
use crate::entry::Entry;
use crate::metering::{OpenCall, Operation};
use crate::{ChatError, InferenceService, guarding};

/// A call that was answered, and whose record is still open.
pub(crate) struct Tallied<T> {
    pub(crate) answer: T,
    pub(crate) open: OpenCall,
    /// What it used.
    pub(crate) used: TokenUsage,
    pub(crate) facts: Facts,
}

impl InferenceService {
    /// Lets the call in, makes it at the targets of its plan in turn, and meters it if it fails; whoever takes the answer
    /// closes the record, which is about all calls of the model that `need` is for.
    ///
    /// Targets of another model are left out: its vectors are no vectors of this one, and it takes other pictures.
    pub(crate) async fn tallied<T: Send, F>(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        need: Need,
        cost: (Operation, u64),
        call: impl Fn(Shot) -> F + Send + Sync,
    ) -> Result<Tallied<T>, ChatError>
    where
        F: Future<Output = Result<T, ModelError>> + Send,
    {
        let calls = need.calls;
        let entry = self.enter(caller, model, need).await?.of_calls(calls);
        self.tallied_in(caller, model, &entry, cost, call).await
    }

    /// The same for a call that was let in.
    pub(crate) async fn tallied_in<T: Send, F>(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        entry: &Entry,
        cost: (Operation, u64),
        call: impl Fn(Shot) -> F + Send + Sync,
    ) -> Result<Tallied<T>, ChatError>
    where
        F: Future<Output = Result<T, ModelError>> + Send,
    {
        let guarded = guarding::guard_texts(self, caller, model, entry).await?;
        let made = self.attempt(caller, model, entry, cost, &mut InParts(call)).await;
        let Made { answer, mut open, mut facts, tally, .. } = made.inspect_err(|_| guarded.lost())?;
        guarded.note(&mut open, &mut facts);
        let (used, _) = tally.read();
        Ok(Tallied { answer, open, used, facts })
    }
}

/// A call whose parts are counted one by one.
struct InParts<C>(C);

impl<T: Send, F, C> Call for InParts<C>
where
    C: Fn(Shot) -> F + Send + Sync,
    F: Future<Output = Result<T, ModelError>> + Send,
{
    type Answer = T;
    const STREAMED: bool = false;
    const METHOD: Method = Method::INVOKE_MODEL;

    fn is_tallied(&self) -> bool {
        true
    }

    async fn make(&self, shot: Shot) -> Result<T, ModelError> {
        (self.0)(shot).await
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
