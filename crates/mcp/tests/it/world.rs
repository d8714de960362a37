//! Two replicas, and a client.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpMessage as _;
use futures::StreamExt as _;
use outcrop_config::{Config, ServerConfig};
use outcrop_embedded::{MemoryMcpSessions, SystemClock, SystemIdGen};
use outcrop_http::testing::TestServer;
use outcrop_http::{Health, Layer, Server, ServerParts};
use outcrop_lifecycle::InFlight;
use outcrop_mcp::{Catalog, McpOptions, McpPorts, McpServer, routes};
use outcrop_ports::{McpBounds, McpSessions};
use outcrop_token::Sealer;
use outcrop_types::{Limits, Principal, Role, Subject, TeamId, UserId};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::provider::Bench;

/// Longest wait for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
pub(crate) const BOTH: &str = "application/json, text/event-stream";
/// The newest revision with sessions.
pub(crate) const NEWEST: &str = "2025-11-25";

pub(crate) struct World {
    pub(crate) bench: Arc<Bench>,
    pub(crate) a: Replica,
    pub(crate) b: Replica,
}

pub(crate) struct Replica {
    pub(crate) url: String,
    server: McpServer,
    /// Stops it, as the stop of a process does.
    pub(crate) stop: CancellationToken,
    /// Without it nobody hears or renews anything: the process is dead to the others.
    pub(crate) keeper: tokio::task::JoinHandle<()>,
    _http: TestServer,
    _stop: DropGuard,
}

pub(crate) fn somebody(number: u128) -> Principal {
    Principal {
        subject: Subject::User(UserId::new(Uuid::from_u128(number))),
        team: TeamId::new(Uuid::from_u128(1_000)),
        role: Role::Developer,
        key: None,
        limits: Limits::default(),
        scope: None,
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// A world with other options.
    pub(crate) fn with(change: impl FnOnce(&mut McpOptions)) -> Self {
        Self::over(MemoryMcpSessions::new(McpBounds::default()), change)
    }

    /// A world over a store of its own.
    pub(crate) fn over(sessions: impl McpSessions, change: impl FnOnce(&mut McpOptions)) -> Self {
        let sessions: Arc<dyn McpSessions> = Arc::new(sessions);
        let mut options = McpOptions::from(&Config::default());
        options.stream_after = Duration::from_millis(100);
        change(&mut options);
        let bench = Arc::new(Bench::default());
        let replica = || Replica::start(Arc::clone(&sessions), options.clone(), Arc::clone(&bench));
        Self { a: replica(), b: replica(), bench }
    }
}

impl Replica {
    fn start(sessions: Arc<dyn McpSessions>, options: McpOptions, bench: Arc<Bench>) -> Self {
        let ports = McpPorts {
            sessions,
            sealer: Arc::new(Sealer::new(&[7; 32], "mcp tests").unwrap()),
            clock: Arc::new(SystemClock::default()),
            ids: Arc::new(SystemIdGen),
        };
        let server = McpServer::new(ports, options, Catalog::default().with(bench));
        let stop = CancellationToken::new();
        let keeper = tokio::spawn({
            let (server, stop) = (server.clone(), stop.clone());
            async move { server.run(stop).await }
        });
        let http =
            TestServer::start(Some(somebody(1)), Arc::new(SystemIdGen), Vec::new(), routes(server.clone()));
        Self { url: http.url.clone(), server, keeper, _stop: stop.clone().drop_guard(), stop, _http: http }
    }

    /// The same replica, as somebody else sees it.
    pub(crate) fn as_seen_by(&self, caller: Principal) -> TestServer {
        TestServer::start(Some(caller), Arc::new(SystemIdGen), Vec::new(), routes(self.server.clone()))
    }

    /// The replica as a process of its own is put together: its address, and what runs until it is stopped and has ended.
    pub(crate) fn into_process(self) -> (String, impl Future<Output = ()>) {
        let layer = Layer::new(|request, next| {
            request.extensions_mut().insert(somebody(1));
            Layer::none().call(request, next)
        });
        let ids = Arc::new(SystemIdGen);
        let parts =
            ServerParts { in_flight: InFlight::default(), ids, layer, health: Health::new(Vec::new()) };
        let config = ServerConfig { port: 0, workers: 1, ..ServerConfig::default() };
        let server = Server::bind(&config, parts, routes(self.server.clone())).unwrap();
        let url = format!("http://{}", server.addr());
        let process = async move {
            let Self { keeper, stop, _stop: guard, .. } = self;
            server.run_then(stop, async { keeper.await.unwrap() }).await.unwrap();
            drop(guard);
        };
        (url, process)
    }
}

/// A client with a session, at one of the replicas.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) url: String,
    pub(crate) session: String,
    pub(crate) version: &'static str,
}

