//! A server of the new era, and requests as its clients send them.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use outcrop_config::Config;
use outcrop_embedded::{MemoryMcpSessions, SystemClock, SystemIdGen};
use outcrop_http::testing::TestServer;
use outcrop_mcp::{
    Caller, Catalog, Exchange, Fixtures, Halt, McpOptions, McpPorts, McpServer, Provider, routes,
};
use outcrop_ports::Clock;
use outcrop_token::{Sealer, service_principal};
use outcrop_types::{Principal, Role};
use outcrop_wire::mcp::{Params, Tool, ToolResult};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// One server, with whoever asks.
pub(crate) struct Modern {
    pub(crate) client: reqwest::Client,
    pub(crate) url: String,
    pub(crate) clock: Arc<MovedClock>,
    /// Hears of each call of `wait` that was dropped.
    pub(crate) dropped: Mutex<mpsc::UnboundedReceiver<()>>,
    /// Tells it to stop.
    pub(crate) stop: CancellationToken,
    _server: TestServer,
    _stopped: DropGuard,
}

impl Modern {
    pub(crate) fn start() -> Self {
        Self::with("one", |_| {})
    }

    /// Another caller, and other settings. All servers share the secret that states are sealed with.
    pub(crate) fn with(name: &str, settings: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        settings(&mut config);
        let clock = Arc::new(MovedClock::default());
        let (tell, dropped) = mpsc::unbounded_channel();
        let ports = McpPorts {
            sessions: Arc::new(MemoryMcpSessions::default()),
            sealer: Arc::new(Sealer::new(&[7; 32], "mcp").unwrap()),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            ids: Arc::new(SystemIdGen),
        };
        let catalog = Catalog::default().with(Arc::new(Fixtures::default())).with(Arc::new(Waiting(tell)));
        let mcp = McpServer::new(ports, McpOptions::from(&config), catalog);
        let stop = CancellationToken::new();
        actix_web::rt::spawn({
            let (mcp, stop) = (mcp.clone(), stop.clone());
            async move { mcp.run(stop).await }
        });
        let caller = Principal { role: Role::Developer, ..service_principal(name) };
        let server = TestServer::start(Some(caller), Arc::new(SystemIdGen), Vec::new(), routes(mcp));
        Self {
            client: reqwest::Client::builder().read_timeout(Duration::from_secs(20)).build().unwrap(),
            url: format!("{}/mcp", server.url),
            clock,
            dropped: Mutex::new(dropped),
            _stopped: stop.clone().drop_guard(),
            stop,
            _server: server,
        }
    }

    /// A request as it should be, to be sent or spoilt.
    pub(crate) fn request(&self, method: &str, params: Value) -> RequestBuilder {
        let message = message(method, with_meta(params, json!({})));
        let request = self.bare(method, &message);
        let name = message["params"]["name"].as_str().or_else(|| message["params"]["uri"].as_str());
        match name.filter(|_| matches!(method, "tools/call" | "prompts/get" | "resources/read")) {
            Some(name) => request.header("Mcp-Name", name),
            None => request,
        }
    }

    /// A message with the headers that each has.
    pub(crate) fn bare(&self, method: &str, message: &Value) -> RequestBuilder {
        self.client
            .post(&self.url)
            .header("Accept", "application/json, text/event-stream")
            .header("MCP-Protocol-Version", "2026-07-28")
            .header("Mcp-Method", method)
            .json(message)
    }

    /// The result of a request that gets one at once.
    pub(crate) async fn result(&self, method: &str, params: Value) -> Value {
        let (status, answer) = read(self.request(method, params).send().await.unwrap()).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert_eq!(answer["id"], 1, "{answer}");
        answer["result"].clone()
    }

    /// The status and the error of a request that is refused.
    pub(crate) async fn refused(&self, method: &str, params: Value) -> (u16, Value) {
        error(self.request(method, params)).await
    }

