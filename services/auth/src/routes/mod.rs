//! The service over HTTP.

mod introspect;
mod keys;

use actix_web::web;

use crate::AuthService;

/// What clients may reach: `/admin/v1/keys`.
pub fn routes(service: &AuthService) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    let service = web::Data::new(service.clone());
    move |app: &mut web::ServiceConfig| {
        app.app_data(service.clone())
            .service(keys::create)
            .service(keys::list)
            .service(keys::get)
            .service(keys::revoke);
    }
}

/// What only other services may reach, behind the internal identity: `/internal/introspect`.
pub fn internal_routes(service: &AuthService) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    let service = web::Data::new(service.clone());
    move |app: &mut web::ServiceConfig| {
        app.app_data(service.clone()).service(introspect::introspect);
    }
}
