//! `POST /internal/introspect`: the gateway asks who shows a credential.

use actix_web::middleware::from_fn;
use actix_web::{post, web};
use chrono::{DateTime, Utc};
use outcrop_http::{ApiError, JsonBytes};
use outcrop_ports::{Authenticator, Credential, Refused};
use outcrop_types::{ErrorCode, MalformedKey, PresentedKey, Principal, SecretKind, SessionId};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::to_the_end;
use crate::AuthService;

/// The question. The credential is a secret: this type has no `Debug`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    credential: Presented,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Presented {
    ApiKey(SecretString),
    Token(SecretString),
    Session(SecretString),
    Static(SecretString),
}

#[derive(Serialize)]
struct Answer {
    principal: Principal,
    expires_at: Option<DateTime<Utc>>,
    session: Option<SessionId>,
}

/// Answers 200 with the principal, 401 if the credential is not good, 503 if that cannot be told now; 403 to
/// anybody but a service that asks in its own name. Why a credential is not good stands in this service's log.
///
/// Reached only behind the `internal_identity` middleware, which has verified that a service asks.
#[post("/internal/introspect", wrap = "from_fn(to_the_end::work)")]
pub(super) async fn introspect(
    auth: web::Data<AuthService>,
    caller: Option<web::ReqData<Principal>>,
    body: JsonBytes,
) -> Result<web::Json<Answer>, ApiError> {
    if !caller.is_some_and(|caller| outcrop_token::is_service(&caller)) {
        let message = "only a service that asks in its own name is answered here";
        return Err(ApiError::new(ErrorCode::Forbidden, message));
    }
    let question: Question = outcrop_wire::json::parse(&body.0)?;
    let credential = question
        .credential
        .read()
        .map_err(|_| ApiError::from_error(Refused::invalid("it is not well-formed")))?;
    let found = auth.authenticate(&credential).await.map_err(ApiError::from_error)?;
    Ok(web::Json(Answer { principal: found.principal, expires_at: found.expires_at, session: found.session }))
}

impl Presented {
    fn read(self) -> Result<Credential, MalformedKey> {
        Ok(match self {
            Self::ApiKey(text) => Credential::ApiKey(PresentedKey::parse(text.expose_secret())?),
            Self::Token(text) => Credential::Token(text),
            Self::Session(text) => {
                Credential::Session(PresentedKey::parse_as(SecretKind::Session, text.expose_secret())?)
            }
            Self::Static(text) => Credential::Static(text),
        })
    }
}
