//! Two gateways, two auth services, two inference processes and a job worker; nginx before each pair.

use outcrop_emulator::{Emulator, EmulatorConfig};
use outcrop_testkit::Process;
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::client::http;
use crate::nginx::{self, Group};
use crate::platform::setting;
use crate::process::{Program, Service, port};
use crate::servers::Backends;
use crate::wait::until;

const INTERNAL_SECRET: &str = "operations-internal-secret-of-many-bytes";
const KEY_SECRET: &str = "operations-key-secret-of-at-least-32-bytes";
const REPLICAS: usize = 2;

/// What runs. Dropping it ends all of it.
pub(crate) struct Fleet {
    /// Where clients come in.
    pub(crate) url: String,
    /// A platform admin's.
    pub(crate) key: String,
    /// In the order in which they are restarted.
    pub(crate) services: Vec<(String, Service)>,
    emulator: CancellationToken,
    _nginx: Process,
    /// State and logs; the last to go.
    _folder: TempDir,
}

impl Fleet {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let emulated = Emulator::bind(EmulatorConfig::default()).await.unwrap();
        let (bedrock, emulator) = (emulated.url(), CancellationToken::new());
        tokio::spawn(emulated.run(emulator.clone()));
        let ports = |count: usize| (0..count).map(|_| port()).collect::<Vec<_>>();
        let (gateways, auths, inferences) = (ports(REPLICAS), ports(REPLICAS), ports(REPLICAS));
        let (front, auth, inference, jobs) = (port(), port(), port(), port());
        let at = |port: u16| format!("http://127.0.0.1:{port}");
        let mut env = Backends::shared().settings().await;
        env.extend(settings(&bedrock));
        env.push(setting("SERVICES__AUTH", &at(auth)));
        env.push(setting("SERVICES__INFERENCE", &at(inference)));
        env.push(setting("SERVICES__JOBS", &at(jobs)));
        let cli = |arguments: &'static [&'static str]| {
            Program::new("outcrop", folder.path()).arguments(arguments).envs(&env)
        };
        cli(&["migrate"]).succeed().await;
        let arguments = &["keys", "create", "--name", "operations", "--role", "platform_admin", "--json"];
        let created: Value = serde_json::from_str(&cli(arguments).succeed().await).unwrap();
        let start = async |name: &'static str, home: String, at: u16| {
            let folder = folder.path().join(&home);
            std::fs::create_dir_all(&folder).unwrap();
            let program = Program::new(name, &folder).envs(&env);
            (home, program.env("OUTCROP__SERVER__PORT", at.to_string()).start(at).await)
        };
        let mut services = Vec::new();
        for (name, ports) in
            [("outcrop-auth", &auths), ("outcrop-inference", &inferences), ("outcrop-gateway", &gateways)]
        {
            for (number, port) in ports.iter().enumerate() {
                services.push(start(name, format!("{name} {}", number + 1), *port).await);
            }
        }
        services.push(start("outcrop-job-worker", "outcrop-job-worker".to_owned(), jobs).await);
        let group = |name, port, replicas: &[u16]| Group {
            name,
            port,
            replicas: replicas.iter().map(|it| format!("127.0.0.1:{it}")).collect(),
        };
        let groups = [
            group("gateway", front, &gateways),
            group("auth", auth, &auths),
            group("inference", inference, &inferences),
        ];
        let nginx = nginx::start(folder.path(), &groups);
        for (_, service) in &services {
            ready(service).await;
        }
        let key = created["key"].as_str().unwrap().to_owned();
        Self { url: at(front), key, services, emulator, _nginx: nginx, _folder: folder }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.emulator.cancel();
    }
}

/// Waits until a process says that it is ready.
pub(crate) async fn ready(service: &Service) {
    let url = format!("{}/readyz", service.url);
    until(&url, async || http().get(&url).send().await.ok().filter(|it| it.status().is_success())).await;
}

/// What every process is told.
pub(crate) fn settings(bedrock: &str) -> Vec<(String, String)> {
    vec![
        ("AWS_ENDPOINT_URL_BEDROCK".to_owned(), bedrock.to_owned()),
        ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME".to_owned(), bedrock.to_owned()),
        setting("MODELS__URL", "bedrock://us-east-1"),
        setting("AUTH__KEY_SECRET", KEY_SECRET),
        setting("INTERNAL__SECRET", INTERNAL_SECRET),
        // Gateways ask for credentials all the time, so that the auth service is on the way of requests.
        setting("AUTH__PUSHED_CACHE_TTL_MS", "100"),
        setting("AUTH__CACHE_TTL_MS", "100"),
        setting("SERVER__WORKERS", "2"),
        setting("SERVER__DRAIN_MS", "20000"),
        setting("USAGE__FLUSH_MS", "200"),
        setting("LIMITS__REQUESTS_PER_MINUTE_PER_KEY", "100000000"),
        ("RUST_LOG".to_owned(), "warn".to_owned()),
    ]
}
