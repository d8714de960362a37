//! `POST /v1/rerank`, and the same at `/v2/rerank`, where Cohere's client asks.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use outcrop_http::permission::InvokeModel;
use outcrop_http::{Allowed, ApiError, JsonBytes, RequestContext};
use outcrop_ports::{Modality, RerankCall};
use outcrop_types::TokenUsage;
use outcrop_wire::bedrock::invoke::Queries;
use outcrop_wire::openai::rerank::{self, RerankRequest, Scored};

use super::headers::respond;
use crate::InferenceService;
use crate::admission::Need;
use crate::answer::{Answer, Body, Manner, all_dropped};
use crate::chat::Caller;
use crate::metering::Operation;
use crate::tallied::Tallied;

/// Sorts texts by how well they answer a question, in Cohere's shape.
pub(crate) async fn create(
    allowed: Allowed<InvokeModel>,
    context: RequestContext,
    service: web::Data<InferenceService>,
    manner: Manner,
    JsonBytes(body): JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let caller = Caller { principal: &allowed.principal, context: &context };
    let answer = answer(&service, caller, manner, &body).await?;
    Ok(respond(&service, context.arrived, answer))
}

/// From the request's body to the answer's.
pub(crate) async fn answer(
    service: &InferenceService,
    caller: Caller<'_>,
    manner: Manner,
    body: &[u8],
) -> Result<Answer, ApiError> {
    let RerankRequest { model, query, documents, top_n, return_documents, mut dropped, unknown } =
        rerank::parse(body)?;
    dropped.extend(manner.unguarded());
    manner.check_unknown(&unknown)?;
    let model = service.resolve_for(caller.principal, model, Modality::Ranking).await?;
    model.must_write(Modality::Ranking, "rerank")?;
    manner.check(false, &dropped)?;
    let queries = Queries::of(&query, documents.iter().map(String::as_str));
    let need = Need {
        calls: 1,
        queries: queries.most,
        tags: service.inner().metering.tags.of(&manner.tags, &BTreeMap::new()),
        ..Need::default()
    };
    // The model is sent the texts; the answer may need them again.
    let kept = if return_documents { documents.clone() } else { Vec::new() };
    let call = async |tally| {
        let (model, deadline) = (model.model.clone(), caller.context.remaining());
        let call = RerankCall { model, query, documents, top_n, deadline, tally };
        service.inner().model.rerank(call).await
    };
    // What it costs is counted in queries; no token is.
    let cost = (Operation::Rerank, 0);
    let Tallied { answer, mut open, used, facts } = service.tallied(caller, &model, need, cost, call).await?;
    // The adapter counts documents; long ones are several.
    let used = TokenUsage { queries: queries.usual, ..used };
    open.reported(used);
    open.completed();
    let scored = |it: &outcrop_ports::Ranked| Scored {
        index: it.index,
        score: it.score,
        document: kept.get(it.index).map(String::as_str),
    };
    let scored: Vec<Scored<'_>> = answer.iter().map(scored).collect();
    let id = service.inner().ids.uuid().to_string();
    Ok(Answer {
        body: Body::Whole(rerank::response(&id, &scored, used.queries)),
        facts,
        dropped: all_dropped(dropped, unknown),
    })
}
