//! The SDK's failures to [`ModelError`]. Codes and statuses: Amazon Bedrock API reference, Converse, "Errors".

use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::event_stream::{Header, RawMessage};
use aws_types::request_id::RequestId;
use outcrop_ports::{ModelError, ModelFailure};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Said where Bedrock had begun to answer.
const BROKEN: &str = "the connection to Bedrock broke";
/// Said where nothing left this server; what an operator can do about it stands in the log only.
const NOT_MADE: &str = "the call to Bedrock could not be made";

/// Said where only an inference profile reaches the model.
const NEEDS_PROFILE: &str = "`model`: this model is only reached through an inference profile here; name it as the \
     model list does, or with the prefix of a geography (`us.`, `eu.`, `global.`)";

/// A call that could not be signed, for the log.
#[derive(Debug, thiserror::Error)]
#[error("check this server's AWS credentials and region")]
struct Unsigned(#[source] Source);

/// A failure that is known by its kind and our own words.
pub(crate) fn failed(failure: ModelFailure, message: impl Into<String>) -> ModelError {
    ModelError { failure, message: message.into(), bedrock_request_id: None, retry_after: None, source: None }
}

/// A request that the model cannot take; the message names the field.
pub(crate) fn invalid(message: String) -> ModelError {
    failed(ModelFailure::Invalid, message)
}

/// An answer that makes no sense.
pub(crate) fn malformed(message: &str) -> ModelError {
    failed(ModelFailure::Model, message)
}

/// The model was silent for too long.
pub(crate) fn timed_out(waited: Duration, what: &str) -> ModelError {
    failed(ModelFailure::TimedOut, format!("the model sent {what} within {} s", waited.as_secs_f32()))
}

/// A failed call.
pub(crate) fn from_call<E>(error: SdkError<E, HttpResponse>) -> ModelError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let status = error.raw_response().map(|it| it.status().as_u16());
    let (failure, message) = match &error {
        SdkError::ServiceError(_) if status.is_some_and(|it| it < 300) => {
            (ModelFailure::Model, "Bedrock's answer could not be read".to_owned())
        }
        SdkError::ServiceError(context) => {
            let meta = context.err().meta();
            service_failure(meta.code().unwrap_or_default(), meta.message().unwrap_or_default(), status)
        }
        SdkError::ResponseError(_) if status.is_some_and(|it| it >= 300) => {
            (by_status(status), BROKEN.to_owned())
        }
        _ => transport_failure(&error),
    };
    let retry_after = error.raw_response().and_then(retry_after);
    let bedrock_request_id = error.request_id().map(str::to_owned);
    with_source(ModelError { bedrock_request_id, retry_after, ..failed(failure, message) }, error)
}

/// A failure in the middle of a stream, whose HTTP status was 200 already.
pub(crate) fn from_stream<E>(error: SdkError<E, RawMessage>, request_id: Option<String>) -> ModelError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let code = error.raw_response().and_then(exception_name).unwrap_or_default();
    let (failure, message) = match &error {
        SdkError::ServiceError(context) => {
            service_failure(&code, context.err().meta().message().unwrap_or_default(), None)
        }
        SdkError::TimeoutError(_) => transport_failure(&error),
        // Whatever else happens to a stream happens to an answer that has begun.
        _ => (ModelFailure::Broken, BROKEN.to_owned()),
    };
    with_source(ModelError { bedrock_request_id: request_id, ..failed(failure, message) }, error)
}

/// What the frame calls the exception; the SDK keeps the message and forgets the name. `throttlingException` in a
/// frame is `ThrottlingException` elsewhere.
fn exception_name(raw: &RawMessage) -> Option<String> {
    let RawMessage::Decoded(message) = raw else { return None };
    let is_name = |it: &&Header| matches!(it.name().as_str(), ":exception-type" | ":error-code");
    let name = message.headers().iter().find(is_name)?.value().as_string().ok()?.as_str();
    let mut characters = name.chars();
    let first = characters.next()?.to_ascii_uppercase();
    Some(std::iter::once(first).chain(characters).collect())
}

