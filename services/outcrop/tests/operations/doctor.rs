//! `outcrop doctor`: what it finds where all is well, and what it says where something is not.

use std::net::TcpListener;
use std::process::Output;

use outcrop_emulator::{Emulator, EmulatorConfig};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::home::{Home, client, finish, text};

/// As `openssl rand -hex 32` makes them.
const SECRET: &str = "3f9a1c77be02d84e6a5510c9f7e3b2d8416f0a9be87c5d23140fb6e29c7a8d51";

pub(crate) type Settings = Vec<(String, String)>;

pub(crate) fn setting(name: &str, value: &str) -> (String, String) {
    (format!("OUTCROP__{name}"), value.to_owned())
}

pub(crate) async fn doctor(
    home: &Home,
    settings: &[(String, String)],
    flags: &[&str],
) -> (Output, Vec<Value>) {
    let mut command = home.command(&["doctor", "--json"]);
    command.args(flags).envs(settings.iter().map(|(name, value)| (name, value)));
    let output = finish(command).await;
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(report["ok"] == true, output.status.success(), "{report:#}");
    let findings = report["findings"].as_array().unwrap().clone();
    for finding in &findings {
        assert_eq!(
            finding["state"] == "ok" || finding["state"] == "skipped",
            finding["remedy"].is_null(),
            "a remedy, where one is needed: {finding}"
        );
    }
    (output, findings)
}

#[track_caller]
fn found<'a>(findings: &'a [Value], name: &str) -> &'a Value {
    let found = findings.iter().find(|it| it["name"] == name);
    found.unwrap_or_else(|| panic!("no finding {name} in {findings:#?}"))
}

#[track_caller]
pub(crate) fn check(findings: &[Value], name: &str, state: &str, seen: &str, remedy: &str) {
    let finding = found(findings, name);
    assert_eq!(finding["state"], state, "{finding:#}");
    assert!(finding["seen"].as_str().unwrap().contains(seen), "{finding:#}");
    assert!(finding["remedy"].as_str().unwrap_or_default().contains(remedy), "{finding:#}");
}

#[tokio::test]
async fn defaults_are_well_and_nothing_is_made() {
    let home = Home::new();
    let (output, findings) = doctor(&home, &[], &["--call"]).await;
    assert_eq!(output.status.code(), Some(0), "{findings:#?}");
    check(&findings, "settings", "ok", "one process", "");
    for name in ["aws identity", "clock", "queue", "redis", "secret strength", "telemetry"] {
        check(&findings, name, "skipped", "", "");
    }
    check(&findings, "data folder", "ok", "the first start makes it", "");
    check(&findings, "model claude-haiku-4-5", "ok", "answered", "");
    check(&findings, "model cohere-embed-multilingual-v3", "ok", "answered", "");
    assert!(!home.data_dir().exists(), "looking makes no platform");
    let lines = home.run(&["doctor"]).await;
    assert!(text(&lines.stdout).contains("ok    settings"), "{lines:?}");
}

