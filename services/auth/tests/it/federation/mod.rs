//! Identities from outside: tokens and logins of a local OIDC issuer, and AWS identities.

mod aws_forged;
mod aws_login;
mod browser;
mod keys;
mod older;
mod signed;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use outcrop_auth::{AuthService, Federation};
use outcrop_client::HttpOutbound;
use outcrop_embedded::SystemIdGen;
use outcrop_http::testing::TestServer;
use outcrop_ports::{Authenticated, Authenticator, Clock as _, Credential, Refused};
use outcrop_testkit::oidc::OidcIssuer;
use serde_json::{Value, json};

use crate::world::World;

/// What the service asks others by.
pub(super) fn outbound() -> Arc<HttpOutbound> {
    Arc::new(HttpOutbound::new(Duration::from_secs(2)))
}

/// A platform that trusts this issuer: `staff` are developers of the first team, `admins` its admins.
pub(super) async fn world(issuer: &OidcIssuer) -> World {
    world_of(&[settings(issuer, "local")]).await
}

/// A platform that trusts issuers so configured.
pub(super) async fn world_of(issuers: &[Value]) -> World {
    let federation = Federation::parse(&json!({ "issuers": issuers }).to_string()).unwrap();
    World::with(|ports, options| {
        ports.outbound = outbound();
        options.federation = federation;
        options.public_url = "http://outcrop.test".into();
    })
    .await
}

pub(super) fn settings(issuer: &OidcIssuer, name: &str) -> Value {
    json!({
        "name": name,
        "issuer": issuer.url(),
        "audiences": ["outcrop"],
        "grants": [
            {"claim": "groups", "value": "admins", "team": "default", "role": "team_admin"},
            {"claim": "groups", "value": "staff", "team": "default", "role": "developer"},
            {"claim": "groups", "value": "guests-*", "team_claim": "team", "role": "viewer"},
        ],
        "login": {
            "client_id": outcrop_testkit::oidc::CLIENT_ID,
            "client_secret": outcrop_testkit::oidc::CLIENT_SECRET,
        },
    })
}

/// Claims that are good for an hour from now on, with these over them; the issuer leaves out those that are `null`.
pub(super) fn claims(world: &World, over: &Value) -> Value {
    let now = world.clock.now().timestamp();
    let mut claims = json!({
        "aud": "outcrop", "sub": "u-1", "preferred_username": "ada", "groups": ["staff"],
        "iat": now, "exp": now + 3_600,
    });
    for (name, value) in over.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

/// Who shows this token.
pub(super) async fn show(world: &World, token: &str) -> Result<Authenticated, Refused> {
    world.auth.authenticate(&Credential::Token(token.to_owned().into())).await
}

/// Why a token is refused; `503` where that cannot be told.
pub(super) async fn why(world: &World, token: &str) -> String {
    match show(world, token).await {
        Ok(found) => panic!("taken as {found:?}"),
        Err(Refused::Invalid { why }) => why.to_string(),
        Err(Refused::Unknown { .. }) => "503".to_owned(),
    }
}

/// The public routes for somebody without a credential.
pub(super) fn serve(world: &World) -> TestServer {
    serve_service(&world.auth)
}

/// The same of another service on the same stores.
pub(super) fn serve_service(auth: &AuthService) -> TestServer {
    TestServer::start(None, Arc::new(SystemIdGen), Vec::new(), outcrop_auth::routes(auth))
}
