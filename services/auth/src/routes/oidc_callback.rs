//! `GET /auth/callback/{issuer}`: the browser comes back from an outside issuer.

use actix_web::http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, get, web};
use outcrop_http::{ApiError, RequestContext};
use outcrop_types::ErrorCode;

use super::{anonymous, to_the_end};
use crate::AuthService;
use crate::federation::{Callback, OidcLoginError};

/// Logs the browser in and sends it to where it wanted to go. Whatever comes of it, the login's own cookie goes.
#[get("/auth/callback/{issuer}", wrap = "from_fn(to_the_end::work)")]
pub(super) async fn oidc_callback(
    request: HttpRequest,
    auth: web::Data<AuthService>,
    context: RequestContext,
    issuer: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let forget = auth.forget_pending_cookie();
    let callback = callback(request.query_string())?;
    let kept = auth.kept_pending(request.headers());
    let finished = auth
        .finish_oidc_login(&anonymous(&context), &issuer, callback, kept)
        .await
        .map_err(|error| refused(error).with_header("set-cookie", forget.clone()))?;
    let mut answer = HttpResponse::SeeOther();
    answer.insert_header((LOCATION, finished.return_to)).insert_header((CACHE_CONTROL, "no-store"));
    for cookie in finished.cookies.into_iter().chain([forget]) {
        answer.append_header((SET_COOKIE, cookie));
    }
    Ok(answer.finish())
}

/// What a browser sees of a failure.
pub(super) fn refused(error: OidcLoginError) -> ApiError {
    let after = error.retry_after();
    let mut answer = ApiError::from_error(error);
    answer.retry_after = after;
    answer
}

/// The parameters, of which none may be given twice: two readers could each take another one. Others are passed over.
fn callback(query: &str) -> Result<Callback, ApiError> {
    let mut callback = Callback::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let slot = match name.as_ref() {
            "code" => &mut callback.code,
            "state" => &mut callback.state,
            "error" => &mut callback.error,
            "error_description" => &mut callback.error_description,
            "iss" => &mut callback.iss,
            _ => continue,
        };
        if slot.replace(value.into_owned()).is_some() {
            return Err(ApiError::new(ErrorCode::InvalidRequest, format!("`{name}` is given twice")));
        }
    }
    Ok(callback)
}
