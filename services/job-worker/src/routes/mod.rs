//! The service over HTTP.

mod batches;
mod events;
mod files;
pub(crate) mod jobs;
pub(crate) mod query;
mod room;
mod webhooks;

use actix_web::web;

use crate::JobWorker;

/// What clients may reach: `/v1/jobs`, also below `/api`, and `/admin/v1/jobs`.
pub fn routes(worker: &JobWorker) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    let worker = web::Data::new(worker.clone());
    // One for all threads of the server.
    let room = web::Data::new(room::Room::default());
    move |app: &mut web::ServiceConfig| {
        app.app_data(worker.clone())
            .app_data(room.clone())
            .service(jobs::submit)
            .service(jobs::list)
            .service(events::follow)
            .service(jobs::result)
            .service(jobs::redrive)
            .service(jobs::get)
            .service(jobs::cancel)
            .service(jobs::admin::show_backlog)
            .service(jobs::admin::show_dead)
            .service(jobs::admin::send_back)
            .service(batches::submit)
            .service(batches::list)
            .service(batches::get)
            .service(batches::cancel)
            .service(files::announce)
            .service(files::create)
            .service(files::list)
            .service(files::content)
            .service(files::complete)
            .service(files::url)
            .service(files::get)
            .service(files::delete)
            .service(webhooks::create)
            .service(webhooks::list)
            .service(webhooks::get)
            .service(webhooks::update)
            .service(webhooks::delete)
            .service(webhooks::rotate)
            .service(webhooks::send_test)
            .service(webhooks::list_deliveries)
            .service(webhooks::show_delivery)
            .service(webhooks::replay);
    }
}
