//! Sending many messages, ten to a call.

use std::mem;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{BatchResultErrorEntry, SendMessageBatchRequestEntry};
use outcrop_ports::PortError;

use crate::errors::{SqsError, port_error};
use crate::marks::Marks;

/// Most messages of one call.
const MAX_ENTRIES: usize = 10;
/// Most bytes of all bodies of one call: SQS takes a MiB, the attributes of each message included.
const MAX_BYTES: usize = 1024 * 1024 - MAX_ENTRIES * Marks::BYTES;

/// Sends messages, each at most as large as one may be. Those not taken are given back: they were refused twice, or
/// their call failed after others had gone well, so that some of them may have been sent nevertheless.
pub(crate) async fn send_all(
    client: &Client,
    url: &str,
    bodies: Vec<String>,
    marks: &Marks,
) -> Result<Vec<String>, PortError> {
    let (mut left, mut is_any_sent) = (Vec::new(), false);
    let mut calls = calls(bodies).into_iter();
    while let Some(mut call) = calls.next() {
        match send_twice(client, url, &mut call, marks).await {
            Ok(()) => is_any_sent = true,
            Err(error) if !is_any_sent => return Err(error),
            Err(error) => {
                tracing::warn!(error = error.chain(), "not all messages were sent");
                left.append(&mut call);
                // The others would only wait for the same failure.
                left.extend(calls.flatten());
                return Ok(left);
            }
        }
        left.append(&mut call);
    }
    Ok(left)
}

/// Sends them, and those that were refused once more. What is left in `bodies` was not taken.
async fn send_twice(
    client: &Client,
    url: &str,
    bodies: &mut Vec<String>,
    marks: &Marks,
) -> Result<(), PortError> {
    send_once(client, url, bodies, marks).await?;
    if bodies.is_empty() { Ok(()) } else { send_once(client, url, bodies, marks).await }
}

async fn send_once(
    client: &Client,
    url: &str,
    bodies: &mut Vec<String>,
    marks: &Marks,
) -> Result<(), PortError> {
    const ATTEMPTED: &str = "send messages to SQS";
    let entries = bodies.iter().enumerate().map(|(place, body)| {
        SendMessageBatchRequestEntry::builder()
            .id(place.to_string())
            .message_body(body)
            .set_message_attributes(marks.own())
            .set_message_system_attributes(marks.system())
            .build()
    });
    let entries = entries.collect::<Result<Vec<_>, _>>();
    let entries = entries.map_err(|error| PortError::broken(ATTEMPTED, SqsError::new(error.to_string())))?;
    let answer = client.send_message_batch().queue_url(url).set_entries(Some(entries)).send().await;
    // A call that went well may still have refused some.
    let failed = answer.map_err(|error| port_error(ATTEMPTED, &error))?.failed;
    keep_failed(bodies, &failed);
    Ok(())
}

fn keep_failed(bodies: &mut Vec<String>, failed: &[BatchResultErrorEntry]) {
    let mut place = 0;
    bodies.retain(|_| {
        let is_failed = failed.iter().any(|entry| entry.id == place.to_string());
        place += 1;
        is_failed
    });
}

/// The messages of each call, in their order.
fn calls(bodies: Vec<String>) -> Vec<Vec<String>> {
    let (mut calls, mut call, mut bytes) = (Vec::new(), Vec::new(), 0);
    for body in bodies {
        if call.len() == MAX_ENTRIES || bytes + body.len() > MAX_BYTES {
            calls.push(mem::take(&mut call));
            bytes = 0;
        }
        bytes += body.len();
        call.push(body);
    }
    if !call.is_empty() {
        calls.push(call);
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_bounded_by_count_and_by_bytes() {
        let check = |bodies: Vec<String>, expected: &[usize]| {
            let all = bodies.clone();
            let calls = calls(bodies);
            assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), expected);
            assert_eq!(calls.concat(), all, "in their order");
        };
        check(Vec::new(), &[]);
        check((0..25).map(|number| number.to_string()).collect(), &[10, 10, 5]);
        check(vec!["x".repeat(256 * 1024); 9], &[3, 3, 3]);
    }

    #[test]
    fn what_was_refused_is_kept() {
        let entry = |id: &str| {
            let entry = BatchResultErrorEntry::builder().id(id).code("InternalError").sender_fault(false);
            entry.build().expect("all that it needs")
        };
        let mut bodies: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        keep_failed(&mut bodies, &[entry("2"), entry("0")]);
        assert_eq!(bodies, ["a", "c"]);
        keep_failed(&mut bodies, &[]);
        assert!(bodies.is_empty());
    }
}
