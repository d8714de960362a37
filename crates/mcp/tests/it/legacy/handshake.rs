//! Sessions: how they begin, and whose they are.

use outcrop_embedded::MemoryMcpSessions;
use outcrop_ports::McpBounds;
use serde_json::{Value, json};

use crate::world::{Client, NEWEST, World, http, initialize, somebody};

#[actix_web::test]
async fn each_revision_is_answered_in_itself_and_an_unknown_one_in_the_newest() {
    let world = World::new();
    let asked = [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ];
    for (asked, spoken) in asked {
        let answer = initialize(&http(), &world.a.url, asked).await;
        assert_eq!(answer.status(), 200, "{asked}");
        let session = answer.headers()["mcp-session-id"].to_str().unwrap().to_owned();
        assert!(session.starts_with("mcps_") && session.bytes().all(|it| it.is_ascii_graphic()), "{session}");
        let answer: Value = answer.json().await.unwrap();
        let result = &answer["result"];
        assert_eq!(result["protocolVersion"], spoken);
        assert_eq!(result["serverInfo"]["name"], "outcrop");
        assert_eq!(result["capabilities"]["resources"]["subscribe"], true);
        assert_eq!(result["capabilities"]["completions"].is_object(), spoken != "2024-11-05", "{asked}");
        assert!(result["capabilities"]["logging"].is_object() && result["instructions"].is_string());
    }
}

#[actix_web::test]
async fn a_handshake_without_its_parts_is_answered_with_what_is_missing() {
    let world = World::new();
    let message = json!({ "jsonrpc": "2.0", "id": "i", "method": "initialize", "params": {} });
    let answer = http()
        .post(format!("{}/mcp", world.a.url))
        .header("accept", crate::world::BOTH)
        .json(&message)
        .send()
        .await
        .unwrap();
    assert!(answer.headers().get("mcp-session-id").is_none());
    let answer: Value = answer.json().await.unwrap();
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!("i"), &json!(-32602)));
    assert!(answer["error"]["message"].as_str().unwrap().contains("protocolVersion"), "{answer}");
}

#[actix_web::test]
async fn any_replica_serves_a_session() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    for (id, url) in [&world.b.url, &world.a.url, &world.b.url].into_iter().enumerate() {
        let answer = client.at(url).request(id as u64, "tools/list", json!({})).await;
        assert_eq!(answer.headers()["content-type"], "application/json");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["result"]["tools"][0]["name"], "echo");
        assert_eq!(client.at(url).request(9, "ping", json!({})).await.status(), 200);
    }
}

#[actix_web::test]
async fn a_session_is_its_owners_alone() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    let other = world.a.as_seen_by(somebody(2));
    let other = client.at(&other.url);
    assert_eq!(other.request(1, "tools/list", json!({})).await.status(), 404);
    assert_eq!(other.get(None).await.status(), 404);
    assert_eq!(other.delete().await.status(), 404);
    assert_eq!(client.request(2, "tools/list", json!({})).await.status(), 200);
}

#[actix_web::test]
async fn a_request_says_its_session_and_the_revision_of_that() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    let with = async |session: Option<&str>, version: &str| {
        let mut builder = http().post(format!("{}/mcp", world.b.url)).header("accept", crate::world::BOTH);
        if let Some(session) = session {
            builder = builder.header("mcp-session-id", session);
        }
        if !version.is_empty() {
            builder = builder.header("mcp-protocol-version", version);
        }
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
        let answer = builder.json(&message).send().await.unwrap();
        let status = answer.status().as_u16();
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["error"].is_object(), status != 200, "{answer}");
        status
    };
    let session = Some(&*client.session);
    assert_eq!(with(session, NEWEST).await, 200);
    assert_eq!(with(session, "").await, 200, "the session knows");
    assert_eq!(with(None, NEWEST).await, 400);
    assert_eq!(with(Some("mcps_nothing"), NEWEST).await, 404);
    assert_eq!(with(Some(&"x".repeat(4_000)), NEWEST).await, 404);
    assert_eq!(with(session, "2025-06-18").await, 400, "another than was agreed on");
    assert_eq!(with(session, "2099-01-01").await, 400);
}

#[actix_web::test]
async fn a_session_is_not_ended_in_another_revision_than_its_own() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    let other = Client { version: "2025-06-18", ..client.clone() };
    assert_eq!(other.delete().await.status(), 400);
    assert_eq!(client.request(1, "ping", json!({})).await.status(), 200);
    assert_eq!(client.delete().await.status(), 204);
}

#[actix_web::test]
async fn a_session_that_nobody_uses_ends() {
    let world = World::with(|options| options.session_ttl = std::time::Duration::from_millis(150));
    let client = Client::open(&world.a.url).await;
    assert_eq!(client.request(1, "ping", json!({})).await.status(), 200);
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    assert_eq!(client.request(2, "ping", json!({})).await.status(), 404);
}

#[actix_web::test]
async fn nobody_has_more_sessions_than_there_may_be() {
    let bounds = McpBounds { sessions_per_owner: 2, ..McpBounds::default() };
    let world = World::over(MemoryMcpSessions::new(bounds), |_| {});
    let first = Client::open(&world.a.url).await;
    Client::open(&world.b.url).await;
    let refused = initialize(&http(), &world.a.url, NEWEST).await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    let refused: Value = refused.json().await.unwrap();
    assert!(refused["error"]["message"].as_str().unwrap().contains("sessions"), "{refused}");
    assert_eq!(first.delete().await.status(), 204);
    Client::open(&world.b.url).await;
}
