//! The dead-letter queue: the one that the queue's redrive policy names.
//!
//! SQS moves messages there that were received too often, as they are. What is buried on purpose is sent there by hand and
//! carries attributes that say why.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName,
    QueueAttributeName,
};
use chrono::DateTime;
use outcrop_ports::{DeadLetter, Delivery, MAX_REASON, PortError, Receipt};
use serde::Deserialize;

use crate::errors::{SqsError, is_stale_receipt, port_error};
use crate::marks::{Marks, TRACEPARENT, trace_of};
use crate::units::visibility_seconds;

/// Why a message was buried.
const REASON: &str = "outcrop.reason";
/// How often it had been delivered.
const ATTEMPTS: &str = "outcrop.attempts";
/// Most messages of one call.
const MAX_RECEIVED: i32 = 10;
/// How long a list may take: so long its messages are hidden, lest it counts one twice.
const LISTING: Duration = Duration::from_secs(20);

/// The URL of the dead-letter queue, once it was looked up.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeadQueue(Arc<RwLock<Option<Arc<str>>>>);

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
#[derive(Deserialize)]
struct RedrivePolicy {
    #[serde(rename = "deadLetterTargetArn")]
    target: String,
}

impl DeadQueue {
    /// `None` while the queue has no redrive policy; it is asked again each time.
    pub(crate) async fn url(&self, client: &Client, queue: &str) -> Result<Option<Arc<str>>, PortError> {
        const ATTEMPTED: &str = "find the dead-letter queue";
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        if known.is_some() {
            return Ok(known);
        }
        let question = client.get_queue_attributes().queue_url(queue);
        let answer = question.attribute_names(QueueAttributeName::RedrivePolicy).send().await;
        let answer = answer.map_err(|error| port_error(ATTEMPTED, &error))?;
        let policy = answer.attributes().and_then(|all| all.get(&QueueAttributeName::RedrivePolicy));
        let Some(policy) = policy.filter(|policy| !policy.is_empty()) else { return Ok(None) };
        let (account, name) = target(policy).ok_or_else(|| {
            PortError::broken(ATTEMPTED, SqsError::new("its redrive policy names no queue"))
        })?;
        let answer = client.get_queue_url().queue_name(name).queue_owner_aws_account_id(account).send().await;
        let answer = answer.map_err(|error| port_error(ATTEMPTED, &error))?;
        let url: Option<Arc<str>> = answer.queue_url().map(Into::into);
        self.0.write().unwrap_or_else(PoisonError::into_inner).clone_from(&url);
        Ok(url)
    }

