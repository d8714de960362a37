//! The emulator over HTTP: plain requests, the Rust SDK, botocore, and Ollama behind it.
#![expect(clippy::unwrap_used, reason = "tests")]

mod anthropic;
mod batch;
mod faults;
mod guardrails;
mod http;
mod ollama;
mod prompt_cache;
mod python;
mod sdk;
mod usage;

use outcrop_emulator::{Charges, Counters, Emulator, EmulatorConfig, PromptCache};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// A running emulator that stops with the test.
struct Running {
    url: String,
    counters: Counters,
    charges: Charges,
    prompts: PromptCache,
    stop: CancellationToken,
}

impl Running {
    async fn start() -> Self {
        Self::with(EmulatorConfig::default()).await
    }

    async fn with(config: EmulatorConfig) -> Self {
        let emulator = Emulator::bind(config).await.unwrap();
        let (url, counters, stop) = (emulator.url(), emulator.counters(), CancellationToken::new());
        let charges = emulator.charges();
        let prompts = emulator.prompt_cache();
        tokio::spawn(emulator.run(stop.clone()));
        Self { url, counters, charges, prompts, stop }
    }

    /// Posts to a model and gives the status, the error type and the body.
    async fn post(&self, path: &str, body: &Value) -> (u16, String, Value) {
        let response = self.client(path).body(body.to_string()).send().await.unwrap();
        let status = response.status().as_u16();
        let error = response.headers().get("x-amzn-errortype").map(|it| it.to_str().unwrap().to_owned());
        (status, error.unwrap_or_default(), response.json().await.unwrap())
    }

    fn client(&self, path: &str) -> reqwest::RequestBuilder {
        http().post(format!("{}{path}", self.url)).header("authorization", "Bearer key")
    }

    async fn get(&self, path: &str) -> Value {
        let request = http().get(format!("{}{path}", self.url)).header("authorization", "Bearer key");
        request.send().await.unwrap().json().await.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A client that gives up before the test run does.
fn http() -> reqwest::Client {
    reqwest::Client::builder().timeout(std::time::Duration::from_secs(20)).build().unwrap()
}

fn ask(text: &str) -> Value {
    serde_json::json!({"messages": [{"role": "user", "content": [{"text": text}]}]})
}
