//! The same operations for other services in this process.

use async_trait::async_trait;
use bytes::Bytes;
use outcrop_http::{ApiError, RequestContext, Spent};
use outcrop_policy::{Decision, Resource, decide};
use outcrop_ports::{
    BatchRecord, Inference, InferenceAnswer, InferenceCall, PortError, RecordOutput, Recorded,
};
use outcrop_types::{ErrorCode, Permission};
use outcrop_wire::Dialect;
use outcrop_wire::error::{ErrorBody, LimitFacts, render_limit};
use outcrop_wire::json::check_depth;

use crate::answer::{Body, Manner};
use crate::batch::{Batching, Made, Written, is_for_batches};
use crate::chat::Caller;
use crate::{InferenceService, routes};

/// What tells OpenAI's and Anthropic's SDKs not to try again.
const SHOULD_RETRY: &str = "x-should-retry";

/// The [`Inference`] port by a call in this process, with no HTTP in between.
#[derive(Debug, Clone)]
pub struct LocalInference(InferenceService);

impl LocalInference {
    /// Calls this service.
    #[must_use]
    pub const fn new(service: InferenceService) -> Self {
        Self(service)
    }

    /// How the call is answered by this service, or by one that knows more of it.
    async fn answer(&self, service: &InferenceService, call: &InferenceCall) -> InferenceAnswer {
        let context = context(call);
        match answer(service, call, &context).await {
            Ok(body) => {
                let used = context.spent.sum();
                InferenceAnswer { status: 200, body, retry_after: None, used, is_final: false }
            }
            Err(error) => refused(error, context),
        }
    }
}

#[async_trait]
impl Inference for LocalInference {
    async fn call(&self, call: InferenceCall) -> Result<InferenceAnswer, PortError> {
        Ok(self.answer(&self.0, &call).await)
    }

    async fn record(&self, call: InferenceCall) -> Result<Recorded, PortError> {
        if !is_for_batches(path(&call)) {
            return Ok(Recorded::Unfit(format!("batch inference does not do `{}`", call.path)));
        }
        let service = self.0.with_batching(Batching::writing());
        let answer = self.answer(&service, &call).await;
        Ok(match service.batching().and_then(Batching::written) {
            Some(Written::Record(record)) => Recorded::Record(record),
            Some(Written::Unfit(why)) => Recorded::Unfit(why),
            None => Recorded::Refused(answer),
        })
    }

    async fn recorded(
        &self,
        call: InferenceCall,
        record: BatchRecord,
        output: RecordOutput,
    ) -> Result<InferenceAnswer, PortError> {
        let made = Made::new(&call.request_id, record, output);
        let service = self.0.with_batching(Batching::Read(made));
        Ok(self.answer(&service, &call).await)
    }
}

/// The path, whichever way clients spell it.
fn path(call: &InferenceCall) -> &str {
    call.path.strip_prefix("/api").unwrap_or(&call.path)
}

fn context(call: &InferenceCall) -> RequestContext {
    RequestContext {
        request_id: call.request_id.clone(),
        dialect: Dialect::of_path(&call.path),
        arrived: std::time::Instant::now(),
        deadline: call.deadline,
        // Nobody's connection: whoever submitted the work may be gone.
        client_ip: None,
        way: Some(call.way),
        spent: Spent::default(),
        trace: outcrop_telemetry::current::trace(),
    }
}

async fn answer(
    service: &InferenceService,
    call: &InferenceCall,
    context: &RequestContext,
) -> Result<Bytes, ApiError> {
    // What was made is paid for: whoever may not call any more has it recorded all the same.
    let made = service.batching().is_some_and(Batching::is_made);
    if !made && decide(&call.principal, Permission::InvokeModel, Resource::OwnTeam) != Decision::Allow {
        let message = format!("this needs the permission `{}`", Permission::InvokeModel);
        return Err(ApiError::new(ErrorCode::Forbidden, message));
    }
    check_depth(&call.body, service.inner().max_json_depth)?;
    let caller = Caller { principal: &call.principal, context };
    let answer = match path(call) {
        "/v1/chat/completions" => routes::chat::answer(service, caller, Manner::JOB, &call.body).await?,
        "/v1/responses" => {
            let made = routes::responses::made_before(service, caller, call.response, &call.body).await;
            if let Some(made) = made {
                return Ok(made);
            }
            let manner = Manner { response: call.response, ..Manner::JOB };
            routes::responses::answer(service, caller, manner, &call.body).await?
        }
        "/v1/completions" => routes::completions::answer(service, caller, Manner::JOB, &call.body).await?,
        "/v1/messages" => {
            let (reading, body) = (routes::messages::Reading::default(), call.body.clone());
            routes::messages::answer(service, caller, Manner::JOB, reading, body).await?
        }
        "/v1/embeddings" => routes::embeddings::answer(service, caller, Manner::JOB, &call.body).await?,
        "/v1/rerank" | "/v2/rerank" => {
            routes::rerank::answer(service, caller, Manner::JOB, &call.body).await?
        }
        "/v1/images/generations" => routes::images::answer(service, caller, Manner::JOB, &call.body).await?,
        "/generate" | "/v1/generate" => {
            routes::generate::answer(service, caller, Manner::JOB, &call.body).await?
        }
        _ => return Err(ApiError::new(ErrorCode::NotFound, "there is no model behind this path")),
    };
    match answer.body {
        Body::Whole(body) => Ok(body),
        // Refused before the call, by the manner above.
        Body::Events(_) | Body::AwsEvents(_) => {
            Err(ApiError::new(ErrorCode::Internal, "a job was answered as a stream"))
        }
    }
}
/// A refusal, as over HTTP, with the status that says whether the work may be done later.
fn refused(error: ApiError, context: RequestContext) -> InferenceAnswer {
    let used = context.spent.sum();
    let limit = error.source.as_deref().and_then(|it| it.downcast_ref::<LimitFacts>());
    let body = ErrorBody {
        code: if is_futile(&error) { ErrorCode::InvalidRequest } else { error.code },
        message: error.message,
        param: error.param,
        request_id: Some(context.request_id.into()),
    };
    let rendered = render_limit(context.dialect, &body, error.reason, limit);
    InferenceAnswer {
        status: rendered.status,
        body: rendered.body.into(),
        retry_after: error.retry_after,
        used,
        is_final: InferenceAnswer::stays(rendered.status),
    }
}

/// Whether a limit will never have room for a request, because it is larger than the limit as a whole. Nobody waits here
/// who could ask for less: said as a limit it would be tried again for a day. (A budget that is spent says when it begins
/// anew; work waits for that as for any limit.)
fn is_futile(error: &ApiError) -> bool {
    let told = error.headers.iter().any(|(name, value)| *name == SHOULD_RETRY && value == "false");
    error.code == ErrorCode::RateLimited && told && error.retry_after.is_none()
}
