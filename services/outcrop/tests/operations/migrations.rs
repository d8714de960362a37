//! Programs on databases that are older or newer than they are.

use std::fs::File;
use std::path::Path;

use outcrop_emulator::{Emulator, EmulatorConfig};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::client::http;
use crate::fleet::{ready, settings};
use crate::platform::setting;
use crate::process::{Program, Service, port};
use crate::servers::{Backends, tools};
use crate::wait::{LIMIT, until};

/// What a service logs whose tables are missing.
const WAITING: &str = "waiting for `outcrop migrate`";

struct Ground {
    folder: tempfile::TempDir,
    env: Vec<(String, String)>,
}

impl Ground {
    async fn new() -> Self {
        let emulated = Emulator::bind(EmulatorConfig::default()).await.unwrap();
        let mut env = Backends::shared().settings().await;
        env.extend(settings(&emulated.url()));
        tokio::spawn(emulated.run(CancellationToken::new()));
        Self { folder: tempfile::tempdir().unwrap(), env }
    }

    fn outcrop(&self) -> Program {
        Program::new("outcrop", self.folder.path()).envs(&self.env)
    }

    /// A service that does not get so far as to answer.
    fn command(&self, name: &str) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_outcrop")).with_file_name(name);
        let mut command = Command::new(program);
        command.env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        command.env("OUTCROP__SERVER__PORT", port().to_string()).env("AWS_REGION", "us-east-1");
        command.current_dir(self.folder.path()).kill_on_drop(true);
        command
    }

    /// What a service says that does not start.
    async fn refused(&self, name: &str) -> String {
        let output =
            tokio::time::timeout(LIMIT, self.command(name).output()).await.expect("it ends").unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// Changes the platform's database.
    fn change(&self, statement: &str) {
        let url = &self.env.iter().find(|(name, _)| name == "OUTCROP__STORE__URL").unwrap().1;
        outcrop_testkit::query_at(&tools(), url, statement).unwrap();
    }

    /// All services, with the database as it is.
    async fn services(&self) -> (Service, Vec<Service>) {
        let ports: Vec<u16> = (0..4).map(|_| port()).collect();
        let at = |number: usize| format!("http://127.0.0.1:{}", ports[number]);
        let env = [
            setting("SERVICES__AUTH", &at(1)),
            setting("SERVICES__INFERENCE", &at(2)),
            setting("SERVICES__JOBS", &at(3)),
        ];
        let start = async |name, number: usize| {
            let program = Program::new(name, self.folder.path()).envs(&self.env).envs(&env);
            let service =
                program.env("OUTCROP__SERVER__PORT", ports[number].to_string()).start(ports[number]).await;
            ready(&service).await;
            service
        };
        let mut others = Vec::new();
        for (name, number) in [("outcrop-auth", 1), ("outcrop-inference", 2), ("outcrop-job-worker", 3)] {
            others.push(start(name, number).await);
        }
        (start("outcrop-gateway", 0).await, others)
    }
}

#[tokio::test]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn a_service_waits_for_the_migration_and_then_refuses() {
    let ground = Ground::new().await;
    let at = port();
    let auth = || {
        let program = Program::new("outcrop-auth", ground.folder.path()).envs(&ground.env);
        program.env("OUTCROP__SERVER__PORT", at.to_string())
    };
    let log = ground.folder.path().join("outcrop-auth/log");
    let refused = ground.refused("outcrop-auth").await;
    assert!(refused.contains("it lacks 0001 platform; run `outcrop migrate` first"), "{refused}");
    let migrating = async {
        // The service is there before the tables are.
        logged(&log, WAITING).await;
        ground.outcrop().arguments(["migrate"]).succeed().await;
    };
    let (service, ()) = tokio::join!(auth().start(at), migrating);
    ready(&service).await;
}

#[tokio::test]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn a_service_that_waits_for_the_migration_stops_when_told() {
    let ground = Ground::new().await;
    for name in ["outcrop-auth", "outcrop-inference", "outcrop-job-worker"] {
        let log = ground.folder.path().join(format!("{name}.log"));
        let file = File::create(&log).unwrap();
        let mut command = ground.command(name);
        let mut service = command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        logged(&log, WAITING).await;
        let kill = format!("kill -s TERM {}", service.id().unwrap());
        assert!(Command::new("/bin/sh").args(["-c", &kill]).status().await.unwrap().success());
        let ended = tokio::time::timeout(LIMIT, service.wait()).await.expect("it ends").unwrap();
        let log = std::fs::read_to_string(log).unwrap();
        assert_eq!(ended.code(), Some(0), "{name}: {log}");
        assert!(log.contains("told to stop before the database was up to date"), "{name}: {log}");
    }
}

