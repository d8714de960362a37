//! `GET /auth/login/{issuer}`: a browser begins a login through an outside issuer.

use actix_web::http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use actix_web::{HttpResponse, get, web};
use outcrop_http::ApiError;
use serde::Deserialize;

use super::oidc_callback::refused;
use crate::AuthService;

#[derive(Deserialize)]
struct BeginQuery {
    return_to: Option<String>,
}

/// Sends the browser to the issuer, with a cookie in which it keeps what must be known when it comes back.
#[get("/auth/login/{issuer}")]
pub(super) async fn oidc_login(
    auth: web::Data<AuthService>,
    issuer: web::Path<String>,
    query: web::Query<BeginQuery>,
) -> Result<HttpResponse, ApiError> {
    let begun = auth.begin_oidc_login(&issuer, query.return_to.as_deref()).await.map_err(refused)?;
    Ok(HttpResponse::Found()
        .insert_header((LOCATION, begun.location))
        .insert_header((SET_COOKIE, auth.pending_cookie(&begun.pending)))
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish())
}