    /// Looks it up again when next needed: something about the queues has changed.
    pub(crate) fn forget(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Account and name in `arn:aws:sqs:region:account:name`.
fn target(policy: &str) -> Option<(String, String)> {
    let policy: RedrivePolicy = serde_json::from_str(policy).ok()?;
    let mut parts = policy.target.rsplitn(3, ':');
    let (name, account) = (parts.next()?, parts.next()?);
    Some((account.to_owned(), name.to_owned()))
}

/// Adds a message with the reason why it is here. When is what SQS says it was sent.
pub(crate) async fn put(
    client: &Client,
    url: &str,
    delivery: &Delivery,
    reason: &str,
) -> Result<(), PortError> {
    const ATTEMPTED: &str = "set a message aside in SQS";
    let marks = Marks::of(&delivery.trace);
    let message = client.send_message().queue_url(url).message_body(&delivery.body);
    let message = message
        .set_message_attributes(marks.own())
        .set_message_system_attributes(marks.system())
        .message_attributes(REASON, attribute(ATTEMPTED, "String", &sendable(reason))?)
        .message_attributes(ATTEMPTS, attribute(ATTEMPTED, "Number", &delivery.attempt.to_string())?);
    message.send().await.map(drop).map_err(|error| port_error(ATTEMPTED, &error))
}

/// Receives at most so many messages and gives them back at once; their receipts are good until they are received again.
pub(crate) async fn list(client: &Client, url: &str, limit: usize) -> Result<Vec<DeadLetter>, PortError> {
    let mut letters = Vec::new();
    let listed = receive(client, url, limit, &mut letters).await;
    let given_back = give_back(client, url, &letters).await;
    listed.and(given_back).map(|()| letters)
}

/// Removes a message. It is no error if it is not there any more.
pub(crate) async fn remove(client: &Client, url: &str, receipt: &Receipt) -> Result<(), PortError> {
    match client.delete_message().queue_url(url).receipt_handle(&receipt.0).send().await {
        Err(error) if !is_stale_receipt(&error) => Err(port_error("remove a dead letter from SQS", &error)),
        _ => Ok(()),
    }
}

async fn receive(
    client: &Client,
    url: &str,
    limit: usize,
    letters: &mut Vec<DeadLetter>,
) -> Result<(), PortError> {
    while letters.len() < limit {
        let most = i32::try_from(limit - letters.len()).unwrap_or(MAX_RECEIVED).min(MAX_RECEIVED);
        let answer = client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(most)
            // Without any wait SQS asks only some of its servers and misses messages.
            .wait_time_seconds(1)
            .visibility_timeout(visibility_seconds(LISTING))
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .message_attribute_names(REASON)
            .message_system_attribute_names(MessageSystemAttributeName::AwsTraceHeader)
            .message_attribute_names(ATTEMPTS)
            .message_attribute_names(TRACEPARENT)
            .send()
            .await
            .map_err(|error| port_error("list dead letters in SQS", &error))?;
        let messages = answer.messages.unwrap_or_default();
        if messages.is_empty() {
            break;
        }
        letters.extend(messages.into_iter().filter_map(letter));
    }
    Ok(())
}

async fn give_back(client: &Client, url: &str, letters: &[DeadLetter]) -> Result<(), PortError> {
    const ATTEMPTED: &str = "give dead letters back to SQS";
    for letters in letters.chunks(10) {
        let entries = letters.iter().enumerate().map(|(place, letter)| {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(place.to_string());
            entry.receipt_handle(&letter.receipt.0).visibility_timeout(0).build()
        });
        let entries = entries.collect::<Result<Vec<_>, _>>();
        let entries =
            entries.map_err(|error| PortError::broken(ATTEMPTED, SqsError::new(error.to_string())))?;
        // Those that it refuses come back by themselves soon.
        let answer = client.change_message_visibility_batch().queue_url(url).set_entries(Some(entries));
        answer.send().await.map_err(|error| port_error(ATTEMPTED, &error))?;
    }
    Ok(())
}

fn letter(message: Message) -> Option<DeadLetter> {
    let text = |name: &str| message.message_attributes()?.get(name)?.string_value().map(str::to_owned);
    let (reason, attempts) = (text(REASON), text(ATTEMPTS).and_then(|count| count.parse().ok()));
    // Of a message that SQS moved, this is when it was first sent to the queue.
    let died_at = attempts.and_then(|_: u32| {
        let sent = message.attributes()?.get(&MessageSystemAttributeName::SentTimestamp)?;
        DateTime::from_timestamp_millis(sent.parse().ok()?)
    });
    let trace = trace_of(&message);
    let receipt = Receipt(message.receipt_handle?);
    Some(DeadLetter { receipt, body: message.body.unwrap_or_default(), reason, attempts, died_at, trace })
}

fn attribute(attempted: &str, kind: &str, value: &str) -> Result<MessageAttributeValue, PortError> {
    let value = MessageAttributeValue::builder().data_type(kind).string_value(value).build();
    value.map_err(|error| PortError::broken(attempted, SqsError::new(error.to_string())))
}

/// SQS takes no empty text and, of control characters, only those that break lines.
fn sendable(reason: &str) -> String {
    let is_sendable = |letter: char| !letter.is_control() || matches!(letter, '\t' | '\n' | '\r');
    let reason: String = reason
        .chars()
        .take(MAX_REASON)
        .map(|letter| if is_sendable(letter) { letter } else { ' ' })
        .map(|letter| if matches!(letter, '\u{fffe}' | '\u{ffff}') { ' ' } else { letter })
        .collect();
    if reason.is_empty() { "-".to_owned() } else { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_read_from_the_policy() {
        let policy =
            r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:123456789012:dead","maxReceiveCount":5}"#;
        assert_eq!(target(policy), Some(("123456789012".to_owned(), "dead".to_owned())));
        for other in ["", "{}", r#"{"deadLetterTargetArn":"dead"}"#] {
            assert_eq!(target(other), None, "{other}");
        }
    }

    #[test]
    fn any_reason_can_be_sent() {
        assert_eq!(sendable("died\n\u{0}twice\u{ffff}"), "died\n twice ");
        assert_eq!(sendable(""), "-");
        assert_eq!(sendable(&"é".repeat(2_000)).chars().count(), MAX_REASON);
    }
}
