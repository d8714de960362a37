//! By what Bedrock knows who calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_async::time::{SharedTimeSource, StaticTimeSource};
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime_api::client::auth::AuthSchemeId;
use aws_types::SdkConfig;
use aws_types::origin::Origin;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use outcrop_bedrock::{BedrockModel, BedrockOptions};
use outcrop_ports::{ChatModel as _, ModelFailure};

use crate::fake::{Reply, Sent, call, frames, ok, say, sdk};

const ANSWER: &str = r#"{"output":{"message":{"role":"assistant","content":[{"text":"hi"}]}},"stopReason":"end_turn","usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2},"metrics":{"latencyMs":1}}"#;
/// What botocore 1.44.5 (`SigV4Auth`) makes of the same request.
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/bedrock/aws4_request, \
     SignedHeaders=content-length;content-type;host;x-amz-date;x-amz-security-token, \
     Signature=f132bd85c9de73389c6f4946927c65837ad40fae922025e358f730bbfa806997";
const ARN: &str = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc";

/// 2026-01-02T03:04:05Z.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_767_323_045)
}

fn model(sdk: &SdkConfig) -> BedrockModel {
    BedrockModel::new(sdk, BedrockOptions::default()).unwrap()
}

fn header<'a>(sent: &'a Sent, name: &str) -> Option<&'a str> {
    sent.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
}

/// Gives credentials that end so soon, if they do, and counts how often.
#[derive(Debug, Clone)]
struct Counting {
    given: Arc<AtomicUsize>,
    lasts: Option<Duration>,
    fails: bool,
}

impl ProvideCredentials for Counting {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        self.given.fetch_add(1, Ordering::Relaxed);
        let ends = self.lasts.map(|it| now() + it);
        let credentials =
            Credentials::new("AKIDEXAMPLE", "not-a-secret", Some("session".into()), ends, "test");
        let failed = CredentialsError::provider_error("the door is closed");
        future::ProvideCredentials::ready(if self.fails { Err(failed) } else { Ok(credentials) })
    }
}

/// The configuration with such credentials at a time that stands still, and how often it asked for them.
fn counting(sdk: SdkConfig, lasts: Option<Duration>, fails: bool) -> (SdkConfig, Arc<AtomicUsize>) {
    let given = Arc::new(AtomicUsize::new(0));
    let provider = Counting { given: Arc::clone(&given), lasts, fails };
    let sdk = sdk
        .into_builder()
        .credentials_provider(SharedCredentialsProvider::new(provider))
        .time_source(SharedTimeSource::new(StaticTimeSource::new(now())))
        .build();
    (sdk, given)
}

#[tokio::test]
async fn a_call_is_signed_for_bedrock_in_its_region_with_what_the_session_has() {
    let (sdk, sent) = sdk(ok(ANSWER));
    let (sdk, _) = counting(sdk, None, false);
    model(&sdk).chat(call(ARN, say("hi"))).await.unwrap();
    let sent = sent.lock().unwrap()[0].clone();
    assert_eq!(
        sent.uri,
        "http://bedrock.test/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fabc/converse"
    );
    assert_eq!(header(&sent, "authorization"), Some(SIGNED));
    assert_eq!(header(&sent, "x-amz-security-token"), Some("session"));
    assert!(header(&sent, "user-agent").unwrap().starts_with("outcrop/"));
}

#[tokio::test]
async fn credentials_are_asked_for_once_and_again_before_they_end() {
    // The SDK renews them ten seconds before.
    for (lasts, asked) in
        [(None, 1), (Some(Duration::from_secs(3_600)), 1), (Some(Duration::from_secs(5)), 3)]
    {
        let (sdk, _) = sdk(ok(ANSWER));
        let (sdk, given) = counting(sdk, lasts, false);
        let model = model(&sdk);
        for _ in 0..3 {
            model.chat(call("nova-lite", say("hi"))).await.unwrap();
        }
        assert_eq!(given.load(Ordering::Relaxed), asked, "{lasts:?}");
    }
}

#[tokio::test]
async fn without_credentials_nothing_is_sent() {
    let (sdk, sent) = sdk(ok(ANSWER));
    let (sdk, _) = counting(sdk, None, true);
    let model = model(&sdk);
    for error in [
        model.chat(call("nova-lite", say("hi"))).await.err().unwrap(),
        model.stream(call("nova-lite", say("hi"))).await.err().unwrap(),
    ] {
        assert_eq!(error.failure, ModelFailure::Unavailable);
        assert_eq!(error.message, "the call to Bedrock could not be made");
        let source = error.source.unwrap();
        assert_eq!(source.to_string(), "check this server's AWS credentials and region");
    }
    assert!(sent.lock().unwrap().is_empty());
}

/// The environment of a process that has a key of Bedrock's own.
#[derive(Debug)]
struct Environment;

