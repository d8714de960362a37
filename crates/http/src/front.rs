//! What answers at this address: `/`, for whoever opens it or asks whether anything is there.

use actix_web::{HttpResponse, web};

const FRONT: &str = "/";

/// Where clients of the Bedrock Access Gateway ask whether it is alive.
const ITS_HEALTH: &str = "/api/v1/health";

/// Whether a path says what answers here: to read it needs no identity.
#[must_use]
pub fn is_front_path(path: &str) -> bool {
    matches!(path, FRONT | ITS_HEALTH)
}

/// Answers `GET /` and, without a body, `HEAD /`; the same for the health of the Bedrock Access Gateway.
pub(crate) fn routes(service: &mut web::ServiceConfig) {
    service
        .service(web::resource(FRONT).get(tell).head(tell))
        .service(web::resource(ITS_HEALTH).get(alive).head(alive));
}

async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "OK" }))
}

async fn tell() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({
        "name": "Outcrop",
        "version": env!("CARGO_PKG_VERSION"),
        "docs": "/openapi.json",
    }))
}
