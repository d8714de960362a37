//! Clients that ask without a pause, plain and streamed, and count what went wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::client::http;

/// A stream takes a second and a half.
const STREAM: &str = "[[tokens: 15]][[rate: 10]]";

/// What clients saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    requests: AtomicU64,
    streams: AtomicU64,
    failed: Mutex<BTreeMap<String, u64>>,
    cut: Mutex<BTreeMap<String, u64>>,
}

impl Seen {
    /// Asks for whole answers, and for what only the auth service knows, until told to stop.
    pub(crate) async fn ask(&self, url: &str, key: &str, number: usize, stop: &CancellationToken) {
        let http = http();
        let said = format!("hello {number}");
        let body = json!({
            "model": "claude-haiku-4-5",
            "messages": [{ "role": "user", "content": format!("[[say: {said}]]") }],
        });
        while !stop.is_cancelled() {
            let chat = http.post(format!("{url}/v1/chat/completions")).bearer_auth(key).json(&body);
            let keys = http.get(format!("{url}/admin/v1/keys?limit=1")).bearer_auth(key);
            for (what, request) in [("chat", chat), ("keys", keys)] {
                self.requests.fetch_add(1, Ordering::Relaxed);
                let why = match whole(request).await {
                    Err(why) => Some(why),
                    Ok(answer) if what == "chat" && answer["choices"][0]["message"]["content"] != *said => {
                        Some(format!("another answer: {answer}"))
                    }
                    Ok(_) => None,
                };
                if let Some(why) = why {
                    note(&self.failed, format!("{what}: {why}"));
                }
            }
        }
    }

    /// Asks for streams, each read to its end, until told to stop.
    pub(crate) async fn listen(&self, url: &str, key: &str, stop: &CancellationToken) {
        let http = http();
        let body = json!({
            "model": "claude-haiku-4-5",
            "messages": [{ "role": "user", "content": STREAM }],
            "stream": true,
        });
        while !stop.is_cancelled() {
            self.streams.fetch_add(1, Ordering::Relaxed);
            let request = http.post(format!("{url}/v1/chat/completions")).bearer_auth(key).json(&body);
            if let Err(why) = streamed(request).await {
                note(&self.cut, why);
            }
        }
    }

    /// How often something went wrong.
    pub(crate) fn faults(&self) -> u64 {
        let sum = |of: &Mutex<BTreeMap<String, u64>>| of.lock().unwrap().values().sum::<u64>();
        sum(&self.failed) + sum(&self.cut)
    }

    /// Requests and streams that were begun.
    pub(crate) fn begun(&self) -> (u64, u64) {
        (self.requests.load(Ordering::Relaxed), self.streams.load(Ordering::Relaxed))
    }
}

fn note(of: &Mutex<BTreeMap<String, u64>>, why: String) {
    *of.lock().unwrap().entry(why).or_default() += 1;
}

async fn whole(request: reqwest::RequestBuilder) -> Result<Value, String> {
    let answer = request.send().await.map_err(|error| format!("no answer: {}", error.without_url()))?;
    let (status, body) = (answer.status(), answer.text().await);
    let body = body.map_err(|error| format!("{status}, and half an answer: {}", error.without_url()))?;
    if !status.is_success() {
        return Err(format!("{status}: {body}"));
    }
    serde_json::from_str(&body).map_err(|_| format!("no JSON: {body}"))
}

async fn streamed(request: reqwest::RequestBuilder) -> Result<(), String> {
    let answer = request.send().await.map_err(|error| format!("no answer: {}", error.without_url()))?;
    let (status, body) = (answer.status(), answer.text().await);
    let body = body.map_err(|error| format!("cut: {}", error.without_url()))?;
    if !status.is_success() {
        return Err(format!("{status}: {body}"));
    }
    let finished = body.contains("\"finish_reason\":\"stop\"") && body.trim_end().ends_with("data: [DONE]");
    if finished { Ok(()) } else { Err(format!("without an end: {body}")) }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (requests, streams) = self.begun();
        let sum = |of: &Mutex<BTreeMap<String, u64>>| of.lock().unwrap().values().sum::<u64>();
        write!(
            f,
            "{requests} requests, {} failed, {streams} streams, {} cut",
            sum(&self.failed),
            sum(&self.cut)
        )?;
        for (why, count) in self.failed.lock().unwrap().iter().chain(self.cut.lock().unwrap().iter()) {
            write!(f, "\n  {count} × {why}")?;
        }
        Ok(())
    }
}
