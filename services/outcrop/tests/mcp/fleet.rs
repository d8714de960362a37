//! Replicas of the platform on one Postgres, one Redis and one queue, behind a proxy that takes turns.

use std::path::Path;
use std::sync::Arc;

use outcrop_emulator::{Charges, EmulatorConfig};
use outcrop_testkit::Redis;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::client::http;
use crate::platform::setting;
use crate::process::{Program, Service, port};
use crate::proxy::Proxy;
use crate::replicas::Replicas;
use crate::servers::{Backends, tools};
use crate::wait::until;

const REPLICAS: usize = 2;
const INTERNAL_SECRET: &str = "mcp-internal-secret-of-many-bytes-000000";
const KEY_SECRET: &str = "mcp-key-secret-of-at-least-32-bytes-00000";

/// What runs. Dropping it ends all of it.
pub(crate) struct Fleet {
    /// Where clients come in.
    pub(crate) url: String,
    /// What takes turns among the replicas.
    pub(crate) proxy: Proxy,
    pub(crate) replicas: Arc<Replicas>,
    /// A platform admin's.
    pub(crate) key: String,
    /// Another service account's of the same team.
    pub(crate) other_key: String,
    /// The emulated Bedrock, and what it would charge for.
    pub(crate) bedrock: String,
    pub(crate) charges: Charges,
    /// Nobody else's.
    pub(crate) redis: Redis,
    emulator: CancellationToken,
    _others: Vec<Service>,
    /// State and logs; the last to go.
    _folder: TempDir,
}

/// What is the same for both compositions while they start.
struct Ground {
    folder: TempDir,
    env: Vec<(String, String)>,
    key: String,
    bedrock: String,
    charges: Charges,
    redis: Redis,
    emulator: CancellationToken,
}

impl Fleet {
    /// Two processes `outcrop`.
    pub(crate) async fn together(settings: &[(&str, &str)]) -> Self {
        let ground = Ground::new(settings).await;
        let mut services = Vec::new();
        for replica in 0..REPLICAS {
            services.push(ground.start("outcrop", &format!("replica-{replica}"), &[]).await);
        }
        let replicas = Arc::new(Replicas::new(services));
        let proxy = Proxy::start(replicas.clone()).await;
        Self::ready(ground, proxy.url.clone(), proxy, replicas, Vec::new()).await
    }

    /// Four services, of which inference is two processes: what takes turns stands between the gateway and them.
    pub(crate) async fn apart(settings: &[(&str, &str)]) -> Self {
        let ground = Ground::new(settings).await;
        let jobs_at = port();
        let jobs_url = format!("http://127.0.0.1:{jobs_at}");
        let mut env = vec![setting("SERVICES__JOBS", &jobs_url)];
        let auth = ground.start("outcrop-auth", "auth", &env).await;
        let mut services = Vec::new();
        for replica in 0..REPLICAS {
            services.push(ground.start("outcrop-inference", &format!("replica-{replica}"), &env).await);
        }
        let replicas = Arc::new(Replicas::new(services));
        let proxy = Proxy::start(replicas.clone()).await;
        env.push(setting("SERVICES__AUTH", &auth.url));
        env.push(setting("SERVICES__INFERENCE", &proxy.url));
        let jobs = ground.start_at("outcrop-job-worker", "jobs", &env, jobs_at).await;
        let gateway = ground.start("outcrop-gateway", "gateway", &env).await;
        let url = gateway.url.clone();
        Self::ready(ground, url, proxy, replicas, vec![gateway, jobs, auth]).await
    }

    async fn ready(
        ground: Ground,
        url: String,
        proxy: Proxy,
        replicas: Arc<Replicas>,
        others: Vec<Service>,
    ) -> Self {
        let Ground { folder, key, bedrock, charges, redis, emulator, .. } = ground;
        let addresses = replicas.addresses().iter().map(|it| format!("http://{it}"));
        for url in addresses.chain(others.iter().map(|it| it.url.clone())) {
            until("a replica", async || {
                let ready = http().get(format!("{url}/readyz")).send().await.ok()?;
                ready.status().is_success().then_some(())
            })
            .await;
        }
        let other_key = other_key(&url, &key).await;
        let (others, folder) = (others, folder);
        Self {
            url,
            proxy,
            replicas,
            key,
            other_key,
            bedrock,
            charges,
            redis,
            emulator,
            _others: others,
            _folder: folder,
        }
    }

