//! A client of `/mcp`, in either era.

use std::sync::Arc;

use outcrop_config::Config;
use outcrop_embedded::{MemoryMcpSessions, SystemClock, SystemIdGen};
use outcrop_inference::{InferenceService, mcp_catalog};
use outcrop_mcp::{McpOptions, McpPorts, McpServer};
use outcrop_ports::PromptStore;
use outcrop_token::Sealer;
use serde_json::{Map, Value, json};

use crate::harness::TestApp;

/// The revision of each era that is spoken here.
const LEGACY: &str = "2025-11-25";
const MODERN: &str = "2026-07-28";

/// The server of a service, with sessions of its own.
pub(crate) fn server(service: &InferenceService, prompts: Arc<dyn PromptStore>) -> McpServer {
    let ports = McpPorts {
        sessions: Arc::new(MemoryMcpSessions::default()),
        sealer: Arc::new(Sealer::new(&[9; 32], "tests").unwrap()),
        clock: Arc::new(SystemClock::default()),
        ids: Arc::new(SystemIdGen),
    };
    let catalog = mcp_catalog(service, prompts, false);
    McpServer::new(ports, McpOptions::from(&Config::default()), catalog)
}

/// One that speaks with a service.
pub(crate) struct Mcp<'a> {
    app: &'a TestApp,
    /// `None` in the era that has none.
    session: Option<String>,
    capabilities: Value,
}

/// What a request was answered with.
#[derive(Debug)]
pub(crate) struct Heard {
    /// What was said before.
    pub(crate) notifications: Vec<Value>,
    /// The answer: a message with `result` or `error`.
    pub(crate) answer: Value,
}

impl<'a> Mcp<'a> {
    /// A client of each era, which offers nothing.
    pub(crate) async fn both(app: &'a TestApp) -> [Self; 2] {
        [Self::legacy(app, json!({})).await, Self::modern(app, json!({}))]
    }

    pub(crate) fn modern(app: &'a TestApp, capabilities: Value) -> Self {
        Self { app, session: None, capabilities }
    }

    pub(crate) async fn legacy(app: &'a TestApp, capabilities: Value) -> Self {
        let mut this = Self { app, session: Some(String::new()), capabilities };
        let params = json!({
            "protocolVersion": LEGACY,
            "capabilities": this.capabilities,
            "clientInfo": { "name": "tests", "version": "1" },
        });
        let response = this.send("initialize", params).await;
        assert_eq!(response.status(), 200);
        let session = response.headers()["mcp-session-id"].to_str().unwrap().to_owned();
        this.session = Some(session);
        let told = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(this.post("notifications/initialized", &told).await.status(), 202);
        this
    }

    /// The result of a request that has one.
    pub(crate) async fn result(&self, method: &str, params: Value) -> Value {
        let heard = self.request(method, params).await;
        assert!(heard.answer.get("result").is_some(), "{heard:?}");
        heard.answer["result"].clone()
    }