impl LoadServiceConfig for Environment {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        (key.service_id() == "bedrock" && key.env() == "AWS_BEARER_TOKEN").then(|| "bedrock-key".to_owned())
    }
}

#[tokio::test]
async fn a_token_of_bedrocks_own_goes_before_signatures() {
    let (sdk, sent) = sdk(ok(ANSWER));
    let sdk = sdk.into_builder().service_config(Environment).build();
    model(&sdk).chat(call("nova-lite", say("hi"))).await.unwrap();
    let sent = sent.lock().unwrap()[0].clone();
    assert_eq!(header(&sent, "authorization"), Some("Bearer bedrock-key"));
}

#[tokio::test]
async fn streams_carry_it_too() {
    let (sdk, sent) = sdk(frames(&[("messageStart", r#"{"role":"assistant"}"#)]));
    let sdk = sdk.into_builder().service_config(Environment).build();
    let _events = model(&sdk).stream(call("nova-lite", say("hi"))).await;
    let sent = sent.lock().unwrap()[0].clone();
    assert_eq!(header(&sent, "authorization"), Some("Bearer bedrock-key"));
    assert!(sent.uri.ends_with("/converse-stream"), "{}", sent.uri);
}

#[tokio::test]
async fn streams_are_signed_too() {
    let (sdk, sent) = sdk(frames(&[("messageStart", r#"{"role":"assistant"}"#)]));
    let _events = model(&sdk).stream(call("nova-lite", say("hi"))).await;
    let sent = sent.lock().unwrap()[0].clone();
    let signed = header(&sent, "authorization").unwrap();
    assert!(signed.starts_with("AWS4-HMAC-SHA256 Credential=local/"), "{signed}");
    assert!(sent.uri.ends_with("/converse-stream"), "{}", sent.uri);
}

#[tokio::test]
async fn whoever_prefers_a_scheme_is_left_to_the_sdk() {
    let (sdk, sent) = sdk(ok(ANSWER));
    let usual = model(&sdk);
    let preferred = sdk.into_builder().auth_scheme_preference([AuthSchemeId::from("sigv4")]).build();
    for model in [usual, model(&preferred)] {
        model.chat(call("nova-lite", say("hi"))).await.unwrap();
    }
    let by_the_sdk: Vec<_> =
        sent.lock().unwrap().iter().map(|it| header(it, "amz-sdk-invocation-id").is_some()).collect();
    assert_eq!(by_the_sdk, [false, true]);
}

#[tokio::test]
async fn a_role_of_another_account_is_not_given_our_own_token() {
    let (sdk, sent) = sdk(ok(ANSWER));
    let mut sdk = sdk.into_builder().service_config(Environment);
    // As whoever assumes roles leaves it.
    sdk.insert_origin("auth_scheme_preference", Origin::shared_config());
    sdk.insert_origin("token_provider", Origin::shared_config());
    model(&sdk.build()).chat(call("nova-lite", say("hi"))).await.unwrap();
    let sent = sent.lock().unwrap()[0].clone();
    let signed = header(&sent, "authorization").unwrap();
    assert!(signed.starts_with("AWS4-HMAC-SHA256 Credential=local/"), "{signed}");
    assert_eq!(header(&sent, "amz-sdk-invocation-id"), None);
}

#[tokio::test]
async fn models_of_one_configuration_share_their_credentials() {
    let (sdk, _) = sdk(ok(ANSWER));
    let (sdk, given) = counting(sdk, None, false);
    let mut builder = sdk.into_builder();
    builder.set_identity_cache(Some(IdentityCache::lazy().build()));
    let sdk = builder.build();
    for model in [model(&sdk), model(&sdk)] {
        model.chat(call("nova-lite", say("hi"))).await.unwrap();
    }
    assert_eq!(given.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_machine_whose_clock_is_wrong_signs_by_that_of_aws_from_then_on() {
    let refused = |date| Reply {
        status: 403,
        headers: vec![("x-amzn-errortype", "InvalidSignatureException"), ("date", date)],
        body: br#"{"message":"Signature expired"}"#.to_vec(),
        ..Reply::default()
    };
    for (wanted, then) in [(true, "20260102T040405Z"), (false, "20260102T030405Z")] {
        let (sdk, sent) = sdk(refused("Fri, 02 Jan 2026 04:04:05 GMT"));
        let (sdk, _) = counting(sdk, None, false);
        let sdk = sdk.into_builder().disable_clock_skew_correction(!wanted).build();
        let model = model(&sdk);
        for _ in 0..2 {
            let error = model.chat(call("nova-lite", say("hi"))).await.unwrap_err();
            assert_eq!(error.failure, ModelFailure::Denied);
        }
        let sent = sent.lock().unwrap();
        let dates: Vec<_> = sent.iter().map(|it| header(it, "x-amz-date").unwrap()).collect();
        assert_eq!(dates, ["20260102T030405Z", then]);
    }
}
