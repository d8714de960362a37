//! How many tokens a request is, without answering it.

use actix_web::{HttpResponse, web};
use outcrop_chat::InvalidRequest;
use outcrop_http::permission::InvokeModel;
use outcrop_http::{Allowed, ApiError, JsonBytes, RequestContext};
use outcrop_ports::ModelFailure;
use outcrop_wire::anthropic::invoke;
use outcrop_wire::anthropic::{self, Purpose};

use super::{Asked, Reading, claude, converse, headers, wants};
use crate::InferenceService;
use crate::answer::{Answer, Body, Manner};
use crate::chat::Caller;
use crate::count::ESTIMATED;
use crate::metering::estimate_input;
use crate::prepare::Fields;

/// Counts the tokens of one request.
pub(crate) async fn count(
    allowed: Allowed<InvokeModel>,
    context: RequestContext,
    service: web::Data<InferenceService>,
    manner: Manner,
    reading: Reading,
    JsonBytes(body): JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let caller = Caller { principal: &allowed.principal, context: &context };
    let answer = async {
        let head = anthropic::head(&body)?;
        let wants = wants(&service, caller, head.model, &body, (&manner, false));
        let model = service.resolve(caller.principal, wants).await?;
        let asked = Asked { model, reading, stream: false, shaped: head.shaped, body };
        counted(&service, caller, manner, asked).await
    };
    headers::respond(&service, &context, answer.await)
}

async fn counted(
    service: &InferenceService,
    caller: Caller<'_>,
    manner: Manner,
    Asked { model, reading, body, .. }: Asked,
) -> Result<Answer, ApiError> {
    let is_claude = model.model.info.anthropic_version.is_some();
    let translated = anthropic::parse(&body, reading.version, &reading.betas, Purpose::Count);
    let mut dropped;
    let entry = service.enter_free(caller).await?;
    let mut facts = entry.facts(&model);
    let (counted, estimate) = match translated {
        // What only Claude understands has no words in Converse, and is counted in Claude's own.
        Err(error) if is_claude && is_beyond_converse(&error, &body) => {
            let own = claude::countable(service, &entry, &model, &reading, &body).await?;
            dropped = own.dropped;
            let estimate = invoke::weigh(&own.body);
            (service.count_body(caller, &model, own.body).await, estimate)
        }
        translated => {
            let translated = translated?;
            dropped = translated.dropped;
            let mut request = translated.request;
            converse::bound(&mut request, &model.model.info, &mut Vec::new());
            let request = service.prepare(entry, &model, request, Fields::ANTHROPIC, &mut dropped).await?;
            let request = request.request;
            let estimate = estimate_input(&request);
            (service.count_request(caller, &model, request).await, estimate)
        }
    };
    manner.check(false, &dropped)?;
    let (count, exact) = match counted {
        Ok(count) => (count, true),
        Err(error) if error.failure == ModelFailure::Invalid => (estimate, false),
        Err(error) => return Err(crate::ChatError::from(error).into()),
    };
    if !exact {
        facts.told.push((ESTIMATED.0, ESTIMATED.1.to_owned()));
    }
    let body = format!("{{\"input_tokens\":{count}}}").into_bytes();
    Ok(Answer { body: Body::Whole(body.into()), dropped: facts.all_dropped(dropped, Vec::new()), facts })
}

/// Whether what is wrong may be a kind of block or tool that only Claude knows, and nothing else.
fn is_beyond_converse(error: &InvalidRequest, body: &[u8]) -> bool {
    let within = |list: &str| error.param.as_deref().is_some_and(|it| it.starts_with(list));
    (within("messages[") || within("tools[")) && invoke::has_own_kinds(body)
}
