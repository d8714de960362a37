//! A client that speaks the protocol by hand, and so can speak it wrongly.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::client::http;

/// The revision that it speaks where it does not matter which.
pub(crate) const VERSION: &str = "2025-11-25";
const BOTH: &str = "application/json, text/event-stream";

/// Somebody in a session, or without one.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) url: String,
    pub(crate) key: String,
    pub(crate) id: Option<String>,
    http: reqwest::Client,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) session: Option<String>,
    pub(crate) retry_after: Option<String>,
    /// The message: of a stream, the last one.
    pub(crate) body: Value,
}

impl Session {
    /// Nobody yet.
    pub(crate) fn new(url: &str, key: &str) -> Self {
        Self { url: format!("{url}/mcp"), key: key.to_owned(), id: None, http: http() }
    }

    /// Begins a session.
    pub(crate) async fn begin(url: &str, key: &str) -> Self {
        let mut session = Self::new(url, key);
        let told = session.initialize().await;
        assert_eq!(told.status, 200, "{told:#?}");
        session.id = Some(told.session.expect("an id of a session"));
        let told = session.post(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        assert_eq!(told.status, 202, "{told:#?}");
        session
    }

    /// Asks for a session.
    pub(crate) async fn initialize(&self) -> Told {
        self.ask(
            "initialize",
            &json!({
                "protocolVersion": VERSION,
                "capabilities": {},
                "clientInfo": { "name": "by hand", "version": "1" },
            }),
        )
        .await
    }

    /// Somebody who says another id of a session.
    pub(crate) fn with_id(&self, id: Option<&str>) -> Self {
        Self { id: id.map(str::to_owned), ..self.clone() }
    }

    /// Somebody else who knows the id of the session.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    pub(crate) fn request(&self, method: Method) -> reqwest::RequestBuilder {
        let request = self.http.request(method, &self.url).bearer_auth(&self.key).header("accept", BOTH);
        let request = request.header("content-type", "application/json");
        match &self.id {
            Some(id) => request.header("mcp-session-id", id).header("mcp-protocol-version", VERSION),
            None => request,
        }
    }

    /// Sends one request of the protocol.
    pub(crate) async fn ask(&self, method: &str, params: &Value) -> Told {
        self.post(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })).await
    }

    pub(crate) async fn post(&self, message: &Value) -> Told {
        told(self.request(Method::POST).body(message.to_string())).await
    }

    /// Opens a stream for news, or takes one up after an event.
    pub(crate) async fn listen(&self, after: Option<&str>) -> Response {
        let request = self.request(Method::GET);
        let request = match after {
            Some(event) => request.header("last-event-id", event),
            None => request,
        };
        request.send().await.unwrap()
    }

    pub(crate) async fn end(&self) -> Told {
        told(self.request(Method::DELETE)).await
    }
}

/// Sends a request and reads the answer to its end.
pub(crate) async fn told(request: reqwest::RequestBuilder) -> Told {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let header = |name: &str| answer.headers().get(name).map(|it| it.to_str().unwrap().to_owned());
    let (session, retry_after, kind) =
        (header("mcp-session-id"), header("retry-after"), header("content-type").unwrap_or_default());
    let text = answer.text().await.unwrap();
    let message = if kind.starts_with("text/event-stream") {
        let mut data = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
        data.rfind(|it| !it.is_empty()).unwrap_or_default().to_owned()
    } else {
        text
    };
    Told { status, session, retry_after, body: serde_json::from_str(&message).unwrap_or_default() }
}
