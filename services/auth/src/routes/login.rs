//! `POST /auth/login`: a browser logs in with name and password, and is given cookies.

use actix_web::http::header::{ORIGIN, SET_COOKIE};
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, post, web};
use outcrop_http::{ApiError, RequestContext, csrf_token};
use outcrop_types::{ErrorCode, Role, UserId};
use serde::{Deserialize, Serialize};

use super::anonymous;
use super::secret::Secret;
use super::small_body::SmallBody;
use super::to_the_end;
use crate::AuthService;
use crate::login::LoginError;
use crate::me::NamedTeam;

/// Holds a password: no `Debug`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginRequest {
    name: String,
    password: Secret,
    team: Option<String>,
}

#[derive(Debug, Serialize)]
struct NamedUser {
    id: UserId,
    name: String,
}

/// Who is logged in. It holds what makes the cookie good for changes: no `Debug`.
#[derive(Serialize)]
struct LoginAnswer {
    user: NamedUser,
    team: NamedTeam,
    role: Role,
    csrf_token: String,
}

/// Logs a browser in. Only our own pages and those of listed origins may: a stranger's page must not log its visitor
/// in as somebody else.
#[post("/auth/login", wrap = "from_fn(to_the_end::work)")]
pub(super) async fn login(
    request: HttpRequest,
    auth: web::Data<AuthService>,
    context: RequestContext,
    body: SmallBody,
) -> Result<HttpResponse, ApiError> {
    check_origin(&request, &auth)?;
    let asked: LoginRequest = outcrop_wire::json::parse(body.json()?)?;
    let acting = anonymous(&context);
    let team = asked.team.as_deref();
    let login = auth.log_in_browser(&acting, &asked.name, &asked.password.0, team).await.map_err(refuse)?;
    let mut answer = HttpResponse::Ok();
    for line in auth.login_cookies(&login.cookie, login.ttl) {
        answer.append_header((SET_COOKIE, line));
    }
    Ok(answer.json(LoginAnswer {
        user: NamedUser { id: login.user.id, name: login.user.name },
        team: NamedTeam { id: login.team.id, name: Some(login.team.name) },
        role: login.role,
        csrf_token: csrf_token(&login.cookie),
    }))
}

fn check_origin(request: &HttpRequest, auth: &AuthService) -> Result<(), ApiError> {
    let Some(origin) = request.headers().get(ORIGIN) else { return Ok(()) };
    if origin.to_str().is_ok_and(|origin| auth.trusts_origin(origin)) {
        return Ok(());
    }
    let message =
        "pages of this origin may not log in; `server.public_url` and `server.cors_origins` say which may";
    Err(ApiError::new(ErrorCode::Forbidden, message))
}

fn refuse(error: LoginError) -> ApiError {
    let retry_after = error.retry_after();
    let param = matches!(error, LoginError::WhichTeam).then(|| "team".to_owned());
    let mut answer = ApiError::from_error(error);
    answer.retry_after = retry_after;
    answer.param = param;
    answer
}
