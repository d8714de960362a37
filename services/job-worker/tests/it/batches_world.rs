//! A worker with batches, and a model service that answers line by line.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use outcrop_config::{BatchesConfig, JobsConfig};
use outcrop_http::testing::TestServer;
use outcrop_job_worker::{JobOptions, JobPorts, JobWorker};
use outcrop_ports::contract::samples;
use outcrop_ports::{
    BatchRecord, Inference, InferenceAnswer, InferenceCall, PortError, RecordOutput, Recorded,
};
use outcrop_types::{FileId, FilePurpose, FileStatus, Money, StoredFile, TokenUsage, Used};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::world::{Scripted, World, answer, client, developer};

pub(crate) type Answers = dyn Fn(&str, usize) -> (u16, Option<Duration>) + Send + Sync;

/// Answers each line by its custom id's number and how often it was asked.
pub(crate) struct LineModel {
    /// How often each request id was called.
    pub(crate) calls: Mutex<HashMap<String, usize>>,
    pub(crate) delay: Duration,
    pub(crate) pad: usize,
    pub(crate) answers: Box<Answers>,
}

impl LineModel {
    /// Answers all with 200.
    pub(crate) fn good() -> Self {
        Self::new(|_, _| (200, None))
    }

    /// Answers by the content of a line and how often it came.
    pub(crate) fn new(
        answers: impl Fn(&str, usize) -> (u16, Option<Duration>) + Send + Sync + 'static,
    ) -> Self {
        Self { calls: Mutex::default(), delay: Duration::ZERO, pad: 0, answers: Box::new(answers) }
    }

    /// How many calls there were.
    pub(crate) fn count(&self) -> usize {
        self.calls.lock().unwrap().values().sum()
    }
}

#[async_trait]
impl Inference for LineModel {
    async fn record(&self, _: InferenceCall) -> Result<Recorded, PortError> {
        Ok(Recorded::Unfit("there is none here".to_owned()))
    }

    async fn recorded(
        &self,
        _: InferenceCall,
        _: BatchRecord,
        _: RecordOutput,
    ) -> Result<InferenceAnswer, PortError> {
        Err(PortError::broken("write an answer down", "nothing was recorded"))
    }

    async fn call(&self, call: InferenceCall) -> Result<InferenceAnswer, PortError> {
        let times = {
            let mut calls = self.calls.lock().unwrap();
            let times = calls.entry(call.request_id.to_string()).or_default();
            *times += 1;
            *times
        };
        tokio::time::sleep(self.delay).await;
        let body: Value = serde_json::from_slice(&call.body).unwrap();
        let text = body["messages"][0]["content"].as_str().unwrap();
        let (status, retry_after) = (self.answers)(text, times);
        let body = json!({"status": status, "echo": text, "pad": "x".repeat(self.pad)}).to_string();
        let tokens = TokenUsage { input: 3, output: 2, ..TokenUsage::default() };
        let used = Used { tokens, cost: Money::from_nano_usd(1_000), ..Used::default() };
        let used = if status == 200 { used } else { Used::default() };
        Ok(InferenceAnswer { status, body: Bytes::from(body), retry_after, used, is_final: false })
    }
}

/// A worker that can be stopped, over ports that others share.
pub(crate) struct Batches {
    pub(crate) world: World,
    pub(crate) ports: JobPorts,
    pub(crate) options: JobOptions,
    pub(crate) model: Arc<LineModel>,
    pub(crate) server: TestServer,
}

/// Small parts, so that there are several.
pub(crate) fn small_parts() -> JobOptions {
    JobOptions {
        batches: BatchesConfig { part_lines: 4, lines_at_once: 4, ..BatchesConfig::default() },
        jobs: JobsConfig { concurrency: 2, lease_ms: 1_000, sweep_ms: 1_000, ..JobsConfig::default() },
        ways: outcrop_config::WaysConfig {
            allowed: "on_demand".to_owned(),
            ..outcrop_config::WaysConfig::default()
        },
        ..JobOptions::default()
    }
}

impl Batches {
    /// Nobody works yet.
    pub(crate) async fn idle(model: LineModel, options: JobOptions) -> Self {
        let world = World::new(Scripted::default(), None, |_| ()).await;
        let model = Arc::new(model);
        let ports = JobPorts { inference: model.clone(), ..world.ports.clone() };
        let worker = JobWorker::new(ports.clone(), options.clone());
        let ids = Arc::new(outcrop_embedded::SystemIdGen);
        let server =
            TestServer::start(Some(developer(1)), ids, Vec::new(), outcrop_job_worker::routes(&worker));
        Self { world, ports, options, model, server }
    }

    /// One worker works.
    pub(crate) async fn working(model: LineModel) -> (Self, DropGuard) {
        let this = Self::idle(model, small_parts()).await;
        let working = this.work();
        (this, working)
    }

