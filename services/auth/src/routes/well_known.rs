//! `/.well-known`: what others need to check our tokens and to ask for them.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, get, web};
use outcrop_http::{ApiError, MCP_SCOPES};
use outcrop_types::Permission;
use serde::Serialize;

use crate::AuthService;
use crate::grants::GRANT_TYPES;

/// For how long the answers may be kept: shorter than a signing key is published before it signs.
const CACHE: (actix_web::http::header::HeaderName, &str) = (CACHE_CONTROL, "public, max-age=300");

/// What we do, for OAuth clients (RFC 8414, section 2).
#[derive(Debug, Serialize)]
struct OAuthMetadata {
    issuer: String,
    token_endpoint: String,
    jwks_uri: String,
    grant_types_supported: [&'static str; 4],
    token_endpoint_auth_methods_supported: [&'static str; 3],
    scopes_supported: Vec<&'static str>,
    /// None: we have no authorization endpoint.
    response_types_supported: [&'static str; 0],
}

/// What MCP clients need to know before they ask for a token (RFC 9728, section 2).
#[derive(Debug, Serialize)]
struct ResourceMetadata<'a> {
    resource: String,
    authorization_servers: Vec<&'a str>,
    /// What is asked for by clients that no challenge told of it.
    scopes_supported: [&'static str; 5],
    bearer_methods_supported: [&'static str; 1],
    resource_name: &'static str,
}

/// What we do, for OIDC clients (OpenID Connect Discovery 1.0, section 3), as far as it concerns tokens that we sign.
#[derive(Debug, Serialize)]
struct OidcMetadata {
    #[serde(flatten)]
    oauth: OAuthMetadata,
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: Vec<&'static str>,
    claims_supported: [&'static str; 10],
}

/// The public parts of the keys that sign access tokens (RFC 7517, section 5).
#[get("/.well-known/jwks.json")]
pub(super) async fn jwks(auth: web::Data<AuthService>) -> Result<HttpResponse, ApiError> {
    let keys = auth.published_keys().await.map_err(ApiError::from_error)?;
    Ok(HttpResponse::Ok().insert_header(CACHE).json(keys))
}

/// Where everything is, for OIDC clients.
#[get("/.well-known/openid-configuration")]
pub(super) async fn openid(auth: web::Data<AuthService>) -> Result<HttpResponse, ApiError> {
    let algorithms = auth.published_algorithms().await.map_err(ApiError::from_error)?;
    let metadata = OidcMetadata {
        oauth: oauth_metadata(auth.issuer()),
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: algorithms,
        claims_supported: ["iss", "aud", "sub", "iat", "nbf", "exp", "jti", "team", "role", "scope"],
    };
    Ok(HttpResponse::Ok().insert_header(CACHE).json(metadata))
}

/// Where everything is, for OAuth clients.
#[get("/.well-known/oauth-authorization-server")]
pub(super) async fn oauth(auth: web::Data<AuthService>) -> HttpResponse {
    HttpResponse::Ok().insert_header(CACHE).json(oauth_metadata(auth.issuer()))
}

/// Who issues tokens that are good at `/mcp`, for MCP clients (RFC 9728, section 3).
#[get("/.well-known/oauth-protected-resource/mcp")]
pub(super) async fn mcp_resource(auth: web::Data<AuthService>) -> HttpResponse {
    HttpResponse::Ok().insert_header(CACHE).json(resource_metadata(&auth))
}

/// The same where clients look that were told of no other place.
#[get("/.well-known/oauth-protected-resource")]
pub(super) async fn resource(auth: web::Data<AuthService>) -> HttpResponse {
    HttpResponse::Ok().insert_header(CACHE).json(resource_metadata(&auth))
}

fn resource_metadata(auth: &AuthService) -> ResourceMetadata<'_> {
    // Outside issuers first: people get their tokens there, and clients take the first.
    let outside = auth.options().federation.issuers.iter().map(|issuer| issuer.issuer.as_str());
    ResourceMetadata {
        resource: auth.options().mcp_url(),
        authorization_servers: outside.chain([auth.issuer()]).collect(),
        scopes_supported: MCP_SCOPES.map(Permission::name),
        bearer_methods_supported: ["header"],
        resource_name: "Outcrop",
    }
}

fn oauth_metadata(issuer: &str) -> OAuthMetadata {
    OAuthMetadata {
        issuer: issuer.to_owned(),
        token_endpoint: format!("{issuer}/auth/token"),
        jwks_uri: format!("{issuer}/.well-known/jwks.json"),
        grant_types_supported: GRANT_TYPES,
        token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "none"],
        scopes_supported: Permission::ALL.into_iter().map(Permission::name).collect(),
        response_types_supported: [],
    }
}
