//! Chats by Converse.

use std::sync::Arc;

use outcrop_chat::{Block, Request, Response};
use outcrop_ports::{EventStream, ModelCall, ModelError, ModelFailure};

use super::{Call, Made, Method, Shot, watched};
use crate::admission::Need;
use crate::chat::{Answered, AskedModel, Caller, Facts, Streamed, heard};
use crate::content::Asked;
use crate::entry::Entry;
use crate::metering::{OpenCall, Operation, reserve_input};
use crate::prepare::{Original, Prepared};
use crate::routes::messages::bound;
use crate::tags::Tags;
use crate::{ChatError, InferenceService};

impl InferenceService {
    /// The whole answer of the first target that gives one.
    pub(crate) async fn routed_chat(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        prepared: Prepared,
    ) -> Result<Answered, ChatError> {
        let (entry, cost) = (prepared.entry.clone(), cost(&prepared, model));
        let mut call = Whole(Chat::new(prepared, model));
        let made = self.attempt(caller, model, &entry, cost, &mut call).await?;
        let Made { answer: response, mut open, facts, .. } = made;
        open.saw_answer(&response);
        Ok(Answered { response: call.0.prepared.reshape.response(response), open, facts })
    }

    /// The answer in pieces of the first target that begins one. Once the first piece has come, no other is tried.
    pub(crate) async fn routed_stream(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        prepared: Prepared,
    ) -> Result<Streamed, ChatError> {
        let (entry, cost) = (prepared.entry.clone(), cost(&prepared, model));
        let mut call = Pieces(Chat::new(prepared, model));
        let made = self.attempt(caller, model, &entry, cost, &mut call).await?;
        let Made { answer, mut open, facts, trial, .. } = made;
        let events = Box::pin(watched(answer, trial));
        Ok(Streamed { events: heard(events, &call.0.prepared.reshape, &mut open), open, facts })
    }
}

fn cost(prepared: &Prepared, model: &AskedModel) -> (Operation, u64) {
    (Operation::Chat, reserve_input(&prepared.request, &model.model.info))
}

/// A chat, ready for one model at a time.
struct Chat {
    prepared: Prepared,
    /// What is asked, which every attempt reads and none changes; taken out of what was prepared.
    request: Arc<Request>,
    original: Option<Arc<Original>>,
    /// The family of the model that the client's request was made ready for.
    model: AskedModel,
    /// What had no effect on another model than that.
    dropped: Option<Vec<&'static str>>,
}

impl Chat {
    fn new(mut prepared: Prepared, model: &AskedModel) -> Self {
        let original = prepared.original.take();
        let request = Arc::new(std::mem::take(&mut prepared.request));
        Self { prepared, request, original, model: model.clone(), dropped: None }
    }

    fn call(&self, shot: &Shot) -> ModelCall {
        ModelCall { model: shot.model.clone(), request: Arc::clone(&self.request), deadline: shot.deadline }
    }

    fn need(&self, service: &InferenceService, model: &AskedModel) -> Option<Need> {
        let Original { request, fields, .. } = &**self.original.as_ref()?;
        let need = service.chat_need(request, 1, fields.max_tokens, model, &Tags::NONE);
        let entry = &self.prepared.entry;
        Some(Need { tags: entry.tags().clone(), usual_output: entry.usual_output(), ..need })
    }

    async fn refit(&mut self, service: &InferenceService, entry: &Entry, model: &AskedModel) -> bool {
        let Some(original) = self.original.clone() else { return false };
        let mut dropped = original.dropped.clone();
        let mut request = original.request.clone();
        if model.model.info.family != self.model.model.info.family {
            without_thoughts(&mut request);
        }
        if original.fields.is_anthropics() {
            bound(&mut request, &model.model.info, &mut dropped);
        }
        let prepared = service.prepare(entry.clone(), model, request, original.fields, &mut dropped).await;
        match prepared {
            Ok(mut prepared) if !self.prepared.strict || dropped.is_empty() => {
                self.request = Arc::new(std::mem::take(&mut prepared.request));
                self.prepared = Prepared { strict: self.prepared.strict, original: None, ..prepared };
                self.dropped = Some(dropped);
                true
            }
            Ok(_) => false,
            Err(error) => {
                tracing::debug!(error = error.message, "a request cannot be put to another model");
                false
            }
        }
    }

    fn dropped(&self) -> &[&'static str] {
        self.dropped.as_deref().unwrap_or(&self.prepared.dropped)
    }

    fn tell(&self, facts: &mut Facts) {
        facts.told.clone_from(&self.prepared.told);
        facts.dropped.clone_from(&self.dropped);
    }
}

/// Thoughts are sealed for the family of models that thought them.
fn without_thoughts(request: &mut Request) {
    for message in &mut request.messages {
        message.content.retain(|block| !matches!(block, Block::Reasoning(_)));
    }
    request.messages.retain(|message| !message.content.is_empty());
}

struct Whole(Chat);

impl Call for Whole {
    type Answer = Response;
    const STREAMED: bool = false;
    const METHOD: Method = Method::CONVERSE;

    async fn make(&self, shot: Shot) -> Result<Response, ModelError> {
        shot.models.chat(self.0.call(&shot)).await
    }

    fn flaw(&self, answer: &Response, open: &mut OpenCall) -> Option<ModelError> {
        answer.stop_reason.is_malformed().then(|| {
            open.saw_answer(answer);
            ModelError {
                failure: ModelFailure::Model,
                message: ChatError::Malformed.to_string(),
                bedrock_request_id: None,
                retry_after: None,
                source: None,
            }
        })
    }

    fn need(&self, service: &InferenceService, model: &AskedModel) -> Option<Need> {
        self.0.need(service, model)
    }

    async fn refit(&mut self, service: &InferenceService, entry: &Entry, model: &AskedModel) -> bool {
        self.0.refit(service, entry, model).await
    }

    fn asked(&self, most: usize) -> Option<Asked> {
        Some(Asked::of(&self.0.request, most))
    }

    fn dropped(&self) -> &[&'static str] {
        self.0.dropped()
    }

    fn tell(&self, facts: &mut Facts) {
        self.0.tell(facts);
    }
}

struct Pieces(Chat);

impl Call for Pieces {
    type Answer = EventStream;
    const STREAMED: bool = true;
    const METHOD: Method = Method::CONVERSE_STREAM;

    async fn make(&self, shot: Shot) -> Result<EventStream, ModelError> {
        shot.models.stream(self.0.call(&shot)).await
    }

    fn need(&self, service: &InferenceService, model: &AskedModel) -> Option<Need> {
        self.0.need(service, model)
    }

    async fn refit(&mut self, service: &InferenceService, entry: &Entry, model: &AskedModel) -> bool {
        self.0.refit(service, entry, model).await
    }

    fn asked(&self, most: usize) -> Option<Asked> {
        Some(Asked::of(&self.0.request, most))
    }

    fn dropped(&self) -> &[&'static str] {
        self.0.dropped()
    }

    fn tell(&self, facts: &mut Facts) {
        self.0.tell(facts);
    }
}
