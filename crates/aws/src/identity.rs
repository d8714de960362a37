//! Who AWS takes us for.

use std::time::Duration;

use aws_sdk_sts::Client;
use aws_sdk_sts::config::timeout::TimeoutConfig;
use aws_types::SdkConfig;

use crate::explain;

/// Longest wait, looking for credentials and all tries included.
const TIME_LIMIT: Duration = Duration::from_secs(8);

/// Whose credentials these are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerIdentity {
    /// The account's number.
    pub account: String,
    /// The user, or the role and its session.
    pub arn: String,
}

/// Why AWS did not say who we are: no credentials, wrong ones, or STS is out of reach.
#[derive(Debug, thiserror::Error)]
#[error("could not ask STS who we are: {reason}")]
pub struct IdentityError {
    /// The SDK's error with its causes, without the answer itself.
    reason: String,
}

/// Asks STS whose credentials these are. Everybody may ask (`GetCallerIdentity` needs no permission).
pub async fn caller_identity(config: &SdkConfig) -> Result<CallerIdentity, IdentityError> {
    let timeouts = TimeoutConfig::builder().operation_timeout(TIME_LIMIT).build();
    let client =
        Client::from_conf(aws_sdk_sts::config::Builder::from(config).timeout_config(timeouts).build());
    let answer = client.get_caller_identity().send().await;
    let answer = answer.map_err(|error| IdentityError { reason: explain(&error) })?;
    Ok(CallerIdentity { account: answer.account.unwrap_or_default(), arn: answer.arn.unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn a_dead_endpoint_names_nobody() {
        let config = crate::local_config("http://127.0.0.1:9", "us-east-1");
        let error = super::caller_identity(&config).await.unwrap_err().to_string();
        assert!(error.starts_with("could not ask STS who we are: "), "{error}");
    }
}
