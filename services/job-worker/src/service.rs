//! The service and what it is made of.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use outcrop_config::{BatchesConfig, Config, FilesConfig, JobsConfig, WaysConfig, WebhooksConfig};
use outcrop_ports::{
    BatchModels, BatchStore, Blobs, Clock, FileStore, IdGen, Inference, JobStore, KeyStore, Outbound,
    PolicyStore, Queue, UserStore, WebhookStore,
};
use outcrop_token::Sealer;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::batches::LineGate;
use crate::files::Turns;
use crate::nudge::QueueName;
use crate::rest::AtWork;
use crate::ways::KnownPolicies;

/// How long after a panic the task is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// What the worker needs from the world.
#[derive(Clone)]
pub struct JobPorts {
    /// The jobs.
    pub jobs: Arc<dyn JobStore>,
    /// What batches are besides.
    pub batches: Arc<dyn BatchStore>,
    /// Clients' files.
    pub files: Arc<dyn FileStore>,
    /// Endpoints that are told of work.
    pub webhooks: Arc<dyn WebhookStore>,
    /// The API keys: whether the one that submitted a job is still good when it runs.
    pub keys: Arc<dyn KeyStore>,
    /// The people and programs: what the one that submitted a job may do when it runs.
    pub users: Arc<dyn UserStore>,
    /// Which ways of doing work policies allow.
    pub policies: Arc<dyn PolicyStore>,
    /// The nudges.
    pub queue: Arc<dyn Queue>,
    /// Request bodies, results, files.
    pub blobs: Arc<dyn Blobs>,
    /// Where models are called.
    pub inference: Arc<dyn Inference>,
    /// Bedrock's batch inference, where there is one.
    pub batch_models: Option<Arc<dyn BatchModels>>,
    /// The way to endpoints of teams: only where they may be.
    pub outbound: Arc<dyn Outbound>,
    /// Encrypts the secrets of endpoints.
    pub sealer: Arc<Sealer>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdGen>,
}

/// How the service behaves.
#[derive(Debug, Clone)]
pub struct JobOptions {
    /// Jobs.
    pub jobs: JobsConfig,
    /// Batches.
    pub batches: BatchesConfig,
    /// Clients' files.
    pub files: FilesConfig,
    /// Ways of doing work.
    pub ways: WaysConfig,
    /// Endpoints.
    pub webhooks: WebhooksConfig,
    /// What the queue is called.
    pub queue: QueueName,
    /// How long a stopping process has for everything; half of it is for what can be kept of work under way.
    pub drain: Duration,
}

impl Default for JobOptions {
    fn default() -> Self {
        Self::from(&Config::default())
    }
}

impl From<&Config> for JobOptions {
    fn from(config: &Config) -> Self {
        Self {
            jobs: config.jobs.clone(),
            batches: config.batches.clone(),
            files: config.files.clone(),
            ways: config.ways.clone(),
            webhooks: config.webhooks.clone(),
            queue: QueueName::from(&config.queue),
            drain: Duration::from_millis(config.server.drain_ms),
        }
    }
}

/// Takes work in and works it off. Cheap to clone; all clones are one service.
#[derive(Clone)]
pub struct JobWorker {
    pub(crate) ports: JobPorts,
    pub(crate) options: Arc<JobOptions>,
    pub(crate) lines: LineGate,
    pub(crate) at_work: AtWork,
    pub(crate) uploads: Turns,
    pub(crate) known_policies: KnownPolicies,
    /// Told of the stop, once it works: streams of events end then, rather than hold it up.
    pub(crate) stopping: Arc<OnceLock<CancellationToken>>,
}

impl JobWorker {
    /// Puts the service together.
    #[must_use]
    pub fn new(ports: JobPorts, options: JobOptions) -> Self {
        let lines = LineGate::new(options.batches.lines_at_once);
        Self {
            ports,
            options: Arc::new(options),
            lines,
            at_work: AtWork::default(),
            uploads: Turns::default(),
            known_policies: KnownPolicies::default(),
            stopping: Arc::default(),
        }
    }

    /// Works jobs off, and looks after what goes with them, until told to stop; what is under way then is given back.
    pub async fn run(&self, stop: CancellationToken) {
        let _ = self.stopping.set(stop.clone());
        let workers = std::iter::repeat_n(Task::Work, self.options.jobs.concurrency.max(1));
        let (mut tasks, mut names) = (JoinSet::new(), HashMap::new());
        for task in workers.chain(Task::BESIDES) {
            names.insert(self.start(&mut tasks, task, &stop), task);
        }
        while let Some(ended) = tasks.join_next_with_id().await {
            let id = match &ended {
                Ok((id, ())) => *id,
                Err(error) => error.id(),
            };
            let (Some(task), Err(error)) = (names.remove(&id), ended) else { continue };
            tracing::error!(%error, ?task, "a task of the job worker ended by panic; another takes its place");
            // Not at once, in case whatever it was goes on.
            let _ = tokio::time::timeout(RESTART_PAUSE, stop.cancelled()).await;
            names.insert(self.start(&mut tasks, task, &stop), task);
        }
    }

    fn start(&self, tasks: &mut JoinSet<()>, task: Task, stop: &CancellationToken) -> Id {
        let (worker, stop) = (self.clone(), stop.clone());
        let started = match task {
            Task::Work => tasks.spawn(worker.work(stop)),
            Task::Rest => tasks.spawn(worker.make_room(stop)),
            Task::Sweep => tasks.spawn(worker.sweep(stop)),
            Task::Beat => tasks.spawn(worker.beat(stop)),
            Task::Measure => tasks.spawn(worker.keep_measuring(stop)),
            Task::Forget => tasks.spawn(worker.forget_old(stop)),
            Task::Leftovers => tasks.spawn(worker.remove_leftovers(stop)),
            Task::Files => tasks.spawn(worker.keep_files(stop)),
            Task::Endpoints => tasks.spawn(worker.tell_endpoints(stop)),
        };
        started.id()
    }
}

/// What a worker does all the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    Work,
    Rest,
    Sweep,
    Beat,
    Measure,
    Forget,
    Leftovers,
    Files,
    Endpoints,
}

impl Task {
    /// All that there is one of.
    const BESIDES: [Self; 8] = [
        Self::Rest,
        Self::Sweep,
        Self::Beat,
        Self::Measure,
        Self::Forget,
        Self::Leftovers,
        Self::Files,
        Self::Endpoints,
    ];
}
