//! `/admin/v1/signing-keys`: what signs access tokens.

use actix_web::{HttpResponse, get, post, web};
use outcrop_http::ApiError;
use serde::{Deserialize, Serialize};

use super::acting::By;
use super::small_body::SmallBody;
use crate::{AuthService, SigningKeyView};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RotateRequest {
    /// Believe nothing any more that the old ones signed.
    revoke_old: bool,
}

/// All of them: there are never many.
#[derive(Debug, Serialize)]
pub(super) struct SigningKeys {
    data: Vec<SigningKeyView>,
}

/// Lists the keys, newest first.
#[get("/signing-keys")]
pub(super) async fn list(by: By, auth: web::Data<AuthService>) -> Result<web::Json<SigningKeys>, ApiError> {
    Ok(web::Json(SigningKeys { data: auth.list_signing_keys(&by.0).await? }))
}

/// Makes a new key, which takes the place of the one that signs.
#[post("/signing-keys/rotate")]
pub(super) async fn rotate(
    by: By,
    auth: web::Data<AuthService>,
    body: SmallBody,
) -> Result<HttpResponse, ApiError> {
    let asked = match body.bytes.is_empty() {
        true => RotateRequest::default(),
        false => outcrop_wire::json::parse(body.json()?)?,
    };
    Ok(HttpResponse::Created().json(auth.rotate_signing_key(&by.0, asked.revoke_old).await?))
}