    /// The result of a tool, be it a failure.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Value {
        self.result("tools/call", json!({ "name": tool, "arguments": arguments })).await
    }

    pub(crate) async fn request(&self, method: &str, params: Value) -> Heard {
        let response = self.send(method, params).await;
        Heard::of(&response.text().await.unwrap())
    }

    /// Sends a request without reading the answer.
    pub(crate) async fn send(&self, method: &str, mut params: Value) -> reqwest::Response {
        if self.session.is_none() {
            let meta = params.as_object_mut().unwrap().entry("_meta").or_insert_with(|| json!({}));
            meta["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
            meta["io.modelcontextprotocol/clientInfo"] = json!({ "name": "tests", "version": "1" });
            meta["io.modelcontextprotocol/clientCapabilities"] = self.capabilities.clone();
        }
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        self.post(method, &message).await
    }

    /// Opens the stream of news, in the era of sessions.
    pub(crate) async fn listen(&self) -> reqwest::Response {
        let request = self.app.request(reqwest::Method::GET, "/mcp").header("accept", "text/event-stream");
        let session = self.session.as_deref().unwrap();
        let request = request.header("mcp-protocol-version", LEGACY).header("mcp-session-id", session);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        response
    }

    /// Sends a message as it is.
    pub(crate) async fn post(&self, method: &str, message: &Value) -> reqwest::Response {
        let mut request = self.app.request(reqwest::Method::POST, "/mcp");
        request = request.header("content-type", "application/json");
        request = request.header("accept", "application/json, text/event-stream");
        match self.session.as_deref() {
            None => {
                request = request.header("mcp-protocol-version", MODERN).header("mcp-method", method);
                let named = ["/params/name", "/params/uri"].into_iter().find_map(|it| message.pointer(it));
                if let Some(name) = named.and_then(Value::as_str) {
                    request = request.header("mcp-name", name);
                }
            }
            Some("") => {}
            Some(session) => {
                request = request.header("mcp-protocol-version", LEGACY).header("mcp-session-id", session);
            }
        }
        request.body(message.to_string()).send().await.unwrap()
    }
}

impl Heard {
    /// Reads an answer: one message, or events.
    pub(crate) fn of(body: &str) -> Self {
        let data: Vec<&str> = body.lines().filter_map(|line| line.strip_prefix("data:")).collect();
        let texts = if data.is_empty() { vec![body] } else { data };
        let texts = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
        let read = |text: &str| serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let mut messages: Vec<Value> = texts.map(read).collect();
        let answer = messages.pop().unwrap_or_default();
        assert_eq!(answer["id"], 1, "{body}");
        Self { notifications: messages, answer }
    }
}

/// The tool of this name in a list of them.
#[track_caller]
pub(crate) fn tool<'a>(listed: &'a Value, name: &str) -> &'a Value {
    let tools = listed["tools"].as_array().unwrap();
    tools.iter().find(|it| it["name"] == name).unwrap_or_else(|| panic!("{name} is not listed: {listed}"))
}

/// What does not fit a schema, as far as tools' schemas say anything: the place of each misfit.
pub(crate) fn misfits(schema: &Value, value: &Value) -> Vec<String> {
    let mut misfits = Vec::new();
    check(schema, value, "$", &mut misfits);
    misfits
}

fn check(schema: &Value, value: &Value, at: &str, misfits: &mut Vec<String>) {
    let kinds = match &schema["type"] {
        Value::Null => Vec::new(),
        Value::Array(kinds) => kinds.iter().map(|it| it.as_str().unwrap()).collect(),
        kind => vec![kind.as_str().unwrap()],
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is_of(kind, value)) {
        misfits.push(format!("{at} is no {kinds:?}: {value}"));
        return;
    }
    if schema.get("const").is_some_and(|it| it != value) {
        misfits.push(format!("{at} is not the one value"));
    }
    if schema["enum"].as_array().is_some_and(|it| !it.contains(value)) {
        misfits.push(format!("{at} is none of the values: {value}"));
    }
    if let (Some(elements), Some(items)) = (value.as_array(), schema.get("items")) {
        for (index, element) in elements.iter().enumerate() {
            check(items, element, &format!("{at}[{index}]"), misfits);
        }
    }
    if let Value::Object(fields) = value {
        check_fields(schema, fields, at, misfits);
    }
}

fn check_fields(schema: &Value, fields: &Map<String, Value>, at: &str, misfits: &mut Vec<String>) {
    for name in schema["required"].as_array().into_iter().flatten() {
        if !fields.contains_key(name.as_str().unwrap()) {
            misfits.push(format!("{at} lacks {name}"));
        }
    }
    for (name, value) in fields {
        match schema["properties"].get(name) {
            Some(schema) => check(schema, value, &format!("{at}.{name}"), misfits),
            None if schema["additionalProperties"] == false => {
                misfits.push(format!("{at}.{name} is unknown"))
            }
            None => {}
        }
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("no type of JSON Schema: {other}"),
    }
}
