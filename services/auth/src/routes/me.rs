//! `GET /auth/me`: who the caller is, and what it may.

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{HttpRequest, get, web};
use outcrop_http::{ApiError, csrf_token};
use outcrop_types::{ErrorCode, Principal};
use serde::Serialize;

use crate::AuthService;
use crate::me::Me;

/// Headers that carry a credential, before which a cookie does not count.
const OTHER_CREDENTIALS: [&str; 2] = ["x-api-key", "api-key"];

/// It may hold what makes the cookie good for changes: no `Debug`.
#[derive(Serialize)]
pub(super) struct MeAnswer {
    #[serde(flatten)]
    me: Me,
    /// What changes by the cookie must carry in the header `x-outcrop-csrf`, where the credential is a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
}

/// Tells the caller who it is here.
#[get("/auth/me")]
pub(super) async fn me(
    request: HttpRequest,
    auth: web::Data<AuthService>,
    caller: Option<web::ReqData<Principal>>,
) -> Result<web::Json<MeAnswer>, ApiError> {
    let caller =
        caller.ok_or_else(|| ApiError::new(ErrorCode::Unauthenticated, "no credential was given"))?;
    let me = auth.describe(&caller).await.map_err(ApiError::from_error)?;
    Ok(web::Json(MeAnswer { me, csrf_token: csrf_of_cookie(&auth, request.headers()) }))
}

fn csrf_of_cookie(auth: &AuthService, headers: &HeaderMap) -> Option<String> {
    let other = headers.contains_key(AUTHORIZATION)
        || OTHER_CREDENTIALS.iter().any(|name| headers.contains_key(*name));
    if other { None } else { auth.session_cookie().read(headers).as_ref().map(csrf_token) }
}
