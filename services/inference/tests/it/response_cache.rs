//! Answers that are kept and given again, and identical calls that become one.

mod bounds;
mod flights;
mod hits;
mod limits;
mod refused;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use outcrop_emulator::Operation;
use outcrop_ports::{Cache, CacheKey, PortError};
use outcrop_types::{CacheRule, Rules};
use serde_json::{Value, json};

use crate::harness::{Answer, MODEL, Setup, TestApp};

/// Everybody's answers are kept.
fn kept() -> Setup {
    Setup { rules: keep(CacheRule::default()), ..Setup::default() }
}

fn keep(rule: CacheRule) -> Rules {
    Rules { cache: Some(rule), ..Rules::default() }
}

/// A conversation that only Converse carries.
const OTHER: &str = "nova-lite";

fn chat(text: &str) -> Value {
    json!({"model": MODEL, "messages": [{"role": "user", "content": text}]})
}

fn with(mut body: Value, more: &Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Calls of a model that answer something.
fn calls(app: &TestApp) -> u64 {
    use Operation::{Converse, ConverseStream, InvokeModel, InvokeModelWithResponseStream};
    let all = [Converse, ConverseStream, InvokeModel, InvokeModelWithResponseStream];
    all.iter().map(|it| app.counters[0].calls(*it)).sum()
}

async fn send(app: &TestApp, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut request = app.request(reqwest::Method::POST, path).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request.body(body.to_string()).send().await.unwrap()).await
}

#[track_caller]
fn state(answer: &Answer) -> &str {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.header("x-outcrop-cache").unwrap()
}

/// A cache that cannot be reached.
struct Away;

#[async_trait]
impl Cache for Away {
    async fn get(&self, _: &str, _: &CacheKey) -> Result<Option<Bytes>, PortError> {
        Err(PortError::unavailable("look", "away"))
    }

    async fn put(&self, _: &str, _: &CacheKey, _: Bytes, _: Duration) -> Result<(), PortError> {
        Err(PortError::unavailable("keep", "away"))
    }

    async fn clear(&self, _: &str) -> Result<(), PortError> {
        Err(PortError::unavailable("forget", "away"))
    }
}

fn away() -> Setup {
    Setup { cache: Arc::new(Away), ..kept() }
}
