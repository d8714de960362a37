//! Calls that Bedrock's batch inference makes: written as its records, and recorded here once it has answered.
//!
//! Both go the way of any call, through its dialect, policies and limits of output, with a service that knows of it: where
//! the model would be called, the record is written instead, or the answer taken that is there. What a call was refused for
//! when it was written is not asked again when it is recorded: it is paid for by then.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use outcrop_chat::{Block, Request, Response, ServiceTier, ToolResultBlock};
use outcrop_ports::{
    BatchRecord, ModelCall, ModelError, ModelFailure, Place, RecordOutput, ResolvedModel, UnknownPlace,
};
use outcrop_types::{ErrorCode, PriceTier, RequestId, Way};
use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid};

use crate::admission::{Admitted, Need};
use crate::attempts::is_same;
use crate::chat::{AskedModel, Caller, Facts};
use crate::metering::Operation;
use crate::prepare::Prepared;
use crate::routing::Candidate;
use crate::{ChatError, InferenceService, guarding};

/// What is done with the call.
pub(crate) enum Batching {
    /// It becomes a record.
    Write(Mutex<Option<Written>>),
    /// It was made.
    Read(Made),
}

/// What became of writing it.
#[derive(Debug, Clone)]
pub(crate) enum Written {
    Record(BatchRecord),
    /// It is nothing for batch inference; why.
    Unfit(String),
}

/// A call that batch inference made.
pub(crate) struct Made {
    record: BatchRecord,
    output: RecordOutput,
    /// The id of its usage record: the same however often it is recorded.
    id: Uuid,
}

impl Made {
    pub(crate) fn new(request: &RequestId, record: BatchRecord, output: RecordOutput) -> Self {
        let id = id_of(request, record.at);
        Self { record, output, id }
    }
}

/// Ids begin with the time, as those of other records do.
fn id_of(request: &RequestId, at: DateTime<Utc>) -> Uuid {
    let digest = Sha256::digest(request.as_str().as_bytes());
    let mut rest = [0; 10];
    rest.copy_from_slice(&digest[..10]);
    let millis = u64::try_from(at.timestamp_millis()).unwrap_or_default();
    Builder::from_unix_timestamp_millis(millis, &rest).into_uuid()
}

impl Batching {
    pub(crate) const fn writing() -> Self {
        Self::Write(Mutex::new(None))
    }

    /// What was written, if it came to that.
    pub(crate) fn written(&self) -> Option<Written> {
        match self {
            Self::Write(written) => written.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Self::Read(_) => None,
        }
    }

    /// Whether the call was made: nothing is refused any more.
    pub(crate) const fn is_made(&self) -> bool {
        matches!(self, Self::Read(_))
    }

    /// Lets the call in. Rates are no matter of batch inference, which has room of its own; money is.
    pub(crate) async fn admit(
        &self,
        service: &InferenceService,
        caller: Caller<'_>,
        model: &AskedModel,
        need: &mut Need,
    ) -> Result<Admitted, ChatError> {
        need.tier = PriceTier::Batch;
        if need.calls > 1 {
            return self.unfit("it asks for several answers".into());
        }
        let admission = &service.inner().admission;
        match self {
            Self::Write(_) => admission.look_ahead(caller, model, need).await,
            Self::Read(made) => admission.admit_made(caller, model, need, (made.id, made.record.at)).await,
        }
    }

    /// Looks at a request before anything is done for it.
    ///
    /// # Errors
    /// It is nothing for batch inference; nobody but [`written`](Self::written) is told why.
    pub(crate) fn check(&self, request: &mut Request) -> Result<(), ChatError> {
        if self.is_made() {
            // It was written without one.
            request.service_tier = None;
            return Ok(());
        }
        if has_link(request) {
            return self
                .unfit("it has media behind links, which would be fetched again for the answer".into());
        }
        match request.service_tier.take() {
            None | Some(ServiceTier::Default) => Ok(()),
            Some(tier) => self.unfit(format!("it asks for the service tier `{}`", tier.name())),
        }
    }

    /// The answer, in the place of a call.
    pub(crate) async fn chat(
        &self,
        service: &InferenceService,
        caller: Caller<'_>,
        model: &AskedModel,
        prepared: Prepared,
    ) -> Result<(Response, Facts), ChatError> {
        match self {
            Self::Write(_) => self.write(service, caller, model, prepared).await,
            Self::Read(made) => made.read(service, caller, model, prepared).await,
        }
    }

    async fn write(
        &self,
        service: &InferenceService,
        caller: Caller<'_>,
        model: &AskedModel,
        prepared: Prepared,
    ) -> Result<(Response, Facts), ChatError> {
        if self.written().is_some() {
            return self.unfit("it asks for several answers".into());
        }
        if let Some(level) = service.forbids_way(caller, model, Way::Batch).await? {
            return self.unfit(format!("a policy of the {} does not allow it", level.name()));
        }
        let guardrails = guarding::holding(service, caller, model).await?;
        if !guardrails.is_empty() || prepared.request.guardrail.is_some() {
            return self.unfit("a guardrail looks on, which batch inference has no place for".into());
        }
        // "Batch inference doesn't support tool calling (function calling) for jobs that use the Converse invocation type"
        // (<https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference.html>). A schema may be a tool as well.
        if prepared.request.tools.is_some() {
            return self.unfit("it has tools, or an output schema that is made one".into());
        }
        let Some(target) = target(service, model) else {
            let why = format!("no target of `{}` has batch inference and a price for it", model.shown());
            return self.unfit(why);
        };
        let models = service.inner().places.at(&target.place).map_err(unknown)?;
        let call = call(target.model.clone(), prepared.request);
        let record = BatchRecord {
            model: target.model.bedrock_id.clone(),
            region: target.place.region.to_string(),
            at: service.inner().clock.now(),
            input: models.record(&call)?,
        };
        self.note(Written::Record(record));
        Err(ChatError::AsRecord)
    }

