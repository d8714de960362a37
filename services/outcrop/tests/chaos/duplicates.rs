//! Messages twice: what is in the queue is taken, shown again a moment later, and sent once more.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::client::http;
use crate::random::Random;

/// Bodies that are remembered, to be sent again long after their job has ended.
const REMEMBERED: usize = 200;

/// Doubles messages until it is told to stop; how many it sent.
pub(crate) async fn send(mut random: Random, (aws, name): (String, String), stop: CancellationToken) -> u64 {
    let queue = format!("{aws}/123456789012/{name}");
    let (mut seen, mut sent) = (Vec::<(Value, Value)>::new(), 0);
    while !stop.is_cancelled() {
        // Nobody else gets them for a second, as if a worker had taken them and died.
        let asked = json!({
            "QueueUrl": queue, "MaxNumberOfMessages": 5, "VisibilityTimeout": 1,
            "MessageAttributeNames": ["All"],
        });
        let taken = sqs(&aws, "ReceiveMessage", &asked).await.unwrap_or_default();
        for message in taken["Messages"].as_array().into_iter().flatten() {
            if seen.len() < REMEMBERED {
                seen.push((message["Body"].clone(), message["MessageAttributes"].clone()));
            }
        }
        for _ in 0..random.between(0, 6).min(seen.len() as u64) {
            let (body, attributes) = &seen[usize::try_from(random.between(0, seen.len() as u64)).unwrap()];
            let mut message =
                json!({ "QueueUrl": queue, "MessageBody": body, "DelaySeconds": random.between(0, 3) });
            if attributes.is_object() {
                message["MessageAttributes"] = attributes.clone();
            }
            sent += u64::from(sqs(&aws, "SendMessage", &message).await.is_some());
        }
        tokio::time::sleep(Duration::from_millis(random.between(100, 600))).await;
    }
    sent
}

async fn sqs(aws: &str, action: &str, body: &Value) -> Option<Value> {
    let request = http()
        .post(aws)
        .header("x-amz-target", format!("AmazonSQS.{action}"))
        .header("content-type", "application/x-amz-json-1.0")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0",
        );
    let answer = request.body(body.to_string()).send().await.ok()?;
    if !answer.status().is_success() {
        return None;
    }
    serde_json::from_str(&answer.text().await.ok()?).ok()
}
