//! Every way a call can fail before there is an answer.

use std::time::Duration;

use aws_types::SdkConfig;
use aws_types::region::Region;
use outcrop_bedrock::{BedrockModel, BedrockOptions, BuildError};
use outcrop_ports::{ChatModel, ModelError, ModelFailure, Probe};

use crate::fake::{Reply, call, model, ok, say};

async fn chat_error(reply: Reply) -> ModelError {
    model(reply).0.chat(call("nova-lite", say("hi"))).await.unwrap_err()
}

fn refusal(status: u16, kind: &'static str, message: &str) -> Reply {
    Reply {
        status,
        headers: vec![("x-amzn-errortype", kind), ("x-amzn-requestid", "r-7")],
        body: format!(r#"{{"message":"{message}"}}"#).into(),
        ..Reply::default()
    }
}

#[tokio::test]
async fn bedrocks_errors_keep_their_meaning() {
    let error = chat_error(refusal(400, "ValidationException", "Malformed input request")).await;
    assert_eq!((error.failure, error.message.as_str()), (ModelFailure::Invalid, "Malformed input request"));
    assert_eq!(error.bedrock_request_id.as_deref(), Some("r-7"));

    let kind = "AccessDeniedException:http://internal.amazon.com/coral/com.amazon.bedrock/";
    let told = "User: arn:aws:iam::123456789012:user/x is not authorized";
    let error = chat_error(refusal(403, kind, told)).await;
    assert_eq!(
        (error.failure, error.message.as_str()),
        (ModelFailure::Denied, "User: [arn] is not authorized")
    );

    let mut throttled = refusal(429, "ThrottlingException", "Too many requests");
    throttled.headers.push(("retry-after", "3"));
    let error = chat_error(throttled).await;
    assert_eq!((error.failure, error.retry_after), (ModelFailure::Throttled, Some(Duration::from_secs(3))));
}

#[tokio::test]
async fn one_call_is_one_attempt() {
    let (model, sent) = model(refusal(503, "ServiceUnavailableException", "later"));
    let error = model.chat(call("nova-lite", say("hi"))).await.unwrap_err();
    assert_eq!(error.failure, ModelFailure::Unavailable);
    assert_eq!(sent.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn errors_without_a_body_are_read_by_their_status() {
    let error =
        chat_error(Reply { status: 502, body: b"<html>bad gateway</html>".to_vec(), ..Reply::default() })
            .await;
    assert_eq!(error.failure, ModelFailure::Unavailable);
    assert!(!error.message.contains("html"), "{}", error.message);
}

#[tokio::test]
async fn an_answer_that_is_none_is_an_error() {
    for body in ["not json", "{}"] {
        let error = chat_error(ok(body)).await;
        assert_eq!(error.failure, ModelFailure::Model, "{body}: {error:?}");
    }
}

#[tokio::test]
async fn no_connection_is_unavailable() {
    let error = chat_error(Reply { unreachable: true, ..Reply::default() }).await;
    assert_eq!(
        (error.failure, error.message.as_str()),
        (ModelFailure::Unavailable, "Bedrock could not be reached")
    );
}

#[tokio::test]
async fn missing_credentials_are_told_without_details() {
    let sdk = SdkConfig::builder()
        .behavior_version(
            outcrop_aws::local_config("http://bedrock.test", "us-east-1").behavior_version().unwrap(),
        )
        .region(Region::new("us-east-1"))
        .endpoint_url("http://127.0.0.1:9")
        .build();
    let model = BedrockModel::new(&sdk, BedrockOptions::default()).unwrap();
    let error = model.chat(call("nova-lite", say("hi"))).await.unwrap_err();
    assert_eq!(error.failure, ModelFailure::Unavailable);
    // The hint is for the log.
    assert_eq!(error.message, "the call to Bedrock could not be made");
    let source = error.source.unwrap().to_string();
    assert_eq!(source, "check this server's AWS credentials and region");
}

#[tokio::test]
async fn a_region_is_needed() {
    let error = BedrockModel::new(&SdkConfig::builder().build(), BedrockOptions::default()).unwrap_err();
    assert!(matches!(error, BuildError::NoRegion), "{error:?}");
}

#[tokio::test]
async fn silence_is_a_time_out() {
    // Accepts connections and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let model =
        BedrockModel::new(&outcrop_aws::local_config(&url, "us-east-1"), BedrockOptions::default()).unwrap();
    model.probe().await.unwrap();
    let mut hurried = call("nova-lite", say("hi"));
    hurried.deadline = Duration::from_millis(50);
    assert_eq!(model.chat(hurried.clone()).await.unwrap_err().failure, ModelFailure::TimedOut);
    assert_eq!(model.stream(hurried).await.err().unwrap().failure, ModelFailure::TimedOut);

    drop(silent);
    let error = model.probe().await.unwrap_err();
    assert!(error.to_string().starts_with("could not connect to 127.0.0.1:"), "{error}");
}