impl Client {
    /// Shakes hands.
    pub(crate) async fn open(url: &str) -> Self {
        Self::open_as(url, NEWEST).await
    }

    /// Shakes hands in a revision.
    pub(crate) async fn open_as(url: &str, version: &'static str) -> Self {
        let http = http();
        let answer = initialize(&http, url, version).await;
        assert_eq!(answer.status(), 200);
        let session = answer.headers()["mcp-session-id"].to_str().unwrap().to_owned();
        let this = Self { http, url: url.to_owned(), session, version };
        let ready = this.post(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        assert_eq!(ready.status(), 202);
        this
    }

    /// The same client at another replica.
    pub(crate) fn at(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    /// Sends a message.
    pub(crate) async fn post(&self, message: &Value) -> reqwest::Response {
        self.builder(reqwest::Method::POST).header("accept", BOTH).json(message).send().await.unwrap()
    }

    /// Sends a request.
    pub(crate) async fn request(&self, id: u64, method: &str, params: Value) -> reqwest::Response {
        self.post(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await
    }

    /// Calls a tool, and wants to be told of progress.
    pub(crate) async fn call(&self, id: u64, tool: &str, arguments: Value) -> reqwest::Response {
        let params =
            json!({ "name": tool, "arguments": arguments, "_meta": { "progressToken": format!("p{id}") } });
        self.request(id, "tools/call", params).await
    }

    /// Calls a request off.
    pub(crate) async fn cancel(&self, id: u64) {
        let params = json!({ "requestId": id });
        let answer = self
            .post(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params }))
            .await;
        assert_eq!(answer.status(), 202);
    }

    /// Opens a stream, or takes one up again.
    pub(crate) async fn get(&self, last: Option<&str>) -> reqwest::Response {
        let mut builder = self.builder(reqwest::Method::GET).header("accept", "text/event-stream");
        if let Some(last) = last {
            builder = builder.header("last-event-id", last);
        }
        builder.send().await.unwrap()
    }

    /// Ends the session.
    pub(crate) async fn delete(&self) -> reqwest::Response {
        self.builder(reqwest::Method::DELETE).send().await.unwrap()
    }

    pub(crate) fn builder(&self, method: reqwest::Method) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}/mcp", self.url))
            .header("mcp-session-id", &self.session)
            .header("mcp-protocol-version", self.version)
    }
}

pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder().timeout(PATIENCE).build().unwrap()
}

/// Asks for a session.
pub(crate) async fn initialize(http: &reqwest::Client, url: &str, version: &str) -> reqwest::Response {
    let params = json!({
        "protocolVersion": version,
        "capabilities": { "elicitation": {}, "experimental": { "x": {} } },
        "clientInfo": { "name": "tests", "version": "1" },
    });
    let message = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
    http.post(format!("{url}/mcp")).header("accept", BOTH).json(&message).send().await.unwrap()
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    pub(crate) id: Option<String>,
    pub(crate) retry: Option<u64>,
    /// `Null` where there is none.
    pub(crate) data: Value,
}

impl Told {
    pub(crate) fn id(&self) -> &str {
        self.id.as_deref().unwrap()
    }
}

/// The events of an answer.
pub(crate) struct Events {
    pieces: std::pin::Pin<Box<dyn futures::Stream<Item = reqwest::Result<bytes::Bytes>>>>,
    text: String,
}

impl Events {
    pub(crate) fn of(answer: reqwest::Response) -> Self {
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { pieces: Box::pin(answer.bytes_stream()), text: String::new() }
    }

    /// The next one; `None` at the end, however it came.
    pub(crate) async fn next(&mut self) -> Option<Told> {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                if let Some(told) = told(&block) {
                    return Some(told);
                }
            }
            let piece = self.pieces.next().await?.ok()?;
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    /// All of them, to the end.
    pub(crate) async fn all(mut self) -> Vec<Told> {
        let mut all = Vec::new();
        while let Some(told) = self.next().await {
            all.push(told);
        }
        all
    }
}

fn told(block: &str) -> Option<Told> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
    let (id, retry, data) = (field("id: "), field("retry: "), field("data: "));
    (id.is_some() || retry.is_some() || data.is_some()).then(|| Told {
        id: id.map(str::to_owned),
        retry: retry.map(|it| it.parse().unwrap()),
        data: data.filter(|it| !it.is_empty()).map_or(Value::Null, |it| serde_json::from_str(it).unwrap()),
    })
}

/// The text of a tool's answer.
pub(crate) fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

/// Waits until something is so.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.expect("it never was so");
}