    /// Starts a worker; it stops when the guard is dropped.
    pub(crate) fn work(&self) -> DropGuard {
        let worker = JobWorker::new(self.ports.clone(), self.options.clone());
        let stop = CancellationToken::new();
        let told = stop.clone();
        tokio::spawn(async move { worker.run(told).await });
        stop.drop_guard()
    }

    /// Starts a worker that can be killed.
    pub(crate) fn work_until_killed(&self) -> tokio::task::JoinHandle<()> {
        let worker = JobWorker::new(self.ports.clone(), self.options.clone());
        tokio::spawn(async move { worker.run(CancellationToken::new()).await })
    }

    /// Puts a file there.
    pub(crate) async fn file(&self, text: impl Into<Bytes>) -> FileId {
        self.file_of(text, 1, FilePurpose::Batch).await
    }

    pub(crate) async fn file_of(&self, text: impl Into<Bytes>, team: u32, purpose: FilePurpose) -> FileId {
        let (text, id) = (text.into(), FileId::new(self.ports.ids.uuid()));
        let blob = format!("files/{id}");
        let file = StoredFile {
            id,
            team: samples::team_id(team),
            owner: developer(1).subject,
            purpose,
            filename: "lines.jsonl".to_owned(),
            bytes: text.len() as u64,
            sha256: None,
            status: FileStatus::Uploaded,
            blob: blob.clone(),
            created_at: self.ports.clock.now(),
            expires_at: None,
        };
        self.ports.blobs.put(&blob, text).await.unwrap();
        self.ports.files.insert_file(&file, u64::MAX).await.unwrap();
        id
    }

    /// Submits a batch of this file.
    pub(crate) async fn submit(&self, file: FileId) -> (u16, Value) {
        self.post(
            &json!({"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}),
        )
        .await
    }

    pub(crate) async fn post(&self, body: &Value) -> (u16, Value) {
        answer(client().post(format!("{}/v1/batches", self.server.url)).json(body)).await
    }

    pub(crate) async fn get(&self, id: &str) -> Value {
        let (status, batch) = answer(client().get(format!("{}/v1/batches/{id}", self.server.url))).await;
        assert_eq!(status, 200, "{batch}");
        batch
    }

    pub(crate) async fn cancel(&self, id: &str) -> (u16, Value) {
        answer(client().post(format!("{}/v1/batches/{id}/cancel", self.server.url))).await
    }

    /// Submits lines and waits for the end.
    pub(crate) async fn run(&self, text: impl Into<Bytes>) -> Value {
        let (status, batch) = self.submit(self.file(text).await).await;
        assert_eq!(status, 200, "{batch}");
        self.ended(batch["id"].as_str().unwrap()).await
    }

    /// Asks until the batch is as wanted.
    pub(crate) async fn until(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..1_500 {
            let batch = self.get(id).await;
            if wanted(&batch) {
                return batch;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{}", self.get(id).await);
    }

    pub(crate) async fn ended(&self, id: &str) -> Value {
        let last = ["completed", "failed", "expired", "cancelled"];
        self.until(id, |batch| last.contains(&batch["status"].as_str().unwrap())).await
    }

    /// The lines of a file that the batch made.
    pub(crate) async fn lines(&self, file: &Value) -> Vec<Value> {
        let Some(id) = file.as_str() else { return Vec::new() };
        let file = self.ports.files.lookup_file(id.parse().unwrap(), self.ports.clock.now()).await;
        let file = file.unwrap().unwrap();
        let bytes = self.ports.blobs.get(&file.blob).await.unwrap().unwrap();
        assert_eq!(bytes.len() as u64, file.bytes);
        assert_eq!(file.purpose, FilePurpose::BatchOutput);
        assert!(bytes.ends_with(b"\n"));
        let text = std::str::from_utf8(&bytes).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Checks that every line is in one of the files, once.
    pub(crate) async fn assert_exactly_once(&self, batch: &Value, count: usize) {
        let mut ids = Vec::new();
        for file in ["output_file_id", "error_file_id"] {
            for line in self.lines(&batch[file]).await {
                ids.push(line["custom_id"].as_str().unwrap().to_owned());
            }
        }
        ids.sort();
        let mut expected: Vec<_> = (1..=count).map(|number| format!("line-{number}")).collect();
        expected.sort();
        assert_eq!(ids.len(), expected.len(), "{batch}");
        assert_eq!(ids, expected);
    }
}

/// So many good lines.
pub(crate) fn good_lines(count: usize) -> String {
    let mut text = String::new();
    for number in 1..=count {
        let _ = writeln!(text, "{}", line(number));
    }
    text
}

pub(crate) fn line(number: usize) -> Value {
    json!({"custom_id": format!("line-{number}"), "method": "POST", "url": "/v1/chat/completions",
           "body": {"model": "m", "messages": [{"role": "user", "content": format!("say {number}")}]}})
}
