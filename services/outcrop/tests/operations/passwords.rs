//! The database's password is changed under a running platform, as Secrets Manager's rotation does it: first in the database, then
//! in the secret.

use futures::future::join_all;
use outcrop_emulator::{Emulator, EmulatorConfig};
use outcrop_testkit::{Postgres, query, query_at};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::client::http;
use crate::fleet::{ready, settings};
use crate::platform::setting;
use crate::process::{Program, Service, port};
use crate::servers::{Backends, tools};

/// At once; more than a process has connections.
const CLIENTS: usize = 24;
/// Requests of each.
const EACH: usize = 5;

const FIRST: &str = "first-password-of-the-database";
const SECOND: &str = "second-password-of-the-database";

/// What is said once when the new one is taken up.
const CHANGED: &str = "the secret of the database's password has changed";

/// Secrets Manager of the local AWS, which reads the service from the signature and does not check it.
async fn secrets_manager(aws: &str, action: &str, body: Value) {
    const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/secretsmanager/aws4_request, \
                          SignedHeaders=host, Signature=0";
    let request = http().post(aws).header("x-amz-target", format!("secretsmanager.{action}"));
    let request =
        request.header("content-type", "application/x-amz-json-1.1").header("authorization", SIGNED);
    let answer = request.body(body.to_string()).send().await.unwrap();
    assert!(answer.status().is_success(), "{action}: {}", answer.text().await.unwrap());
}

/// Has many read from the database at once; each must be answered.
async fn ask(service: &Service, key: &str) {
    let http = http();
    let client = async || {
        for _ in 0..EACH {
            let answer = http.get(format!("{}/admin/v1/keys", service.url)).bearer_auth(key);
            let answer = answer.send().await.unwrap();
            assert_eq!(answer.status(), 200, "{}\n{}", answer.text().await.unwrap(), service.log());
        }
    };
    join_all((0..CLIENTS).map(|_| client())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn a_changed_password_of_the_database_is_followed() {
    let (folder, tools) = (tempfile::tempdir().unwrap(), tools());
    let postgres = Postgres::start(&tools, folder.path()).unwrap();
    let run = |statement: &str| query(&tools, &postgres, statement).unwrap();
    run(&format!("CREATE ROLE outcrop LOGIN PASSWORD '{FIRST}'"));
    // Everybody else is trusted, as elsewhere in tests.
    let rules = folder.path().join("postgres/pg_hba.conf");
    let others = std::fs::read_to_string(&rules).unwrap();
    std::fs::write(&rules, format!("host all outcrop all scram-sha-256\n{others}")).unwrap();
    run("SELECT pg_reload_conf()");

    let emulated = Emulator::bind(EmulatorConfig::default()).await.unwrap();
    let bedrock = emulated.url();
    tokio::spawn(emulated.run(CancellationToken::new()));
    let backends = Backends { postgres: postgres.url(), ..Backends::shared() };
    let mut env = backends.settings().await;
    let database = env.iter().find(|(name, _)| name == "OUTCROP__STORE__URL").unwrap().1.clone();
    let name = database.rsplit_once('/').unwrap().1;
    run(&format!("ALTER DATABASE {name} OWNER TO outcrop"));
    let secret = |password: &str| json!({ "username": "outcrop", "password": password }).to_string();
    secrets_manager(&backends.aws, "CreateSecret", json!({ "Name": name, "SecretString": secret(FIRST) }))
        .await;
    env.retain(|(name, _)| name != "OUTCROP__STORE__URL");
    env.push(setting("STORE__URL", &database.replace("postgres@", "outcrop@")));
    env.push(setting("STORE__PASSWORD", &format!("secretsmanager://{name}#password")));
    // One process, whose log says a little more.
    let elsewhere = |name: &str| name.contains("INTERNAL__SECRET") || name == "RUST_LOG";
    env.extend(settings(&bedrock).into_iter().filter(|(name, _)| !elsewhere(name)));
    let at = port();
    env.push(setting("SERVER__PORT", &at.to_string()));
    let program = || Program::new("outcrop", folder.path()).envs(&env);
    program().arguments(["migrate"]).succeed().await;
    let arguments = ["keys", "create", "--name", "rotation", "--role", "platform_admin", "--json"];
    let created: Value = serde_json::from_str(&program().arguments(arguments).succeed().await).unwrap();
    let key = created["key"].as_str().unwrap();
    let service = program().start(at).await;
    ready(&service).await;

    run(&format!("ALTER ROLE outcrop PASSWORD '{SECOND}'"));
    let put = json!({ "SecretId": name, "SecretString": secret(SECOND) });
    secrets_manager(&backends.aws, "PutSecretValue", put).await;
    let with = |password: &str| database.replace("postgres@", &format!("outcrop:{password}@"));
    let refused = query_at(&tools, &with(FIRST), "SELECT 1").unwrap_err().to_string();
    assert!(refused.contains("password authentication failed"), "{refused}");
    // Some on connections that are open, others on new ones.
    ask(&service, key).await;
    // As after a failover of the database, with which all are gone.
    run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'outcrop'");
    ask(&service, key).await;
    let log = service.log();
    assert_eq!(log.matches(CHANGED).count(), 1, "{log}");
    assert!(!log.contains(FIRST) && !log.contains(SECOND), "{log}");
    eprintln!("{} of {} requests answered around the change", 2 * CLIENTS * EACH, 2 * CLIENTS * EACH);
}
