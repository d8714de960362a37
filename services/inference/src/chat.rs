//! One model call: resolve, admit, call, meter.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use outcrop_chat::Response;
use outcrop_http::RequestContext;
use outcrop_ports::{EventStream, ModelError, ModelFailure, Place, PortError, ResolvedModel};
use outcrop_types::{CacheState, Classify, ErrorCode, GuardrailState, Level, Principal};

use crate::admission::{Exceeded, Standing, whose};
use crate::attempts::{Attempts, RawAnswered, RawPrepared, RawStreamed};
use crate::metering::OpenCall;
use crate::policies::Named;
use crate::prepare::{Prepared, Reshape};
use crate::routing::Plan;
use crate::{InferenceService, response_cache};

/// Why a model gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    /// None is named, and none stands in where none is.
    #[error("`model` is required.")]
    NoModel,
    /// No such model.
    #[error("The model `{model}` does not exist or you do not have access to it.")]
    UnknownModel {
        /// As the client named it.
        model: String,
    },
    /// The credential is not good for this model; what it is good for is not said.
    #[error("This credential may not call the model `{model}`.")]
    OutOfScope {
        /// As the client named it.
        model: String,
    },
    /// A policy allows other models.
    #[error("A policy of {} does not allow the model `{model}`.", whose(*level))]
    NotAllowed {
        /// As the client named it.
        model: String,
        /// The level of the policy.
        level: Level,
    },
    /// It would be answered elsewhere than a residency allows.
    #[error("The model `{model}` cannot be called without leaving what is allowed here: {bounds}.")]
    OutOfBounds {
        /// As the client named it.
        model: String,
        /// The areas that calls must stay in.
        bounds: String,
    },
    /// A route is for other requests.
    #[error("No target of the route `{model}` is for this request.")]
    NoTarget {
        /// As the client named it.
        model: String,
    },
    /// Nobody knows what the model costs, and there is a budget.
    #[error("The price of the model `{model}` is not known, and under the budget of {} it may not be called without one.", whose(*level))]
    Unpriced {
        /// As the client named it.
        model: String,
        /// The level of the budget.
        level: Level,
    },
    /// A policy allows fewer tokens of output than a request may write that is passed on as it is.
    #[error("A policy of {} allows at most {most} tokens of output, {}.", whose(*level), asks(*asked))]
    OverClamp {
        /// How many it asks for, if it says.
        asked: Option<u32>,
        /// How many it may ask for.
        most: u32,
        /// The level of the policy.
        level: Level,
    },
    /// Nobody knows how much a model writes at most, and tokens or money are limited.
    #[error(
        "Nobody knows how much the model `{model}` writes at most, and tokens or money are limited here: the request must say."
    )]
    Unbounded {
        /// As the client named it.
        model: String,
    },
    /// A limit is reached.
    #[error("{0}")]
    RateLimited(Box<Exceeded>),
    /// This process has just begun, and does not know the policies yet.
    #[error("Policies cannot be read now, so no model is called.")]
    PoliciesUnknown,
    /// Whether a limit is reached cannot be told, and settings say to refuse then.
    #[error("Limits cannot be checked now.")]
    Limits {
        /// What stood in the way.
        #[source]
        source: PortError,
    },
    /// What the call uses could not be written down.
    #[error("Usage cannot be recorded now, so no model is called.")]
    SpoolFull,
    /// We may not call this model; why is not the client's business.
    #[error("This platform has no access to the model on Amazon Bedrock.")]
    Denied {
        /// What Bedrock says.
        #[source]
        source: ModelError,
        /// What was tried.
        attempts: Attempts,
    },
    /// The model failed.
    #[error("{source}")]
    Model {
        /// How.
        #[source]
        source: ModelError,
        /// What was tried.
        attempts: Attempts,
    },
    /// A guardrail that steps in could not be asked: nothing is answered without it.
    #[error("A guardrail cannot be asked now, so there is no answer.")]
    Unguarded {
        /// What stood in the way.
        #[source]
        source: ModelError,
    },
    /// A guardrail has stepped in where there is no answer that could say so.
    #[error("{message}")]
    Blocked {
        /// What it says.
        message: String,
        /// The header that tells of it.
        header: Option<(&'static str, String)>,
    },
    /// A guardrail holds that has no place in such a call.
    #[error(
        "A guardrail holds here that cannot look on calls in a model's own words. Use another API, such as Converse."
    )]
    Unguardable,
    /// The call is not made here: it was to be written as a record of batch inference.
    #[error("This call is one of batch inference.")]
    AsRecord,
    /// The model wrote something that cannot be read.
    #[error("The model wrote something that is not an answer.")]
    Malformed,
}

