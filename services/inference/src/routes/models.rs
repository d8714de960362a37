//! `GET /v1/models` and `GET /v1/models/{id}`.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use outcrop_http::permission::ReadModels;
use outcrop_http::{Allowed, ApiError};
use outcrop_ports::{Modality, ModelInfo};
use outcrop_wire::openai::models::{self, ModelEntry};

use crate::InferenceService;

/// All models.
pub(crate) async fn list(_: Allowed<ReadModels>, service: web::Data<InferenceService>) -> HttpResponse {
    let entries: Vec<_> = service.inner().catalog.list().iter().map(|model| entry(model)).collect();
    json(models::list(&entries))
}

/// One model, by any of its names.
pub(crate) async fn get(
    _: Allowed<ReadModels>,
    service: web::Data<InferenceService>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let model = service.resolve(Some(id.into_inner()))?.model;
    Ok(json(models::object(&entry(&model.info))))
}

fn json(body: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok().insert_header(ContentType::json()).body(body)
}

fn entry(model: &ModelInfo) -> ModelEntry {
    ModelEntry {
        id: model.id.clone(),
        created: model.created,
        owned_by: model.owned_by.clone(),
        context_window: model.context_window,
        max_output_tokens: model.max_output_tokens,
        input_modalities: model.input.iter().map(modality).collect(),
        aliases: model.aliases.clone(),
    }
}

const fn modality(modality: &Modality) -> &'static str {
    match modality {
        Modality::Text => "text",
        Modality::Image => "image",
        Modality::Embedding => "embedding",
    }
}
