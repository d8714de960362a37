//! `POST /internal/introspect`: the gateway asks who shows a credential.

use actix_web::{post, web};
use outcrop_http::{ApiError, JsonBytes};
use outcrop_ports::{Authenticator, Credential};
use outcrop_types::{ErrorCode, PresentedKey, Principal};
use serde::{Deserialize, Serialize};

use crate::AuthService;

/// The question. The credential is a secret: this type has no `Debug`.
#[derive(Deserialize)]
struct Question {
    credential: PresentedCredential,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum PresentedCredential {
    ApiKey(String),
}

#[derive(Serialize)]
struct Answer {
    principal: Principal,
    expires_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// Answers 200 with the principal, 401 if the credential is not good, 503 if that cannot be told now; 403 to
/// anybody but a service that asks in its own name.
///
/// Reached only behind the `internal_identity` middleware, which has verified that a service asks.
#[post("/internal/introspect")]
pub(super) async fn introspect(
    auth: web::Data<AuthService>,
    caller: Option<web::ReqData<Principal>>,
    body: JsonBytes,
) -> Result<web::Json<Answer>, ApiError> {
    if !caller.is_some_and(|caller| outcrop_token::is_service(&caller)) {
        let message = "only a service that asks in its own name is answered here";
        return Err(ApiError::new(ErrorCode::Forbidden, message));
    }
    let Question { credential: PresentedCredential::ApiKey(text) } = outcrop_wire::json::parse(&body.0)?;
    let presented = PresentedKey::parse(&text)
        .map_err(|_| ApiError::new(ErrorCode::Unauthenticated, "the credential is not valid"))?;
    let found = auth.authenticate(&Credential::ApiKey(presented)).await.map_err(ApiError::from_error)?;
    Ok(web::Json(Answer { principal: found.principal, expires_at: found.expires_at }))
}
