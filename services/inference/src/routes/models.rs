//! `GET /v1/models` and `GET /v1/models/{id}`: the models that the caller's credential is good for, in OpenAI's shape or
//! in Anthropic's.

use actix_web::http::header::ContentType;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use outcrop_http::permission::ReadModels;
use outcrop_http::{Allowed, ApiError, RequestContext};
use outcrop_ports::Modality;
use outcrop_types::Principal;
use outcrop_wire::Dialect;
use outcrop_wire::anthropic::models::{self as anthropic, Paging};
use outcrop_wire::model_card::ModelCard;
use outcrop_wire::openai::models as openai;

use crate::chat::AskedModel;
use crate::resolve::Wants;
use crate::{ChatError, InferenceService};

/// All of them. Anthropic's clients are told of those they can talk to, a page at a time.
pub(crate) async fn list(
    allowed: Allowed<ReadModels>,
    context: RequestContext,
    service: web::Data<InferenceService>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let mut cards = service.cards(&allowed.principal).await?;
    if context.dialect != Dialect::Anthropic {
        return Ok(json(openai::list(&cards)));
    }
    cards.retain(|card| card.output.contains(&"text"));
    let query = form_urlencoded::parse(request.query_string().as_bytes());
    Ok(json(Paging::parse(query)?.list(&cards)?))
}

/// One of them, by any of its names.
pub(crate) async fn get(
    allowed: Allowed<ReadModels>,
    context: RequestContext,
    service: web::Data<InferenceService>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let card = card(&service, &allowed.principal, id.into_inner()).await?;
    Ok(json(if context.dialect == Dialect::Anthropic {
        anthropic::object(&card)
    } else {
        openai::object(&card)
    }))
}

/// The card of a model, or of a route, by any of its names.
pub(crate) async fn card(
    service: &InferenceService,
    principal: &Principal,
    id: String,
) -> Result<ModelCard, ChatError> {
    match service.route_card(principal, &id).await? {
        Some(card) => Ok(card),
        None => {
            let model = find(service, principal, id).await?;
            service.card_of(principal, &model).await
        }
    }
}

/// The model of a name, whatever it is good for. Where models are looked up, one that may not be called does not exist.
async fn find(
    service: &InferenceService,
    principal: &Principal,
    id: String,
) -> Result<AskedModel, ChatError> {
    let found = match service.resolve(principal, Wants::named(Some(id.clone()), Modality::Text)).await {
        // A default model may stand for it where vectors are wanted.
        Err(ChatError::UnknownModel { .. }) => {
            service.resolve(principal, Wants::named(Some(id), Modality::Embedding)).await
        }
        found => found,
    };
    found.map_err(|error| match error {
        ChatError::OutOfScope { model } | ChatError::NotAllowed { model, .. } => {
            ChatError::UnknownModel { model }
        }
        other => other,
    })
}

fn json(body: Bytes) -> HttpResponse {
    HttpResponse::Ok().insert_header(ContentType::json()).body(body)
}
