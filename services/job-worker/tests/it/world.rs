//! A worker whose model service answers by script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use outcrop_config::JobsConfig;
use outcrop_embedded::{FileBlobs, MemoryQueue, SystemClock, SystemIdGen};
use outcrop_http::testing::TestServer;
use outcrop_job_worker::{JobPorts, JobWorker};
use outcrop_ports::{Inference, InferenceAnswer, InferenceCall, PortError};
use outcrop_sqlite::SqliteStore;
use outcrop_types::{Limits, Principal, Role, Subject, TeamId, UserId};
use serde_json::Value;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

/// Answers with the scripted statuses in turn, then with 200; remembers the calls.
#[derive(Default)]
pub(crate) struct Scripted {
    pub(crate) statuses: Mutex<VecDeque<u16>>,
    pub(crate) calls: Mutex<Vec<InferenceCall>>,
    pub(crate) delay: Duration,
}

#[async_trait]
impl Inference for Scripted {
    async fn call(&self, call: InferenceCall) -> Result<InferenceAnswer, PortError> {
        self.calls.lock().unwrap().push(call);
        tokio::time::sleep(self.delay).await;
        let status = self.statuses.lock().unwrap().pop_front().unwrap_or(200);
        Ok(InferenceAnswer { status, body: Bytes::from(format!(r#"{{"status":{status}}}"#)) })
    }
}

pub(crate) struct World {
    pub(crate) worker: JobWorker,
    pub(crate) model: Arc<Scripted>,
    _folder: tempfile::TempDir,
    _stop: DropGuard,
}

impl World {
    /// A worker that works.
    pub(crate) async fn working(model: Scripted) -> Self {
        Self::new(model, true).await
    }

    /// A worker that takes jobs in and leaves them.
    pub(crate) async fn idle() -> Self {
        Self::new(Scripted::default(), false).await
    }

    async fn new(model: Scripted, works: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::connect(&folder.path().join("outcrop.db")).await.unwrap();
        store.migrate().await.unwrap();
        let model = Arc::new(model);
        let ports = JobPorts {
            jobs: Arc::new(store),
            queue: Arc::new(MemoryQueue::default()),
            blobs: Arc::new(FileBlobs::open(folder.path().join("files")).unwrap()),
            inference: Arc::clone(&model) as _,
            clock: Arc::new(SystemClock::default()),
            ids: Arc::new(SystemIdGen),
        };
        let worker = JobWorker::new(ports, JobsConfig { concurrency: 2, ..JobsConfig::default() });
        let stop = CancellationToken::new();
        if works {
            let (worker, stop) = (worker.clone(), stop.clone());
            actix_web::rt::spawn(async move { worker.run(stop).await });
        }
        Self { worker, model, _folder: folder, _stop: stop.drop_guard() }
    }

    pub(crate) fn serve(&self, caller: Principal) -> TestServer {
        TestServer::start(
            Some(caller),
            Arc::new(SystemIdGen),
            Vec::new(),
            outcrop_job_worker::routes(&self.worker),
        )
    }
}

/// A developer of the team with this number.
pub(crate) fn developer(team: u128) -> Principal {
    Principal {
        subject: Subject::User(UserId::new(Uuid::from_u128(1))),
        team: TeamId::new(Uuid::from_u128(team)),
        role: Role::Developer,
        key: None,
        limits: Limits::default(),
    }
}

/// Status and body of an answer.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap()
}
