//! Clients that ask, evenly, until they are told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::bench::subject::MODEL;

/// A client of the platform.
pub(super) struct Traffic {
    /// Milliseconds between two requests.
    pause_ms: Arc<AtomicU64>,
    /// Whether answers are asked for in pieces.
    stream: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Traffic {
    /// Asks for chats with this key, one every so many milliseconds.
    pub(super) fn start(port: u16, key: &str, pause_ms: u64) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?;
        let (url, key) = (format!("http://127.0.0.1:{port}/v1/chat/completions"), key.to_owned());
        let pause = Arc::new(AtomicU64::new(pause_ms));
        let pause_ms = Arc::clone(&pause);
        let stream = Arc::new(AtomicBool::new(false));
        let in_pieces = Arc::clone(&stream);
        let task = tokio::spawn(async move {
            loop {
                let messages = json!([{"role": "user", "content": "[[tokens: 100]]"}]);
                let stream = in_pieces.load(Ordering::Relaxed);
                let body = json!({"model": MODEL, "messages": messages, "stream": stream});
                let request = client.post(&url).bearer_auth(&key).header("content-type", "application/json");
                let sent = request.body(body.to_string()).send();
                // Whatever it is answered, or not, is what the drill is about; slow answers keep nobody from asking.
                tokio::spawn(async move {
                    if let Ok(answer) = sent.await {
                        let _ = answer.bytes().await;
                    }
                });
                tokio::time::sleep(Duration::from_millis(pause.load(Ordering::Relaxed))).await;
            }
        });
        Ok(Self { pause_ms, stream, task })
    }

    /// From now on answers are asked for in pieces.
    pub(super) fn stream(&self) {
        self.stream.store(true, Ordering::Relaxed);
    }

    /// From now on one every so many milliseconds.
    pub(super) fn every(&self, pause_ms: u64) {
        self.pause_ms.store(pause_ms, Ordering::Relaxed);
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.task.abort();
    }
}
