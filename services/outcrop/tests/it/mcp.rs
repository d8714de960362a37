//! How an MCP client that knows nothing but the address gets in.

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::home::{Home, Running, client};

/// The first message of a session.
fn initialize(server: &Running) -> RequestBuilder {
    client().post(format!("{}/mcp", server.url)).header("accept", "application/json, text/event-stream").json(
        &json!({
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": { "name": "test", "version": "1" },
            },
        }),
    )
}

/// A parameter of the challenge.
fn told(refused: &Response, name: &str) -> String {
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
    let rest = challenge.split(&format!("{name}=\"")).nth(1).unwrap_or_else(|| panic!("{challenge}"));
    rest.split('"').next().unwrap().to_owned()
}

/// A document of the server itself. Its port was not known when it was set up, so the address is put together anew.
async fn document(server: &Running, address: &str) -> Value {
    let path = address.splitn(4, '/').nth(3).unwrap();
    let answer = client().get(format!("{}/{path}", server.url)).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{address}");
    answer.json().await.unwrap()
}

#[tokio::test]
async fn a_client_finds_its_way_from_the_refusal_to_a_session() {
    let home = Home::new();
    let server = home.start().await;

    let refused = initialize(&server).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(told(&refused, "scope"), "mcp:use inference:invoke models:read jobs:read jobs:write");
    let resource = document(&server, &told(&refused, "resource_metadata")).await;
    assert!(resource["resource"].as_str().unwrap().ends_with("/mcp"), "{resource}");
    let issuer = resource["authorization_servers"][0].as_str().unwrap();
    let metadata = document(&server, &format!("{issuer}/.well-known/oauth-authorization-server")).await;
    assert_eq!(metadata["issuer"], issuer);
    assert!(metadata["grant_types_supported"].as_array().unwrap().contains(&json!("client_credentials")));

    let admin = async |path: &str, body: Value| -> Value {
        let request = client().post(format!("{}{path}", server.url)).bearer_auth(server.key());
        let answer = request.json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 201, "{path}");
        answer.json().await.unwrap()
    };
    let me = client().get(format!("{}/auth/me", server.url)).bearer_auth(server.key()).send().await.unwrap();
    let team = me.json::<Value>().await.unwrap()["team"]["id"].clone();
    let account = admin("/admin/v1/service-accounts", json!({ "name": "agent", "team": team })).await;
    let key = json!({ "name": "agent", "team": team, "service_account": account["id"] });
    let key = admin("/admin/v1/keys", key).await;
    let token_endpoint = metadata["token_endpoint"].as_str().unwrap().splitn(4, '/').nth(3).unwrap();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", account["id"].as_str().unwrap()),
        ("client_secret", key["key"].as_str().unwrap()),
        ("scope", &told(&refused, "scope")),
        ("resource", resource["resource"].as_str().unwrap()),
    ];
    let granted = client()
        .post(format!("{}/{token_endpoint}", server.url))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.map(|(name, value)| format!("{name}={value}")).join("&"))
        .send()
        .await
        .unwrap();
    assert_eq!(granted.status(), 200);
    let token: Value = granted.json().await.unwrap();
    let token = token["access_token"].as_str().unwrap();

    let opened = initialize(&server).bearer_auth(token).send().await.unwrap();
    assert_eq!(opened.status(), 200);
    let session = opened.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    assert!(session.starts_with("mcps_") && session.bytes().all(|it| it.is_ascii_graphic()), "{session}");
    let opened: Value = opened.json().await.unwrap();
    assert_eq!(opened["result"]["protocolVersion"], "2025-11-25");

    let spoiled = initialize(&server).bearer_auth(format!("{token}x")).send().await.unwrap();
    assert_eq!((spoiled.status().as_u16(), told(&spoiled, "error")), (401, "invalid_token".to_owned()));
}
