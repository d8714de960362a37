//! A running platform, as its clients reach it: over HTTP, with a key.

use std::error::Error;
use std::time::Duration;

use outcrop_config::Config;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::cli::RemoteArgs;
use crate::failure::Failure;
use crate::local_url::local_url;

/// Longest time until somebody takes the call.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest time without a byte from the server.
const IDLE: Duration = Duration::from_secs(600);
/// How often a question that changes nothing is asked again when nobody answers it.
const TRIES: u32 = 4;
/// Most characters of an answer that is no JSON of ours.
const MAX_WORDS: usize = 300;

/// A server and a key to it.
pub(crate) struct Remote {
    http: reqwest::Client,
    url: String,
    key: String,
}

/// Why a request was not answered as it should be.
#[derive(Debug)]
pub(crate) struct Refused {
    /// What it was answered with, if it was.
    pub(crate) status: Option<StatusCode>,
    /// In words, with the status.
    pub(crate) words: String,
    /// Whether the same request may be answered another time.
    is_passing: bool,
}

/// What errors look like, in the dialects of OpenAI and of Outcrop.
#[derive(Deserialize)]
#[serde(untagged)]
enum ErrorBody {
    OpenAi { error: Message },
    Problem { detail: String },
}

#[derive(Deserialize)]
struct Message {
    message: String,
}

impl Remote {
    /// The server that flags, variables or the settings name. Calls nobody yet.
    pub(crate) fn new(command: &str, args: &RemoteArgs, config: &Config) -> Result<Self, Failure> {
        let Some(key) = args.key.as_deref().filter(|key| !key.is_empty()) else {
            let line = format!(
                "{command} needs an API key: set OUTCROP_API_KEY (`outcrop keys create` makes a key)"
            );
            return Err(Failure::Usage(line));
        };
        let url = args.url.as_deref().filter(|url| !url.is_empty());
        let url = url.map_or_else(|| local_url(config), ToOwned::to_owned);
        let http = reqwest::Client::builder().connect_timeout(CONNECT).read_timeout(IDLE).build();
        let http = http.map_err(|error| Failure::from_error(&error))?;
        Ok(Self { http, url: url.trim_end_matches('/').to_owned(), key: key.to_owned() })
    }

    /// Base URL without a slash at its end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A request to a path, with the key.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.key)
    }

    /// The same without a bound on the time until it is answered: whoever sends it sees to that.
    pub(crate) fn upload(&self, method: Method, path: &str) -> Result<RequestBuilder, Refused> {
        let http = reqwest::Client::builder().connect_timeout(CONNECT).build();
        let http = http.map_err(|error| Refused::here(root_cause(&error)))?;
        Ok(http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.key))
    }

    /// Sends a request once; only a success is an answer.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, Refused> {
        let response = request.send().await.map_err(|error| {
            let words = format!("could not reach {}: {}", self.url, root_cause(&error));
            Refused::on_the_way(words)
        })?;
        if response.status().is_success() { Ok(response) } else { Err(Refused::read(response).await) }
    }

    /// Asks for something, a few times if it must be.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Refused> {
        self.again(|| self.request(Method::GET, path)).await
    }

    /// Sends something that may be sent twice without harm, a few times if it must be.
    pub(crate) async fn again(&self, request: impl Fn() -> RequestBuilder) -> Result<Value, Refused> {
        let mut pause = Duration::from_millis(500);
        let mut tried = 1;
        loop {
            match self.json(request()).await {
                Err(refused) if refused.is_passing() && tried < TRIES => {
                    tokio::time::sleep(pause).await;
                    (pause, tried) = (pause * 2, tried + 1);
                }
                other => return other,
            }
        }
    }

    /// Sends a request once and reads its answer.
    pub(crate) async fn json(&self, request: RequestBuilder) -> Result<Value, Refused> {
        let response = self.send(request).await?;
        response.json().await.map_err(|error| {
            let words = format!("the answer of {} cannot be read: {}", self.url, root_cause(&error));
            // A body that broke off may come whole the next time.
            if error.is_decode() { Refused::here(words) } else { Refused::on_the_way(words) }
        })
    }
}

impl Refused {
    async fn read(response: Response) -> Self {
        let status = response.status();
        let text = response.text().await.unwrap_or_default();
        let message = match serde_json::from_str::<ErrorBody>(&text) {
            Ok(ErrorBody::OpenAi { error }) => error.message,
            Ok(ErrorBody::Problem { detail }) => detail,
            Err(_) => text.trim().chars().take(MAX_WORDS).collect(),
        };
        let is_passing = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        Self { status: Some(status), words: format!("{status}: {message}"), is_passing }
    }

    /// It did not get there, or its answer not back: the next try may.
    pub(crate) const fn on_the_way(words: String) -> Self {
        Self { status: None, words, is_passing: true }
    }

    /// Something is wrong that will be wrong the next time.
    pub(crate) const fn here(words: String) -> Self {
        Self { status: None, words, is_passing: false }
    }

    /// Whether the same request may be answered another time.
    pub(crate) const fn is_passing(&self) -> bool {
        self.is_passing
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::failed(refused.words)
    }
}

/// reqwest's own words say only where; the innermost cause says what.
pub(crate) fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
