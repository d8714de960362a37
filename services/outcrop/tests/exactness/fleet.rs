//! Several inference processes on one Redis and one Postgres, the auth service that keeps their policies, and the
//! emulated Bedrock that counts what they use.

use std::time::Duration;

use outcrop_emulator::{Charges, EmulatorConfig};
use outcrop_testkit::{Postgres, Redis};
use outcrop_token::{HEADER, InternalSigner, service_principal};
use outcrop_types::{Principal, Role, TeamId};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::client::http;
use crate::counts::Counts;
use crate::history::History;
use crate::platform::setting;
use crate::process::{Program, Service, port};
use crate::servers::{Backends, tools};
use crate::wait::{now, until};

/// Longer than a lease lives that nobody renews (60 s).
const LEASES_RUN_OUT_MS: u64 = 75_000;
const INTERNAL_SECRET: &str = "exactness-internal-secret-of-many-bytes";
const KEY_SECRET: &str = "exactness-key-secret-of-at-least-32-bytes";

/// What runs. Dropping it ends all of it.
pub(crate) struct Fleet {
    pub(crate) inference: Vec<Service>,
    pub(crate) redis: Redis,
    /// Its own only where it is to be stopped.
    pub(crate) postgres: Option<Postgres>,
    /// What Bedrock would charge for.
    pub(crate) charges: Charges,
    pub(crate) history: History,
    /// Who calls: somebody of this team.
    pub(crate) team: TeamId,
    auth: Service,
    signer: InternalSigner,
    emulator: CancellationToken,
    /// State and logs; the last to go.
    _folder: TempDir,
}

/// Which servers a fleet has for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Database {
    /// One that others use too.
    Shared,
    /// One that may be stopped.
    Own,
}

impl Fleet {
    /// Starts `replicas` of inference.
    pub(crate) async fn start(replicas: usize, database: Database, history: History) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let redis = Redis::start(&tools(), folder.path()).unwrap();
        let own = database == Database::Own;
        let postgres = own.then(|| Postgres::start(&tools(), folder.path()).unwrap());
        let mut backends = Backends { redis: redis.url(), ..Backends::shared() };
        if let Some(postgres) = &postgres {
            backends.postgres = postgres.url();
        }
        let bedrock = outcrop_emulator::Emulator::bind(EmulatorConfig::default()).await.unwrap();
        let (url, charges, emulator) = (bedrock.url(), bedrock.charges(), CancellationToken::new());
        tokio::spawn(bedrock.run(emulator.clone()));
        let mut env = backends.settings().await;
        env.extend([
            ("AWS_ENDPOINT_URL_BEDROCK".to_owned(), url.clone()),
            ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME".to_owned(), url),
            setting("MODELS__URL", "bedrock://us-east-1"),
            setting("AUTH__KEY_SECRET", KEY_SECRET),
            setting("INTERNAL__SECRET", INTERNAL_SECRET),
            setting("SERVER__WORKERS", "2"),
            setting("SERVER__DRAIN_MS", "6000"),
            setting("USAGE__FLUSH_MS", "200"),
            // Exact is what nobody guesses: a process's own share while Redis is away comes on top of what Redis lets in.
            setting("LIMITS__ON_UNAVAILABLE", "closed"),
            // What callers are told is counted here, and would fill the log.
            ("RUST_LOG".to_owned(), "warn".to_owned()),
        ]);
        let program = |name| Program::new(name, folder.path()).envs(&env);
        program("outcrop").arguments(["migrate"]).succeed().await;
        let at = port();
        let auth = program("outcrop-auth").env("OUTCROP__SERVER__PORT", at.to_string()).start(at).await;
        let mut inference = Vec::new();
        for replica in 0..replicas {
            let home = folder.path().join(format!("replica-{replica}"));
            std::fs::create_dir_all(&home).unwrap();
            let at = port();
            let program = Program::new("outcrop-inference", &home).envs(&env);
            inference.push(program.env("OUTCROP__SERVER__PORT", at.to_string()).start(at).await);
        }
        let signer =
            InternalSigner::new("gateway", &INTERNAL_SECRET.to_owned().into(), Duration::from_secs(60))
                .unwrap();
        let team = TeamId::new(uuid::Uuid::nil());
        let mut fleet = Self {
            inference,
            redis,
            postgres,
            charges,
            history,
            team,
            auth,
            signer,
            emulator,
            _folder: folder,
        };
        for service in &fleet.inference {
            let ready = format!("{}/readyz", service.url);
            until("an inference process", async || {
                http().get(&ready).send().await.ok().filter(|answer| answer.status().is_success())
            })
            .await;
        }
        let made = fleet.administer("/admin/v1/teams", &json!({ "name": "exactness" })).await;
        fleet.team = made["id"].as_str().unwrap().parse().unwrap();
        fleet
    }

    /// Gives the team a policy, and waits until every process goes by it.
    pub(crate) async fn limit(&self, rules: &Value) {
        let policy = json!({ "target": { "level": "team", "team": self.team.to_string() }, "rules": rules });
        self.administer("/admin/v1/policies", &policy).await;
        self.history.tell(format_args!("policy {rules}"));
        // A second at most, by what is promised.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }

    async fn administer(&self, path: &str, body: &Value) -> Value {
        let request = http()
            .post(format!("{}{path}", self.auth.url))
            .header(HEADER, self.identity(Role::PlatformAdmin));
        let answer = request.json(body).send().await.unwrap();
        let (status, body) = (answer.status(), answer.json::<Value>().await.unwrap());
        assert_eq!(status, 201, "{path}: {body:#}");
        body
    }

    /// An identity as the gateway would sign it.
    pub(crate) fn identity(&self, role: Role) -> String {
        let principal = Principal { role, team: self.team, ..service_principal("exactness") };
        self.signer.sign(&principal, now()).unwrap()
    }

    /// Waits until nothing is under way at the model, then until nothing is held of any limit. The counts then.
    ///
    /// What a dead process held and had not yet written down is given back when its leases have run out and somebody asks
    /// for something: `nudge` does.
    pub(crate) async fn settled(&self, nudge: impl AsyncFn()) -> Counts {
        until("the end of all calls", async || (self.charges.snapshot().under_way == 0).then_some(())).await;
        let url = self.redis.url();
        let mut last = Counts::default();
        let began = self.history.now_ms();
        while self.history.now_ms() - began < LEASES_RUN_OUT_MS {
            for _ in 0..20 {
                last = Counts::read(&url).await;
                if (last.leases, last.held) == (0, 0) {
                    let waited = self.history.now_ms() - began;
                    self.history.tell(format_args!("nothing is held any more after {waited} ms"));
                    return last;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            nudge().await;
        }
        self.history.must(false, format_args!("long after the last call something is still held: {last:?}"));
        last
    }

    /// What the ledger has of the team, newest first.
    pub(crate) async fn ledger(&self) -> Vec<Value> {
        let mut records: Vec<Value> = Vec::new();
        loop {
            let after = records.last().map(|it| format!("&after={}", it["id"].as_str().unwrap()));
            let url = format!("{}/v1/usage?limit=1000{}", self.inference[0].url, after.unwrap_or_default());
            let request = http().get(url).header(HEADER, self.identity(Role::TeamAdmin));
            let page: Value = request.send().await.unwrap().json().await.unwrap();
            records.extend(
                page["data"].as_array().unwrap_or_else(|| panic!("no page: {page:#}")).iter().cloned(),
            );
            if page["has_more"] != true {
                return records;
            }
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.emulator.cancel();
    }
}