impl Classify for ChatError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NoModel => ErrorCode::InvalidRequest,
            Self::UnknownModel { .. } => ErrorCode::ModelNotFound,
            Self::OutOfScope { .. }
            | Self::NotAllowed { .. }
            | Self::OutOfBounds { .. }
            | Self::Unguardable
            | Self::Unpriced { .. } => ErrorCode::Forbidden,
            Self::Blocked { .. } => ErrorCode::InvalidRequest,
            Self::Unguarded { .. } => ErrorCode::Unavailable,
            Self::NoTarget { .. } | Self::OverClamp { .. } | Self::Unbounded { .. } => {
                ErrorCode::InvalidRequest
            }
            Self::RateLimited(_) => ErrorCode::RateLimited,
            Self::Limits { .. } | Self::SpoolFull | Self::PoliciesUnknown => ErrorCode::Unavailable,
            Self::Denied { source, .. } | Self::Model { source, .. } => source.code(),
            Self::AsRecord => ErrorCode::Internal,
            Self::Malformed => ErrorCode::Upstream,
        }
    }
}

impl From<ModelError> for ChatError {
    fn from(source: ModelError) -> Self {
        let attempts = Attempts::default();
        if source.failure == ModelFailure::Denied {
            Self::Denied { source, attempts }
        } else {
            Self::Model { source, attempts }
        }
    }
}

impl ChatError {
    /// The same, after these attempts.
    pub(crate) fn after(self, attempts: Attempts) -> Self {
        match self {
            Self::Denied { source, .. } => Self::Denied { source, attempts },
            Self::Model { source, .. } => Self::Model { source, attempts },
            other => other,
        }
    }
}

/// The events as the client gets them. What is held back from it is metered all the same.
pub(crate) fn heard(events: EventStream, reshape: &Reshape, open: &mut OpenCall) -> EventStream {
    if *reshape == Reshape::Nothing {
        return events;
    }
    let mut listen = open.listen();
    reshape.events(Box::pin(events.inspect(move |event| {
        if let Ok(event) = event {
            listen(event);
        }
    })))
}

/// A client's name for a model, as long as an answer may repeat it.
pub(crate) fn shown(asked: &str) -> String {
    asked.chars().take(200).collect()
}

fn asks(asked: Option<u32>) -> String {
    match asked {
        Some(asked) => format!("and this request asks for {asked}"),
        None => "and this request must say how many it asks for".to_owned(),
    }
}

/// On whose behalf, and within which request, a model is called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) principal: &'a Principal,
    pub(crate) context: &'a RequestContext,
}

/// A model that was found, and how the client named it.
#[derive(Debug, Clone)]
pub(crate) struct AskedModel {
    pub(crate) asked: String,
    /// The model of the first target: what the request is fitted to, and limits are asked for.
    pub(crate) model: ResolvedModel,
    /// Where it may be called.
    pub(crate) plan: Arc<Plan>,
}

/// A whole answer, whose record is still open.
pub(crate) struct Answered {
    pub(crate) response: Response,
    pub(crate) open: OpenCall,
    pub(crate) facts: Facts,
}

/// An answer in pieces; whoever takes it closes the record.
pub(crate) struct Streamed {
    pub(crate) events: EventStream,
    pub(crate) open: OpenCall,
    pub(crate) facts: Facts,
}

