//! Against a local S3.

use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_types::SdkConfig;
use bytes::Bytes;
use outcrop_ports::{Blobs, PortFailure, Probe, contract};
use outcrop_s3::S3Blobs;

fn config() -> SdkConfig {
    let endpoint = std::env::var("OUTCROP_TEST_AWS_ENDPOINT").expect("OUTCROP_TEST_AWS_ENDPOINT");
    outcrop_aws::local_config(&endpoint, "us-east-1")
}

#[expect(clippy::disallowed_methods, reason = "the local AWS may outlive this run")]
fn new_name() -> String {
    format!("outcrop-test-{}", uuid::Uuid::now_v7())
}

fn client(config: &SdkConfig) -> Client {
    Client::from_conf(aws_sdk_s3::config::Builder::from(config).force_path_style(true).build())
}

async fn make(config: &SdkConfig) -> String {
    let bucket = new_name();
    client(config).create_bucket().bucket(&bucket).send().await.expect("a bucket");
    bucket
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs a local AWS: cargo xtask test"]
async fn keeps_the_contract() {
    let config = config();
    let bucket = make(&config).await;
    contract::blobs(|| async {
        Arc::new(S3Blobs::connect(&config, &bucket, "files", true).expect("a good bucket")) as Arc<dyn Blobs>
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a local AWS: cargo xtask test"]
async fn objects_lie_below_the_prefix() {
    let config = config();
    let bucket = make(&config).await;
    let blobs = S3Blobs::connect(&config, &bucket, "/deep/files/", false).expect("a good bucket");
    blobs.put("a/b", Bytes::from_static(b"x")).await.expect("written");
    let listed = client(&config).list_objects_v2().bucket(&bucket).send().await.expect("a list");
    let keys: Vec<_> = listed.contents().iter().filter_map(|object| object.key()).collect();
    assert_eq!(keys, ["deep/files/a/b"]);
}

#[tokio::test]
#[ignore = "needs a local AWS: cargo xtask test"]
async fn the_probe_names_a_bucket_that_is_not_there() {
    let config = config();
    let bucket = make(&config).await;
    S3Blobs::connect(&config, &bucket, "", false).expect("a good name").probe().await.expect("there");
    let absent = new_name();
    let blobs = S3Blobs::connect(&config, &absent, "", false).expect("a good name");
    let error = blobs.probe().await.expect_err("absent");
    assert_eq!(error.failure, PortFailure::Unavailable);
    assert!(error.chain().contains(&absent), "{}", error.chain());
    // A bucket that is not there is not an absent blob.
    assert!(blobs.get("a").await.is_err());
}
