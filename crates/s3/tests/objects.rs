//! What really lies in the bucket: encrypted objects, no left-over uploads, and what signed addresses do. Against a
//! local S3.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::ServerSideEncryption;
use aws_types::SdkConfig;
use bytes::Bytes;
use outcrop_ports::{Blobs, SignedUrl, SignedUse};
use outcrop_s3::{Encryption, S3Blobs};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// More than fits the part that is being filled: some are on their way.
const SEVERAL_PARTS: usize = 18 * 1024 * 1024;

/// SHA-256 of `signed`.
const DIGEST: [u8; 32] = [
    0x4a, 0x3c, 0xdf, 0xae, 0x6f, 0x29, 0x1c, 0x8f, 0x54, 0x4d, 0xae, 0xa5, 0xb7, 0x29, 0x05, 0xcf, 0x9e,
    0x74, 0xc1, 0xed, 0x42, 0x7d, 0x83, 0x1a, 0xd0, 0xd7, 0xca, 0x00, 0xc7, 0x3c, 0x79, 0x4d,
];

struct World {
    client: Client,
    bucket: String,
    blobs: S3Blobs,
}

impl World {
    async fn new(encryption: Option<Encryption>) -> Self {
        let endpoint = std::env::var("OUTCROP_TEST_AWS_ENDPOINT").expect("OUTCROP_TEST_AWS_ENDPOINT");
        let config = outcrop_aws::local_config(&endpoint, "us-east-1");
        let (client, bucket) = (client(&config), new_name());
        client.create_bucket().bucket(&bucket).send().await.expect("a bucket");
        let blobs = S3Blobs::connect(&config, &bucket, "", true).expect("a good bucket");
        Self { client, bucket, blobs: blobs.with_encryption(encryption) }
    }

    /// How an object is encrypted, and with which key.
    async fn encryption(&self, key: &str) -> (Option<ServerSideEncryption>, Option<String>) {
        let head = self.client.head_object().bucket(&self.bucket).key(key).send().await.expect("an object");
        (head.server_side_encryption, head.ssekms_key_id)
    }

    /// Uploads that are neither complete nor given up.
    async fn open_uploads(&self) -> usize {
        let listed = self.client.list_multipart_uploads().bucket(&self.bucket).send().await.expect("a list");
        listed.uploads().len()
    }

    async fn signed_put(&self, key: &str, sha256: Option<[u8; 32]>) -> SignedUrl {
        let usage = SignedUse::Put { bytes: 6, sha256 };
        let signed = self.blobs.sign(key, &usage, Duration::from_secs(60)).await.expect("signed");
        signed.expect("S3 has addresses")
    }
}

fn client(config: &SdkConfig) -> Client {
    Client::from_conf(aws_sdk_s3::config::Builder::from(config).force_path_style(true).build())
}

#[expect(clippy::disallowed_methods, reason = "the local AWS may outlive this run")]
fn new_name() -> String {
    format!("outcrop-test-{}", uuid::Uuid::now_v7())
}

/// Asks as a client would that has nothing but the address and its headers.
async fn ask(method: &str, signed: &SignedUrl, body: &str) -> String {
    let (host, path) =
        signed.url.strip_prefix("http://").and_then(|it| it.split_once('/')).expect("an address");
    let mut head = format!("{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in &signed.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() && !signed.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"))
    {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    let mut socket = tokio::net::TcpStream::connect(host).await.expect("a connection");
    socket.write_all(format!("{head}\r\n{body}").as_bytes()).await.expect("asked");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test]
#[ignore = "needs a local AWS: cargo xtask test"]
async fn whatever_is_written_is_encrypted_as_configured() {
    let key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab".to_owned();
    let cases = [
        (Encryption::S3, ServerSideEncryption::Aes256, None),
        (Encryption::Kms { key: None }, ServerSideEncryption::AwsKms, None),
        (Encryption::Kms { key: Some(key.clone()) }, ServerSideEncryption::AwsKms, Some(key)),
    ];
    for (encryption, algorithm, key) in cases {
        let world = World::new(Some(encryption)).await;
        world.blobs.put("put", Bytes::from_static(b"x")).await.expect("written");
        for (name, size) in [("small", 1), ("large", SEVERAL_PARTS)] {
            let mut upload = world.blobs.upload(name).await.expect("begun");
            upload.write(Bytes::from(vec![1; size])).await.expect("taken");
            upload.finish().await.expect("written");
        }
        let answer = ask("PUT", &world.signed_put("signed", None).await, "signed").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        for name in ["put", "small", "large", "signed"] {
            let (found, found_key) = world.encryption(name).await;
            assert_eq!(found.as_ref(), Some(&algorithm), "{name}");
            if key.is_some() {
                assert_eq!(found_key, key, "{name}");
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs a local AWS: cargo xtask test"]
async fn an_upload_that_is_given_up_leaves_nothing_to_pay_for() {
    let world = World::new(None).await;
    let begin = async |name: &str| {
        let mut upload = world.blobs.upload(name).await.expect("begun");
        upload.write(Bytes::from(vec![1; SEVERAL_PARTS])).await.expect("taken");
        upload
    };
    let (dropped, aborted) = (begin("dropped").await, begin("aborted").await);
    assert_eq!(world.open_uploads().await, 2, "both are under way");
    drop(dropped);
    aborted.abort().await;
    let gone = async {
        while world.open_uploads().await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // Time for an attempt that got lost, and for another one.
    tokio::time::timeout(Duration::from_secs(60), gone).await.expect("both are given up");
    let listed = world.client.list_objects_v2().bucket(&world.bucket).send().await.expect("a list");
    assert!(listed.contents().is_empty());
}

#[tokio::test]
#[ignore = "needs a local AWS: cargo xtask test"]
async fn a_signed_address_reads_and_writes() {
    let world = World::new(None).await;
    let put = world.signed_put("signed", None).await;
    let answer = ask("PUT", &put, "signed").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(world.blobs.get("signed").await.expect("read").as_deref(), Some(&b"signed"[..]));
    let usage = SignedUse::Get { filename: "a b.jsonl".to_owned() };
    let get = world.blobs.sign("signed", &usage, Duration::from_secs(60)).await.expect("signed");
    let answer = ask("GET", &get.expect("S3 has addresses"), "").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("signed"), "{answer}");
    assert!(answer.contains("attachment; filename=\"a b.jsonl\""), "{answer}");
}

#[tokio::test]
#[ignore = "needs a local AWS: cargo xtask test"]
async fn a_signed_address_to_write_is_good_for_these_bytes_only() {
    let world = World::new(Some(Encryption::S3)).await;
    let put = world.signed_put("signed", Some(DIGEST)).await;
    let header = |wanted: &str| {
        let found = put.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(header("content-length"), Some("6"), "{:?}", put.headers);
    let (_, query) = put.url.split_once('?').expect("a signature");
    let signed =
        query.split('&').find_map(|it| it.strip_prefix("X-Amz-SignedHeaders=")).expect("named headers");
    assert!(signed.contains("content-length"), "its size is signed: {signed}");
    // Whether it stands among the headers or in the query, the signature holds it.
    for name in ["x-amz-checksum-sha256", "x-amz-server-side-encryption"] {
        let in_query = query.to_ascii_lowercase().contains(&format!("{name}="));
        assert!(in_query || signed.contains(name) && header(name).is_some(), "{name}: {signed} {query}");
    }
}
