//! One model call: resolve, admit, call, meter.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use outcrop_chat::{Request, Response};
use outcrop_http::RequestContext;
use outcrop_ports::{EventStream, Modality, ModelCall, ModelError, ModelFailure, PortError, ResolvedModel};
use outcrop_types::{Classify, ErrorCode, Level, Principal};

use crate::admission::{Exceeded, Standing, whose};
use crate::metering::{OpenCall, Operation, reserve_input};
use crate::policies::Named;
use crate::prepare::{Prepared, Reshape};
use crate::{InferenceService, access};

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
    },
    /// The model failed.
    #[error("{source}")]
    Model {
        /// How.
        #[source]
        source: ModelError,
    },
    /// The model wrote something that cannot be read.
    #[error("The model wrote something that is not an answer.")]
    Malformed,
}

impl Classify for ChatError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NoModel => ErrorCode::InvalidRequest,
            Self::UnknownModel { .. } => ErrorCode::ModelNotFound,
            Self::OutOfScope { .. } | Self::NotAllowed { .. } | Self::Unpriced { .. } => ErrorCode::Forbidden,
            Self::OverClamp { .. } | Self::Unbounded { .. } => ErrorCode::InvalidRequest,
            Self::RateLimited(_) => ErrorCode::RateLimited,
            Self::Limits { .. } | Self::SpoolFull | Self::PoliciesUnknown => ErrorCode::Unavailable,
            Self::Denied { source } | Self::Model { source } => source.code(),
            Self::Malformed => ErrorCode::Upstream,
        }
    }
}

impl From<ModelError> for ChatError {
    fn from(source: ModelError) -> Self {
        if source.failure == ModelFailure::Denied { Self::Denied { source } } else { Self::Model { source } }
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
fn shown(asked: &str) -> String {
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
#[derive(Debug)]
pub(crate) struct AskedModel {
    pub(crate) asked: String,
    pub(crate) model: ResolvedModel,
}

/// What an answer says of the call besides the answer itself.
#[derive(Debug)]
pub(crate) struct Facts {
    /// The Bedrock id that answered.
    pub(crate) model: String,
    /// Where limits stand.
    pub(crate) standings: Vec<Standing>,
    /// From the call of the model to its answer, or to the beginning of its stream.
    pub(crate) upstream: Duration,
    /// Headers that tell of how the answer came about, such as `x-outcrop-structured-output`.
    pub(crate) told: Vec<(&'static str, String)>,
}

impl AskedModel {
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
    /// The chat model a client asks for, if this principal may call it.
    pub(crate) async fn resolve(
        &self,
        principal: &Principal,
        asked: Option<String>,
    ) -> Result<AskedModel, ChatError> {
        self.resolve_for(principal, asked, Modality::Text).await
    }

    /// The model a client asks for, if this principal may call it; without a name the default model that writes `output`.
    ///
    /// Bedrock is asked only for ARNs that the catalogue does not know yet, and that the principal's scope covers: their
    /// text alone decides, whatever is behind them.
    pub(crate) async fn resolve_for(
        &self,
        principal: &Principal,
        asked: Option<String>,
        output: Modality,
    ) -> Result<AskedModel, ChatError> {
        // A client that must send some name, and has none, sends an empty one.
        let asked = asked.filter(|name| !name.is_empty());
        let catalog = &self.inner().catalog;
        let mut found = catalog.resolve_for(asked.as_deref(), output);
        if let (None, Some(arn)) = (&found, asked.as_deref().filter(|it| it.starts_with("arn:"))) {
            if !principal.scope().allows_model([arn]) {
                return Err(ChatError::OutOfScope { model: shown(arn) });
            }
            found = catalog.discover(arn).await;
        }
        let Some(model) = found else {
            let unknown = |asked: String| ChatError::UnknownModel { model: shown(&asked) };
            return Err(asked.map_or(ChatError::NoModel, unknown));
        };
        let asked = asked.unwrap_or_else(|| model.info.id.clone());
        if !access::allows(principal.scope(), &asked, &model) {
            return Err(ChatError::OutOfScope { model: shown(&asked) });
        }
        let model = AskedModel { asked, model };
        match self.inner().admission.forbids(principal, model.named()).await? {
            Some(level) => Err(ChatError::NotAllowed { model: model.shown(), level }),
            None => Ok(model),
        }
    }

    /// The whole answer. Its usage is safe when this returns.
    pub(crate) async fn chat(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        Prepared { request, told, reshape, entry }: Prepared,
    ) -> Result<(Response, Facts), ChatError> {
        let cost = (Operation::Chat, reserve_input(&request, &model.model.info));
        let (mut open, mut facts) = self.open(caller, model, &entry, cost)?;
        facts.told = told;
        let begun = Instant::now();
        let answer = self.inner().model.chat(self.call(caller, model, request)).await;
        facts.upstream = begun.elapsed();
        let response = answer.inspect_err(|error| open.refused(error))?;
        open.saw_answer(&response);
        if response.stop_reason.is_malformed() {
            open.failed(ErrorCode::Upstream);
            return Err(ChatError::Malformed);
        }
        open.completed();
        Ok((reshape.response(response), facts))
    }

    /// The answer in pieces; whoever takes it closes the record.
    pub(crate) async fn stream(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        Prepared { request, told, reshape, entry }: Prepared,
    ) -> Result<(EventStream, OpenCall, Facts), ChatError> {
        let cost = (Operation::Chat, reserve_input(&request, &model.model.info));
        let (mut open, mut facts) = self.open(caller, model, &entry, cost)?;
        facts.told = told;
        open.set_streamed();
        let begun = Instant::now();
        let answer = self.inner().model.stream(self.call(caller, model, request)).await;
        facts.upstream = begun.elapsed();
        let events = answer.inspect_err(|error| open.refused(error))?;
        Ok((heard(events, &reshape, &mut open), open, facts))
    }

    fn call(&self, caller: Caller<'_>, model: &AskedModel, request: Request) -> ModelCall {
        ModelCall { model: model.model.clone(), request, deadline: caller.context.remaining() }
    }
}
