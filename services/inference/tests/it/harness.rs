//! A running service, and a client of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpMessage;
use outcrop_bedrock::{
    BedrockOptions, BedrockPlaces, Catalog, CatalogOptions, LiveCatalog, PlacesOptions, RegionsCatalog,
};
use outcrop_client::{HttpMediaFetcher, MediaRules};
use outcrop_config::{LimitsConfig, MediaConfig, ResponseCacheConfig, RoutingConfig, ServerConfig};
use outcrop_embedded::{
    MemoryCache, MemoryChanges, MemoryLimiter, MemoryTargetHealth, SystemClock, SystemIdGen,
};
use outcrop_emulator::{Counters, Emulator, EmulatorConfig, Faults, Lists};
use outcrop_http::{Health, Layer, Server, ServerParts};
use outcrop_inference::{
    InferenceOptions, InferencePorts, InferenceService, MediaOptions, TellingOptions, routes,
};
use outcrop_lifecycle::InFlight;
use outcrop_ports::{Cache, ModelCatalog, Place, Places, PromptStore};
use outcrop_types::{
    AuditSealer, Limits, Policy, PolicyId, Principal, PromptCacheRule, Region, Role, Rules, Scope, Subject,
    Target, TeamId, UsageRecord, UserId,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::desk::MemoryDesk;
use crate::mcp_client;
use crate::prompt_store::FixedPrompts;
use crate::response_store::MemoryResponses;
use crate::route_store::MemoryRoutes;
pub(crate) use crate::stores::{MemoryLedger, MemoryPolicies};
use crate::test_limiter::TestLimiter;

pub(crate) const MODEL: &str = "claude-haiku-4-5";

/// A service on a free port, with an emulator of its own for each region.
pub(crate) struct TestApp {
    pub(crate) service: InferenceService,
    /// What it knows of the models; it looks at Bedrock's lists when it is told to.
    pub(crate) catalog: Arc<LiveCatalog>,
    /// What the emulator lists.
    pub(crate) lists: Lists,
    /// What the emulators count, in the order of the regions.
    pub(crate) counters: Vec<Counters>,
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
    pub(crate) routes: Arc<MemoryRoutes>,
    /// The prompts of teams.
    pub(crate) prompts: Arc<dyn PromptStore>,
    /// Who takes work that can wait.
    pub(crate) desk: Arc<MemoryDesk>,
    /// How long responses are kept, days.
    pub(crate) retention_days: u32,
    /// How calls find their way.
    pub(crate) routing: RoutingConfig,
    /// Which URLs are fetched: public ones, as usual.
    pub(crate) media_rules: MediaRules,
    pub(crate) media: MediaOptions,
    /// Where cache points are put in requests that have none.
    pub(crate) prompt_caching: Option<PromptCacheRule>,
    /// Where models are called, if not at the emulator.
    pub(crate) models_at: Option<String>,
    /// The regions, and what their emulators do wrong.
    pub(crate) regions: Vec<(&'static str, Faults)>,
    /// Regions of which nobody answers.
    pub(crate) dead: Vec<&'static str>,
    /// Accounts that can be called, beside our own.
    pub(crate) accounts: Vec<&'static str>,
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
    pub(crate) response_cache: ResponseCacheConfig,
    /// Where answers are kept.
    pub(crate) cache: Arc<dyn Cache>,
    /// How calls are told of.
    pub(crate) telling: TellingOptions,
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
            routes: Arc::default(),
            prompts: Arc::new(FixedPrompts::default()),
            desk: Arc::default(),
            retention_days: 30,
            routing: RoutingConfig::default(),
            media_rules: MediaRules { enabled: true, ..MediaRules::default() },
            media: MediaOptions::from(&MediaConfig::default()),
            prompt_caching: None,
            models_at: None,
            regions: vec![("us-east-1", Faults::default())],
            dead: Vec::new(),
            accounts: Vec::new(),
            rules: Rules::default(),
            policies: Vec::new(),
            limiter: Arc::default(),
            ledger: Arc::default(),
            tags: Vec::new(),
            spool: None,
            response_cache: ResponseCacheConfig::default(),
            cache: Arc::new(MemoryCache::default()),
            telling: TellingOptions::default(),
        }
    }
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let (stop, last) = (CancellationToken::new(), CancellationToken::new());
        let emulators = emulators(&setup, &last).await;
        let places = places(&setup, &emulators, setup.models_at.as_deref());
        let catalogs = catalogs(&setup, &places_of_lists(&setup, &emulators));
        let catalog = Arc::clone(&catalogs.home);
        let lists = emulators[0].lists.clone();
        let counters = emulators.iter().map(|it| it.counters.clone()).collect();
        let root = TempDir::new().unwrap();
        let ledger = Arc::clone(&setup.ledger);
        let service = service(&setup, places, catalogs.all, Arc::clone(&ledger), &root);
        service.read_routes().await;
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
        let mcp = mcp_client::server(&service, Arc::clone(&setup.prompts));
        let (routes, mcp_routes) = (routes(service.clone()), outcrop_mcp::routes(mcp.clone()));
        let server = Server::bind(&config, parts, move |app| {
            mcp_routes(app);
            routes(app);
        });
        let server = server.unwrap();
        let speaking = stop.clone();
        tokio::spawn(async move { mcp.run(speaking).await });
        let base = format!("http://{}", server.addr());
        tokio::spawn(server.run(stop.clone()));
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
        let _last = [stop.clone().drop_guard(), last.drop_guard()];
        let responses = setup.responses;
        Self {
            service,
            catalog,
            lists,
            counters,
            ledger,
            responses,
            stop,
            background,
            base,
            client,
            root,
            _last,
        }
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

/// What is known of a running emulator.
struct Emulated {
    url: String,
    lists: Lists,
    counters: Counters,
}

async fn emulators(setup: &Setup, last: &CancellationToken) -> Vec<Emulated> {
    let mut emulators = Vec::new();
    for (region, faults) in &setup.regions {
        let config = EmulatorConfig {
            region: (*region).to_owned(),
            faults: faults.clone(),
            ..EmulatorConfig::default()
        };
        let emulator = Emulator::bind(config).await.unwrap();
        let (url, lists, counters) = (emulator.url(), emulator.lists(), emulator.counters());
        tokio::spawn(emulator.run(last.clone()));
        emulators.push(Emulated { url, lists, counters });
    }
    emulators
}

/// Bedrock at the emulators, or at another address.
fn places(setup: &Setup, emulators: &[Emulated], models_at: Option<&str>) -> BedrockPlaces {
    let place = |region: &str| Place { account: None, region: region.parse().unwrap() };
    let endpoints = setup.regions.iter().zip(emulators).map(|((region, _), emulator)| {
        // Nobody listens on the port that is for discarding.
        let dead = setup.dead.contains(region).then_some("http://127.0.0.1:9");
        (place(region), dead.or(models_at).unwrap_or(&emulator.url).to_owned())
    });
    let sdk = outcrop_aws::local_config(&emulators[0].url, setup.regions[0].0);
    let options = PlacesOptions {
        regions: setup.regions.iter().map(|(region, _)| region.parse().unwrap()).collect(),
        accounts: setup.accounts.iter().map(|name| (name.parse().unwrap(), sdk.clone())).collect(),
        endpoints: endpoints.collect(),
    };
    BedrockPlaces::new(&sdk, BedrockOptions { idle_timeout: Duration::from_secs(5) }, options).unwrap()
}

/// Where models are listed: at the emulators, all of which are alive for that.
fn places_of_lists(setup: &Setup, emulators: &[Emulated]) -> BedrockPlaces {
    let alive = Setup { regions: setup.regions.clone(), ..Setup::default() };
    places(&alive, emulators, None)
}

/// The catalogue of all regions, and that of the first alone.
struct Catalogs {
    home: Arc<LiveCatalog>,
    all: Arc<dyn ModelCatalog>,
}

fn catalogs(setup: &Setup, lists: &BedrockPlaces) -> Catalogs {
    let of = |region: &Region| {
        let place = Place { account: None, region: region.clone() };
        LiveCatalog::new(&catalog_options(setup, region.as_str()), lists.control(&place).unwrap()).unwrap()
    };
    let (first, others) = lists.regions().split_first().unwrap();
    let home = Arc::new(of(first));
    if others.is_empty() {
        return Catalogs { all: home.clone(), home };
    }
    let others = others.iter().map(|region| (region.clone(), of(region))).collect();
    let elsewhere = Catalog::load(&catalog_options(setup, first.as_str())).unwrap();
    Catalogs { all: Arc::new(RegionsCatalog::new((first.clone(), of(first)), others, elsewhere)), home }
}

fn catalog_options<'a>(setup: &Setup, region: &'a str) -> CatalogOptions<'a> {
    CatalogOptions {
        default_model: MODEL,
        default_embedding: Some("cohere-embed-multilingual-v3"),
        compatibility_names: setup.compatibility_names,
        region,
        allow_arns: setup.allow_arns,
        ..CatalogOptions::default()
    }
}

