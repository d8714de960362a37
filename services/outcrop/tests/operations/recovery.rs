//! The database is lost and brought back from a base backup and the archived log, and what that lacks from the usage spool: each
//! record is there afterwards, once.

use std::time::Instant;

use outcrop_emulator::{Emulator, EmulatorConfig};
use outcrop_testkit::{Backup, Postgres, Tools, query, query_at};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::client::http;
use crate::fleet::{ready, settings};
use crate::platform::setting;
use crate::process::{Program, Service, port};
use crate::servers::{Backends, tools};
use crate::wait::until;

/// Calls in each act of the drill.
const CALLS: usize = 40;

/// A platform in one process, and the way to its ledger.
struct Platform {
    service: Service,
    key: String,
    tools: Tools,
    /// The platform's database.
    database: String,
}

impl Platform {
    /// Asks the model so often; each must be answered.
    async fn call(&self) {
        let body = json!({ "messages": [{ "role": "user", "content": "[[say: ok]]" }] });
        let http = http();
        for _ in 0..CALLS {
            let request = http.post(format!("{}/v1/chat/completions", self.service.url));
            let answer = request.bearer_auth(&self.key).json(&body).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
        }
    }

    /// All records of the ledger, and how many different ones.
    fn records(&self) -> Option<(usize, usize)> {
        let counted =
            query_at(&self.tools, &self.database, "SELECT count(*), count(DISTINCT id) FROM usage_records")
                .ok()?;
        let (all, different) = counted.split_once('|')?;
        Some((all.parse().ok()?, different.parse().ok()?))
    }

    async fn until_in_the_ledger(&self, calls: usize) {
        until(&format!("{calls} records"), async || (self.records()? == (calls, calls)).then_some(())).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn a_lost_database_comes_back_with_every_record() {
    let (folder, tools) = (tempfile::tempdir().unwrap(), tools());
    let backup = Backup::below(folder.path()).unwrap();
    let postgres = Postgres::start_archiving(&tools, folder.path(), port(), &backup).unwrap();
    let emulated = Emulator::bind(EmulatorConfig::default()).await.unwrap();
    let bedrock = emulated.url();
    tokio::spawn(emulated.run(CancellationToken::new()));
    let backends = Backends { postgres: postgres.url(), ..Backends::shared() };
    let mut env = backends.settings().await;
    // One process, which remembers keys for as long as it does elsewhere.
    let elsewhere = |name: &str| name.contains("INTERNAL__SECRET") || name.contains("CACHE_TTL");
    env.extend(settings(&bedrock).into_iter().filter(|(name, _)| !elsewhere(name)));
    let at = port();
    env.push(setting("SERVER__PORT", &at.to_string()));
    let program = || Program::new("outcrop", folder.path()).envs(&env);
    program().arguments(["migrate"]).succeed().await;
    let arguments = ["keys", "create", "--name", "drill", "--role", "platform_admin", "--json"];
    let created: Value = serde_json::from_str(&program().arguments(arguments).succeed().await).unwrap();
    let database = env.iter().find(|(name, _)| name == "OUTCROP__STORE__URL").unwrap().1.clone();
    let key = created["key"].as_str().unwrap().to_owned();
    let mut platform = Platform { service: program().start(at).await, key, tools, database };
    ready(&platform.service).await;

    platform.call().await;
    platform.until_in_the_ledger(CALLS).await;
    backup.take(&platform.tools, &postgres).unwrap();
    // These are in the log alone.
    platform.call().await;
    platform.until_in_the_ledger(2 * CALLS).await;
    let time = query(&platform.tools, &postgres, "SELECT clock_timestamp()").unwrap();
    let restorable = Instant::now();
    // These come after the last moment that can be restored: the database will have lost them.
    platform.call().await;
    platform.until_in_the_ledger(3 * CALLS).await;
    backup.archive_now(&platform.tools, &postgres).unwrap();

    let lost = Instant::now();
    let rpo = lost - restorable;
    let mut postgres = postgres;
    postgres.stop().unwrap();
    std::fs::remove_dir_all(folder.path().join("postgres")).unwrap();
    // Known keys go on working.
    platform.call().await;
    // As a machine that goes with the database would; its volume stays.
    platform.service.kill().await;

    let restoring = Instant::now();
    let postgres = backup.restore(&platform.tools, folder.path(), &time, postgres).unwrap();
    let restored = restoring.elapsed();
    assert_eq!(platform.records(), Some((2 * CALLS, 2 * CALLS)), "as it was at {time}");
    platform.service.start_again().await;
    ready(&platform.service).await;
    platform.until_in_the_ledger(4 * CALLS).await;
    let rto = restoring.elapsed();

    // The spool once more: whatever it still holds is there already.
    platform.service.kill().await;
    platform.service.start_again().await;
    ready(&platform.service).await;
    platform.call().await;
    platform.until_in_the_ledger(5 * CALLS).await;
    eprintln!(
        "the database as of {rpo:.1?} before the loss: {} of {} records; with the usage spool {}, each once. \
         {CALLS} of {CALLS} calls were answered while it was away. Restored in {restored:.1?}, everything in the ledger after {rto:.1?}.",
        2 * CALLS,
        4 * CALLS,
        4 * CALLS,
    );
    drop(postgres);
}
