//! A tiny Ollama behind the emulator.

use crate::{Running, ask};
use actix_web::{App, HttpResponse, HttpServer, web};
use outcrop_emulator::EmulatorConfig;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const NOVA: &str = "/model/amazon.nova-lite-v1:0";

type Seen = Arc<Mutex<Vec<Value>>>;

/// Answers like Ollama: one line, or several when streaming; a call when it is given tools.
async fn chat(body: web::Json<Value>, seen: web::Data<Seen>) -> HttpResponse {
    seen.lock().unwrap().push(body.0.clone());
    let end = json!({"done": true, "done_reason": "stop", "prompt_eval_count": 11, "eval_count": 3});
    let call = json!({"function": {"name": "weather", "arguments": {"city": "Oslo"}}});
    let mut messages =
        vec![json!({"thinking": "hm"}), json!({"content": "hello "}), json!({"content": "there"})];
    if body["tools"].is_array() {
        messages = vec![json!({"content": "", "tool_calls": [call]})];
    }
    if body["stream"] == false {
        let mut whole = end;
        whole["message"] =
            if body["tools"].is_array() { messages[0].clone() } else { json!({"content": "hello there"}) };
        return HttpResponse::Ok().json(whole);
    }
    let mut lines = String::new();
    for message in messages {
        lines.push_str(&format!("{}\n", json!({"message": message, "done": false})));
    }
    // The last line without its end, as a server that closes may leave it.
    lines.push_str(&end.to_string());
    HttpResponse::Ok().body(lines)
}

async fn start() -> (Running, Seen) {
    let seen = Seen::default();
    let data = web::Data::new(seen.clone());
    let server = HttpServer::new(move || {
        let tags = || async { HttpResponse::Ok().json(json!({"models": [{"name": "tiny:latest"}]})) };
        App::new()
            .app_data(data.clone())
            .route("/api/chat", web::post().to(chat))
            .route("/api/tags", web::get().to(tags))
    });
    let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
    let ollama = format!("http://{}", server.addrs()[0]);
    tokio::spawn(server.run());
    (Running::with(EmulatorConfig { ollama: Some(ollama), ..EmulatorConfig::default() }).await, seen)
}

fn with_tool() -> Value {
    let mut body = ask("weather?");
    body["toolConfig"] = json!({"tools": [{"toolSpec": {"name": "weather", "description": "d", "inputSchema": {"json": {"type": "object"}}}}]});
    body
}

#[tokio::test]
async fn converse_is_answered_by_ollama() {
    let (emulator, seen) = start().await;
    let mut body = ask("hi");
    body["system"] = json!([{"text": "be kind"}]);
    body["inferenceConfig"] = json!({"maxTokens": 9, "temperature": 0.5});
    let answer = emulator.post(&format!("{NOVA}/converse"), &body).await.2;
    assert_eq!(answer["output"]["message"]["content"], json!([{"text": "hello there"}]));
    assert_eq!((&answer["usage"]["inputTokens"], &answer["usage"]["outputTokens"]), (&json!(11), &json!(3)));
    let sent = seen.lock().unwrap()[0].clone();
    assert_eq!(sent["model"], "tiny:latest");
    assert_eq!(sent["options"], json!({"num_predict": 9, "temperature": 0.5}));
    assert_eq!(
        sent["messages"],
        json!([{"role": "system", "content": "be kind"}, {"role": "user", "content": "hi"}])
    );
    let call = emulator.post(&format!("{NOVA}/converse"), &with_tool()).await.2;
    assert_eq!(call["stopReason"], "tool_use");
    assert_eq!(call["output"]["message"]["content"][0]["toolUse"]["input"], json!({"city": "Oslo"}));
    assert_eq!(emulator.post(&format!("{NOVA}/converse"), &ask(" ")).await.0, 400, "refusals stay");
}

#[tokio::test]
async fn streams_follow_ollamas_lines() {
    let (emulator, _) = start().await;
    let response =
        emulator.client(&format!("{NOVA}/converse-stream")).body(ask("hi").to_string()).send().await.unwrap();
    let mut bytes = response.bytes().await.unwrap();
    let mut payloads: Vec<Value> = Vec::new();
    while !bytes.is_empty() {
        let frame = aws_smithy_eventstream::frame::read_message_from(&mut bytes).unwrap();
        payloads.push(serde_json::from_slice(frame.payload()).unwrap());
    }
    assert_eq!(payloads[1]["delta"]["reasoningContent"]["text"], "hm");
    assert!(payloads[2]["delta"]["reasoningContent"]["signature"].is_string());
    let texts: Vec<_> = payloads.iter().filter_map(|it| it["delta"]["text"].as_str()).collect();
    assert_eq!(texts, ["hello ", "there"]);
    assert_eq!(payloads.last().unwrap()["usage"]["totalTokens"], 14);
    assert_eq!(emulator.counters.output_tokens(), 3);
}

#[tokio::test]
async fn an_absent_ollama_is_an_unavailable_service() {
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = EmulatorConfig { ollama: Some(format!("http://{free}")), ..EmulatorConfig::default() };
    let emulator = Running::with(config).await;
    assert_eq!(emulator.post(&format!("{NOVA}/converse"), &ask("hi")).await.0, 503);
}
