//! The platform apart with three job workers, and the emulated Bedrock that counts what they ask.

use std::time::Duration;

use outcrop_emulator::{Charges, EmulatorConfig, FaultKind, FaultRule, Faults};
use outcrop_testkit::Postgres;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::client::http;
use crate::history::History;
use crate::lines;
use crate::platform::setting;
use crate::process::{Program, Service, port};
use crate::servers::{Backends, tools};
use crate::wait::until;

const WORKERS: usize = 3;
/// Lines that one worker has under way at once.
pub(crate) const LINES_AT_ONCE: u64 = 16;
/// How long the model takes, milliseconds: long enough that a worker dies in the middle of calls.
const LATENCY_MS: u64 = 40;
const INTERNAL_SECRET: &str = "chaos-internal-secret-of-many-bytes-00";
const KEY_SECRET: &str = "chaos-key-secret-of-at-least-32-bytes-0";
const BOUNDARY: &str = "a-boundary-that-no-line-has";

/// What runs. Dropping it ends all of it.
pub(crate) struct Fleet {
    pub(crate) workers: Vec<Service>,
    pub(crate) postgres: Postgres,
    /// What Bedrock would charge for.
    pub(crate) charges: Charges,
    pub(crate) history: History,
    /// The local AWS, and the name of the queue in it.
    pub(crate) queue: (String, String),
    gateway: Service,
    key: String,
    last_seen: Value,
    emulator: CancellationToken,
    _inference: Service,
    _auth: Service,
    /// State and logs; the last to go.
    _folder: TempDir,
}

