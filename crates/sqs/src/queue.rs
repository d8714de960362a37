//! The queue: which one it is, and its messages one by one.

use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Region;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use aws_types::SdkConfig;
use outcrop_ports::{DeadLetter, Delivery, MAX_DEAD_LETTERS, PortError, Probe, Queue, QueueDepth, Receipt};
use outcrop_telemetry::current;

use crate::dead_letters::{self, DeadQueue};
use crate::depth;
use crate::errors::{SqsError, is_beyond_visibility, is_no_queue, is_stale_receipt, port_error};
use crate::marks::{Marks, TRACEPARENT, trace_of};
use crate::sending;
use crate::units::{delay_seconds, region_of, visibility_seconds, wait_seconds};

const SEND: &str = "send a message to SQS";

/// How long a call may take, beyond the time it waits for a message.
const PATIENCE: Patience = Patience { attempt: Duration::from_secs(5), operation: Duration::from_secs(12) };
/// Largest body, in bytes. SQS itself takes more since 2025; the port does not promise it.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// A standard queue on SQS.
///
/// Retries are those of the [`SdkConfig`]. Sending is retried as well, so that a message may be there twice.
/// Dead letters are moved by the queue's own redrive policy; what is buried goes to the queue that it names.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    queue: Arc<str>,
    url: Arc<RwLock<Option<Arc<str>>>>,
    dead: DeadQueue,
    patience: Patience,
}

#[derive(Debug, Clone, Copy)]
struct Patience {
    /// For one try.
    attempt: Duration,
    /// For all of them.
    operation: Duration,
}

impl Patience {
    /// The connection's own read time-out is made for models; these end a call that hangs much sooner.
    fn timeouts(self, wait: Duration) -> TimeoutConfig {
        TimeoutConfig::builder()
            .operation_attempt_timeout(wait + self.attempt)
            .operation_timeout(wait + self.operation)
            .build()
    }
}

impl SqsQueue {
    /// Uses a queue by its URL, or by its name, whose URL is looked up when first needed.
    ///
    /// Calls nobody yet. A URL on AWS also says the region; a name is one in the config's region and account.
    pub fn connect(config: &SdkConfig, queue: &str) -> Result<Self, PortError> {
        Self::connect_with(config, queue, PATIENCE)
    }

    fn connect_with(config: &SdkConfig, queue: &str, patience: Patience) -> Result<Self, PortError> {
        let is_url = queue.starts_with("https://") || queue.starts_with("http://");
        let is_name = (1..=80).contains(&queue.len())
            && queue.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if !is_url && !is_name {
            let wrong =
                SqsError::new(format!("`{queue}` is neither the name nor the URL of a standard queue"));
            return Err(PortError::broken("use the queue", wrong));
        }
        let mut builder =
            aws_sdk_sqs::config::Builder::from(config).timeout_config(patience.timeouts(Duration::ZERO));
        if let Some(region) = region_of(queue) {
            builder = builder.region(Region::new(region.to_owned()));
        }
        Ok(Self {
            client: Client::from_conf(builder.build()),
            queue: queue.into(),
            url: Arc::new(RwLock::new(is_url.then(|| queue.into()))),
            dead: DeadQueue::default(),
            patience,
        })
    }

    async fn send_with(&self, body: String, delay: Option<Duration>, marks: &Marks) -> Result<(), PortError> {
        check(SEND, &body)?;
        let url = self.url().await?;
        let sent = self
            .client
            .send_message()
            .queue_url(&*url)
            .message_body(body)
            .set_delay_seconds(delay.map(delay_seconds))
            .set_message_attributes(marks.own())
            .set_message_system_attributes(marks.system())
            .send()
            .await;
        sent.map(drop).map_err(|error| port_error(SEND, &error))
    }