fn service(
    setup: &Setup,
    places: BedrockPlaces,
    catalog: Arc<dyn ModelCatalog>,
    ledger: Arc<MemoryLedger>,
    root: &TempDir,
) -> InferenceService {
    let ports = InferencePorts {
        places: Arc::new(places),
        target_health: Arc::new(MemoryTargetHealth::default()),
        cache: Arc::clone(&setup.cache),
        catalog,
        media: Arc::new(HttpMediaFetcher::new(setup.media_rules.clone())),
        limiter: setup.limiter.clone(),
        local_limiter: Arc::new(MemoryLimiter::with_capacity(100)),
        policies: Arc::new(MemoryPolicies(policies(setup))),
        routes: setup.routes.clone(),
        changes: Arc::new(MemoryChanges::default()),
        ledger,
        responses: setup.responses.clone(),
        desk: setup.desk.clone(),
        clock: Arc::new(SystemClock::default()),
        ids: Arc::new(SystemIdGen),
    };
    let options = InferenceOptions {
        limits: setup.limits,
        media: setup.media.clone(),
        prompt_caching: setup.prompt_caching,
        routing: setup.routing.clone(),
        audit_sealer: AuditSealer::new(&[7; 32]).ok(),
        spool_dir: setup.spool.clone().unwrap_or_else(|| root.path().join("spool")),
        max_spool_bytes: setup.max_spool_bytes,
        flush: Duration::from_millis(10),
        tags: setup.tags.clone(),
        response_retention_days: setup.retention_days,
        max_json_depth: 64,
        response_cache: setup.response_cache.clone(),
        longest_call: Duration::from_secs(60),
        drain: Duration::from_secs(5),
        telling: setup.telling,
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
