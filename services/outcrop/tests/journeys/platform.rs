//! A running platform, in either composition.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Answer, Client};
use crate::emulator::Emulator;
use crate::process::{Program, Service, port};
use crate::servers::Backends;
use crate::wait::until;

/// Smaller than the default, so that tests of it send little.
pub(crate) const MAX_BODY_BYTES: usize = 1024 * 1024;
/// The secret that signs identities between services apart.
pub(crate) const INTERNAL_SECRET: &str = "journeys-internal-secret-of-many-bytes";
/// Whose pages may call the platform.
pub(crate) const ORIGIN: &str = "https://app.example.com";
const KEY_SECRET: &str = "journeys-key-secret-of-at-least-32-bytes";

/// The platform and the Bedrock it calls. Dropping it ends all of its processes.
#[derive(Debug)]
pub(crate) struct Platform {
    /// Its first admin.
    pub(crate) admin: Client,
    /// The admin's key.
    pub(crate) key: String,
    pub(crate) emulator: Emulator,
    pub(crate) services: Services,
    /// Its state and logs; the last to go.
    folder: TempDir,
}

/// The processes of the platform.
#[derive(Debug)]
pub(crate) enum Services {
    Together(Box<Service>),
    Apart(Box<Apart>),
}

/// The four services.
#[derive(Debug)]
pub(crate) struct Apart {
    pub(crate) gateway: Service,
    pub(crate) auth: Service,
    pub(crate) inference: Service,
    pub(crate) jobs: Service,
}

/// The one process as `cargo run` starts it: on embedded defaults, the emulator in it included.
#[derive(Debug)]
pub(crate) struct PlainStart {
    pub(crate) service: Service,
    /// The first admin's key.
    pub(crate) key: String,
    _folder: TempDir,
}

impl PlainStart {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = port();
        let program = Program::new("outcrop", folder.path()).arguments(["--port", &port.to_string()]);
        let service = program.start(port).await;
        let key = first_key(&service).await;
        Self { service, key, _folder: folder }
    }
}

impl Platform {
    /// The one process on embedded defaults, but for its models.
    pub(crate) async fn together() -> Self {
        Self::together_with(&[]).await
    }

    /// The one process, on the servers that the environment names: Postgres for its database.
    pub(crate) async fn together_on_postgres() -> Self {
        let mut env = Backends::shared().settings().await;
        env.push(setting("AUTH__KEY_SECRET", KEY_SECRET));
        Self::together_with(&env).await
    }

    /// The one process, with these settings too.
    pub(crate) async fn together_with(env: &[(String, String)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let emulator = Emulator::start_here().await;
        let port = port();
        let program = Program::new("outcrop", folder.path())
            .arguments(["--port", &port.to_string(), "--data-dir", "data", "--models", "bedrock://us-east-1"])
            .envs(&common(&emulator))
            .envs(env);
        let service = program.start(port).await;
        let key = first_key(&service).await;
        Self::ready(Services::Together(Box::new(service)), &key, emulator, folder).await
    }

    /// The four services, on the servers that the environment names.
    pub(crate) async fn apart() -> Self {
        Self::apart_on(&Backends::shared()).await
    }

    /// The four services, on servers of the test's own.
    pub(crate) async fn apart_on(backends: &Backends) -> Self {
        Self::apart_in(tempfile::tempdir().unwrap(), backends, &[]).await
    }

    /// The four services on one machine, with one SQLite file for all of them.
    pub(crate) async fn apart_on_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = format!("sqlite://{}", folder.path().join("platform.db").display());
        Self::apart_in(folder, &Backends::shared(), &[setting("STORE__URL", &file)]).await
    }

    /// The four services in this folder, on these servers, with these settings too.
    pub(crate) async fn apart_in(folder: TempDir, backends: &Backends, over: &[(String, String)]) -> Self {
        let emulator = Emulator::start(folder.path()).await;
        let mut env = common(&emulator);
        env.extend(backends.settings().await);
        env.push(setting("MODELS__URL", "bedrock://us-east-1"));
        env.push(setting("AUTH__KEY_SECRET", KEY_SECRET));
        env.push(setting("INTERNAL__SECRET", INTERNAL_SECRET));
        // Of two of one name the later counts.
        env.extend_from_slice(over);
        let command = |arguments: &'static [&'static str]| {
            Program::new("outcrop", folder.path()).arguments(arguments).envs(&env)
        };
        command(&["migrate"]).succeed().await;
        let arguments = &["keys", "create", "--name", "journeys", "--role", "platform_admin", "--json"];
        let created: Value = serde_json::from_str(&command(arguments).succeed().await).unwrap();
        let services = Services::Apart(Box::new(Apart::start(folder.path(), &env).await));
        Self::ready(services, created["key"].as_str().unwrap(), emulator, folder).await
    }

    async fn ready(services: Services, key: &str, emulator: Emulator, folder: TempDir) -> Self {
        let admin = Client::new(&services.front().url, Some(key));
        let platform = Self { admin, key: key.to_owned(), emulator, services, folder };
        for service in platform.services.all() {
            let client = Client::new(&service.url, None);
            until(&service.url, async || (client.get("/readyz").await.status == 200).then_some(())).await;
        }
        platform
    }

    /// A new key of the admin's team.
    pub(crate) async fn create_key(&self, fields: &Value) -> Answer {
        self.admin.post("/admin/v1/keys", fields).await.expect(201)
    }

    /// Somebody with this role.
    pub(crate) async fn caller(&self, role: &str) -> Client {
        let created = self.create_key(&json!({ "name": role, "role": role })).await;
        self.admin.with_key(created.body["key"].as_str().unwrap())
    }

    /// The usage record of a request, once it is in the ledger.
    pub(crate) async fn usage_of(&self, request_id: &str) -> Value {
        let what = format!("the usage record of {request_id}");
        let records =
            until(&what, async || Some(self.usage_records(request_id).await).filter(|it| !it.is_empty()));
        let mut records = records.await;
        assert_eq!(records.len(), 1, "{records:#?}");
        records.remove(0)
    }

    /// The usage record of a request of another team, as a member of it sees it.
    pub(crate) async fn usage_of_team(&self, member: &Client, request_id: &str) -> Value {
        until(&format!("the usage record of {request_id}"), async || {
            let listed = member.get("/v1/usage?limit=100").await;
            let records = listed.body["data"].as_array().cloned().unwrap_or_default();
            records.into_iter().find(|record| record["request_id"] == request_id)
        })
        .await
    }

    /// A second gateway before the same services.
    pub(crate) async fn another_gateway(&mut self) -> Service {
        self.another_gateway_with(&[]).await
    }

    /// The same, with these settings too.
    pub(crate) async fn another_gateway_with(&mut self, env: &[(String, String)]) -> Service {
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap().keep();
        let port = port();
        let gateway = &self.services.apart().gateway;
        let service = gateway.twin_with(&folder, port, env).await;
        let client = Client::new(&service.url, None);
        until(&service.url, async || (client.get("/readyz").await.status == 200).then_some(())).await;
        service
    }

    /// All usage records of a request that are in the ledger now.
    pub(crate) async fn usage_records(&self, request_id: &str) -> Vec<Value> {
        let listed = self.admin.get("/v1/usage?limit=1000").await;
        let records = listed.body["data"].as_array().cloned().unwrap_or_default();
        records.into_iter().filter(|record| record["request_id"] == request_id).collect()
    }
}

