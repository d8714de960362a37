//! `/admin/v1/routes`: the table of routes as a whole, for those who run the platform.

use actix_web::http::header::{CONTENT_TYPE, ETAG, IF_MATCH};
use actix_web::{HttpRequest, HttpResponse, web};
use outcrop_config::{RouteFormat, read_routes};
use outcrop_http::permission::ManagePlatform;
use outcrop_http::{Allowed, ApiError, JsonBytes, RequestContext, require};
use outcrop_policy::Resource;
use outcrop_types::{Actor, ErrorCode, Fault, Permission, Principal, RouteTable};
use outcrop_wire::Dialect;
use outcrop_wire::error::{ErrorBody, render};
use serde_json::{Value, json};

use crate::InferenceService;
use crate::routing::{RouteActing, RouteDesk, RoutesError, ShownRoutes};

/// The table as it is written, its revision, and what is strange about it.
pub(crate) async fn show(
    allowed: Allowed<ManagePlatform>,
    service: web::Data<InferenceService>,
) -> Result<HttpResponse, ApiError> {
    on_platform(&allowed.principal)?;
    let desk = &service.inner().route_desk;
    let shown = desk.show().await.map_err(ApiError::from_error)?;
    Ok(answer(desk, &shown))
}

/// Puts another table in its place.
pub(crate) async fn replace(
    allowed: Allowed<ManagePlatform>,
    context: RequestContext,
    service: web::Data<InferenceService>,
    request: HttpRequest,
    body: JsonBytes,
) -> Result<HttpResponse, ApiError> {
    on_platform(&allowed.principal)?;
    let desk = &service.inner().route_desk;
    if !desk.is_writable() {
        return Err(ApiError::from_error(RoutesError::InFile));
    }
    let revision = revision(&request)?;
    let replaced = match table(&body) {
        Ok(table) => desk.replace(acting(&allowed.principal, &context), revision, table).await,
        Err(faults) => Err(RoutesError::Faulty(faults)),
    };
    match replaced {
        Ok(shown) => Ok(answer(desk, &shown)),
        Err(error) => refused(error, &context),
    }
}

/// Says what would be said of a table, and changes nothing.
pub(crate) async fn check(
    allowed: Allowed<ManagePlatform>,
    service: web::Data<InferenceService>,
    body: JsonBytes,
) -> Result<HttpResponse, ApiError> {
    on_platform(&allowed.principal)?;
    let (faults, warnings) = match table(&body) {
        Ok(table) => {
            let found = service.inner().route_desk.check(&table);
            (found.faults, found.warnings)
        }
        Err(faults) => (faults, Vec::new()),
    };
    let ok = faults.is_empty();
    let said = json!({ "object": "routes.check", "ok": ok, "faults": faults, "warnings": warnings });
    Ok(HttpResponse::Ok().json(said))
}

/// How every target stands in the process that answers.
pub(crate) async fn targets(
    allowed: Allowed<ManagePlatform>,
    service: web::Data<InferenceService>,
) -> Result<HttpResponse, ApiError> {
    on_platform(&allowed.principal)?;
    Ok(HttpResponse::Ok().json(json!({ "object": "list", "data": service.inner().router.targets() })))
}

fn on_platform(caller: &Principal) -> Result<(), ApiError> {
    require(caller, Permission::ManagePlatform, Resource::Platform)
}

fn acting(principal: &Principal, context: &RequestContext) -> RouteActing {
    let Principal { subject, team, key, .. } = principal;
    RouteActing {
        actor: Actor::Principal { subject: *subject, team: *team, key: key.clone() },
        client_ip: context.client_ip,
        request_id: context.request_id.clone(),
    }
}

fn table(body: &[u8]) -> Result<RouteTable, Vec<Fault>> {
    let text = std::str::from_utf8(body).map_err(|_| vec![Fault::new("", "the body is not UTF-8")])?;
    read_routes(text, RouteFormat::Json)
}

/// The revision that the caller has read: what is not known cannot be replaced.
fn revision(request: &HttpRequest) -> Result<u64, ApiError> {
    let wrong = |message: &str| ApiError::new(ErrorCode::InvalidRequest, message).with_param("if-match");
    let given = request.headers().get(IF_MATCH);
    let given = given.ok_or_else(|| {
        wrong("the header `if-match` is required: the `etag` that `GET /admin/v1/routes` answered with")
    })?;
    let text = given.to_str().ok().map(str::trim);
    let number = text.and_then(|it| it.strip_prefix('"')?.strip_suffix('"')?.parse().ok());
    number.ok_or_else(|| wrong("`if-match` must be one `etag` of `GET /admin/v1/routes`: a number in quotes"))
}

fn answer(desk: &RouteDesk, shown: &ShownRoutes) -> HttpResponse {
    let ShownRoutes { revision, updated_at, table, warnings } = shown;
    let mut response = HttpResponse::Ok();
    if let Some(revision) = revision {
        response.insert_header((ETAG, format!("\"{revision}\"")));
    }
    response.json(json!({
        "object": "routes",
        "source": if desk.is_writable() { "store" } else { "file" },
        "revision": revision,
        "updated_at": updated_at,
        "table": table,
        "warnings": warnings,
    }))
}

/// A refused table with all its faults; anything else as usual.
fn refused(error: RoutesError, context: &RequestContext) -> Result<HttpResponse, ApiError> {
    let message = error.to_string();
    let RoutesError::Faulty(faults) = error else { return Err(ApiError::from_error(error)) };
    let body = ErrorBody {
        code: ErrorCode::InvalidRequest,
        message,
        param: faults.first().map(|it| it.path.clone()).filter(|it| !it.is_empty()),
        request_id: Some(context.request_id.as_str().to_owned()),
    };
    let rendered = render(Dialect::Outcrop, &body);
    let mut problem: Value = serde_json::from_slice(&rendered.body).unwrap_or_default();
    problem["faults"] = json!(faults);
    Ok(HttpResponse::BadRequest().insert_header((CONTENT_TYPE, rendered.content_type)).json(problem))
}