/// Waits until a log says this.
async fn logged(log: &Path, words: &str) {
    until(words, async || std::fs::read_to_string(log).ok()?.contains(words).then_some(())).await;
}

/// What the next release may do to the database, by the rules of docs/upgrading.md: columns that may be absent or have a
/// default, tables, and what stands in `_sqlx_migrations`.
const EXPAND: [&str; 6] = [
    "ALTER TABLE api_keys ADD COLUMN later TEXT",
    "ALTER TABLE users ADD COLUMN later TEXT NOT NULL DEFAULT 'x'",
    "ALTER TABLE usage_records ADD COLUMN later BIGINT",
    "ALTER TABLE jobs ADD COLUMN later BIGINT NOT NULL DEFAULT 0",
    "CREATE TABLE later (id TEXT PRIMARY KEY)",
    "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
     VALUES (9999, 'later', true, '\\x00', 0)",
];

/// Services on a database, and a key for them.
struct Platform {
    gateway: Service,
    others: Vec<Service>,
    key: String,
}

impl Platform {
    async fn start(ground: &Ground) -> Self {
        let arguments = ["keys", "create", "--name", "before", "--role", "platform_admin", "--json"];
        let created: Value =
            serde_json::from_str(&ground.outcrop().arguments(arguments).succeed().await).unwrap();
        let (gateway, others) = ground.services().await;
        Self { gateway, others, key: created["key"].as_str().unwrap().to_owned() }
    }

    async fn ask(&self, key: &str, method: Method, path: &str, body: Value) -> Value {
        let request = http().request(method, format!("{}{path}", self.gateway.url)).bearer_auth(key);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await.unwrap();
        let (status, body) = (answer.status().as_u16(), answer.json::<Value>().await.unwrap());
        assert!(status < 300, "{path}: {status} {body:#}");
        body
    }

    /// Reads and writes every table that grows; `name` is new each time.
    async fn use_all(&self, name: &str) {
        let (post, get) = (Method::POST, Method::GET);
        let key = json!({ "name": name, "role": "platform_admin" });
        let made = self.ask(&self.key, post.clone(), "/admin/v1/keys", key).await;
        let key = made["key"].as_str().unwrap();
        let user = json!({ "email": format!("{name}@example.com"), "name": name });
        self.ask(key, post.clone(), "/admin/v1/users", user).await;
        let before = self.records(key).await;
        let chat = json!({ "messages": [{ "role": "user", "content": "[[say: ok]]" }] });
        self.ask(key, post.clone(), "/v1/chat/completions", chat.clone()).await;
        let job = json!({ "path": "/v1/chat/completions", "body": chat });
        self.ask(key, post, "/v1/jobs", job).await;
        for path in ["/admin/v1/keys", "/admin/v1/users", "/v1/jobs"] {
            self.ask(key, get.clone(), path, Value::Null).await;
        }
        // The chat's, and the job's.
        until("usage records", async || (self.records(key).await >= before + 2).then_some(())).await;
    }

    async fn records(&self, key: &str) -> usize {
        self.ask(key, Method::GET, "/v1/usage?limit=100", Value::Null).await["data"].as_array().unwrap().len()
    }
}

#[tokio::test]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn a_program_runs_on_the_database_of_the_next_release() {
    let ground = Ground::new().await;
    ground.outcrop().arguments(["migrate"]).succeed().await;
    EXPAND.iter().for_each(|it| ground.change(it));
    let platform = Platform::start(&ground).await;
    platform.use_all("after").await;
    let said = platform.others[0].log();
    assert!(
        said.contains("the database is newer than this program") && said.contains("9999 later"),
        "{said}"
    );
    // And a migration of ours changes nothing about what is newer.
    let migrated = ground.outcrop().arguments(["migrate"]).succeed().await;
    assert!(migrated.contains("up to date"), "{migrated}");
}

/// As in a rolling update: the next release migrates while this one serves, with statements that it has prepared.
#[tokio::test]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn a_program_goes_on_while_the_next_release_migrates() {
    let ground = Ground::new().await;
    ground.outcrop().arguments(["migrate"]).succeed().await;
    let platform = Platform::start(&ground).await;
    for round in 0..3 {
        platform.use_all(&format!("before{round}")).await;
    }
    EXPAND.iter().for_each(|it| ground.change(it));
    for round in 0..3 {
        platform.use_all(&format!("after{round}")).await;
    }
}
