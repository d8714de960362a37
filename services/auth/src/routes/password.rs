//! `POST /auth/password`: sets a password, by an invitation or by the old one.

use actix_web::middleware::from_fn;
use actix_web::{HttpResponse, post, web};
use outcrop_http::{ApiError, RequestContext};
use outcrop_types::ErrorCode;
use serde::Deserialize;

use super::anonymous;
use super::secret::Secret;
use super::small_body::SmallBody;
use super::to_the_end;
use crate::AuthService;
use crate::set_password::SetPasswordError;

/// Holds passwords: no `Debug`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordRequest {
    invitation: Option<Secret>,
    name: Option<String>,
    password: Secret,
    new_password: Option<Secret>,
}

/// Sets a password.
#[post("/auth/password", wrap = "from_fn(to_the_end::work)")]
pub(super) async fn set(
    auth: web::Data<AuthService>,
    context: RequestContext,
    body: SmallBody,
) -> Result<HttpResponse, ApiError> {
    let asked: PasswordRequest = outcrop_wire::json::parse(body.json()?)?;
    let acting = anonymous(&context);
    let done = match (&asked.invitation, &asked.name, &asked.new_password) {
        (Some(invitation), None, None) => {
            auth.accept_invitation(&acting, &invitation.0, &asked.password.0).await
        }
        (None, Some(name), Some(new)) => auth.change_password(&acting, name, &asked.password.0, &new.0).await,
        _ => {
            let message = "send `invitation` and `password`, or `name`, `password` and `new_password`";
            return Err(ApiError::new(ErrorCode::InvalidRequest, message));
        }
    };
    done.map_err(refuse)?;
    Ok(HttpResponse::NoContent().finish())
}

fn refuse(error: SetPasswordError) -> ApiError {
    let (param, retry_after) = (error.param(), error.retry_after());
    let mut answer = ApiError::from_error(error);
    answer.param = param.map(str::to_owned);
    answer.retry_after = retry_after;
    answer
}