    /// Calls a tool, with `_meta` and whatever else beside its arguments.
    pub(crate) fn call(&self, name: &str, beside: Value) -> RequestBuilder {
        let mut params = json!({ "name": name, "arguments": {} });
        if let (Some(params), Value::Object(beside)) = (params.as_object_mut(), beside) {
            params.extend(beside);
        }
        self.request("tools/call", params)
    }
}

/// The status and the error of a request that is refused.
pub(crate) async fn error(request: RequestBuilder) -> (u16, Value) {
    let (status, answer) = read(request.send().await.unwrap()).await;
    assert!(answer.get("result").is_none(), "{answer}");
    (status.as_u16(), answer["error"].clone())
}

/// The whole of an answer that is one message.
pub(crate) async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text}")))
}

/// A message with an id.
pub(crate) fn message(method: &str, params: Value) -> Value {
    let mut message = json!({ "jsonrpc": "2.0", "id": 1, "method": method });
    message["params"] = params;
    message
}

/// Parameters with what each request says about itself; what is in `_meta` already stays.
pub(crate) fn with_meta(mut params: Value, capabilities: Value) -> Value {
    let mut meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
    });
    meta["io.modelcontextprotocol/clientCapabilities"] = capabilities;
    let more = params["_meta"].as_object().cloned().unwrap_or_default();
    meta.as_object_mut().unwrap().extend(more);
    params["_meta"] = meta;
    params
}

/// What a client offers, as `_meta`.
pub(crate) fn offering(capabilities: Value) -> Value {
    let mut params = json!({ "_meta": {} });
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities;
    params
}

/// An answer that is a stream, event by event.
pub(crate) struct Events {
    response: Response,
    text: String,
}

impl Events {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        Self { response, text: String::new() }
    }

    /// The next message; `None` at the end. What only keeps the connection is passed over.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let message = event.strip_prefix("data: ").map(|it| serde_json::from_str(it).unwrap());
                self.text = rest.to_owned();
                if message.is_some() {
                    return message;
                }
            }
            let piece = tokio::time::timeout(Duration::from_secs(20), self.response.chunk()).await;
            let piece = piece.expect("an event within twenty seconds").unwrap()?;
            self.text.push_str(str::from_utf8(&piece).unwrap());
        }
    }

    pub(crate) async fn all(mut self) -> Vec<Value> {
        let mut all = Vec::new();
        while let Some(message) = self.next().await {
            all.push(message);
        }
        all
    }
}

/// The time of day, some seconds on.
#[derive(Default)]
pub(crate) struct MovedClock {
    system: SystemClock,
    by_s: AtomicI64,
}

impl MovedClock {
    pub(crate) fn pass_s(&self, seconds: i64) {
        self.by_s.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> DateTime<Utc> {
        self.system.now() + TimeDelta::seconds(self.by_s.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic()
    }
}

/// Has two tools that never answer: `wait` tells its progress once, `flood` again and again, with many words.
struct Waiting(mpsc::UnboundedSender<()>);

struct Told(mpsc::UnboundedSender<()>);

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[async_trait]
impl Provider for Waiting {
    async fn tools(&self, _: &Caller) -> Result<Vec<Tool>, Halt> {
        let tool = |name: &str| Tool {
            name: name.into(),
            title: None,
            description: Some("Never answers.".into()),
            input_schema: json!({ "type": "object" }),
            output_schema: None,
            annotations: None,
        };
        Ok(["wait", "flood"].map(tool).into())
    }

    async fn call_tool(&self, exchange: &Exchange, name: &str, _: Params) -> Result<ToolResult, Halt> {
        let _told = Told(self.0.clone());
        let words = (name == "flood").then(|| "word ".repeat(50_000));
        exchange.progress(1.0, None, words.as_deref()).await;
        for step in 2_u32.. {
            let Some(words) = &words else { break };
            exchange.progress(step.into(), None, Some(words)).await;
        }
        std::future::pending().await
    }
}