impl Fleet {
    pub(crate) async fn start(history: History) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let postgres = Postgres::start(&tools(), folder.path()).unwrap();
        let backends = Backends { postgres: postgres.url(), ..Backends::shared() };
        let (bedrock, charges, emulator) = bedrock().await;
        let mut env = backends.settings().await;
        let queue = env.iter().find_map(|(name, value)| {
            (name == "OUTCROP__QUEUE__URL").then(|| value.trim_start_matches("sqs://").to_owned())
        });
        env.extend(settings(&bedrock));
        let program = |name, home: &str, env: &[(String, String)]| {
            let home = folder.path().join(home);
            std::fs::create_dir_all(&home).unwrap();
            Program::new(name, &home).envs(env)
        };
        let start = async |name, home: &str, env: &[(String, String)]| {
            let at = port();
            program(name, home, env).env("OUTCROP__SERVER__PORT", at.to_string()).start(at).await
        };
        program("outcrop", "cli", &env).arguments(["migrate"]).succeed().await;
        let arguments = ["keys", "create", "--name", "chaos", "--role", "platform_admin", "--json"];
        let created = program("outcrop", "cli", &env).arguments(arguments).succeed().await;
        let created: Value = serde_json::from_str(&created).unwrap();
        let auth = start("outcrop-auth", "auth", &env).await;
        let inference = start("outcrop-inference", "inference", &env).await;
        env.push(setting("SERVICES__AUTH", &auth.url));
        env.push(setting("SERVICES__INFERENCE", &inference.url));
        let mut workers = Vec::new();
        for worker in 0..WORKERS {
            workers.push(start("outcrop-job-worker", &format!("worker-{worker}"), &env).await);
        }
        // A load balancer would find one that lives; whoever asks here asks again.
        env.push(setting("SERVICES__JOBS", &workers[0].url));
        let gateway = start("outcrop-gateway", "gateway", &env).await;
        let fleet = Self {
            workers,
            postgres,
            charges,
            history,
            queue: (backends.aws, queue.unwrap()),
            gateway,
            key: created["key"].as_str().unwrap().to_owned(),
            last_seen: Value::Null,
            emulator,
            _inference: inference,
            _auth: auth,
            _folder: folder,
        };
        until("the gateway", async || fleet.ask("/readyz").await).await;
        fleet
    }

    /// Uploads a file of so many lines and begins its batch; the batch's id.
    pub(crate) async fn submit(&self, lines: u32) -> String {
        let file = lines::file(lines);
        let body = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--{BOUNDARY}\r\n\
             content-disposition: form-data; name=\"file\"; filename=\"lines.jsonl\"\r\ncontent-type: application/jsonl\r\n\r\n{file}\r\n--{BOUNDARY}--\r\n"
        );
        let request = self.request("/v1/files", true);
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let file = self.told(request.header("content-type", kind).body(body)).await;
        let batch = json!({
            "input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h",
        });
        let batch = self.told(self.request("/v1/batches", true).json(&batch)).await;
        batch["id"].as_str().unwrap().to_owned()
    }

    /// The batch, if it has ended. A worker that is away answers nothing, and is asked again.
    pub(crate) async fn ended(&mut self, batch: &str) -> Option<Value> {
        let seen: Value = serde_json::from_str(&self.ask(&format!("/v1/batches/{batch}")).await?).ok()?;
        let ended = ["completed", "failed", "expired", "cancelled"];
        self.last_seen = seen;
        let status = self.last_seen["status"].as_str().unwrap_or_default();
        ended.contains(&status).then(|| self.last_seen.clone())
    }

    /// The batch as it was last seen.
    pub(crate) fn last_seen(&self) -> &Value {
        &self.last_seen
    }

    /// A file's lines; none of a file that there is not.
    pub(crate) async fn lines(&self, file: &Value) -> Vec<Value> {
        let Some(id) = file.as_str() else { return Vec::new() };
        let path = format!("/v1/files/{id}/content");
        let text = until("the file", async || self.ask(&path).await).await;
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What the ledger has, newest first.
    pub(crate) async fn ledger(&self) -> Vec<Value> {
        let mut records: Vec<Value> = Vec::new();
        loop {
            let after = records.last().map(|it| format!("&after={}", it["id"].as_str().unwrap()));
            let path = format!("/v1/usage?limit=1000{}", after.unwrap_or_default());
            let page = until("the ledger", async || self.ask(&path).await).await;
            let page: Value = serde_json::from_str(&page).unwrap();
            records.extend(page["data"].as_array().unwrap().iter().cloned());
            if page["has_more"] != true {
                return records;
            }
        }
    }

    fn request(&self, path: &str, posts: bool) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.gateway.url);
        let request = if posts { http().post(url) } else { http().get(url) };
        request.bearer_auth(&self.key)
    }

    /// What a good answer says.
    async fn ask(&self, path: &str) -> Option<String> {
        let answer = self.request(path, false).timeout(Duration::from_secs(20)).send().await.ok()?;
        if !answer.status().is_success() {
            return None;
        }
        answer.text().await.ok()
    }

    async fn told(&self, request: reqwest::RequestBuilder) -> Value {
        let answer = request.send().await.unwrap();
        let (status, body) = (answer.status(), answer.text().await.unwrap());
        self.history.must(status.is_success(), format_args!("{status}: {body}"));
        serde_json::from_str(&body).unwrap()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.emulator.cancel();
    }
}

/// A Bedrock that takes its time, and has too much to do now and then.
async fn bedrock() -> (String, Charges, CancellationToken) {
    let faults = Faults {
        latency_ms: LATENCY_MS,
        rules: vec![FaultRule::share(FaultKind::Throttling, 0.01)],
        ..Faults::default()
    };
    let config = EmulatorConfig { workers: 2, faults, ..EmulatorConfig::default() };
    let bedrock = outcrop_emulator::Emulator::bind(config).await.unwrap();
    let (url, charges, stop) = (bedrock.url(), bedrock.charges(), CancellationToken::new());
    tokio::spawn(bedrock.run(stop.clone()));
    (url, charges, stop)
}

fn settings(bedrock: &str) -> Vec<(String, String)> {
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
        // Messages come again, and workers are missed, within seconds.
        setting("JOBS__LEASE_MS", "3000"),
        setting("JOBS__SWEEP_MS", "1000"),
        // Here workers die of nothing that a job did.
        setting("JOBS__MAX_ATTEMPTS", "100"),
        setting("JOBS__CONCURRENCY", "4"),
        setting("BATCHES__PART_LINES", "100"),
        setting("BATCHES__LINES_AT_ONCE", &LINES_AT_ONCE.to_string()),
        setting("BATCHES__LINE_ATTEMPTS", "20"),
        // What is proved is the engine's own way of working through lines.
        setting("WAYS__ALLOWED", "on_demand"),
        ("RUST_LOG".to_owned(), "warn".to_owned()),
    ]
}