    fn unfit<T>(&self, why: String) -> Result<T, ChatError> {
        self.note(Written::Unfit(why));
        Err(ChatError::AsRecord)
    }

    fn note(&self, what: Written) {
        if let Self::Write(written) = self {
            *written.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
        }
    }
}

impl Made {
    async fn read(
        &self,
        service: &InferenceService,
        caller: Caller<'_>,
        model: &AskedModel,
        prepared: Prepared,
    ) -> Result<(Response, Facts), ChatError> {
        let output = match &self.output {
            RecordOutput::Output(output) => output,
            // It cost nothing.
            RecordOutput::Error { code, message } => return Err(failed(*code, message).into()),
        };
        let Prepared { request, reshape, entry, .. } = prepared;
        let (place, resolved) = self.target(model)?;
        let models = service.inner().places.at(&place).map_err(unknown)?;
        let response = models.recorded(&call(resolved.clone(), request), output.clone()).await?;
        // From here to its end nothing waits: it is recorded once, or not yet.
        let cost = (Operation::Chat, response.usage.total_input());
        let (mut open, facts) = service.open_made(caller, model, &entry, cost, (&place, &resolved))?;
        open.reported(response.usage);
        open.saw_stop(response.stop_reason);
        if response.stop_reason.is_malformed() {
            open.failed(ErrorCode::Upstream);
            return Err(ChatError::Malformed);
        }
        open.completed();
        Ok((reshape.response(response), facts))
    }

    /// Where it was made. Ways may lead elsewhere by now.
    fn target(&self, model: &AskedModel) -> Result<(Place, ResolvedModel), ChatError> {
        let BatchRecord { model: id, region, .. } = &self.record;
        let mut targets = model.plan.candidates().iter();
        if let Some(found) =
            targets.find(|it| it.model.bedrock_id == *id && it.place.region.as_str() == region)
        {
            return Ok((found.place.clone(), found.model.clone()));
        }
        let region = region.parse().map_err(|_| ChatError::Malformed)?;
        let info = Arc::clone(&model.model.info);
        Ok((Place { account: None, region }, ResolvedModel { bedrock_id: id.clone(), info }))
    }
}

/// The target in our own account that batch inference takes, at a price that is known: of several always the same, however
/// requests are spread. Another model than the one that the request was made ready for is none.
fn target<'a>(service: &InferenceService, model: &'a AskedModel) -> Option<&'a Candidate> {
    let day = service.inner().clock.now().date_naive();
    let priced = |it: &ResolvedModel| service.inner().catalog.price(it, PriceTier::Batch, day).is_some();
    let fits = model.plan.candidates().iter().filter(|it| {
        it.place.account.is_none()
            && it.model.info.batch
            && is_same(&it.model, &model.model)
            && priced(&it.model)
    });
    fits.min_by(|a, b| {
        (a.place.region.as_str(), &a.model.bedrock_id).cmp(&(b.place.region.as_str(), &b.model.bedrock_id))
    })
}

fn call(model: ResolvedModel, request: Request) -> ModelCall {
    ModelCall { model, request: Arc::new(request), deadline: Duration::ZERO }
}

fn unknown(error: UnknownPlace) -> ChatError {
    ChatError::from(ModelError {
        failure: ModelFailure::Unavailable,
        message: "the place of the model is not known here".to_owned(),
        bedrock_request_id: None,
        retry_after: None,
        source: Some(error.into()),
    })
}

/// What Bedrock says of one record.
fn failed(code: u16, message: &str) -> ModelError {
    let failure = match code {
        400 => ModelFailure::Invalid,
        403 => ModelFailure::Denied,
        404 => ModelFailure::NotFound,
        408 | 424 => ModelFailure::TimedOut,
        429 => ModelFailure::Throttled,
        503 => ModelFailure::Unavailable,
        _ => ModelFailure::Internal,
    };
    ModelError {
        failure,
        message: message.to_owned(),
        bedrock_request_id: None,
        retry_after: None,
        source: None,
    }
}

fn has_link(request: &Request) -> bool {
    let mut blocks = request.messages.iter().flat_map(|it| &it.content);
    blocks.any(|block| match block {
        Block::Link(_) => true,
        Block::ToolResult(result) => result.content.iter().any(|it| matches!(it, ToolResultBlock::Link(_))),
        _ => false,
    })
}

/// Whether there is a model behind a path that batch inference could call.
pub(crate) fn is_for_batches(path: &str) -> bool {
    matches!(
        path,
        "/v1/chat/completions"
            | "/v1/completions"
            | "/v1/responses"
            | "/v1/messages"
            | "/v1/generate"
            | "/generate"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_request_has_the_same_id_at_the_same_time() {
        let at: DateTime<Utc> = "2026-11-20T10:00:00Z".parse().unwrap();
        let id = |request: &str, at| id_of(&RequestId::parse(request).unwrap(), at);
        assert_eq!(id("batch_1-7", at), id("batch_1-7", at));
        assert_ne!(id("batch_1-7", at), id("batch_1-8", at));
        let later = id("batch_1-7", at + chrono::Duration::hours(1));
        assert!(later > id("batch_1-9", at), "{later}: ids are in the order of time");
    }
}