/// What an answer says of the call besides the answer itself.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// The Bedrock id that answered.
    pub(crate) model: String,
    /// The catalogue's name of the model that answered.
    pub(crate) model_id: String,
    /// Where it answered.
    pub(crate) place: Option<Place>,
    /// The route that led there, if one was written for it.
    pub(crate) route: Option<String>,
    /// What was tried.
    pub(crate) attempts: Attempts,
    /// Whether the answer was there already.
    pub(crate) cache: CacheState,
    /// How old an answer is that was.
    pub(crate) age: Option<Duration>,
    /// What guardrails had to do with it.
    pub(crate) guardrail: GuardrailState,
    /// Where limits stand.
    pub(crate) standings: Vec<Standing>,
    /// From the call of the model to its answer, or to the beginning of its stream.
    pub(crate) upstream: Duration,
    /// Headers that tell of how the answer came about, such as `x-outcrop-structured-output`.
    pub(crate) told: Vec<(&'static str, String)>,
    /// Headers that take the place of those that the dialect has for the model it was made ready for: another one answered.
    pub(crate) anew: Option<Vec<(&'static str, String)>>,
    /// The same for the names of what was dropped.
    pub(crate) dropped: Option<Vec<&'static str>>,
}

impl Facts {
    /// The names of what had no effect: those of the model that answered, and after them what nobody knows.
    pub(crate) fn all_dropped(
        &mut self,
        dropped: Vec<&'static str>,
        unknown: Vec<String>,
    ) -> Vec<Cow<'static, str>> {
        let dropped = self.dropped.take().unwrap_or(dropped);
        dropped.into_iter().map(Cow::Borrowed).chain(unknown.into_iter().map(Cow::Owned)).collect()
    }
}

impl AskedModel {
    /// A model with one way to it.
    #[cfg(test)]
    pub(crate) fn direct(asked: &str, model: ResolvedModel) -> Self {
        Self { asked: asked.to_owned(), model, plan: Arc::default() }
    }

    /// The name asked for, as long as an answer may repeat it.
    pub(crate) fn shown(&self) -> String {
        shown(&self.asked)
    }

    /// The names by which policies know it.
    pub(crate) fn named(&self) -> Named<'_> {
        Named { asked: &self.asked, model: &self.model }
    }
}

impl InferenceService {
    /// The whole answer. Its usage is safe when this returns.
    ///
    /// From the outside in: answers that are kept, guardrails, the call itself. Each layer may answer by itself, and gets
    /// and gives an answer whose record is still open.
    pub(crate) async fn chat(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        prepared: Prepared,
    ) -> Result<(Response, Facts), ChatError> {
        if let Some(batching) = self.batching() {
            return Box::pin(batching.chat(self, caller, model, prepared)).await;
        }
        let quiet_tier = prepared.entry.quiet_tier;
        let Answered { mut response, mut open, facts } =
            response_cache::chat(self, caller, model, prepared).await?;
        open.completed();
        if quiet_tier {
            // It reads as any other answer; the job says how it was done.
            response.extra.service_tier = None;
        }
        Ok((response, facts))
    }

    /// The answer in pieces; whoever takes it closes the record.
    pub(crate) async fn stream(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        prepared: Prepared,
    ) -> Result<(EventStream, OpenCall, Facts), ChatError> {
        let Streamed { events, open, facts } = response_cache::stream(self, caller, model, prepared).await?;
        Ok((events, open, facts))
    }

    /// The whole answer of a model in its own words: the same layers as for [`chat`](Self::chat).
    pub(crate) async fn invoke(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        raw: RawPrepared,
    ) -> Result<RawAnswered, ChatError> {
        response_cache::invoke(self, caller, model, raw).await
    }

    /// The same in pieces.
    pub(crate) async fn invoke_stream(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        raw: RawPrepared,
    ) -> Result<RawStreamed, ChatError> {
        response_cache::invoke_stream(self, caller, model, raw).await
    }
}
