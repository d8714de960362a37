//! Calls in a model's own words.

use std::sync::Arc;

use async_trait::async_trait;
use outcrop_ports::{ChunkStream, InvokeAnswer, InvokeCall, ModelError};

use super::{Call, Made, Method, Shot, watched};
use crate::admission::Need;
use crate::chat::{AskedModel, Caller, Facts};
use crate::content::Asked;
use crate::entry::Entry;
use crate::metering::{OpenCall, Operation};
use crate::routes::invoke::Sold;
use crate::{ChatError, InferenceService};

/// A body in a model's own words, let in and ready to be sent.
#[derive(Clone)]
pub(crate) struct RawPrepared {
    pub(crate) operation: Operation,
    /// Model and deadline are those of the attempt.
    pub(crate) call: InvokeCall,
    pub(crate) entry: Entry,
    /// About how many tokens it reads.
    pub(crate) input: u64,
    /// What the model is paid for, where that is no token.
    pub(crate) sold: Option<Sold>,
    /// How it is made ready for another model; `None` where a body is for one model alone.
    pub(crate) refit: Option<Arc<dyn Refit>>,
}

/// The whole answer, whose record is still open.
pub(crate) struct RawAnswered {
    pub(crate) answer: InvokeAnswer,
    pub(crate) open: OpenCall,
    pub(crate) facts: Facts,
}

/// The answer in pieces; whoever takes it closes the record.
pub(crate) struct RawStreamed {
    pub(crate) chunks: ChunkStream,
    pub(crate) open: OpenCall,
    pub(crate) facts: Facts,
}

/// Makes a body ready for another model, from what the client sent.
#[async_trait]
pub(crate) trait Refit: Send + Sync {
    /// What it takes of limits there; `None` if it cannot be put to that model.
    fn need(&self, service: &InferenceService, model: &AskedModel) -> Option<Need>;

    /// The body for that model, which let it in.
    async fn refit(&self, service: &InferenceService, entry: &Entry, model: &AskedModel) -> Option<Refitted>;
}

/// A body for another model.
pub(crate) struct Refitted {
    pub(crate) call: InvokeCall,
    /// What was left out for it, and other headers that tell of how it was made ready.
    pub(crate) told: Vec<(&'static str, String)>,
}

impl InferenceService {
    /// Calls the targets of the plan, in turn.
    pub(crate) async fn routed_invoke(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        raw: RawPrepared,
    ) -> Result<RawAnswered, ChatError> {
        let (entry, cost) = (raw.entry.clone(), (raw.operation, raw.input));
        let mut call = Whole(Raw { raw, told: None });
        let made = self.attempt(caller, model, &entry, cost, &mut call).await?;
        let Made { answer, open, facts, .. } = made;
        Ok(RawAnswered { answer, open, facts })
    }

    /// The same for an answer in pieces. Once the first has come, no other target is tried.
    pub(crate) async fn routed_invoke_stream(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        raw: RawPrepared,
    ) -> Result<RawStreamed, ChatError> {
        let (entry, cost) = (raw.entry.clone(), (raw.operation, raw.input));
        let mut call = Pieces(Raw { raw, told: None });
        let made = self.attempt(caller, model, &entry, cost, &mut call).await?;
        let Made { answer, open, facts, trial, .. } = made;
        Ok(RawStreamed { chunks: Box::pin(watched(answer, trial)), open, facts })
    }
}

struct Raw {
    raw: RawPrepared,
    /// What is told of a body that was made ready for another model.
    told: Option<Vec<(&'static str, String)>>,
}

impl Raw {
    fn call(&self, shot: &Shot) -> InvokeCall {
        InvokeCall { model: shot.model.clone(), deadline: shot.deadline, ..self.raw.call.clone() }
    }

    fn need(&self, service: &InferenceService, model: &AskedModel) -> Option<Need> {
        self.raw.refit.as_ref()?.need(service, model)
    }

    async fn refit(&mut self, service: &InferenceService, entry: &Entry, model: &AskedModel) -> bool {
        let Some(refit) = self.raw.refit.clone() else { return false };
        let Some(Refitted { call, told }) = refit.refit(service, entry, model).await else { return false };
        // What guardrails look on is not the body's to say.
        let guardrail = self.raw.call.guardrail.take();
        (self.raw.call, self.told) = (InvokeCall { guardrail, ..call }, Some(told));
        true
    }

    fn tell(&self, facts: &mut Facts) {
        facts.anew.clone_from(&self.told);
    }
}

struct Whole(Raw);

impl Call for Whole {
    type Answer = InvokeAnswer;
    const STREAMED: bool = false;
    const METHOD: Method = Method::INVOKE_MODEL;

    fn is_tallied(&self) -> bool {
        self.0.raw.sold.is_some()
    }

    async fn make(&self, shot: Shot) -> Result<InvokeAnswer, ModelError> {
        let part = self.0.raw.sold.map(|sold| sold.begin(&shot.tally));
        let answer = shot.models.invoke(self.0.call(&shot)).await;
        if let Some(part) = part {
            part.ended(&answer);
        }
        answer
    }

    fn need(&self, service: &InferenceService, model: &AskedModel) -> Option<Need> {
        self.0.need(service, model)
    }

    async fn refit(&mut self, service: &InferenceService, entry: &Entry, model: &AskedModel) -> bool {
        self.0.refit(service, entry, model).await
    }

    fn asked(&self, most: usize) -> Option<Asked> {
        Asked::of_body(&self.0.raw.call.body, most)
    }

    fn tell(&self, facts: &mut Facts) {
        self.0.tell(facts);
    }
}

struct Pieces(Raw);

impl Call for Pieces {
    type Answer = ChunkStream;
    const STREAMED: bool = true;
    const METHOD: Method = Method::INVOKE_STREAM;

    async fn make(&self, shot: Shot) -> Result<ChunkStream, ModelError> {
        shot.models.invoke_stream(self.0.call(&shot)).await
    }

    fn need(&self, service: &InferenceService, model: &AskedModel) -> Option<Need> {
        self.0.need(service, model)
    }

    async fn refit(&mut self, service: &InferenceService, entry: &Entry, model: &AskedModel) -> bool {
        self.0.refit(service, entry, model).await
    }

    fn asked(&self, most: usize) -> Option<Asked> {
        Asked::of_body(&self.0.raw.call.body, most)
    }

    fn tell(&self, facts: &mut Facts) {
        self.0.tell(facts);
    }
}
