//! What an account may ask of Bedrock, as Service Quotas knows it.

use std::time::Duration;

use aws_sdk_servicequotas::Client;
use aws_sdk_servicequotas::config::timeout::TimeoutConfig;
use aws_types::SdkConfig;

use crate::explain;

/// Longest wait for one page, all tries included.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// What Service Quotas calls Bedrock.
const SERVICE: &str = "bedrock";

/// Quotas asked for at once: the most that it gives.
const PAGE: i32 = 100;

/// Most quotas that are read; Bedrock has some for each model and each way to call it.
const MOST: usize = 10_000;

/// A quota of the account in one region.
#[derive(Debug, Clone, PartialEq)]
pub struct Quota {
    /// As AWS calls it: `Cross-region model inference tokens per minute for Anthropic Claude Haiku 4.5`.
    pub name: String,
    /// What holds for this account.
    pub value: f64,
}

/// Why they cannot be known: no permission, no credentials, or Service Quotas is out of reach.
#[derive(Debug, thiserror::Error)]
#[error("could not ask Service Quotas: {reason}")]
pub struct QuotasError {
    /// The SDK's error with its causes, without the answer itself.
    reason: String,
}

/// Lists the quotas of Bedrock that hold for this account in the region of the configuration.
pub async fn bedrock_quotas(config: &SdkConfig) -> Result<Vec<Quota>, QuotasError> {
    let timeouts = TimeoutConfig::builder().operation_timeout(TIME_LIMIT).build();
    let config = aws_sdk_servicequotas::config::Builder::from(config).timeout_config(timeouts).build();
    let client = Client::from_conf(config);
    let listed = client.list_service_quotas().service_code(SERVICE).max_results(PAGE);
    let mut listed = listed.into_paginator().items().send();
    let mut quotas = Vec::new();
    while let Some(next) = listed.next().await {
        let quota = next.map_err(|error| QuotasError { reason: explain(&error) })?;
        if let (Some(name), Some(value)) = (quota.quota_name, quota.value) {
            quotas.push(Quota { name, value });
        }
        if quotas.len() >= MOST {
            break;
        }
    }
    Ok(quotas)
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn a_dead_endpoint_tells_none() {
        let config = crate::local_config("http://127.0.0.1:9", "us-east-1");
        let error = super::bedrock_quotas(&config).await.unwrap_err().to_string();
        assert!(error.starts_with("could not ask Service Quotas: "), "{error}");
    }
}
