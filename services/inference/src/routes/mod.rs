//! The HTTP face of the service.

pub(crate) mod chat;
pub(crate) mod converse;
pub(crate) mod generate;
pub(crate) mod headers;
mod models;
mod usage;

use actix_web::web;

use crate::InferenceService;

/// The routes of the service, for the server to call in each of its workers.
///
/// Everything of OpenAI's stands below `/v1` and, for clients of the Bedrock Access Gateway, below `/api/v1`. What stands
/// below `/model` is for the AWS SDKs.
pub fn routes(service: InferenceService) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    move |app| {
        app.app_data(web::Data::new(service.clone()));
        for base in ["/v1", "/api/v1"] {
            let at = |path: &str| web::resource(format!("{base}{path}"));
            app.service(at("/chat/completions").post(chat::create))
                .service(at("/models").get(models::list))
                .service(at("/models/{id:.+}").get(models::get));
        }
        app.service(web::resource("/generate").post(generate::create))
            .service(web::resource("/v1/generate").post(generate::create))
            .service(web::resource("/model/{id:.+}/converse").post(converse::create))
            .service(web::resource("/model/{id:.+}/converse-stream").post(converse::create_stream))
            .service(web::resource("/v1/usage").get(usage::list));
    }
}
