//! What SQS's errors mean to a caller.

use std::error::Error;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use outcrop_ports::PortError;

/// The SDK's error in words. The error itself holds the raw answer, and with it message bodies.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct SqsError(String);

impl SqsError {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Requests that stay wrong however often they are sent. Anything else (no answer, throttling, a queue or a right
/// that is missing) can be mended on the other side while we run.
const WRONG_REQUESTS: [&str; 6] = [
    "InvalidMessageContents",
    "InvalidParameterValue",
    "MissingParameter",
    "UnsupportedOperation",
    "InvalidAttributeName",
    "InvalidAttributeValue",
];

/// The receipt's message is not in flight for it any more: deleted, visible again, or received once more.
pub(crate) fn is_stale_receipt<E, R>(error: &SdkError<E, R>) -> bool
where
    E: ProvideErrorMetadata,
{
    match error.code() {
        Some("ReceiptHandleIsInvalid" | "MessageNotInflight") => true,
        // How SQS puts it since its JSON protocol; other wrong values carry other messages.
        Some("InvalidParameterValue") => error.message().is_some_and(|message| {
            message.contains("receipt handle has expired")
                || message.contains("does not exist or is not available for visibility timeout change")
        }),
        _ => false,
    }
}

/// The message would be hidden for more than 12 hours since it was received.
pub(crate) fn is_beyond_visibility<E, R>(error: &SdkError<E, R>) -> bool
where
    E: ProvideErrorMetadata,
{
    let is_total =
        |message: &str| message.contains("Total VisibilityTimeout for the message is beyond the limit");
    matches!(error.code(), Some("InvalidParameterValue")) && error.message().is_some_and(is_total)
}

/// There is no such queue.
pub(crate) fn is_no_queue<E, R>(error: &SdkError<E, R>) -> bool
where
    E: ProvideErrorMetadata,
{
    matches!(error.code(), Some("QueueDoesNotExist"))
}

pub(crate) fn port_error<E, R>(attempted: &str, error: &SdkError<E, R>) -> PortError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug + 'static,
{
    let is_wrong = error.code().is_some_and(|code| WRONG_REQUESTS.contains(&code));
    let source = SqsError(outcrop_aws::explain(error));
    if is_wrong { PortError::broken(attempted, source) } else { PortError::unavailable(attempted, source) }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::error::ErrorMetadata;
    use aws_sdk_sqs::operation::change_message_visibility::ChangeMessageVisibilityError;
    use outcrop_ports::PortFailure;

    use super::*;

    fn error(code: &str, message: &str) -> SdkError<ChangeMessageVisibilityError, ()> {
        let metadata = ErrorMetadata::builder().code(code).message(message).build();
        SdkError::service_error(ChangeMessageVisibilityError::generic(metadata), ())
    }

    #[test]
    fn stale_receipts_are_told_from_wrong_values() {
        let check = |code, message, expect| assert_eq!(is_stale_receipt(&error(code, message)), expect);
        check("ReceiptHandleIsInvalid", "", true);
        check("MessageNotInflight", "", true);
        check(
            "InvalidParameterValue",
            "Value x for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.",
            true,
        );
        check("InvalidParameterValue", "Total VisibilityTimeout for the message is beyond the limit", false);
        check("QueueDoesNotExist", "", false);
    }

    #[test]
    fn a_message_hidden_long_enough_is_told_from_wrong_values() {
        let check = |code, message, expect| assert_eq!(is_beyond_visibility(&error(code, message)), expect);
        let total = "Value 600 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the \
                     message is beyond the limit [43200 seconds].";
        check("InvalidParameterValue", total, true);
        check("InvalidParameterValue", "Value 99999 for parameter VisibilityTimeout is invalid.", false);
        check("InternalError", total, false);
    }

    #[test]
    fn only_wrong_requests_are_broken() {
        let failure = |code| port_error("try", &error(code, "why")).failure;
        assert_eq!(failure("InvalidMessageContents"), PortFailure::Broken);
        for code in ["QueueDoesNotExist", "AccessDenied", "ThrottlingException", "InternalError"] {
            assert_eq!(failure(code), PortFailure::Unavailable, "{code}");
        }
        let chain = port_error("try", &error("AccessDenied", "not yours")).chain();
        assert!(chain.starts_with("could not try: ") && chain.contains("AccessDenied"), "{chain}");
    }
}
