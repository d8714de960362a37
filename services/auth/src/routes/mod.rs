//! The service over HTTP.

pub(crate) mod acting;
mod audit;
mod introspect;
mod keys;
mod list;
mod log;
mod login;
mod logout;
mod me;
mod members;
mod oidc_callback;
mod oidc_login;
mod openapi;
mod password;
mod policies;
mod prompts;
mod query;
mod refused;
mod roles;
mod secret;
mod service_accounts;
mod signing_keys;
mod small_body;
mod teams;
mod to_the_end;
mod token;
mod users;
mod well_known;

use actix_web::middleware::from_fn;
use actix_web::web;
use outcrop_http::RequestContext;

use crate::{Acting, AuthService};

/// What clients may reach: `/admin/v1`, `/auth`, `/.well-known`.
pub fn routes(service: &AuthService) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    let service = web::Data::new(service.clone());
    move |app: &mut web::ServiceConfig| {
        app.app_data(service.clone())
            .configure(tokens)
            .configure(federation)
            .service(openapi::openapi)
            .service(
                web::scope("/admin/v1")
                    .wrap(from_fn(refused::note))
                    .wrap(from_fn(to_the_end::work))
                    .configure(people)
                    .configure(keys)
                    .configure(policies)
                    .configure(prompts)
                    .service(roles::list)
                    .service(audit::list)
                    .service(log::show)
                    .service(log::set)
                    .service(log::reset)
                    .service(signing_keys::list)
                    .service(signing_keys::rotate),
            );
    }
}

/// What only other services may reach, behind the internal identity: `/internal/introspect`.
pub fn internal_routes(service: &AuthService) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    let service = web::Data::new(service.clone());
    move |app: &mut web::ServiceConfig| {
        app.app_data(service.clone()).service(introspect::introspect);
    }
}

fn tokens(app: &mut web::ServiceConfig) {
    app.service(token::token)
        .service(login::login)
        .service(logout::logout)
        .service(me::me)
        .service(password::set)
        .service(well_known::jwks)
        .service(well_known::openid)
        .service(well_known::oauth)
        .service(well_known::mcp_resource)
        .service(well_known::resource);
}

fn federation(app: &mut web::ServiceConfig) {
    app.service(oidc_login::oidc_login).service(oidc_callback::oidc_callback);
}

fn people(scope: &mut web::ServiceConfig) {
    scope
        .service(teams::create)
        .service(teams::list)
        .service(teams::get)
        .service(teams::update)
        .service(teams::delete)
        .service(members::list)
        .service(members::add)
        .service(members::get)
        .service(members::set)
        .service(members::remove)
        .service(users::create)
        .service(users::list)
        .service(users::get)
        .service(users::update)
        .service(users::delete)
        .service(users::invite)
        .service(service_accounts::create)
        .service(service_accounts::list)
        .service(service_accounts::get)
        .service(service_accounts::update)
        .service(service_accounts::delete);
}

fn keys(scope: &mut web::ServiceConfig) {
    scope
        .service(keys::create)
        .service(keys::list)
        .service(keys::get)
        .service(keys::update)
        .service(keys::rotate)
        .service(keys::revoke);
}

fn policies(scope: &mut web::ServiceConfig) {
    scope
        .service(policies::create)
        .service(policies::list)
        .service(policies::get)
        .service(policies::update)
        .service(policies::delete);
}

fn prompts(scope: &mut web::ServiceConfig) {
    scope
        .service(prompts::create)
        .service(prompts::list)
        .service(prompts::get)
        .service(prompts::list_versions)
        .service(prompts::get_version)
        .service(prompts::add_version)
        .service(prompts::serve_version)
        .service(prompts::delete);
}

/// Somebody who is yet to show who it is. Where services run apart, such a request comes in the gateway's own name,
/// which is not that of whoever sent it.
fn anonymous(context: &RequestContext) -> Acting {
    Acting::anonymous(context.client_ip, context.request_id.clone())
}
