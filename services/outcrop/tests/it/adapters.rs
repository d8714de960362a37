//! One process on what production uses in place of memory and files.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::home::{Home, client, eventually, finish};

/// Makes the queue, the bucket and the secret, as an operator would beforehand.
const PREPARE: &str = "\
import boto3, sys
name = sys.argv[1]
boto3.client('sqs').create_queue(QueueName=name)
boto3.client('s3').create_bucket(Bucket=name)
boto3.client('secretsmanager').create_secret(Name=name, SecretString='{\"key\": \"' + 'k' * 40 + '\"}')
";

#[tokio::test]
#[ignore = "needs Redis, a local AWS and a Python with boto3: cargo xtask test"]
async fn redis_sqs_s3_and_secrets_manager_take_over() {
    let home = Home::new();
    let name = format!("outcrop-{}", std::process::id());
    let aws = [
        ("AWS_ENDPOINT_URL", outcrop_testkit::aws_endpoint()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
    ];
    let mut prepare = Command::new(outcrop_testkit::python());
    prepare.args(["-c", PREPARE, &name]).envs(aws.clone());
    let prepared = finish(prepare).await;
    assert!(prepared.status.success(), "{prepared:?}");

    let mut settings: Vec<_> = aws.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    for (setting, value) in [
        ("CACHE__URL", outcrop_testkit::redis_url()),
        ("QUEUE__URL", format!("sqs://{name}")),
        ("BLOBS__URL", format!("s3://{name}/files")),
        ("AUTH__KEY_SECRET", format!("secretsmanager://{name}#key")),
    ] {
        settings.push((format!("OUTCROP__{setting}"), value));
    }
    let server = home.start_with(&settings).await;
    assert!(!home.data_dir().join("secrets.toml").exists(), "the secret is kept elsewhere");
    let ready = client().get(format!("{}/readyz", server.url)).send().await.unwrap();
    let ready: Value = ready.json().await.unwrap();
    for dependency in ["sqlite", "bedrock", "redis", "sqs", "s3"] {
        assert_eq!(ready["dependencies"][dependency]["ok"], true, "{dependency}: {ready}");
    }
    let jobs = format!("{}/v1/jobs", server.url);
    let job = json!({"path": "/generate", "body": {"prompt": "[[say: later]]"}});
    let taken = client().post(&jobs).bearer_auth(server.key()).json(&job).send().await.unwrap();
    let taken: Value = taken.json().await.unwrap();
    let url = format!("{jobs}/{}", taken["id"].as_str().unwrap());
    eventually(Duration::from_secs(20), async || {
        let job = client().get(&url).bearer_auth(server.key()).send().await.unwrap();
        let job: Value = job.json().await.unwrap();
        (job["response"]["body"]["text"] == "later").then_some(())
    })
    .await;
    assert!(!home.data_dir().join("files").exists(), "files are kept elsewhere");
    files_go_past_us(&server.url, server.key()).await;
}

/// Sends a file straight to S3 and has it back, also past us. Its address is good for nothing more afterwards.
async fn files_go_past_us(url: &str, key: &str) {
    let files = format!("{url}/v1/files");
    let announced = json!({"filename": "a.jsonl", "purpose": "batch", "bytes": 10});
    let asked = client().post(format!("{files}/uploads")).bearer_auth(key).json(&announced);
    let announced: Value = asked.send().await.unwrap().json().await.unwrap();
    let send = async |bytes: &'static str| {
        let upload = &announced["upload"];
        let mut put = client().put(upload["url"].as_str().unwrap()).body(bytes);
        for (name, value) in upload["headers"].as_object().unwrap() {
            put = put.header(name, value.as_str().unwrap());
        }
        assert_eq!(put.send().await.unwrap().status(), 200, "{announced}");
    };
    let file = format!("{files}/{}", announced["file"]["id"].as_str().unwrap());
    let text = async |path: &str, range: &str| {
        let asked = client().get(format!("{file}{path}")).bearer_auth(key).header("range", range);
        asked.send().await.unwrap().text().await.unwrap()
    };
    let complete = async || {
        let asked = client().post(format!("{file}/complete")).bearer_auth(key);
        asked.send().await.unwrap().status().as_u16()
    };
    assert_eq!(complete().await, 400);
    send("0123456789").await;
    assert_eq!(complete().await, 200);
    send("abcdefghij").await;
    assert_eq!(complete().await, 200);
    assert_eq!(text("/content", "").await, "0123456789");
    assert_eq!(text("/content", "bytes=3-5").await, "345");
    let told: Value = serde_json::from_str(&text("/url", "").await).unwrap();
    let direct = client().get(told["url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(direct.text().await.unwrap(), "0123456789");
    let removed = client().delete(&file).bearer_auth(key).send().await.unwrap();
    assert_eq!(removed.status(), 200);
    send("abcdefghij").await;
    assert_eq!(complete().await, 404);
    let gone = client().get(told["url"].as_str().unwrap()).send().await.unwrap();
    // S3 says 403 where one may not list what there is.
    assert!([403, 404].contains(&gone.status().as_u16()), "{}", gone.status());
}
