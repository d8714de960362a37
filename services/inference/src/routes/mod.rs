//! The HTTP face of the service.
//!
//! What answers a call is held by a pointer (`Box::pin`): such a future has some ten thousand bytes, and actix-web moves a handler's
//! future several times before it runs.

mod cache;
pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod converse;
pub(crate) mod embeddings;
pub(crate) mod generate;
pub(crate) mod headers;
pub(crate) mod images;
pub(crate) mod invoke;
pub(crate) mod messages;
pub(crate) mod models;
mod records;
pub(crate) mod rerank;
pub(crate) mod responses;
mod routes_admin;
pub(crate) mod usage;

use std::sync::Arc;

use actix_web::web;
use outcrop_ports::AlertStore;

use crate::InferenceService;
use crate::reports::Reports;

/// The routes of the service, for the server to call in each of its workers.
///
/// What stands below `/v1` stands, for clients of the Bedrock Access Gateway, also below `/api/v1`. What stands
/// below `/model` is for the AWS SDKs; Cohere's own client asks below `/v2`.
pub fn routes(service: InferenceService) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    let inner = service.inner();
    let reports = Reports::new(inner.ledger.clone(), inner.catalog.clone(), inner.clock.clone());
    move |app| {
        app.app_data(web::Data::new(service.clone())).configure(report_routes(reports.clone()));
        for base in ["/v1", "/api/v1"] {
            let at = |path: &str| web::resource(format!("{base}{path}"));
            app.service(at("/chat/completions").post(chat::create))
                .service(at("/completions").post(completions::create))
                .service(at("/embeddings").post(embeddings::create))
                .service(at("/rerank").post(rerank::create))
                .service(at("/images/generations").post(images::create))
                .service(at("/messages").post(messages::create))
                .service(at("/messages/count_tokens").post(messages::count))
                .service(at("/responses").post(responses::create))
                .service(at("/responses/input_tokens").post(responses::count))
                .service(at("/responses/compact").post(responses::compact))
                .service(at("/responses/{id}").get(responses::get).delete(responses::delete))
                .service(at("/responses/{id}/cancel").post(responses::cancel))
                .service(at("/responses/{id}/input_items").get(responses::input_items))
                .service(at("/generate").post(generate::create))
                .service(at("/cache").delete(cache::forget))
                .service(at("/usage/me").get(usage::me::me))
                .service(at("/models").get(models::list))
                .service(at("/models/{id:.+}").get(models::get));
        }
        app.service(web::resource("/admin/v1/usage/recount").post(usage::recount::recount))
            .service(web::resource("/admin/v1/routes").get(routes_admin::show).put(routes_admin::replace))
            .service(web::resource("/admin/v1/routes/check").post(routes_admin::check))
            .service(web::resource("/admin/v1/routes/targets").get(routes_admin::targets))
            .service(web::resource("/internal/records").post(records::write))
            .service(web::resource("/internal/records/answers").post(records::answer));
        app.service(web::resource("/generate").post(generate::create))
            .service(web::resource("/v2/rerank").post(rerank::create))
            .service(web::resource("/model/{id:.+}/converse").post(converse::create))
            .service(web::resource("/model/{id:.+}/converse-stream").post(converse::create_stream))
            .service(web::resource("/model/{id:.+}/count-tokens").post(converse::count))
            .service(web::resource("/model/{id:.+}/invoke").post(invoke::create))
            .service(web::resource("/model/{id:.+}/invoke-with-response-stream").post(invoke::create_stream))
            .service(
                web::resource("/model/{id:.+}/invoke-with-bidirectional-stream")
                    .post(invoke::unknown_operation),
            );
    }
}

/// The routes that tell of the ledger as a whole, among those of [`routes`].
pub fn report_routes(reports: Reports) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    let reports = web::Data::new(reports);
    move |app| {
        app.app_data(reports.clone())
            .service(web::resource("/v1/usage").get(usage::list))
            .service(web::resource("/api/v1/usage").get(usage::list))
            .service(web::resource("/admin/v1/usage").get(usage::report::report));
    }
}

/// The route of alerts, which others raise: served beside [`routes`].
pub fn alert_routes(
    alerts: Arc<dyn AlertStore>,
) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    let alerts = web::Data::new(alerts);
    move |app| {
        app.app_data(alerts.clone()).service(web::resource("/admin/v1/alerts").get(usage::alerts::list));
    }
}