    async fn url(&self) -> Result<Arc<str>, PortError> {
        let known = self.url.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(url) = known {
            return Ok(url);
        }
        let attempted = format!("find the queue `{}`", self.queue);
        let answer = self.client.get_queue_url().queue_name(&*self.queue).send().await;
        let answer = answer.map_err(|error| port_error(&attempted, &error))?;
        let url: Arc<str> = answer
            .queue_url()
            .ok_or_else(|| PortError::broken(attempted, SqsError::new("SQS answered without its URL")))?
            .into();
        *self.url.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&url));
        Ok(url)
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, body: String) -> Result<(), PortError> {
        self.send_with(body, None, &Marks::of(&current::trace())).await
    }

    async fn send_after(&self, body: String, delay: Duration) -> Result<(), PortError> {
        self.send_with(body, Some(delay), &Marks::of(&current::trace())).await
    }

    async fn send_all(&self, bodies: Vec<String>) -> Result<Vec<String>, PortError> {
        bodies.iter().try_for_each(|body| check(SEND, body))?;
        let marks = Marks::of(&current::trace());
        sending::send_all(&self.client, &self.url().await?, bodies, &marks).await
    }

    async fn receive(&self, wait: Duration, visibility: Duration) -> Result<Option<Delivery>, PortError> {
        const ATTEMPTED: &str = "receive a message from SQS";
        let url = self.url().await?;
        let wait_seconds = wait_seconds(wait);
        let waits = Duration::from_secs(u64::from(wait_seconds.unsigned_abs()));
        let answer = self
            .client
            .receive_message()
            .queue_url(&*url)
            .max_number_of_messages(1)
            .wait_time_seconds(wait_seconds)
            .visibility_timeout(visibility_seconds(visibility))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::AwsTraceHeader)
            .message_attribute_names(TRACEPARENT)
            .customize()
            .config_override(
                aws_sdk_sqs::config::Config::builder().timeout_config(self.patience.timeouts(waits)),
            )
            .send()
            .await
            .map_err(|error| port_error(ATTEMPTED, &error))?;
        let Some(message) = answer.messages.and_then(|mut messages| messages.pop()) else {
            return Ok(None);
        };
        let unfit =
            || PortError::broken(ATTEMPTED, SqsError::new("it came without receipt or receive count"));
        delivery(message).ok_or_else(unfit).map(Some)
    }

    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<(), PortError> {
        let url = self.url().await?;
        let extended = self
            .client
            .change_message_visibility()
            .queue_url(&*url)
            .receipt_handle(&receipt.0)
            .visibility_timeout(visibility_seconds(visibility))
            .send()
            .await;
        match extended {
            // Past its 12 hours the message comes back whatever we do, and that breaks nothing.
            Err(error) if !is_stale_receipt(&error) && !is_beyond_visibility(&error) => {
                Err(port_error("change a message's visibility in SQS", &error))
            }
            _ => Ok(()),
        }
    }

    async fn ack(&self, receipt: &Receipt) -> Result<(), PortError> {
        let url = self.url().await?;
        let deleted = self.client.delete_message().queue_url(&*url).receipt_handle(&receipt.0).send().await;
        match deleted {
            Err(error) if !is_stale_receipt(&error) => Err(port_error("delete a message from SQS", &error)),
            _ => Ok(()),
        }
    }

    async fn bury(&self, delivery: &Delivery, reason: &str) -> Result<(), PortError> {
        match self.dead.url(&self.client, &self.url().await?).await? {
            Some(dead) => dead_letters::put(&self.client, &dead, delivery, reason).await?,
            None => tracing::warn!(
                reason,
                messaging.destination.name = &*self.queue,
                outcrop.attempt = delivery.attempt,
                "a message was removed for good, because the queue's redrive policy names no dead-letter queue",
            ),
        }
        self.ack(&delivery.receipt).await
    }

    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, PortError> {
        match self.dead.url(&self.client, &self.url().await?).await? {
            Some(dead) => dead_letters::list(&self.client, &dead, limit.min(MAX_DEAD_LETTERS)).await,
            None => Ok(Vec::new()),
        }
    }

    async fn redrive(&self, dead: &DeadLetter) -> Result<bool, PortError> {
        let Some(url) = self.dead.url(&self.client, &self.url().await?).await? else { return Ok(false) };
        self.send_with(dead.body.clone(), None, &Marks::of(&dead.trace)).await?;
        dead_letters::remove(&self.client, &url, &dead.receipt).await.map(|()| true)
    }

    async fn depth(&self) -> Result<QueueDepth, PortError> {
        let url = self.url().await?;
        let mut depth = depth::of(&self.client, &url).await?;
        if let Some(dead) = self.dead.url(&self.client, &url).await? {
            let dead = depth::of(&self.client, &dead).await?;
            depth.dead = Some(dead.waiting + dead.in_flight + dead.delayed);
        }
        Ok(depth)
    }
}