impl Apart {
    async fn start(folder: &Path, env: &[(String, String)]) -> Self {
        let start = async |name, port: u16, env: &[(String, String)]| {
            let program = Program::new(name, folder).envs(env).env("OUTCROP__SERVER__PORT", port.to_string());
            program.start(port).await
        };
        let mut env = env.to_vec();
        // Inference hands work over to the job worker, which starts after it.
        let jobs = port();
        env.push(setting("SERVICES__JOBS", &format!("http://127.0.0.1:{jobs}")));
        let (auth, inference) =
            tokio::join!(start("outcrop-auth", port(), &env), start("outcrop-inference", port(), &env));
        env.push(setting("SERVICES__AUTH", &auth.url));
        env.push(setting("SERVICES__INFERENCE", &inference.url));
        let jobs = start("outcrop-job-worker", jobs, &env).await;
        let gateway = start("outcrop-gateway", port(), &env).await;
        Self { gateway, auth, inference, jobs }
    }
}

impl Services {
    /// What the public reaches.
    pub(crate) fn front(&self) -> &Service {
        match self {
            Self::Together(service) => service,
            Self::Apart(apart) => &apart.gateway,
        }
    }

    /// What the public reaches.
    pub(crate) fn gateway(&mut self) -> &mut Service {
        match self {
            Self::Together(service) => service,
            Self::Apart(apart) => &mut apart.gateway,
        }
    }

    /// What calls models.
    pub(crate) fn inference(&mut self) -> &mut Service {
        match self {
            Self::Together(service) => service,
            Self::Apart(apart) => &mut apart.inference,
        }
    }

    /// What does jobs.
    pub(crate) fn jobs(&mut self) -> &mut Service {
        match self {
            Self::Together(service) => service,
            Self::Apart(apart) => &mut apart.jobs,
        }
    }

    /// The four services, which it must be.
    pub(crate) fn apart(&mut self) -> &mut Apart {
        let Self::Apart(apart) = self else { panic!("the services are together") };
        apart
    }

    pub(crate) fn all(&self) -> Vec<&Service> {
        match self {
            Self::Together(service) => vec![service],
            Self::Apart(apart) => vec![&apart.auth, &apart.inference, &apart.jobs, &apart.gateway],
        }
    }
}

/// A setting as a variable.
pub(crate) fn setting(name: &str, value: &str) -> (String, String) {
    (format!("OUTCROP__{name}"), value.to_owned())
}

fn common(emulator: &Emulator) -> Vec<(String, String)> {
    let mut settings = vec![
        ("AWS_ENDPOINT_URL_BEDROCK".to_owned(), emulator.url().to_owned()),
        ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME".to_owned(), emulator.url().to_owned()),
        setting("SERVER__MAX_BODY_BYTES", &MAX_BODY_BYTES.to_string()),
        setting("SERVER__CORS_ORIGINS", ORIGIN),
        // All of a journey's people log in from one address.
        setting("AUTH__LOGIN_ATTEMPTS_PER_ADDRESS", "10000"),
        setting("SERVER__WORKERS", "2"),
        // Long enough for what is to finish, and short enough to wait for what is not.
        setting("SERVER__DRAIN_MS", "6000"),
        setting("JOBS__LEASE_MS", "6000"),
        setting("JOBS__SWEEP_MS", "1000"),
        // Receivers of tests are on this machine.
        setting("WEBHOOKS__ALLOW_HTTP", "true"),
        setting("WEBHOOKS__ALLOW_NETWORKS", "127.0.0.0/8"),
        setting("WEBHOOKS__INTERVAL_MS", "200"),
    ];
    settings.extend(crate::outsiders::settings());
    settings
}

/// The key that the first start prints.
async fn first_key(service: &Service) -> String {
    until("the first key", async || {
        let log = service.log();
        log.lines().map(str::trim).find(|line| line.starts_with("ock_")).map(str::to_owned)
    })
    .await
}
