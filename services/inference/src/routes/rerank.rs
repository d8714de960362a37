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
use crate::answer::{Answer, Body, Manner};
use crate::attempts::Shot;
use crate::chat::Caller;
use crate::guarding::Texts;
use crate::metering::{Operation, estimate_text};
use crate::resolve::Wants;
use crate::response_cache::Keeping;
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
    Ok(respond(&context, answer))
}

/// From the request's body to the answer's.
pub(crate) async fn answer(
    service: &InferenceService,
    caller: Caller<'_>,
    manner: Manner,
    body: &[u8],
) -> Result<Answer, ApiError> {
    let RerankRequest { model, query, documents, top_n, return_documents, dropped, unknown } =
        rerank::parse(body)?;
    manner.check_unknown(&unknown)?;
    let wants = Wants::named(model, Modality::Ranking).tagged(&manner.tags, &BTreeMap::new());
    let model = service.resolve(caller.principal, wants.reading(estimate_text(body.len()))).await?;
    model.must_write(Modality::Ranking, "rerank")?;
    manner.check(false, &dropped)?;
    let queries = Queries::of(&query, documents.iter().map(String::as_str));
    let texts =
        Texts::new(std::iter::once(&query).chain(&documents).cloned().collect(), manner.guardrail.clone());
    let need = Need {
        calls: 1,
        texts: texts.clone(),
        queries: queries.most,
        tags: service.inner().metering.tags.of(&manner.tags, &BTreeMap::new()),
        ..Need::default()
    };
    let call = |Shot { models, model, deadline, tally }: Shot| {
        let mut documents = texts.now();
        let query = documents.remove(0);
        let call = RerankCall { model, query, documents, top_n, deadline, tally };
        async move { models.rerank(call).await }
    };
    // What it costs is counted in queries; no token is.
    let cost = (Operation::Rerank, 0);
    let terms = service.cache_terms(caller, &model, &manner.cache, Some(body)).await?;
    let guardrail = manner.guardrail.as_ref().map(|it| [&it.id, &it.version]);
    let shape = serde_json::json!([query, documents, top_n, guardrail]);
    let keeping = (need, Keeping { terms, shape: &shape });
    let Tallied { answer, mut open, used, mut facts } =
        service.tallied_once(caller, &model, keeping, cost, call).await?;
    // The adapter counts documents; long ones are several.
    let used = TokenUsage { queries: queries.usual, ..used };
    open.reported(used);
    open.completed();
    let scored = |it: &outcrop_ports::Ranked| Scored {
        index: it.index,
        score: it.score,
        document: documents.get(it.index).filter(|_| return_documents).map(String::as_str),
    };
    let scored: Vec<Scored<'_>> = answer.iter().map(scored).collect();
    let id = service.inner().ids.uuid().to_string();
    Ok(Answer {
        body: Body::Whole(rerank::response(&id, &scored, used.queries)),
        dropped: facts.all_dropped(dropped, unknown),
        facts,
    })
}
