//! The Bedrock that every journey's platform calls: one that fails when it is told to.

use std::path::Path;

use outcrop_emulator::EmulatorConfig;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::client::http;
use crate::process::{Program, Service, port};

/// A running emulator.
#[derive(Debug)]
pub(crate) struct Emulator {
    url: String,
    /// Dropped, it ends with it.
    _process: Option<Service>,
}

impl Emulator {
    /// In the test's own process: nothing but the program under test needs to be built.
    pub(crate) async fn start_here() -> Self {
        let emulator = outcrop_emulator::Emulator::bind(EmulatorConfig::default()).await.unwrap();
        let url = emulator.url();
        // It ends with the test's runtime.
        tokio::spawn(emulator.run(CancellationToken::new()));
        Self { url, _process: None }
    }

    /// As a process of its own.
    pub(crate) async fn start(folder: &Path) -> Self {
        let port = port();
        let arguments = ["--port".to_owned(), port.to_string()];
        let program = Program::new("outcrop-bedrock-emulator", folder).arguments(arguments);
        let service = program.start(port).await;
        Self { url: service.url.clone(), _process: Some(service) }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The next call, and only that, meets this fault.
    pub(crate) async fn fail_next(&self, fault: &str, after_events: u64) {
        let rule = json!({ "fault": fault, "next": 1, "afterEvents": after_events });
        let faults = json!({ "rules": [rule] });
        let url = format!("{}/_emulator/faults", self.url);
        let answer = http().post(url).json(&faults).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// What it has counted so far; see the emulator's README.
    pub(crate) async fn counters(&self) -> Value {
        let url = format!("{}/_emulator/counters", self.url);
        http().get(url).send().await.unwrap().json().await.unwrap()
    }

    /// One of its counters.
    pub(crate) async fn count(&self, name: &str) -> u64 {
        let counters = self.counters().await;
        counters[name].as_u64().unwrap_or_else(|| panic!("no counter {name} in {counters}"))
    }
}
