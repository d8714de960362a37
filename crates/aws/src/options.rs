//! From a few options to an [`SdkConfig`].

use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

use crate::{http_client, region};

/// What this workspace sets on AWS clients; the rest is resolved as AWS tools do.
///
/// Operations have no time-out of their own here, because one of them may be a stream of minutes: adapters set
/// one per call where they know better.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsOptions {
    /// The region; `None` is that of the environment or the profile.
    pub region: Option<String>,
    /// Longest wait for a TCP and TLS connection.
    pub connect_timeout: Duration,
    /// Longest wait for the first byte of an answer. Not shorter than the slowest model's whole answer.
    pub read_timeout: Duration,
    /// How often a call is tried in all, at least 1.
    pub max_attempts: u32,
}

impl Default for AwsOptions {
    fn default() -> Self {
        Self {
            region: None,
            connect_timeout: Duration::from_secs(3),
            read_timeout: Duration::from_secs(600),
            max_attempts: 3,
        }
    }
}

/// Resolves region, profile, endpoints and other settings of the AWS environment.
///
/// Credentials come from the default chain, when the first call needs them: this reads environment and files only.
/// Without any region, calls fail and say so; see [`AwsOptions::region`].
pub async fn sdk_config(options: &AwsOptions) -> SdkConfig {
    let region = region::resolve(options.region.clone()).await;
    let loader = aws_config::defaults(behaviour())
        .http_client(http_client::aws())
        .retry_config(RetryConfig::standard().with_max_attempts(options.max_attempts.max(1)))
        .timeout_config(timeouts(options));
    match region {
        Some(region) => loader.region(region).load().await,
        // Without any, the chains of credentials and tokens would ask the network for one, for seconds.
        None => {
            let mut config = loader.region(region::fallback_region()).load().await.into_builder();
            config.set_region(None);
            config.build()
        }
    }
}

/// For an emulator at `endpoint_url` in the same process: credentials that nobody checks, nothing read from
/// environment or files, no retries, no stalled-stream protection.
#[must_use]
pub fn local_config(endpoint_url: &str, region: &str) -> SdkConfig {
    local_account(endpoint_url, region, "local")
}

/// [`local_config`] with a name in the place of the access key, by which an emulator can tell accounts apart.
#[must_use]
pub fn local_account(endpoint_url: &str, region: &str, name: &str) -> SdkConfig {
    let credentials = Credentials::new(name, "local", None, None, "outcrop");
    SdkConfig::builder()
        .behavior_version(behaviour())
        .region(Region::new(region.to_owned()))
        .endpoint_url(endpoint_url)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client::local())
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(timeouts(&AwsOptions::default()))
        .build()
}

/// Whether one service (`S3`, `SQS`, …) is to be found elsewhere than AWS would have it: by a setting for all
/// services, or by the environment (`AWS_ENDPOINT_URL_S3`) or the profile for this one.
#[must_use]
pub fn has_endpoint_override(config: &SdkConfig, service: &str) -> bool {
    let key = ServiceConfigKey::builder()
        .service_id(service)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let own = key.ok().and_then(|key| config.service_config()?.load_config(key));
    own.is_some() || config.endpoint_url().is_some()
}

/// Pinned, so that a new SDK release changes no time-out or retry behind our back.
fn behaviour() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

fn timeouts(options: &AwsOptions) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(options.connect_timeout)
        .read_timeout(options.read_timeout)
        .build()
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    /// The clock stands still until nothing is left to do but wait: a look at the instance metadata service, which
    /// takes a second where there is none, would move it.
    #[tokio::test(start_paused = true)]
    async fn resolves_without_waiting_for_the_network() {
        let started = Instant::now();
        let config = sdk_config(&AwsOptions::default()).await;
        assert_eq!(started.elapsed(), Duration::ZERO);
        assert_eq!(config.region().cloned(), region::resolve(None).await, "and nobody has made one up");
        assert!(config.credentials_provider().is_some());
    }

    #[tokio::test]
    async fn options_reach_the_config() {
        let options = AwsOptions {
            region: Some("eu-west-3".into()),
            connect_timeout: Duration::from_millis(700),
            read_timeout: Duration::from_secs(7),
            max_attempts: 0,
        };
        let config = sdk_config(&options).await;
        assert_eq!(config.region().map(AsRef::as_ref), Some("eu-west-3"));
        assert_eq!(config.retry_config().map(RetryConfig::max_attempts), Some(1));
        let timeouts = config.timeout_config().cloned();
        assert_eq!(timeouts.as_ref().and_then(TimeoutConfig::connect_timeout), Some(options.connect_timeout));
        assert_eq!(timeouts.as_ref().and_then(TimeoutConfig::read_timeout), Some(options.read_timeout));
    }

    #[tokio::test]
    async fn endpoint_overrides_are_noticed() {
        assert!(has_endpoint_override(&local_config("http://127.0.0.1:1", "us-east-1"), "S3"));
        let aws = SdkConfig::builder().behavior_version(behaviour()).build();
        assert!(!has_endpoint_override(&aws, "S3"));
    }

    #[test]
    fn the_local_config_reads_no_environment() {
        let config = local_config("http://127.0.0.1:1", "us-west-2");
        assert_eq!(config.endpoint_url(), Some("http://127.0.0.1:1"));
        assert_eq!(config.region().map(AsRef::as_ref), Some("us-west-2"));
        assert!(config.service_config().is_none());
        assert_eq!(config.retry_config().map(RetryConfig::max_attempts), Some(1));
    }
}
