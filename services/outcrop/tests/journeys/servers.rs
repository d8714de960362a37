//! What the services apart stand on: a database, a queue and a bucket of each platform's own.

use std::io;
use std::path::PathBuf;

use outcrop_testkit::Tools;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::http;
use crate::platform::setting;
use crate::wait::until;

/// Where Postgres, Redis and the local AWS are.
#[derive(Debug)]
pub(crate) struct Backends {
    /// With a role that may create databases and needs no password.
    pub(crate) postgres: String,
    pub(crate) redis: String,
    pub(crate) aws: String,
}

impl Backends {
    /// Those that the environment names.
    pub(crate) fn shared() -> Self {
        Self {
            postgres: outcrop_testkit::postgres_url(),
            redis: outcrop_testkit::redis_url(),
            aws: outcrop_testkit::aws_endpoint(),
        }
    }

    /// Makes a database, a queue and a bucket; the settings of services that use them.
    pub(crate) async fn settings(&self) -> Vec<(String, String)> {
        let name = unique();
        create_database(&self.postgres, &name).await;
        create_queue(&self.aws, &name).await;
        create_bucket(&self.aws, &name).await;
        let (server, _) = self.postgres.rsplit_once('/').expect("the URL names a database");
        vec![
            setting("STORE__URL", &format!("{server}/{name}")),
            setting("CACHE__URL", &self.redis),
            setting("QUEUE__URL", &format!("sqs://{name}")),
            setting("BLOBS__URL", &format!("s3://{name}/files")),
            ("AWS_ENDPOINT_URL".to_owned(), self.aws.clone()),
        ]
    }
}

/// The programs with which a test starts servers of its own, as `cargo xtask test` names them.
pub(crate) fn tools() -> Tools {
    let path = |name: &str| {
        PathBuf::from(std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set: cargo xtask test")))
    };
    Tools {
        postgres_bin: path("OUTCROP_TEST_POSTGRES_BIN"),
        redis_server: path("OUTCROP_TEST_REDIS_SERVER"),
        python: outcrop_testkit::python().into(),
        // No server of a journey's needs it.
        promtool: "promtool".into(),
    }
}

/// A name that nobody else uses, fit for databases, queues and buckets.
fn unique() -> String {
    let folder = tempfile::Builder::new().prefix("").rand_bytes(12).tempdir().unwrap();
    let random = folder.path().file_name().unwrap().to_str().unwrap().to_ascii_lowercase();
    format!("journey{}{random}", std::process::id())
}

/// One simple query in Postgres' own protocol: a start-up message, then `Q`, each answered up to `Z`
/// (PostgreSQL documentation, "Message Flow"). SQL libraries stay in the store adapters.
async fn create_database(url: &str, name: &str) {
    let rest = url.strip_prefix("postgres://").expect("a Postgres URL");
    let (user, rest) = rest.split_once('@').expect("the URL names a role");
    let (address, database) = rest.split_once('/').expect("the URL names a database");
    let start = format!("user\0{user}\0database\0{database}\0\0");
    let mut message = message(start.len() + 4, start.as_bytes());
    message.splice(4..4, 196_608_i32.to_be_bytes());
    let mut connection = until("Postgres", async || {
        let mut connection = TcpStream::connect(address).await.ok()?;
        connection.write_all(&message).await.ok()?;
        match until_ready(&mut connection).await.ok()? {
            Ok(()) => Some(connection),
            // It listens before it is ready: `cannot_connect_now` (PostgreSQL documentation, "Error Codes").
            Err(refused) if refused.contains("57P03") => None,
            Err(refused) => panic!("Postgres refuses: {refused}"),
        }
    })
    .await;
    let query = format!("create database {name}\0");
    connection.write_all(b"Q").await.unwrap();
    connection.write_all(&self::message(query.len(), query.as_bytes())).await.unwrap();
    until_ready(&mut connection).await.unwrap().unwrap();
}

/// A length, which counts itself, and what it is the length of.
fn message(length: usize, body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(length + 4).unwrap();
    [&length.to_be_bytes()[..], body].concat()
}

/// Reads up to the end of an answer; what it says if it is an error.
async fn until_ready(connection: &mut TcpStream) -> io::Result<Result<(), String>> {
    loop {
        let kind = connection.read_u8().await?;
        let length = usize::try_from(connection.read_i32().await?).unwrap() - 4;
        let mut body = vec![0; length];
        connection.read_exact(&mut body).await?;
        match kind {
            b'E' => return Ok(Err(String::from_utf8_lossy(&body).into_owned())),
            b'Z' => return Ok(Ok(())),
            _ => {}
        }
    }
}

/// The local AWS reads the service from the signature and does not check it.
fn signature(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

/// A queue, and where its messages go that nobody comes to an end with.
async fn create_queue(aws: &str, name: &str) {
    let create = async |body: Value| {
        let request = http().post(aws).header("x-amz-target", "AmazonSQS.CreateQueue");
        let request = request.header("content-type", "application/x-amz-json-1.0");
        created(request.header("authorization", signature("sqs")).body(body.to_string())).await;
    };
    let dead = format!("{name}-dead");
    create(json!({ "QueueName": dead })).await;
    // The account that the local AWS gives everybody.
    let arn = format!("arn:aws:sqs:us-east-1:123456789012:{dead}");
    let redrive = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": "5" }).to_string();
    create(json!({ "QueueName": name, "Attributes": { "RedrivePolicy": redrive } })).await;
}

async fn create_bucket(aws: &str, name: &str) {
    created(http().put(format!("{aws}/{name}")).header("authorization", signature("s3"))).await;
}

async fn created(request: reqwest::RequestBuilder) {
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{}: {}", answer.status(), answer.text().await.unwrap());
}
