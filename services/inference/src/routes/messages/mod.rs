//! `POST /v1/messages` and `/v1/messages/count_tokens`, as Anthropic's SDKs call them.
//!
//! Claude models get the client's own body by InvokeModel (`claude.rs`), all others the neutral conversation
//! (`converse.rs`), and so does a Claude that cannot be held to the shape that the answer is to have.

mod claude;
mod converse;
mod count;
mod headers;
mod links;

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use bytes::Bytes;
use outcrop_http::permission::InvokeModel;
use outcrop_http::{Allowed, ApiError, JsonBytes, RequestContext};
use outcrop_wire::anthropic::{self, Betas, Version};

pub(crate) use claude::{failed, stop_reason};
pub(crate) use converse::bound;
pub(crate) use count::count;

use crate::InferenceService;
use crate::answer::{Answer, Manner};
use crate::chat::{AskedModel, Caller};
use crate::guarding;
use crate::prepare::conversation_in;
use crate::resolve::Wants;

/// What headers say of how the body is to be read.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) version: Version,
    pub(crate) betas: Betas,
}

/// Answers one request in Anthropic's shape, whole or as a stream.
pub(crate) async fn create(
    allowed: Allowed<InvokeModel>,
    context: RequestContext,
    service: web::Data<InferenceService>,
    manner: Manner,
    reading: Reading,
    JsonBytes(body): JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let caller = Caller { principal: &allowed.principal, context: &context };
    let answer = Box::pin(answer(&service, caller, manner, reading, body)).await;
    headers::respond(&service, &context, answer)
}

/// From the request's body to the answer's.
pub(crate) async fn answer(
    service: &InferenceService,
    caller: Caller<'_>,
    manner: Manner,
    reading: Reading,
    body: Bytes,
) -> Result<Answer, ApiError> {
    let head = anthropic::head(&body)?;
    let wants = wants(service, caller, head.model, &body, (&manner, head.stream));
    let model = service.resolve(caller.principal, wants).await?;
    let asked = Asked { model, reading, stream: head.stream, shaped: head.shaped, body };
    let info = &asked.model.model.info;
    // Bedrock refuses a shape from a Claude that has no structured outputs; by Converse it can be had all the same.
    let is_passed_on = info.anthropic_version.is_some() && (!asked.shaped || info.structured_output);
    // So it can be with guardrails that have no place beside a body that passes through.
    let by_converse = !is_passed_on || service.batching().is_some() || {
        let names_one = manner.guardrail.is_some() || guarding::is_named_in(&asked.body);
        guarding::needs_converse(service, caller, &asked.model, names_one, &asked.body).await?
    };
    if !by_converse {
        claude::answer(service, caller, manner, asked).await
    } else {
        converse::answer(service, caller, manner, asked).await
    }
}

/// What a body asks of its model, as far as that can be seen before it is read.
fn wants(
    service: &InferenceService,
    caller: Caller<'_>,
    model: Option<String>,
    body: &Bytes,
    (manner, stream): (&Manner, bool),
) -> Wants {
    let team = caller.principal.team;
    let rule = service.prompt_cache_rule_of(team, model.as_deref());
    let conversation = conversation_in(team, body, rule);
    Wants::of_body(model, body, stream).tagged(&manner.tags, &BTreeMap::new()).within(conversation)
}

/// A request of which the model is known.
struct Asked {
    model: AskedModel,
    reading: Reading,
    stream: bool,
    /// Whether the answer is to have a certain shape.
    shaped: bool,
    body: Bytes,
}
