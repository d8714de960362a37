//! A platform with one team, an admin and a key, on a clock that stands still.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use outcrop_auth::{Acting, AuthOptions, AuthPorts, AuthService, Federation, FirstKey};
use outcrop_config::Config;
use outcrop_embedded::{MemoryLimiter, SystemIdGen};
use outcrop_http::testing::TestServer;
use outcrop_ports::{Changes, Clock, Heard, Outbound, OutboundAnswer, OutboundRequest, PortError};
use outcrop_sqlite::SqliteStore;
use outcrop_token::service_principal;
use outcrop_types::{Change, Limits, Principal, Role, Subject};
use serde_json::Value;

pub(crate) struct World {
    pub(crate) auth: AuthService,
    pub(crate) first: FirstKey,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) announced: Arc<Announced>,
    /// What the service works on, for those who put another one together.
    pub(crate) ports: AuthPorts,
    pub(crate) options: AuthOptions,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_, _| {}).await
    }

    /// A world that differs in some ports or options.
    pub(crate) async fn with(change: impl FnOnce(&mut AuthPorts, &mut AuthOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::connect(&folder.path().join("outcrop.db")).await.unwrap();
        store.migrate().await.unwrap();
        let store = Arc::new(store);
        let (clock, announced) = (Arc::new(TestClock::default()), Arc::new(Announced::default()));
        let mut ports = AuthPorts {
            keys: store.clone(),
            users: store.clone(),
            teams: store.clone(),
            accounts: store.clone(),
            sessions: store.clone(),
            signing_keys: store.clone(),
            policies: store.clone(),
            prompts: store.clone(),
            audit: store,
            changes: announced.clone(),
            limiter: Arc::new(MemoryLimiter::default()),
            local_limiter: Arc::new(MemoryLimiter::default()),
            outbound: Arc::new(Nowhere),
            clock: clock.clone(),
            ids: Arc::new(SystemIdGen),
        };
        let secret = "a secret of the server's, for tests only";
        let mut options = AuthOptions::new(&Config::default(), secret.into(), Federation::default()).unwrap();
        change(&mut ports, &mut options);
        let auth = AuthService::new(ports.clone(), options.clone());
        let first = auth.bootstrap_if_empty(&Acting::system()).await.unwrap().expect("an empty platform");
        Self { auth, first, clock, announced, ports, options, _folder: folder }
    }

    /// Somebody of the first team in this role.
    pub(crate) fn caller(&self, role: Role) -> Principal {
        let subject = Subject::User(self.first.admin.id);
        let team = self.first.team.id;
        Principal { subject, team, role, key: None, limits: Limits::default(), scope: None }
    }

    /// The public routes as this caller sees them.
    pub(crate) fn serve(&self, caller: Principal) -> TestServer {
        TestServer::start(Some(caller), Arc::new(SystemIdGen), Vec::new(), outcrop_auth::routes(&self.auth))
    }

    /// The routes for other services, as the gateway sees them.
    pub(crate) fn serve_internal(&self) -> TestServer {
        self.serve_internal_to(Some(service_principal("gateway")))
    }

    /// The routes for other services as this caller sees them.
    pub(crate) fn serve_internal_to(&self, caller: Option<Principal>) -> TestServer {
        TestServer::start(
            caller,
            Arc::new(SystemIdGen),
            Vec::new(),
            outcrop_auth::internal_routes(&self.auth),
        )
    }
}

/// Stands still until it is told to go on.
#[derive(Debug)]
pub(crate) struct TestClock(Mutex<DateTime<Utc>>);

impl Default for TestClock {
    fn default() -> Self {
        Self(Mutex::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap()))
    }
}

impl TestClock {
    pub(crate) fn advance(&self, by: TimeDelta) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.lock().unwrap().timestamp().unsigned_abs())
    }
}

/// Keeps what was announced.
#[derive(Debug, Default)]
pub(crate) struct Announced(Mutex<Vec<Change>>);

impl Announced {
    /// What was announced since it was last asked.
    pub(crate) fn take(&self) -> Vec<Change> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[async_trait]
impl Changes for Announced {
    async fn announce(&self, change: &Change) -> Result<(), PortError> {
        self.0.lock().unwrap().push(change.clone());
        Ok(())
    }

    fn listen(&self) -> BoxStream<'static, Heard> {
        stream::pending().boxed()
    }
}

/// An outside in which there is nobody.
struct Nowhere;

#[async_trait]
impl Outbound for Nowhere {
    async fn send(&self, _: OutboundRequest) -> Result<OutboundAnswer, PortError> {
        Err(PortError::unavailable("ask somebody else's server", "there is none in this test"))
    }
}

/// Status and body of an answer; `null` where there is no body.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    if body.is_empty() {
        return (status, Value::Null);
    }
    (status, serde_json::from_slice(&body).unwrap())
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap()
}
