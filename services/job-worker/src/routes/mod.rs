//! The service over HTTP.

mod jobs;

use actix_web::web;

use crate::JobWorker;

/// What clients may reach: `/v1/jobs`, also below `/api`.
pub fn routes(worker: &JobWorker) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    let worker = web::Data::new(worker.clone());
    move |app: &mut web::ServiceConfig| {
        app.app_data(worker.clone())
            .service(jobs::submit)
            .service(jobs::list)
            .service(jobs::get)
            .service(jobs::cancel);
    }
}
