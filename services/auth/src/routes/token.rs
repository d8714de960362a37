//! `POST /auth/token`: OAuth 2.0's token endpoint (RFC 6749, section 3.2).

use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderMap, PRAGMA};
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, post, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use outcrop_http::{ApiError, RequestContext};
use outcrop_types::{ErrorCode, Role, TeamId};
use secrecy::ExposeSecret;
use serde::Serialize;

use super::anonymous;
use super::small_body::{BodyType, SmallBody};
use super::to_the_end;
use crate::AuthService;
use crate::grants::scope::spelled;
use crate::grants::{ClientCredentials, Fields, GrantError, Granted};

/// The answer (RFC 6749, section 5.1), with whom the token acts for. It holds secrets: no `Debug`.
#[derive(Serialize)]
struct TokenAnswer<'a> {
    access_token: &'a str,
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    /// The permissions in force.
    scope: String,
    team: TeamId,
    role: Role,
}

/// Gives a token to whoever shows who it is.
#[post("/auth/token", wrap = "from_fn(to_the_end::work)")]
pub(super) async fn token(
    request: HttpRequest,
    auth: web::Data<AuthService>,
    context: RequestContext,
    body: SmallBody,
) -> Result<HttpResponse, ApiError> {
    let fields = fields(&body)?;
    let client = client(request.headers())?;
    let granted = auth.grant(&anonymous(&context), &fields, client).await.map_err(refuse)?;
    Ok(answer(&granted))
}

fn fields(body: &SmallBody) -> Result<Fields, ApiError> {
    let read = match body.kind {
        BodyType::Form => Fields::from_form(&body.bytes),
        BodyType::Json => Fields::from_json(&body.bytes),
        BodyType::Other => {
            let message = "send application/x-www-form-urlencoded (or application/json)";
            return Err(ApiError::new(ErrorCode::UnsupportedMediaType, message));
        }
    };
    read.map_err(refuse)
}

/// The client's id and secret, each form-encoded and then both in base64 (RFC 6749, section 2.3.1). Another scheme
/// is no authentication of a client.
fn client(headers: &HeaderMap) -> Result<Option<ClientCredentials>, ApiError> {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let basic = given.and_then(|value| value.split_once(' '));
    let Some((_, encoded)) = basic.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic")) else {
        return Ok(None);
    };
    let unreadable = || refuse(GrantError::client("its `Authorization: Basic` does not read"));
    let decoded = STANDARD.decode(encoded.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = decoded.ok_or_else(unreadable)?;
    let (id, secret) = decoded.split_once(':').ok_or_else(unreadable)?;
    Ok(Some(ClientCredentials { id: form_decoded(id), secret: form_decoded(secret).into() }))
}

fn form_decoded(text: &str) -> String {
    // One name without a value: `&` and `=` are encoded where they are meant.
    form_urlencoded::parse(text.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

fn answer(granted: &Granted) -> HttpResponse {
    let principal = &granted.principal;
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).insert_header((PRAGMA, "no-cache")).json(
        TokenAnswer {
            access_token: granted.issued.token.expose_secret(),
            token_type: "Bearer",
            expires_in: granted.issued.expires_in_s,
            refresh_token: granted.refresh.as_ref().map(|it| it.expose()),
            scope: spelled(principal.role, principal.scope()),
            team: principal.team,
            role: principal.role,
        },
    )
}

fn refuse(error: GrantError) -> ApiError {
    let (param, reason, retry_after) = (error.param(), error.reason(), error.retry_after());
    let mut answer = ApiError::from_error(error);
    answer.param = param.map(str::to_owned);
    answer.reason = reason;
    answer.retry_after = retry_after;
    answer
}