#[tokio::test]
async fn wrong_settings_are_findings() {
    let home = Home::new();
    let settings = [setting("SERVER__PROT", "1"), setting("AUTH__KEY_SECRET", "hunter2")];
    let (output, findings) = doctor(&home, &settings, &[]).await;
    assert_eq!(output.status.code(), Some(1));
    check(&findings, "settings", "fail", "did you mean `OUTCROP__SERVER__PORT`?", "outcrop config show");
    let settings = [setting("AUTH__KEY_SECRET", &"k".repeat(40))];
    let (output, findings) = doctor(&home, &settings, &[]).await;
    assert_eq!(output.status.code(), Some(0), "it works, and should not stay so");
    check(&findings, "secret strength", "warn", "`auth.key_secret` repeats", "openssl rand -hex 32");
    let settings = [setting("AUTH__STATIC_KEYS", r#"{"me":"aaaaaaaaaaaaaaaaaaaaaaaa"}"#)];
    let (_, findings) = doctor(&home, &settings, &[]).await;
    check(&findings, "secret strength", "warn", "`auth.static_keys, me` repeats", "openssl rand -hex 32");
}

#[tokio::test]
async fn what_cannot_be_reached_is_named() {
    let home = Home::new();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let password = "sesame-sesame-sesame";
    let settings = [
        setting("CACHE__URL", &format!("redis://{nobody}")),
        setting("CACHE__PASSWORD", password),
        setting("STORE__URL", &format!("postgres://outcrop@{nobody}/outcrop")),
        setting("STORE__READ_URL", &format!("postgres://outcrop@{nobody}/outcrop")),
        setting("STORE__PASSWORD", password),
        setting("RESPONSE_CACHE__URL", &format!("redis://{nobody}")),
        setting("AUTH__KEY_SECRET", SECRET),
        setting("INTERNAL__SECRET", &SECRET.chars().rev().collect::<String>()),
        setting("SERVICES__AUTH", &format!("http://{nobody}")),
        setting("TELEMETRY__OTLP_ENDPOINT", &format!("http://{nobody}")),
    ];
    let (output, findings) = doctor(&home, &settings, &[]).await;
    assert_eq!(output.status.code(), Some(1));
    check(&findings, "settings together", "skipped", "not asked", "");
    check(&findings, "redis", "fail", "could not reach Redis", "start Redis");
    check(&findings, "response cache", "fail", "could not reach Redis", "`response_cache.url`");
    check(&findings, "database replica", "fail", "could not reach the database", "`store.read_url`");
    check(&findings, "database", "fail", "could not reach the database", "start the database");
    check(&findings, "service auth", "fail", "cannot be reached", "`services.auth`");
    check(&findings, "telemetry", "warn", "cannot be reached", "collector");
    check(&findings, "clock", "warn", "", "");
    let said = format!("{} {}", text(&output.stdout), text(&output.stderr));
    for secret in [password, SECRET] {
        assert!(!said.contains(secret), "{said}");
    }
}

#[tokio::test]
async fn what_lacks_its_secret_is_not_asked() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let aws = [
        ("AWS_ENDPOINT_URL", format!("http://{nobody}")),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
    ];
    let mut settings: Settings = aws.map(|(name, value)| (name.to_owned(), value)).into();
    settings.push(setting("TELEMETRY__OTLP_ENDPOINT", &format!("http://{nobody}")));
    settings.push(setting("TELEMETRY__OTLP_HEADERS", "secretsmanager://nobodys-headers"));
    let (output, findings) = doctor(&Home::new(), &settings, &[]).await;
    assert_eq!(output.status.code(), Some(1));
    check(&findings, "secrets", "fail", "nobodys-headers", "");
    check(&findings, "telemetry", "skipped", "its headers could not be read", "");
}

#[tokio::test]
async fn a_model_that_is_denied_says_what_to_do() {
    let home = Home::new();
    let emulator = Emulator::bind(EmulatorConfig::default()).await.unwrap();
    let url = emulator.url();
    tokio::spawn(emulator.run(CancellationToken::new()));
    let settings = bedrock(&url);
    let (_, findings) = doctor(&home, &settings, &[]).await;
    check(&findings, "model claude-haiku-4-5", "ok", "`--call`", "");
    check(&findings, "quotas", "skipped", "--service-code bedrock --region us-east-1", "");
    let faults = async |fault: &str| {
        let rules = json!({ "rules": [{ "fault": fault, "share": 1.0 }] });
        let told = client().post(format!("{url}/_emulator/faults")).json(&rules).send().await.unwrap();
        assert!(told.status().is_success(), "{told:?}");
    };
    faults("accessDenied").await;
    let (output, findings) = doctor(&home, &settings, &["--call"]).await;
    assert_eq!(output.status.code(), Some(1));
    check(&findings, "model claude-haiku-4-5", "fail", "access is not granted", "bedrock:InvokeModel");
    faults("throttling").await;
    let (_, findings) = doctor(&home, &settings, &["--call"]).await;
    check(&findings, "model claude-haiku-4-5", "warn", "Bedrock throttles", "Service Quotas");
}

pub(crate) fn bedrock(url: &str) -> Settings {
    let mut settings = vec![setting("MODELS__URL", "bedrock://us-east-1")];
    settings.extend(
        [
            ("AWS_ENDPOINT_URL_BEDROCK", url),
            ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", url),
            // Nobody: this test has no STS.
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    settings
}

/// Makes a queue without a dead-letter queue, a bucket and a secret.
const PREPARE: &str = "\
import boto3, sys
name = sys.argv[1]
boto3.client('sqs').create_queue(QueueName=name)
boto3.client('s3').create_bucket(Bucket=name)
boto3.client('secretsmanager').create_secret(Name=name, SecretString=sys.argv[2])
";

#[tokio::test]
#[ignore = "needs Redis, Postgres, a local AWS and a Python with boto3: cargo xtask test"]
async fn aws_redis_and_postgres_are_asked() {
    let home = Home::new();
    let name = format!("outcrop-doctor-{}", std::process::id());
    let aws: Settings = [
        ("AWS_ENDPOINT_URL", outcrop_testkit::aws_endpoint()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let mut prepare = Command::new(outcrop_testkit::python());
    prepare.args(["-c", PREPARE, &name, SECRET]).envs(aws.clone());
    let prepared = finish(prepare).await;
    assert!(prepared.status.success(), "{prepared:?}");
    let with = |over: &[(&str, &str)]| {
        let mut settings = aws.clone();
        settings.push(setting("CACHE__URL", &outcrop_testkit::redis_url()));
        settings.push(setting("QUEUE__URL", &format!("sqs://{name}")));
        settings.push(setting("BLOBS__URL", &format!("s3://{name}/files")));
        settings.push(setting("AUTH__KEY_SECRET", &format!("secretsmanager://{name}")));
        settings.extend(over.iter().map(|(name, value)| setting(name, value)));
        settings
    };

    let (output, findings) = doctor(&home, &with(&[]), &["--write"]).await;
    assert_eq!(output.status.code(), Some(0), "{findings:#?}");
    check(&findings, "aws identity", "ok", "arn:aws:", "");
    check(&findings, "clock", "ok", "", "");
    check(&findings, "secrets", "ok", "auth.key_secret", "");
    check(&findings, "redis", "ok", "answers", "");
    check(&findings, "queue", "ok", "is there", "");
    check(&findings, "dead letters", "warn", "no redrive policy", "maxReceiveCount");
    check(&findings, "files, writing", "ok", "written, read and removed", "");

    let wrong = with(&[
        ("QUEUE__URL", "sqs://nobodys-queue"),
        ("USAGE__EXPORT_URL", "s3://nobodys-bucket-of-a-doctor/usage"),
        ("BLOBS__URL", "s3://nobodys-bucket-of-a-doctor"),
        ("AUTH__KEY_SECRET", "secretsmanager://nobodys-secret"),
        ("CACHE__PASSWORD", "not-the-password"),
    ]);
    let (output, findings) = doctor(&home, &wrong, &[]).await;
    assert_eq!(output.status.code(), Some(1));
    check(&findings, "queue", "fail", "", "create the queue");
    check(&findings, "files", "fail", "", "create the bucket");
    check(&findings, "usage export", "fail", "", "`usage.export_url`");
    check(&findings, "secrets", "fail", "nobodys-secret", "make the secret");
    check(&findings, "redis", "fail", "", "`cache.password`");

    // A database that nobody has migrated, and one that is not there.
    let postgres = outcrop_testkit::postgres_url();
    let on_postgres = with(&[("STORE__URL", &postgres)]);
    let (_, findings) = doctor(&home, &on_postgres, &[]).await;
    check(&findings, "migrations", "fail", "0001 platform", "outcrop migrate");
    let (server, _) = postgres.rsplit_once('/').unwrap();
    let on_none = with(&[("STORE__URL", &format!("{server}/nobodys_database"))]);
    let (_, findings) = doctor(&home, &on_none, &[]).await;
    check(&findings, "database", "fail", "does not exist", "create the database");
}
