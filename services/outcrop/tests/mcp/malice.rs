//! Clients that speak wrongly, or for somebody else: a clear error each, and nothing else happens.

use reqwest::Method;
use serde_json::{Value, json};

use crate::fleet::Fleet;
use crate::session::{Session, VERSION, told};

const MODERN: &str = "2026-07-28";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn whoever_speaks_wrongly_is_told_so() {
    let fleet = Fleet::together(&[]).await;
    let session = Session::begin(&fleet.url, &fleet.key).await;
    malformed(&session).await;
    too_large(&session).await;
    unknown_sessions(&fleet, &session).await;
    wrong_versions(&session).await;
    invented_events(&fleet, &session).await;
    let ping = session.ask("ping", &json!({})).await;
    assert_eq!((ping.status, &ping.body["result"]), (200, &json!({})), "the session lives: {ping:#?}");
}

/// An error of JSON-RPC with this code, and in words.
#[track_caller]
fn assert_error(told: &crate::session::Told, status: u16, code: i64) {
    assert_eq!(told.status, status, "{told:#?}");
    assert_eq!(
        (&told.body["jsonrpc"], &told.body["error"]["code"]),
        (&json!("2.0"), &json!(code)),
        "{told:#?}"
    );
    assert!(told.body["error"]["message"].as_str().is_some_and(|it| it.len() > 5), "{told:#?}");
}

async fn malformed(session: &Session) {
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{}1{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let deep_object = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"a":{}1{}}}}}"#,
        "{\"a\":".repeat(5_000),
        "}".repeat(5_000)
    );
    for (body, code) in [
        ("", -32700),
        ("{", -32700),
        ("\u{0}", -32700),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping""#, -32700),
        (deep.as_str(), -32600),
        (deep_object.as_str(), -32600),
        ("null", -32600),
        ("5", -32600),
        ("[]", -32600),
        ("{}", -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":"x"}"#, -32600),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600),
    ] {
        let told = told(session.request(Method::POST).body(body.to_owned())).await;
        let shown = &body[..body.len().min(80)];
        assert_eq!((told.status, &told.body["error"]["code"]), (400, &json!(code)), "{shown}: {told:#?}");
    }
    let bytes = told(session.request(Method::POST).body(vec![0xff, 0xfe, 0x00])).await;
    assert_error(&bytes, 400, -32700);
    let unknown = session.ask("tools/destroy", &json!({})).await;
    assert_eq!(unknown.body["error"]["code"], -32601, "{unknown:#?}");
    let wrong = session.ask("tools/call", &json!({ "name": 5 })).await;
    assert_eq!(wrong.body["error"]["code"], -32602, "{wrong:#?}");
    let answer = session.post(&json!({ "jsonrpc": "2.0", "id": "nobody asked", "result": {} })).await;
    assert_eq!(answer.status, 202, "{answer:#?}");
    let gone = json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": "nobody's" },
    });
    assert_eq!(session.post(&gone).await.status, 202);
}

async fn too_large(session: &Session) {
    let large =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "ping", "params": { "x": "a".repeat(5 << 20) } });
    let answer = session.request(Method::POST).body(large.to_string()).send().await;
    // It may be refused before it is read.
    let Ok(answer) = answer else { return };
    assert_eq!(answer.status(), 413);
    let body: Value = answer.json().await.unwrap();
    assert!(body["error"]["code"].is_number() && body["jsonrpc"] == "2.0", "{body:#}");
}

async fn unknown_sessions(fleet: &Fleet, session: &Session) {
    let none = session.with_id(None).ask("ping", &json!({})).await;
    assert_eq!(none.status, 400, "no session: {none:#?}");
    let long = "a".repeat(4_000);
    for id in ["mcps_invented", "x", &long] {
        let stranger = session.with_id(Some(id));
        let lost = stranger.ask("ping", &json!({})).await;
        assert_eq!(lost.status, 404, "{lost:#?}");
        assert!(lost.body["error"]["message"].is_string(), "{lost:#?}");
        assert_eq!(stranger.listen(None).await.status(), 404);
        assert_eq!(stranger.end().await.status, 404);
    }
    let foreign = session.with_key(&fleet.other_key);
    for refused in [foreign.ask("ping", &json!({})).await, foreign.end().await] {
        assert_eq!(refused.status, 404, "{refused:#?}");
    }
    assert_eq!(foreign.listen(None).await.status(), 404);
    let nobody = session.with_key("ock_nobody");
    assert_eq!(nobody.ask("ping", &json!({})).await.status, 401);
    let stranger = reqwest::header::HeaderValue::from_static("https://evil.example");
    let refused = told(session.request(Method::POST).header("origin", stranger).body("{}")).await;
    assert_eq!(refused.status, 403, "{refused:#?}");
}

async fn wrong_versions(session: &Session) {
    let id = session.id.clone().unwrap();
    let say = async |version: &str| {
        let request = session.with_id(None).request(Method::POST).header("mcp-session-id", &id);
        let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
        told(request.header("mcp-protocol-version", version).body(ping)).await
    };
    assert_eq!(say(VERSION).await.status, 200);
    for version in ["2025-06-18", "2024-01-01", "newest", "2099-12-31"] {
        let told = say(version).await;
        assert_eq!(told.status, 400, "{version}: {told:#?}");
        assert!(told.body["error"]["message"].is_string(), "{version}: {told:#?}");
    }
    // The revision without sessions says what it wants instead.
    let told = say(MODERN).await;
    assert!(matches!(told.status, 400 | 404), "{told:#?}");
}

/// Ids of events that nobody was told, or that somebody else was.
async fn invented_events(fleet: &Fleet, session: &Session) {
    let theirs = Session::begin(&fleet.url, &fleet.other_key).await;
    let event = first_event(&theirs).await;
    for invented in [
        event.as_str(),
        "x",
        "1",
        "_",
        "0190c9a8-0000-7000-8000-000000000000_1",
        "0190c9a800007000800000000000000_99999999999999999999",
        &"9".repeat(2_000),
    ] {
        let answer = session.listen(Some(invented)).await;
        let status = answer.status().as_u16();
        assert!(matches!(status, 400 | 404), "{invented}: {status} {}", answer.text().await.unwrap());
        let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert!(body["error"]["message"].is_string(), "{invented}: {body:#}");
    }
    // Its own is taken up, as often as it is asked for.
    for _ in 0..3 {
        assert_eq!(theirs.listen(Some(&event)).await.status(), 200);
    }
}

/// The id of the first event of a call that takes a while.
async fn first_event(session: &Session) -> String {
    let arguments = json!({ "model": "claude-haiku-4-5", "prompt": "[[tokens: 60]] [[rate: 30]]" });
    let params = json!({ "name": "generate", "arguments": arguments, "_meta": { "progressToken": 1 } });
    let message = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params });
    let mut answer = session.request(Method::POST).body(message.to_string()).send().await.unwrap();
    let mut text = String::new();
    loop {
        let bytes = answer.chunk().await.unwrap().expect("an event");
        text.push_str(std::str::from_utf8(&bytes).unwrap());
        if let Some(id) = text.lines().find_map(|line| line.strip_prefix("id:"))
            && text.contains("\n\n")
        {
            return id.trim().to_owned();
        }
    }
}
