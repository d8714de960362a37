//! Large work goes through a queue of small messages: a message only says which job.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use outcrop_config::JobsConfig;
use outcrop_job_worker::Submission;
use outcrop_ports::{DeadLetter, Delivery, PortError, Queue, QueueDepth, Receipt};
use outcrop_types::JobState;

use crate::world::{Scripted, World, developer, ended};

/// The queue, which remembers its longest message.
struct Measured {
    queue: Arc<dyn Queue>,
    longest: Arc<AtomicUsize>,
}

impl Measured {
    fn measure(&self, body: &str) {
        self.longest.fetch_max(body.len(), Ordering::Relaxed);
    }
}

#[async_trait]
impl Queue for Measured {
    async fn send(&self, body: String) -> Result<(), PortError> {
        self.measure(&body);
        self.queue.send(body).await
    }

    async fn send_after(&self, body: String, delay: Duration) -> Result<(), PortError> {
        self.measure(&body);
        self.queue.send_after(body, delay).await
    }

    async fn send_all(&self, bodies: Vec<String>) -> Result<Vec<String>, PortError> {
        bodies.iter().for_each(|body| self.measure(body));
        self.queue.send_all(bodies).await
    }

    async fn receive(&self, wait: Duration, visibility: Duration) -> Result<Option<Delivery>, PortError> {
        self.queue.receive(wait, visibility).await
    }

    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<(), PortError> {
        self.queue.extend(receipt, visibility).await
    }

    async fn ack(&self, receipt: &Receipt) -> Result<(), PortError> {
        self.queue.ack(receipt).await
    }

    async fn bury(&self, delivery: &Delivery, reason: &str) -> Result<(), PortError> {
        self.queue.bury(delivery, reason).await
    }

    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, PortError> {
        self.queue.dead_letters(limit).await
    }

    async fn redrive(&self, dead: &DeadLetter) -> Result<bool, PortError> {
        self.queue.redrive(dead).await
    }

    async fn depth(&self) -> Result<QueueDepth, PortError> {
        self.queue.depth().await
    }
}

#[actix_web::test]
async fn a_body_larger_than_any_message_arrives_whole() {
    let longest = Arc::new(AtomicUsize::new(0));
    let world = World::new(Scripted::default(), Some(JobsConfig::default()), |ports| {
        ports.queue = Arc::new(Measured { queue: Arc::clone(&ports.queue), longest: Arc::clone(&longest) });
    })
    .await;
    let body = Bytes::from(format!(r#"{{"prompt":"{}"}}"#, "x".repeat(5 << 20)));
    let submission = Submission::new(developer(1), "/generate".to_owned(), body.clone());
    let id = world.worker.submit(submission).await.unwrap().id;
    assert_eq!(ended(&world, id).await.state, JobState::Succeeded);
    assert!(world.model.calls.lock().unwrap()[0].body == body);
    let longest = longest.load(Ordering::Relaxed);
    assert!((1..1_024).contains(&longest), "{longest} bytes");
}
