//! One model call: resolve, admit, call, meter.

use std::time::{Duration, Instant};

use outcrop_chat::{Request, Response};
use outcrop_http::RequestContext;
use outcrop_ports::{
    EventStream, ModelCall, ModelError, ModelFailure, PortError, ResolvedModel, WindowState,
};
use outcrop_types::{Classify, ErrorCode, Principal};

use crate::admission::NotAdmitted;
use crate::metering::{OpenCall, Operation, estimate_input};
use crate::prepare::Prepared;
use crate::{InferenceService, access};

/// Why a model gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
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
    /// A limit is reached.
    #[error("Rate limit reached: {} requests per minute for this {}.", full.limit, level(full))]
    RateLimited {
        /// The limit.
        full: WindowState,
        /// When it admits one again.
        retry_after: Duration,
    },
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
            Self::UnknownModel { .. } => ErrorCode::ModelNotFound,
            Self::OutOfScope { .. } => ErrorCode::Forbidden,
            Self::RateLimited { .. } => ErrorCode::RateLimited,
            Self::Limits { .. } | Self::SpoolFull => ErrorCode::Unavailable,
            Self::Denied { source } | Self::Model { source } => source.code(),
            Self::Malformed => ErrorCode::Upstream,
        }
    }
}

impl From<NotAdmitted> for ChatError {
    fn from(reason: NotAdmitted) -> Self {
        match reason {
            NotAdmitted::Full { full, retry_after } => Self::RateLimited { full, retry_after },
            NotAdmitted::Unknown(source) => Self::Limits { source },
        }
    }
}

impl From<ModelError> for ChatError {
    fn from(source: ModelError) -> Self {
        if source.failure == ModelFailure::Denied { Self::Denied { source } } else { Self::Model { source } }
    }
}

/// A client's name for a model, as long as an answer may repeat it.
fn shown(asked: &str) -> String {
    asked.chars().take(200).collect()
}

fn level(full: &WindowState) -> &str {
    match full.name.split(':').next() {
        Some("team") => "team",
        Some("subject") => "caller",
        _ => "key",
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
    /// Where the tightest limit stands.
    pub(crate) rate: Option<WindowState>,
    /// From the call of the model to its answer, or to the beginning of its stream.
    pub(crate) upstream: Duration,
    /// Headers that tell of how the answer came about, such as `x-outcrop-structured-output`.
    pub(crate) told: Vec<(&'static str, String)>,
}

impl InferenceService {
    /// The model a client asks for, if this principal may call it.
    pub(crate) fn resolve(
        &self,
        principal: &Principal,
        asked: Option<String>,
    ) -> Result<AskedModel, ChatError> {
        // A client that must send some name, and has none, sends an empty one.
        let asked = asked.filter(|name| !name.is_empty());
        let Some(model) = self.inner().catalog.resolve(asked.as_deref()) else {
            return Err(ChatError::UnknownModel { model: shown(&asked.unwrap_or_default()) });
        };
        let asked = asked.unwrap_or_else(|| model.info.id.clone());
        if !access::allows(principal.scope(), &asked, &model) {
            return Err(ChatError::OutOfScope { model: shown(&asked) });
        }
        Ok(AskedModel { asked, model })
    }

    /// The whole answer. Its usage is safe when this returns.
    pub(crate) async fn chat(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        Prepared { request, told, reshape }: Prepared,
    ) -> Result<(Response, Facts), ChatError> {
        let cost = (Operation::Chat, estimate_input(&request));
        let (mut open, mut facts) = self.admit(caller, model, cost).await?;
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
        Prepared { request, told, reshape }: Prepared,
    ) -> Result<(EventStream, OpenCall, Facts), ChatError> {
        let cost = (Operation::Chat, estimate_input(&request));
        let (mut open, mut facts) = self.admit(caller, model, cost).await?;
        facts.told = told;
        open.set_streamed();
        let begun = Instant::now();
        let answer = self.inner().model.stream(self.call(caller, model, request)).await;
        facts.upstream = begun.elapsed();
        let events = answer.inspect_err(|error| open.refused(error))?;
        Ok((reshape.events(events), open, facts))
    }

    /// Lets a call in, or not, and opens its record: what it is for, and about how many tokens it reads.
    pub(crate) async fn admit(
        &self,
        caller: Caller<'_>,
        AskedModel { asked, model }: &AskedModel,
        cost: (Operation, u64),
    ) -> Result<(OpenCall, Facts), ChatError> {
        let inner = self.inner();
        if !inner.metering.spool.has_room() {
            return Err(ChatError::SpoolFull);
        }
        let rate = inner.admission.admit(caller.principal).await?;
        let region = inner.model.region();
        let open = inner.metering.open(caller.principal, caller.context, asked, model, region, cost);
        let facts =
            Facts { model: model.bedrock_id.clone(), rate, upstream: Duration::ZERO, told: Vec::new() };
        Ok((open, facts))
    }

    fn call(&self, caller: Caller<'_>, model: &AskedModel, request: Request) -> ModelCall {
        ModelCall { model: model.model.clone(), request, deadline: caller.context.remaining() }
    }
}
