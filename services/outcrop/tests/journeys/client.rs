//! A caller: an address, a key, and answers that say what they are when a test fails.

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::sse::Stream;
use crate::wait::LIMIT;

/// The model that journeys ask where it does not matter which.
pub(crate) const MODEL: &str = "claude-haiku-4-5";

/// Somebody who calls the platform.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    base: String,
    key: Option<String>,
    http: reqwest::Client,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// `Null` if it is no JSON.
    pub(crate) body: Value,
}

impl Client {
    pub(crate) fn new(base: &str, key: Option<&str>) -> Self {
        Self { base: base.to_owned(), key: key.map(str::to_owned), http: http() }
    }

    /// Somebody else, at the same address.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self.clone() }
    }

    pub(crate) fn without_key(&self) -> Self {
        Self { key: None, ..self.clone() }
    }

    /// What it shows, which it must.
    pub(crate) fn key(&self) -> &str {
        self.key.as_deref().unwrap()
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        answer(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        answer(self.request(Method::PUT, path).json(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        answer(self.request(Method::PATCH, path).json(body)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        answer(self.request(Method::POST, path).json(body)).await
    }

    /// An answer that comes in pieces; it must begin well.
    pub(crate) async fn stream(&self, path: &str, body: &Value) -> Stream {
        let response = self.request(Method::POST, path).json(body).send().await.unwrap();
        let (status, kind) = (response.status(), response.headers().get("content-type").cloned());
        if status != 200 {
            panic!("{status}: {}", response.text().await.unwrap());
        }
        assert!(kind.unwrap().to_str().unwrap().starts_with("text/event-stream"));
        Stream::new(response)
    }

    pub(crate) async fn chat(&self, body: &Value) -> Answer {
        self.post("/v1/chat/completions", body).await
    }

    pub(crate) async fn chat_stream(&self, body: &Value) -> Stream {
        self.stream("/v1/chat/completions", body).await
    }
}

/// An HTTP client for servers on this machine.
pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder().timeout(LIMIT).no_proxy().build().unwrap()
}

/// Sends a request and reads its answer to the end.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default();
    Answer { status, headers, body }
}

impl Answer {
    /// The answer, which must have this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no header {name} in {self:#?}")).to_str().unwrap()
    }

    pub(crate) fn request_id(&self) -> String {
        self.header("x-request-id").to_owned()
    }
}

/// A chat request with one message.
pub(crate) fn ask(prompt: &str) -> Value {
    json!({ "model": MODEL, "messages": [{ "role": "user", "content": prompt }] })
}

/// A chat request with one message and further fields.
pub(crate) fn ask_with(prompt: &str, fields: Value) -> Value {
    let mut request = ask(prompt);
    let Value::Object(fields) = fields else { panic!("fields are an object") };
    request.as_object_mut().unwrap().extend(fields);
    request
}

/// A chat request with one message, to be answered in pieces.
pub(crate) fn ask_streamed(prompt: &str) -> Value {
    ask_with(prompt, json!({ "stream": true }))
}
