//! A worker whose model service answers by script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use outcrop_config::JobsConfig;
use outcrop_embedded::{FileBlobs, MemoryQueue, SystemClock, SystemIdGen};
use outcrop_http::testing::TestServer;
use outcrop_job_worker::{JobOptions, JobPorts, JobWorker, Submission};
use outcrop_ports::contract::samples;
use outcrop_ports::{
    Changed, Inference, InferenceAnswer, InferenceCall, PortError, TeamStore as _, UserStore as _,
};
use outcrop_sqlite::SqliteStore;
use outcrop_types::{Job, JobId, Limits, Principal, Role, Subject, TeamId, UserId};
use serde_json::Value;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

/// Panics.
pub(crate) const PANIC: u16 = 0;

/// Answers with the scripted statuses in turn, then with 200; remembers the calls.
#[derive(Default)]
pub(crate) struct Scripted {
    pub(crate) statuses: Mutex<VecDeque<u16>>,
    pub(crate) calls: Mutex<Vec<InferenceCall>>,
    pub(crate) delay: Duration,
    pub(crate) retry_after: Option<Duration>,
}

#[async_trait]
impl Inference for Scripted {
    async fn record(&self, call: InferenceCall) -> Result<outcrop_ports::Recorded, PortError> {
        let _ = call;
        Err(PortError::broken("write a record", "the script has none"))
    }

    async fn recorded(
        &self,
        call: InferenceCall,
        record: outcrop_ports::BatchRecord,
        output: outcrop_ports::RecordOutput,
    ) -> Result<InferenceAnswer, PortError> {
        let _ = (call, record, output);
        Err(PortError::broken("read a record", "the script has none"))
    }

    async fn call(&self, call: InferenceCall) -> Result<InferenceAnswer, PortError> {
        self.calls.lock().unwrap().push(call);
        tokio::time::sleep(self.delay).await;
        let status = self.statuses.lock().unwrap().pop_front().unwrap_or(200);
        assert_ne!(status, PANIC, "as the script says");
        let body = Bytes::from(format!(r#"{{"status":{status}}}"#));
        let retry_after = self.retry_after.filter(|_| status != 200);
        Ok(InferenceAnswer {
            status,
            body,
            retry_after,
            used: outcrop_types::Used::default(),
            is_final: false,
        })
    }
}

pub(crate) struct World {
    pub(crate) worker: JobWorker,
    pub(crate) model: Arc<Scripted>,
    pub(crate) ports: JobPorts,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) stop: CancellationToken,
    _folder: tempfile::TempDir,
    _stop: DropGuard,
}

impl World {
    /// A worker that works.
    pub(crate) async fn working(model: Scripted) -> Self {
        Self::new(model, Some(JobsConfig::default()), |_| ()).await
    }

    /// A worker that takes jobs in and leaves them.
    pub(crate) async fn idle() -> Self {
        Self::new(Scripted::default(), None, |_| ()).await
    }

    /// A worker that takes so many unfinished jobs in and leaves them.
    pub(crate) async fn full_at(max_open_jobs_per_team: usize) -> Self {
        let world = Self::idle().await;
        let config = JobsConfig { max_open_jobs_per_team, ..JobsConfig::default() };
        Self {
            worker: JobWorker::new(world.ports.clone(), JobOptions { jobs: config, ..JobOptions::default() }),
            ..world
        }
    }

    /// A worker that works if it is configured to, over ports that may be exchanged.
    pub(crate) async fn new(
        model: Scripted,
        works: Option<JobsConfig>,
        exchange: impl FnOnce(&mut JobPorts),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::connect(&folder.path().join("outcrop.db")).await.unwrap();
        store.migrate().await.unwrap();
        people(&store).await;
        let model = Arc::new(model);
        let store = Arc::new(store);
        let mut ports = JobPorts {
            jobs: store.clone(),
            batches: store.clone(),
            files: store.clone(),
            webhooks: store.clone(),
            policies: store.clone(),
            batch_models: None,
            outbound: Arc::new(outcrop_client::HttpOutbound::new(Duration::from_secs(1))),
            sealer: Arc::new(outcrop_token::Sealer::new(&[7; 32], "test").unwrap()),
            keys: store.clone(),
            users: store.clone(),
            queue: Arc::new(MemoryQueue::default()),
            blobs: Arc::new(FileBlobs::open(folder.path().join("files")).unwrap()),
            inference: Arc::clone(&model) as _,
            clock: Arc::new(SystemClock::default()),
            ids: Arc::new(SystemIdGen),
        };
        exchange(&mut ports);
        let (works, config) = (works.is_some(), works.unwrap_or_default());
        let worker = JobWorker::new(
            ports.clone(),
            JobOptions { jobs: JobsConfig { concurrency: 2, ..config }, ..JobOptions::default() },
        );
        let stop = CancellationToken::new();
        if works {
            let (worker, stop) = (worker.clone(), stop.clone());
            actix_web::rt::spawn(async move { worker.run(stop).await });
        }
        Self { worker, model, ports, store, stop: stop.clone(), _folder: folder, _stop: stop.drop_guard() }
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

/// Teams 1 and 2, and in both of them a developer.
async fn people(store: &SqliteStore) {
    for team in [1, 2] {
        done(store.insert_team(&samples::team(team), &samples::draft("team.create")).await);
    }
    done(store.insert_user(&samples::user(1), None, None, &samples::draft("user.create")).await);
    for team in [1, 2] {
        let membership = samples::membership(1, team, Role::Developer);
        done(store.set_membership(&membership, &samples::draft("member.set")).await);
    }
}

/// A change that was made.
#[track_caller]
pub(crate) fn done(changed: Result<Changed, PortError>) {
    assert_eq!(changed.unwrap(), Changed::Done);
}

/// A developer of the team with this number.
pub(crate) fn developer(team: u128) -> Principal {
    Principal {
        subject: Subject::User(UserId::new(Uuid::from_u128(1))),
        team: TeamId::new(Uuid::from_u128(team)),
        role: Role::Developer,
        key: None,
        limits: Limits::default(),
        scope: None,
    }
}

/// Status and body of an answer.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap()
}

/// A model service that answers with these statuses, then with 200.
pub(crate) fn scripted(statuses: impl IntoIterator<Item = u16>) -> Scripted {
    Scripted { statuses: Mutex::new(VecDeque::from_iter(statuses)), ..Scripted::default() }
}

/// Takes a job of this principal in.
pub(crate) async fn submit(world: &World, principal: Principal) -> JobId {
    let (path, body) = ("/generate".to_owned(), Bytes::from_static(b"{}"));
    world.worker.submit(Submission::new(principal, path, body)).await.unwrap().id
}

/// Asks for the job until it is as wanted.
pub(crate) async fn until(world: &World, id: JobId, wanted: impl Fn(&Job) -> bool) -> Job {
    for _ in 0..400 {
        let job = world.ports.jobs.lookup_job(id).await.unwrap().unwrap();
        if wanted(&job) {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{:?}", world.ports.jobs.lookup_job(id).await);
}

pub(crate) async fn ended(world: &World, id: JobId) -> Job {
    until(world, id, |job| job.state.is_final()).await
}

/// How often the model service was called.
pub(crate) fn calls(world: &World) -> usize {
    world.model.calls.lock().unwrap().len()
}
