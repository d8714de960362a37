//! `GET /openapi.json`: the whole public API, that of the other services included.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, get, web};

use crate::AuthService;

/// The document. It says nothing about anybody, so anybody may read it.
#[get("/openapi.json")]
pub(super) async fn openapi(auth: web::Data<AuthService>) -> HttpResponse {
    let document = outcrop_openapi::document(&auth.options().public_url);
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "public, max-age=300")).json(document)
}
