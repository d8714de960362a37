//! Against a local SQS.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use aws_types::SdkConfig;
use outcrop_ports::{PortFailure, Probe, Queue, Receipt, contract};
use outcrop_sqs::SqsQueue;

fn config() -> SdkConfig {
    let endpoint = std::env::var("OUTCROP_TEST_AWS_ENDPOINT").expect("OUTCROP_TEST_AWS_ENDPOINT");
    outcrop_aws::local_config(&endpoint, "us-east-1")
}

#[expect(clippy::disallowed_methods, reason = "the local AWS may outlive this run")]
fn new_name() -> String {
    format!("outcrop-test-{}", uuid::Uuid::now_v7())
}

async fn make(config: &SdkConfig, name: &str) -> String {
    let made = Client::new(config).create_queue().queue_name(name).send().await.expect("a queue");
    made.queue_url.expect("its URL")
}

/// A queue whose messages go to another one after two deliveries.
async fn with_dead_letters(config: &SdkConfig) -> SqsQueue {
    let client = Client::new(config);
    let dead = make(config, &new_name()).await;
    let arn = client.get_queue_attributes().queue_url(dead).attribute_names(QueueAttributeName::QueueArn);
    let arn = arn.send().await.expect("attributes").attributes.expect("one");
    let arn = &arn[&QueueAttributeName::QueueArn];
    let policy = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":2}}"#);
    let url = make(config, &new_name()).await;
    let set = client.set_queue_attributes().queue_url(&url);
    set.attributes(QueueAttributeName::RedrivePolicy, policy).send().await.expect("set");
    SqsQueue::connect(config, &url).expect("a good URL")
}

#[expect(clippy::disallowed_methods, reason = "compared with the clock of the local AWS")]
fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs a local AWS: cargo xtask test"]
async fn keeps_the_contract() {
    let config = config();
    contract::queue(|| async {
        let name = new_name();
        make(&config, &name).await;
        Arc::new(SqsQueue::connect(&config, &name).expect("a good name")) as Arc<dyn Queue>
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs a local AWS: cargo xtask test"]
async fn keeps_the_contract_of_dead_letters() {
    let config = config();
    contract::queue_dead_letters(|| async { Arc::new(with_dead_letters(&config).await) as Arc<dyn Queue> })
        .await;
}

#[tokio::test]
#[ignore = "needs a local AWS: cargo xtask test"]
async fn receipts_that_are_no_longer_good_are_no_error() {
    let config = config();
    let name = new_name();
    make(&config, &name).await;
    let queue = SqsQueue::connect(&config, &name).expect("a good name");
    queue.send("a".into()).await.expect("sent");
    let delivery = queue.receive(Duration::from_secs(3), Duration::from_secs(30)).await.expect("SQS");
    let delivery = delivery.expect("a message");
    queue.ack(&delivery.receipt).await.expect("gone");
    queue.ack(&delivery.receipt).await.expect("still gone");
    queue.extend(&delivery.receipt, Duration::from_secs(30)).await.expect("nothing to extend");
    queue.extend(&Receipt("never given".into()), Duration::ZERO).await.expect("nothing to extend");
}

#[tokio::test]
#[ignore = "needs a local AWS: cargo xtask test"]
async fn without_a_redrive_policy_a_buried_message_is_gone() {
    let config = config();
    let name = new_name();
    make(&config, &name).await;
    let queue = SqsQueue::connect(&config, &name).expect("a good name");
    queue.send("a".into()).await.expect("sent");
    let delivery = queue.receive(Duration::from_secs(3), Duration::ZERO).await.expect("SQS");
    queue.bury(&delivery.expect("a message"), "nowhere to put it").await.expect("removed");
    assert_eq!(queue.receive(Duration::from_secs(1), Duration::ZERO).await.expect("SQS"), None);
    assert!(queue.dead_letters(10).await.expect("none").is_empty());
    assert_eq!(queue.depth().await.expect("counts").dead, None);
}

#[tokio::test]
#[ignore = "needs a local AWS: cargo xtask test"]
async fn a_dead_letter_says_when_it_died() {
    let config = config();
    let queue = with_dead_letters(&config).await;
    queue.send("a".into()).await.expect("sent");
    let delivery = queue.receive(Duration::from_secs(3), Duration::from_secs(30)).await.expect("SQS");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let before = now();
    queue.bury(&delivery.expect("a message"), "why").await.expect("buried");
    let died_at = queue.dead_letters(1).await.expect("SQS")[0].died_at.expect("when");
    let late = died_at - before;
    assert!(late.num_milliseconds().abs() < 1_000, "{died_at} is not {before}");
}

#[tokio::test]
#[ignore = "needs a local AWS: cargo xtask test"]
async fn a_queue_made_later_is_found() {
    let config = config();
    let name = new_name();
    let queue = SqsQueue::connect(&config, &name).expect("a good name");
    assert_eq!(queue.probe().await.expect_err("no queue").failure, PortFailure::Unavailable);
    let url = make(&config, &name).await;
    queue.probe().await.expect("found");
    Client::new(&config).delete_queue().queue_url(url).send().await.expect("deleted");
    let error = queue.probe().await.expect_err("gone").chain();
    assert!(error.contains(&name), "{error}");
    make(&config, &name).await;
    queue.probe().await.expect("found again");
    let too_large = queue.send("x".repeat(256 * 1024 + 1)).await.expect_err("too large");
    assert_eq!(too_large.failure, PortFailure::Broken);
}
