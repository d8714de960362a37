//! `GET /v1/models` and `GET /v1/models/{id}`: the models that the caller's credential is good for.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use outcrop_http::permission::ReadModels;
use outcrop_http::{Allowed, ApiError};
use outcrop_ports::{Modality, ModelInfo};
use outcrop_wire::openai::models::{self, ModelEntry};

use crate::chat::AskedModel;
use crate::{ChatError, InferenceService, access};

/// All of them.
pub(crate) async fn list(allowed: Allowed<ReadModels>, service: web::Data<InferenceService>) -> HttpResponse {
    let (scope, catalog) = (allowed.principal.scope(), &*service.inner().catalog);
    let models = catalog.list();
    let entries: Vec<_> =
        models.iter().filter_map(|model| entry(model, &access::names(scope, model, catalog))).collect();
    json(models::list(&entries))
}

/// One of them, by any of its names.
pub(crate) async fn get(
    allowed: Allowed<ReadModels>,
    service: web::Data<InferenceService>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let found = service.resolve(&allowed.principal, Some(id.into_inner()));
    let AskedModel { asked, model } = found.map_err(hidden)?;
    let names = access::names(allowed.principal.scope(), &model.info, &*service.inner().catalog);
    // Some names, such as profiles of other geographies, are found and not listed.
    let entry = entry(&model.info, &names).or_else(|| entry(&model.info, &[&asked]));
    let entry = entry.ok_or(ChatError::UnknownModel { model: asked })?;
    Ok(json(models::object(&entry)))
}

/// Where models are looked up, one that may not be called does not exist.
fn hidden(error: ChatError) -> ChatError {
    match error {
        ChatError::OutOfScope { model } => ChatError::UnknownModel { model },
        other => other,
    }
}

fn json(body: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok().insert_header(ContentType::json()).body(body)
}

/// A model under the first of these names, with the others beside it; `None` without any.
fn entry(model: &ModelInfo, names: &[&str]) -> Option<ModelEntry> {
    let (id, aliases) = names.split_first()?;
    Some(ModelEntry {
        id: (*id).to_owned(),
        created: model.created,
        owned_by: model.owned_by.clone(),
        context_window: model.context_window,
        max_output_tokens: model.max_output_tokens,
        input_modalities: model.input.iter().map(modality).collect(),
        aliases: aliases.iter().map(|it| (*it).to_owned()).collect(),
    })
}

const fn modality(modality: &Modality) -> &'static str {
    match modality {
        Modality::Text => "text",
        Modality::Image => "image",
        Modality::Document => "document",
        Modality::Video => "video",
        Modality::Audio => "audio",
        Modality::Embedding => "embedding",
        Modality::Ranking => "ranking",
    }
}
