//! A running service, and a client of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpMessage;
use outcrop_bedrock::{BedrockModel, BedrockOptions, CatalogOptions, ControlPlane, LiveCatalog};
use outcrop_client::{HttpMediaFetcher, MediaRules};
use outcrop_config::{LimitsConfig, MediaConfig, ServerConfig};
use outcrop_embedded::{MemoryChanges, MemoryLimiter, SystemClock, SystemIdGen};
use outcrop_emulator::{Emulator, EmulatorConfig, Lists};
use outcrop_http::{Health, Layer, Server, ServerParts};
use outcrop_inference::{InferenceOptions, InferencePorts, InferenceService, MediaOptions, routes};
use outcrop_lifecycle::InFlight;
use outcrop_types::{
    Limits, Policy, PolicyId, Principal, Role, Rules, Scope, Subject, Target, TeamId, UsageRecord, UserId,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::response_store::MemoryResponses;
pub(crate) use crate::stores::{MemoryLedger, MemoryPolicies};
use crate::test_limiter::TestLimiter;

pub(crate) const MODEL: &str = "claude-haiku-4-5";

/// A service on a free port, with an emulator of its own.
pub(crate) struct TestApp {
    pub(crate) service: InferenceService,
    /// What it knows of the models; it looks at Bedrock's lists when it is told to.
    pub(crate) catalog: Arc<LiveCatalog>,
    /// What the emulator lists.
    pub(crate) lists: Lists,
    pub(crate) ledger: Arc<MemoryLedger>,
    pub(crate) responses: Arc<MemoryResponses>,
    /// Tells the service and its server to stop.
    pub(crate) stop: CancellationToken,
    /// The service's background work.
    pub(crate) background: JoinHandle<()>,
    base: String,
    client: reqwest::Client,
    root: TempDir,
    _last: [DropGuard; 2],
}

/// How a service differs from the usual one.
pub(crate) struct Setup {
    pub(crate) role: Role,
    pub(crate) limits: LimitsConfig,
    pub(crate) max_spool_bytes: u64,
    pub(crate) allow_arns: bool,
    pub(crate) compatibility_names: bool,
    pub(crate) scope: Scope,
    pub(crate) team: TeamId,
    pub(crate) responses: Arc<MemoryResponses>,
    /// Which URLs are fetched: public ones, as usual.
    pub(crate) media_rules: MediaRules,
    pub(crate) media: MediaOptions,
    /// Where models are called, if not at the emulator.
    pub(crate) models_at: Option<String>,
    /// What is allowed to everybody.
    pub(crate) rules: Rules,
    /// Further policies.
    pub(crate) policies: Vec<Policy>,
    pub(crate) limiter: Arc<TestLimiter>,
    pub(crate) ledger: Arc<MemoryLedger>,
    /// Names of the tags that are kept.
    pub(crate) tags: Vec<String>,
    /// A spool of a process that is gone.
    pub(crate) spool: Option<PathBuf>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            role: Role::Developer,
            limits: LimitsConfig::default(),
            max_spool_bytes: 1 << 20,
            allow_arns: false,
            compatibility_names: false,
            scope: Scope::default(),
            team: TeamId::new(Uuid::from_u128(2)),
            responses: Arc::default(),
            media_rules: MediaRules { enabled: true, ..MediaRules::default() },
            media: MediaOptions::from(&MediaConfig::default()),
            models_at: None,
            rules: Rules::default(),
            policies: Vec::new(),
            limiter: Arc::default(),
            ledger: Arc::default(),
            tags: Vec::new(),
            spool: None,
        }
    }
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let (stop, last) = (CancellationToken::new(), CancellationToken::new());
        let emulator = Emulator::bind(EmulatorConfig::default()).await.unwrap();
        let sdk = outcrop_aws::local_config(&emulator.url(), "us-east-1");
        let options = BedrockOptions { idle_timeout: Duration::from_secs(5) };
        let models = setup.models_at.as_deref().map(|url| outcrop_aws::local_config(url, "us-east-1"));
        let model = BedrockModel::new(models.as_ref().unwrap_or(&sdk), options).unwrap();
        let catalog = catalog(&setup, ControlPlane::new(&sdk).unwrap());
        let lists = emulator.lists();
        tokio::spawn(emulator.run(last.clone()));
        let root = TempDir::new().unwrap();
        let ledger = Arc::clone(&setup.ledger);
        let service = service(&setup, model, Arc::clone(&catalog), Arc::clone(&ledger), &root);
        let background = tokio::spawn({
            let (service, stop) = (service.clone(), stop.clone());
            async move { service.run(stop).await }
        });

        let config = ServerConfig { port: 0, workers: 1, ..ServerConfig::default() };
        let scope = Some(Arc::new(setup.scope.clone()));
        let caller = Principal { scope, team: setup.team, ..principal(setup.role) };
        let layer = Layer::new(move |request, next| {
            request.extensions_mut().insert(caller.clone());
            next.call(request)
        });
        let parts = ServerParts {
            in_flight: InFlight::default(),
            ids: Arc::new(SystemIdGen),
            layer,
            health: Health::new(Vec::new()),
        };
        let server = Server::bind(&config, parts, routes(service.clone())).unwrap();
        let base = format!("http://{}", server.addr());
        tokio::spawn(server.run(stop.clone()));
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
        let _last = [stop.clone().drop_guard(), last.drop_guard()];
        let responses = setup.responses;
        Self { service, catalog, lists, ledger, responses, stop, background, base, client, root, _last }
    }

    /// Where the service is.
    pub(crate) fn url(&self) -> &str {
        &self.base
    }

    /// Where the usage spool is.
    pub(crate) fn spool(&self) -> PathBuf {
        self.root.path().join("spool")
    }

    pub(crate) fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(reqwest::Method::GET, path).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.send(path, body).await).await
    }

    /// Posts without reading the answer.
    pub(crate) async fn send(&self, path: &str, body: &Value) -> reqwest::Response {
        let request = self.request(reqwest::Method::POST, path).header("content-type", "application/json");
        request.body(body.to_string()).send().await.unwrap()
    }

    /// Waits until the ledger holds so many records.
    pub(crate) async fn records(&self, count: usize) -> Vec<UsageRecord> {
        for _ in 0..1000 {
            let records = self.ledger.records.lock().unwrap().clone();
            if records.len() >= count {
                return records;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("fewer than {count} usage records: {:?}", self.ledger.records.lock().unwrap());
    }
}

fn catalog(setup: &Setup, control: ControlPlane) -> Arc<LiveCatalog> {
    let options = CatalogOptions {
        default_model: MODEL,
        default_embedding: Some("cohere-embed-multilingual-v3"),
        compatibility_names: setup.compatibility_names,
        region: "us-east-1",
        allow_arns: setup.allow_arns,
        ..CatalogOptions::default()
    };
    Arc::new(LiveCatalog::new(&options, control).unwrap())
}

fn service(
    setup: &Setup,
    model: BedrockModel,
    catalog: Arc<LiveCatalog>,
    ledger: Arc<MemoryLedger>,
    root: &TempDir,
) -> InferenceService {
    let ports = InferencePorts {
        model: Arc::new(model),
        catalog,
        media: Arc::new(HttpMediaFetcher::new(setup.media_rules.clone())),
        limiter: setup.limiter.clone(),
        local_limiter: Arc::new(MemoryLimiter::with_capacity(100)),
        policies: Arc::new(MemoryPolicies(policies(setup))),
        changes: Arc::new(MemoryChanges::default()),
        ledger,
        responses: setup.responses.clone(),
        clock: Arc::new(SystemClock::default()),
        ids: Arc::new(SystemIdGen),
    };
    let options = InferenceOptions {
        limits: setup.limits,
        media: setup.media.clone(),
        spool_dir: setup.spool.clone().unwrap_or_else(|| root.path().join("spool")),
        max_spool_bytes: setup.max_spool_bytes,
        flush: Duration::from_millis(10),
        tags: setup.tags.clone(),
        response_retention_days: 30,
        max_json_depth: 64,
        drain: Duration::from_secs(5),
    };
    InferenceService::new(ports, options).unwrap()
}

fn policies(Setup { rules, policies, .. }: &Setup) -> Vec<Policy> {
    let at = chrono::DateTime::UNIX_EPOCH;
    let policy = Policy {
        id: PolicyId::new(Uuid::from_u128(1)),
        target: Target::Platform,
        model: None,
        rules: rules.clone(),
        created_at: at,
        updated_at: at,
        revision: 1,
    };
    policies.iter().cloned().chain((!rules.is_empty()).then_some(policy)).collect()
}

pub(crate) fn principal(role: Role) -> Principal {
    Principal {
        subject: Subject::User(UserId::new(Uuid::from_u128(1))),
        team: TeamId::new(Uuid::from_u128(2)),
        role,
        key: Some("aaaaaaaaaaaaaaaa".parse().unwrap()),
        limits: Limits::default(),
        scope: None,
    }
}

/// A scope of these models.
pub(crate) fn models(patterns: &[&str]) -> Scope {
    Scope { models: patterns.iter().map(|it| it.parse().unwrap()).collect(), ..Scope::default() }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
    headers: reqwest::header::HeaderMap,
}

impl Answer {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The data of the events that are JSON.
    pub(crate) fn events(&self) -> Vec<Value> {
        let data = self.text.lines().filter_map(|line| line.strip_prefix("data: "));
        data.filter(|it| *it != "[DONE]").map(|it| serde_json::from_str(it).unwrap()).collect()
    }
}
