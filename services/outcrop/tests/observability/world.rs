//! A platform that tells a collector what it does.

use reqwest::Method;
use serde_json::Value;

use crate::client::{Answer, Client, answer, http};
use crate::platform::{Platform, setting};
use crate::receiver::Collector;
use crate::servers::Backends;
use crate::spans::Tree;
use crate::wait::{now, until};

/// A platform and what it exports to.
pub(crate) struct World {
    pub(crate) platform: Platform,
    pub(crate) collector: Collector,
}

impl World {
    /// The four services, with these settings too.
    pub(crate) async fn apart(over: &[(&str, &str)]) -> Self {
        let collector = Collector::start();
        let platform = apart(&settings(&collector.url, over)).await;
        Self { platform, collector }
    }

    /// The one process, with these settings too.
    pub(crate) async fn together(over: &[(&str, &str)]) -> Self {
        let collector = Collector::start();
        let platform = Platform::together_with(&settings(&collector.url, over)).await;
        Self { platform, collector }
    }

    /// The trace that an answer was made in, once it is complete.
    pub(crate) async fn trace_of(&self, answer: &Answer, complete: impl Fn(&Tree) -> bool) -> Tree {
        let id = self.collector.trace_of(&answer.request_id()).await;
        self.collector.trace(&id, complete).await
    }

    /// The call of a model that its prompt named with `[[id: …]]`, as Bedrock has it.
    pub(crate) async fn call_of(&self, id: &str) -> Value {
        let url = format!("{}/_emulator/usage", self.platform.emulator.url());
        until(&format!("the call {id}"), async || {
            let usage: Value = http().get(&url).send().await.unwrap().json().await.unwrap();
            usage["calls"].as_array().unwrap().iter().find(|call| call["id"] == id).cloned()
        })
        .await
    }

    /// The name that spans of a service have, in either composition.
    pub(crate) const fn service(&self, apart: &'static str) -> &'static str {
        match self.platform.services {
            crate::platform::Services::Together(_) => "outcrop",
            crate::platform::Services::Apart(_) => apart,
        }
    }
}

/// The four services, with these settings too.
pub(crate) async fn apart(over: &[(String, String)]) -> Platform {
    Platform::apart_in(tempfile::tempdir().unwrap(), &Backends::shared(), over).await
}

/// Everything on, as an operator would have it, and fast; of two of one name the later counts.
pub(crate) fn settings(collector: &str, over: &[(&str, &str)]) -> Vec<(String, String)> {
    let usual = [
        ("TELEMETRY__FORMAT", "json"),
        ("TELEMETRY__OTLP_ENDPOINT", collector),
        ("TELEMETRY__OTLP_TIMEOUT_MS", "2000"),
        ("METRICS__INTERVAL_S", "1"),
    ];
    usual.iter().chain(over).map(|(name, value)| setting(name, value)).collect()
}

/// Posts with further headers.
pub(crate) async fn post_with(client: &Client, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let request = client.request(Method::POST, path).json(body);
    answer(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

/// A trace that a client began: its id, its span's id, and W3C's header.
pub(crate) fn begun(number: u64) -> (String, String, String) {
    let (trace, span) = (format!("{:08x}{number:024x}", now().timestamp()), format!("{:016x}", number + 1));
    let header = format!("00-{trace}-{span}-01");
    (trace, span, header)
}
