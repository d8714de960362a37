//! What MCP clients find out before they ask for a token, and for whom a token may be.

use outcrop_auth::Federation;
use outcrop_http::check_scope;
use outcrop_testkit::oidc::{KeyAlgorithm, OidcIssuer};
use outcrop_types::{Permission, Subject};
use serde_json::{Value, json};

use super::gate::Gate;
use crate::federation::{claims, outbound, settings, show, why, world};
use crate::world::World;

const URL: &str = "https://ai.example.com";

/// A platform at [`URL`] that trusts this issuer.
async fn world_at(issuers: &[Value]) -> World {
    let federation = Federation::parse(&json!({ "issuers": issuers }).to_string()).unwrap();
    World::with(|ports, options| {
        ports.outbound = outbound();
        options.federation = federation;
        options.public_url = URL.into();
        options.public_url_is_set = true;
    })
    .await
}

#[actix_web::test]
async fn clients_find_who_issues_tokens_for_the_mcp_server() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let mut okta = settings(&issuer, "okta");
    okta["issuer"] = json!("https://example.okta.com");
    let gate = Gate::of(world_at(&[okta, settings(&issuer, "local")]).await);
    for path in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"] {
        let found = gate.replica.get(path).await;
        assert_eq!(found.header("cache-control"), "public, max-age=300", "{path}");
        let expected = json!({
            "resource": "https://ai.example.com/mcp",
            "authorization_servers": ["https://example.okta.com", issuer.url(), URL],
            "scopes_supported": ["mcp:use", "inference:invoke", "models:read", "jobs:read", "jobs:write"],
            "bearer_methods_supported": ["header"],
            "resource_name": "Outcrop",
        });
        assert_eq!(found.expect(200), expected, "{path}");
    }
    // What it names as its own issuer says so, has a token endpoint, and does not pretend to have more.
    let metadata = gate.replica.get("/.well-known/oauth-authorization-server").await.expect(200);
    assert_eq!(metadata["issuer"], URL);
    assert_eq!(metadata["token_endpoint"], "https://ai.example.com/auth/token");
    for absent in ["authorization_endpoint", "registration_endpoint", "code_challenge_methods_supported"] {
        assert_eq!(metadata.get(absent), None);
    }
}

#[actix_web::test]
async fn a_token_of_an_outside_issuer_is_for_us_or_is_refused() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let world = world_at(&[settings(&issuer, "local")]).await;
    let token = |audience: Value| issuer.token(&claims(&world, &json!({ "aud": audience })));
    for ours in [
        json!("outcrop"),
        json!("https://ai.example.com/mcp"),
        json!(["https://other.example.com", "https://ai.example.com/mcp"]),
    ] {
        assert!(show(&world, &token(ours.clone())).await.is_ok(), "{ours}");
    }
    for others in [
        json!("https://other.example.com/mcp"),
        json!("https://ai.example.com/mcp/more"),
        json!("https://ai.example.com.evil.example/mcp"),
        json!("http://ai.example.com/mcp"),
        json!([]),
        Value::Null,
    ] {
        let said = why(&world, &token(others.clone())).await;
        assert!(said.contains("aud"), "{others}: {said}");
    }
}

#[actix_web::test]
async fn a_token_for_the_mcp_server_opens_nothing_else() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let gate = Gate::of(world_at(&[settings(&issuer, "local")]).await);
    let mcp = "https://ai.example.com/mcp";
    let token = |more: Value| issuer.token(&claims(&gate.world, &more));
    for (more, expected) in [
        (json!({ "aud": mcp }), None),
        (json!({ "aud": [mcp, "https://other.example.com"], "scope": "openid profile" }), None),
        (json!({ "aud": mcp, "scope": "openid mcp:use" }), Some(vec![Permission::UseMcp])),
        (
            json!({ "aud": mcp, "scp": ["mcp:use", "inference:invoke", "mcp:use", "platform:manage"] }),
            Some(vec![Permission::InvokeModel, Permission::UseMcp, Permission::ManagePlatform]),
        ),
    ] {
        let principal = show(&gate.world, &token(more.clone())).await.unwrap().principal;
        assert_eq!(principal.scope().permissions, expected, "{more}");
        assert!(check_scope(&principal, "/mcp", None).is_ok(), "{more}");
        let others = [
            "/v1/messages",
            "/v1/jobs",
            "/api/v1/models",
            "/generate",
            "/auth/me",
            "/mcp/more",
            "/admin/v1/keys",
        ];
        for path in others {
            assert!(check_scope(&principal, path, None).is_err(), "{path} {more}");
        }
    }
    // What the settings name stands for all of the API, also beside the server's address.
    for audience in [json!("outcrop"), json!([mcp, "outcrop"])] {
        let token = token(json!({ "aud": audience, "scope": "mcp:use" }));
        assert_eq!(show(&gate.world, &token).await.unwrap().principal.scope, None, "{audience}");
    }
}

#[actix_web::test]
async fn where_our_address_is_not_set_no_token_is_for_it() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let world = world(&issuer).await;
    let token = issuer.token(&claims(&world, &json!({ "aud": "http://outcrop.test/mcp" })));
    assert!(why(&world, &token).await.contains("aud"));
}

#[actix_web::test]
async fn no_token_is_given_out_for_another_server() {
    let gate = Gate::of(world_at(&[]).await);
    let account = gate.account("agent").await;
    let key = gate.key(Subject::ServiceAccount(account.id), |_| {}).await;
    let id = account.id.to_string();
    let ask = async |resource: &str| {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", id.as_str()),
            ("client_secret", key.expose()),
            ("resource", resource),
        ];
        gate.replica.grant(&form).await
    };
    for ours in ["https://ai.example.com/mcp", "https://ai.example.com", "HTTPS://AI.example.com/", ""] {
        let granted = ask(ours).await.expect(200);
        assert!(gate.replica.authenticate(&granted["access_token"]).await.is_ok(), "{ours}");
    }
    for others in ["https://other.example.com/mcp", "https://ai.example.com.evil.example", "ü", "/mcp"] {
        let refused = ask(others).await.expect(400);
        assert_eq!(refused["error"], "invalid_target", "{others}: {refused}");
    }
}