/// What failed when Bedrock itself did not say anything.
fn transport_failure<E, R>(error: &SdkError<E, R>) -> (ModelFailure, String) {
    let (failure, message) = match error {
        SdkError::TimeoutError(_) => (ModelFailure::TimedOut, "Bedrock did not answer in time"),
        // Nothing was sent that Bedrock could charge for: whoever is asked next is the first.
        SdkError::DispatchFailure(failure) if failure.is_timeout() && is_unconnected(error) => {
            (ModelFailure::Unavailable, "Bedrock could not be reached in time")
        }
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            (ModelFailure::TimedOut, "Bedrock did not answer in time")
        }
        // No region of that account will do, until somebody allows it.
        SdkError::DispatchFailure(_) if is_refused(error) => (ModelFailure::Denied, NOT_MADE),
        SdkError::DispatchFailure(_) if is_unsigned(error) => (ModelFailure::Unavailable, NOT_MADE),
        SdkError::DispatchFailure(_) => (ModelFailure::Unavailable, "Bedrock could not be reached"),
        SdkError::ConstructionFailure(_) => (ModelFailure::Unavailable, NOT_MADE),
        SdkError::ResponseError(_) => (ModelFailure::Broken, BROKEN),
        _ => (ModelFailure::Internal, "the call to Bedrock failed"),
    };
    (failure, message.to_owned())
}

/// Whether the time-out struck before there was a connection. The SDK tells the two by their words only, in a type that is
/// its own: "HTTP connect timeout occurred", "HTTP read timeout occurred".
fn is_unconnected<E, R>(error: &SdkError<E, R>) -> bool {
    says(error, &["connect timeout"])
}

/// Whether there were no credentials, or no region, to sign a request with. The SDK reports that like a connection
/// that failed, in types that are its own; no word of these stands in an error of a connection.
fn is_unsigned<E, R>(error: &SdkError<E, R>) -> bool {
    const OF_SIGNING: [&str; 6] =
        ["auth scheme", "credential", "identity", "the token", "token provider", "signing"];
    says(error, &OF_SIGNING)
}

/// Whether STS refused the role whose credentials were to sign the request ("unhandled error (AccessDenied)").
fn is_refused<E, R>(error: &SdkError<E, R>) -> bool {
    is_unsigned(error) && says(error, &["accessdenied"])
}

/// Whether one of the causes of a call that was not made says one of these words.
fn says<E, R>(error: &SdkError<E, R>, words: &[&str]) -> bool {
    let SdkError::DispatchFailure(failure) = error else { return false };
    let mut cause = failure.as_connector_error().and_then(std::error::Error::source);
    while let Some(error) = cause {
        let said = error.to_string().to_ascii_lowercase();
        if words.iter().any(|it| said.contains(it)) {
            return true;
        }
        cause = error.source();
    }
    false
}

fn with_source<E, R>(failure: ModelError, error: SdkError<E, R>) -> ModelError
where
    E: std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let unsigned = is_unsigned(&error);
    let source = error.into_source().unwrap_or_else(|whole| Source::from(whole.to_string()));
    let source = if unsigned { Box::new(Unsigned(source)) } else { source };
    ModelError { source: Some(source), ..failure }
}