fn delivery(message: Message) -> Option<Delivery> {
    let trace = trace_of(&message);
    let count = message.attributes?.remove(&MessageSystemAttributeName::ApproximateReceiveCount)?;
    let attempt = count.parse::<NonZeroU32>().ok()?;
    let receipt = Receipt(message.receipt_handle?);
    Some(Delivery { receipt, body: message.body.unwrap_or_default(), attempt, trace })
}

fn check(attempted: &str, body: &str) -> Result<(), PortError> {
    if body.len() > MAX_BODY_BYTES {
        let text = format!("{} bytes are more than the {MAX_BODY_BYTES} a message may have", body.len());
        return Err(PortError::broken(attempted, SqsError::new(text)));
    }
    Ok(())
}

#[async_trait]
impl Probe for SqsQueue {
    fn name(&self) -> &'static str {
        "sqs"
    }

    async fn probe(&self) -> Result<(), PortError> {
        let url = self.url().await?;
        let answer =
            self.client.get_queue_attributes().queue_url(&*url).attribute_names(QueueAttributeName::QueueArn);
        match answer.send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                self.dead.forget();
                if is_no_queue(&error) && !self.queue.contains("://") {
                    // Made anew elsewhere, perhaps: look the name up again.
                    *self.url.write().unwrap_or_else(PoisonError::into_inner) = None;
                }
                Err(port_error(&format!("reach the queue `{}`", self.queue), &error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use outcrop_ports::PortFailure;

    use super::*;

    fn config(endpoint: &str) -> SdkConfig {
        outcrop_aws::local_config(endpoint, "us-east-1")
    }

    #[test]
    fn names_and_urls_are_told_apart_and_checked() {
        for good in
            ["jobs", "team-a_jobs", "https://sqs.eu-west-1.amazonaws.com/1/jobs", "http://127.0.0.1:1/1/q"]
        {
            SqsQueue::connect(&config("http://127.0.0.1:1"), good).expect(good);
        }
        for bad in ["", "a b", "jobs.fifo", "sqs://jobs", &"x".repeat(81)] {
            let error = SqsQueue::connect(&config("http://127.0.0.1:1"), bad).expect_err(bad);
            assert_eq!(error.failure, PortFailure::Broken);
        }
    }

    #[test]
    fn the_region_of_a_url_wins() {
        let region = |queue: &str| {
            let queue = SqsQueue::connect(&config("http://127.0.0.1:1"), queue).expect(queue);
            queue.client.config().region().map(ToString::to_string)
        };
        assert_eq!(region("jobs").as_deref(), Some("us-east-1"));
        assert_eq!(region("https://sqs.eu-west-1.amazonaws.com/1/jobs").as_deref(), Some("eu-west-1"));
    }

    #[tokio::test]
    async fn away_is_unavailable() {
        let queue = SqsQueue::connect(&config("http://127.0.0.1:1"), "jobs").expect("a good name");
        assert_eq!(queue.send("x".into()).await.expect_err("away").failure, PortFailure::Unavailable);
        assert_eq!(queue.probe().await.expect_err("away").failure, PortFailure::Unavailable);
    }

    /// A peer that accepts and says nothing ends a call soon after the time it may wait.
    #[tokio::test]
    async fn a_silent_peer_is_given_up_in_time() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let patience = Patience { attempt: Duration::from_millis(100), operation: Duration::from_secs(30) };
        let queue = SqsQueue::connect_with(&config(&endpoint), &format!("{endpoint}/1/jobs"), patience);
        let queue = queue.expect("a good URL");
        let started = Instant::now();
        let error = queue.receive(Duration::from_secs(1), Duration::ZERO).await.expect_err("silent");
        assert_eq!(error.failure, PortFailure::Unavailable);
        let took = started.elapsed();
        assert!((Duration::from_millis(1_100)..Duration::from_secs(5)).contains(&took), "{took:?}");
        let started = Instant::now();
        assert!(queue.send("x".into()).await.is_err());
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }
}
