//! How many messages a queue holds. SQS counts about, and up to a minute late.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use outcrop_ports::{PortError, QueueDepth};

use crate::errors::port_error;

/// The counts of one queue, its dead letters left out.
pub(crate) async fn of(client: &Client, url: &str) -> Result<QueueDepth, PortError> {
    const WAITING: QueueAttributeName = QueueAttributeName::ApproximateNumberOfMessages;
    const IN_FLIGHT: QueueAttributeName = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
    const DELAYED: QueueAttributeName = QueueAttributeName::ApproximateNumberOfMessagesDelayed;
    let question = client.get_queue_attributes().queue_url(url);
    let question = question.attribute_names(WAITING).attribute_names(IN_FLIGHT).attribute_names(DELAYED);
    let answer = question.send().await.map_err(|error| port_error("count the messages in SQS", &error))?;
    let attributes = answer.attributes.unwrap_or_default();
    let count =
        |name: QueueAttributeName| attributes.get(&name).and_then(|it| it.parse().ok()).unwrap_or_default();
    Ok(QueueDepth {
        waiting: count(WAITING),
        in_flight: count(IN_FLIGHT),
        delayed: count(DELAYED),
        dead: None,
    })
}