/// By error code, else by status. Messages of credential faults are ours: Bedrock's speak of signatures and tokens
/// that are no business of a client.
fn service_failure(code: &str, message: &str, status: Option<u16>) -> (ModelFailure, String) {
    let failure = match code {
        // Bedrock's way to say that there is no such model.
        "ValidationException" if message.contains("model identifier is invalid") => ModelFailure::NotFound,
        "ValidationException" if needs_profile(message) => {
            return (ModelFailure::Invalid, NEEDS_PROFILE.to_owned());
        }
        "ValidationException" if is_too_long(message) => ModelFailure::TooLong,
        "ValidationException" => ModelFailure::Invalid,
        "AccessDeniedException" => ModelFailure::Denied,
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "ExpiredTokenException"
        | "ExpiredToken"
        | "InvalidClientTokenId"
        | "IncompleteSignatureException"
        | "MissingAuthenticationTokenException" => {
            return (ModelFailure::Denied, format!("Bedrock refused this server's AWS credentials ({code})"));
        }
        "ResourceNotFoundException" => ModelFailure::NotFound,
        "ThrottlingException" => ModelFailure::Throttled,
        "ModelNotReadyException" => ModelFailure::NotReady,
        "ServiceQuotaExceededException" => ModelFailure::QuotaExceeded,
        "ModelTimeoutException" => ModelFailure::TimedOut,
        "ModelErrorException" | "ModelStreamErrorException" => ModelFailure::Model,
        "ServiceUnavailableException" => ModelFailure::Unavailable,
        "InternalServerException" => ModelFailure::Internal,
        _ => by_status(status),
    };
    let message =
        if message.is_empty() { format!("Bedrock failed ({})", or_unknown(code)) } else { scrub(message) };
    (failure, message)
}

/// Whether the conversation does not fit the model's context, in the words of Bedrock or of the model behind it.
fn is_too_long(message: &str) -> bool {
    const SAID: [&str; 6] = [
        "input is too long",
        "prompt is too long",
        "too many input tokens",
        "maximum context length",
        "exceed context limit",
        "exceeds the context window",
    ];
    let message = message.to_ascii_lowercase();
    SAID.iter().any(|words| message.contains(words))
}

/// Whether the model was called by an id that only its inference profiles answer to.
fn needs_profile(message: &str) -> bool {
    message.contains("on-demand throughput isn") || message.contains("with on-demand throughput is not")
}

fn or_unknown(code: &str) -> &str {
    if code.is_empty() { "no reason given" } else { code }
}

fn by_status(status: Option<u16>) -> ModelFailure {
    match status {
        Some(401 | 403) => ModelFailure::Denied,
        Some(404) => ModelFailure::NotFound,
        Some(408 | 504) => ModelFailure::TimedOut,
        Some(424) => ModelFailure::Model,
        Some(429) => ModelFailure::Throttled,
        Some(502 | 503) => ModelFailure::Unavailable,
        Some(400..=499) => ModelFailure::Invalid,
        _ => ModelFailure::Internal,
    }
}

/// `retry-after` in whole or broken seconds; the date form is not used by AWS.
fn retry_after(response: &HttpResponse) -> Option<Duration> {
    let seconds: f32 = response.headers().get("retry-after")?.trim().parse().ok()?;
    Duration::try_from_secs_f32(seconds).ok()
}

/// A message without ARNs and account numbers (12 digits).
fn scrub(message: &str) -> String {
    let mut clean = String::with_capacity(message.len());
    for word in message.split_inclusive(char::is_whitespace) {
        match word.find("arn:aws") {
            Some(at) => {
                clean.push_str(&word[..at]);
                clean.push_str("[arn]");
                // What closed the sentence or the quotation stays.
                let arn = word[at..].trim_end_matches(|it: char| !it.is_ascii_alphanumeric());
                clean.push_str(&word[at + arn.len()..]);
            }
            None => clean.push_str(word),
        }
    }
    scrub_accounts(&clean)
}