    /// Waits until no model works any more.
    pub(crate) async fn until_idle(&self) {
        until("the end of all calls", async || (self.charges.snapshot().under_way == 0).then_some(())).await;
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.emulator.cancel();
    }
}

impl Ground {
    async fn new(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let redis = Redis::start(&tools(), folder.path()).unwrap();
        let emulated = outcrop_emulator::Emulator::bind(EmulatorConfig::default()).await.unwrap();
        let (bedrock, charges, emulator) = (emulated.url(), emulated.charges(), CancellationToken::new());
        tokio::spawn(emulated.run(emulator.clone()));
        let mut env = Backends { redis: redis.url(), ..Backends::shared() }.settings().await;
        env.extend(common(&bedrock));
        env.extend(settings.iter().map(|(name, value)| setting(name, value)));
        let cli = |arguments: &'static [&'static str]| {
            Program::new("outcrop", folder.path()).arguments(arguments).envs(&env)
        };
        cli(&["migrate"]).succeed().await;
        let arguments = &["keys", "create", "--name", "mcp", "--role", "platform_admin", "--json"];
        let created: Value = serde_json::from_str(&cli(arguments).succeed().await).unwrap();
        let key = created["key"].as_str().unwrap().to_owned();
        Self { folder, env, key, bedrock, charges, redis, emulator }
    }

    async fn start(&self, name: &'static str, home: &str, env: &[(String, String)]) -> Service {
        self.start_at(name, home, env, port()).await
    }

    async fn start_at(&self, name: &'static str, home: &str, env: &[(String, String)], at: u16) -> Service {
        let home = made(self.folder.path(), home);
        let program = Program::new(name, &home).envs(&self.env).envs(env);
        program.env("OUTCROP__SERVER__PORT", at.to_string()).start(at).await
    }
}

fn made(folder: &Path, name: &str) -> std::path::PathBuf {
    let home = folder.join(name);
    std::fs::create_dir_all(&home).unwrap();
    home
}

fn common(bedrock: &str) -> Vec<(String, String)> {
    vec![
        ("AWS_ENDPOINT_URL_BEDROCK".to_owned(), bedrock.to_owned()),
        ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME".to_owned(), bedrock.to_owned()),
        setting("MODELS__URL", "bedrock://us-east-1"),
        setting("AUTH__KEY_SECRET", KEY_SECRET),
        setting("INTERNAL__SECRET", INTERNAL_SECRET),
        setting("SERVER__WORKERS", "2"),
        setting("SERVER__DRAIN_MS", "4000"),
        setting("USAGE__FLUSH_MS", "200"),
        setting("LIMITS__REQUESTS_PER_MINUTE_PER_KEY", "100000000"),
        setting("JOBS__SWEEP_MS", "1000"),
        // Elicitation and sampling are asked for by the fixtures' tools.
        setting("MCP__CONFORMANCE_FIXTURES", "true"),
        ("RUST_LOG".to_owned(), "warn".to_owned()),
    ]
}

/// A key of another service account of the same team: a session belongs to its account, whichever of its keys is shown.
async fn other_key(url: &str, key: &str) -> String {
    let made = async |path: &str, body: Value| {
        let request = http().post(format!("{url}/admin/v1/{path}")).bearer_auth(key);
        let answer = request.json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 201, "{path}");
        answer.json::<Value>().await.unwrap()
    };
    let account = made("service-accounts", json!({ "name": "other", "role": "platform_admin" })).await;
    let created = made("keys", json!({ "name": "other", "service_account": account["id"] })).await;
    created["key"].as_str().unwrap().to_owned()
}
