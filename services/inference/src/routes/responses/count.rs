//! `POST /v1/responses/input_tokens`.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use bytes::Bytes;
use outcrop_http::permission::InvokeModel;
use outcrop_http::{Allowed, ApiError, JsonBytes, RequestContext};
use outcrop_wire::openai::responses::{self, Translated, kept};

use super::background;
use super::create::{FIELDS, refused};
use crate::InferenceService;
use crate::answer::{Answer, Body, Manner};
use crate::chat::Caller;
use crate::count::ESTIMATED;
use crate::resolve::Wants;
use crate::routes::headers::respond;

/// Counts the tokens of what would be sent.
pub(crate) async fn count(
    allowed: Allowed<InvokeModel>,
    context: RequestContext,
    service: web::Data<InferenceService>,
    manner: Manner,
    JsonBytes(body): JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let caller = Caller { principal: &allowed.principal, context: &context };
    let answer = counted(&service, caller, manner, &body).await?;
    Ok(respond(&context, answer))
}

async fn counted(
    service: &InferenceService,
    caller: Caller<'_>,
    manner: Manner,
    body: &Bytes,
) -> Result<Answer, ApiError> {
    let mut asked = responses::parse(body)?;
    let model = asked.model.take();
    let earlier = background::earlier(service, caller.principal, asked.needs()).await?;
    let wants = Wants::of_body(model, body, false).tagged(&manner.tags, &BTreeMap::new());
    let model = service.resolve(caller.principal, wants).await?;
    let Translated { request, mut dropped, .. } = asked.into_chat(&model.model.info.id, &earlier)?;
    let entry = service.enter_free(caller).await?;
    let mut facts = entry.facts(&model);
    let request = service.prepare(entry, &model, request, FIELDS, &mut dropped).await?;
    manner.check(false, &dropped)?;
    let count = service.count(caller, &model, request).await.map_err(refused)?;
    if !count.exact {
        facts.told.push((ESTIMATED.0, ESTIMATED.1.to_owned()));
    }
    Ok(Answer {
        body: Body::Whole(kept::counted(count.tokens).into()),
        dropped: facts.all_dropped(dropped, Vec::new()),
        facts,
    })
}