fn scrub_accounts(message: &str) -> String {
    let mut clean = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(start) = rest.find(|it: char| it.is_ascii_digit()) {
        let digits = rest[start..].find(|it: char| !it.is_ascii_digit()).unwrap_or(rest.len() - start);
        clean.push_str(&rest[..start]);
        clean.push_str(if digits == 12 { "[account]" } else { &rest[start..start + digits] });
        rest = &rest[start + digits..];
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &str, expected: &str) {
        assert_eq!(scrub(message), expected);
    }

    #[test]
    fn arns_and_account_numbers_are_taken_out() {
        check(
            "User: arn:aws:sts::123456789012:assumed-role/app/i-0abc is not authorized to perform: \
             bedrock:InvokeModel on resource: arn:aws:bedrock:us-east-1::foundation-model/x because no policy",
            "User: [arn] is not authorized to perform: bedrock:InvokeModel on resource: [arn] because no policy",
        );
        check("see \"arn:aws-us-gov:iam::1:role/x\".", "see \"[arn]\".");
        check("account 123456789012, 1234567890123 tokens", "account [account], 1234567890123 tokens");
        check("123456789012", "[account]");
        check("max 200000 tokens — naïve", "max 200000 tokens — naïve");
        check("", "");
    }

    #[test]
    fn every_code_of_converse_has_its_failure() {
        let failure = |code, status| service_failure(code, "why", status).0;
        assert_eq!(failure("ValidationException", Some(400)), ModelFailure::Invalid);
        assert_eq!(failure("AccessDeniedException", Some(403)), ModelFailure::Denied);
        assert_eq!(failure("ResourceNotFoundException", Some(404)), ModelFailure::NotFound);
        assert_eq!(failure("ThrottlingException", Some(429)), ModelFailure::Throttled);
        assert_eq!(failure("ModelNotReadyException", Some(429)), ModelFailure::NotReady);
        assert_eq!(failure("ServiceQuotaExceededException", Some(400)), ModelFailure::QuotaExceeded);
        assert_eq!(failure("ModelTimeoutException", Some(408)), ModelFailure::TimedOut);
        assert_eq!(failure("ModelErrorException", Some(424)), ModelFailure::Model);
        assert_eq!(failure("ModelStreamErrorException", None), ModelFailure::Model);
        assert_eq!(failure("InternalServerException", Some(500)), ModelFailure::Internal);
        assert_eq!(failure("ServiceUnavailableException", Some(503)), ModelFailure::Unavailable);
        assert_eq!(failure("", Some(429)), ModelFailure::Throttled);
        assert_eq!(failure("SomethingNew", Some(418)), ModelFailure::Invalid);
        assert_eq!(failure("SomethingNew", None), ModelFailure::Internal);
    }

    #[test]
    fn an_unknown_model_id_is_not_found() {
        let (failure, _) =
            service_failure("ValidationException", "The provided model identifier is invalid.", Some(400));
        assert_eq!(failure, ModelFailure::NotFound);
    }

    #[test]
    fn a_conversation_that_does_not_fit_is_told_apart() {
        let failure = |message| service_failure("ValidationException", message, Some(400)).0;
        for message in [
            "Input is too long for requested model.",
            "The model returned the following errors: prompt is too long: 250000 tokens > 200000 maximum",
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
            "Too many input tokens. Max input tokens: 8192, request input token count: 9000",
        ] {
            assert_eq!(failure(message), ModelFailure::TooLong, "{message}");
        }
        assert_eq!(
            failure("The maximum tokens you requested exceeds the model limit of 64"),
            ModelFailure::Invalid
        );
    }

    #[test]
    fn who_calls_a_model_by_an_id_that_only_profiles_answer_to_is_helped() {
        let said = "Invocation of model ID anthropic.claude-opus-5 with on-demand throughput isn\u{2019}t supported. Retry \
             your request with the ID or ARN of an inference profile that contains this model.";
        let (failure, message) = service_failure("ValidationException", said, Some(400));
        assert_eq!(failure, ModelFailure::Invalid);
        assert!(message.contains("inference profile") && message.starts_with("`model`"), "{message}");
    }

    #[test]
    fn credential_faults_do_not_quote_bedrock() {
        let (failure, message) =
            service_failure("InvalidSignatureException", "The canonical string is GET /secret", Some(403));
        assert_eq!(failure, ModelFailure::Denied);
        assert_eq!(message, "Bedrock refused this server's AWS credentials (InvalidSignatureException)");
    }
}
