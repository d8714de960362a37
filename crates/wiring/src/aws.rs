//! Our standing with AWS itself, for those who look whether all is well.

use outcrop_aws::{AwsOptions, Quota};
use outcrop_types::Region;

use crate::WiringError;

/// Whose credentials the AWS environment gives us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsCaller {
    /// The account's number.
    pub account: String,
    /// The user, or the role and its session.
    pub arn: String,
    /// Where calls go that name no region of their own.
    pub region: Option<String>,
}

/// Asks AWS who we are.
pub async fn aws_caller() -> Result<AwsCaller, WiringError> {
    let sdk = outcrop_aws::sdk_config(&AwsOptions::default()).await;
    let region = sdk.region().map(ToString::to_string);
    let found = outcrop_aws::caller_identity(&sdk).await;
    let found = found.map_err(|error| WiringError::failed("find out who AWS takes us for", &error))?;
    Ok(AwsCaller { account: found.account, arn: found.arn, region })
}

/// What Bedrock lets our account do in this region; without one, in that of the AWS environment.
pub async fn bedrock_quotas(region: Option<&Region>) -> Result<Vec<Quota>, WiringError> {
    let options =
        AwsOptions { region: region.map(ToString::to_string), max_attempts: 2, ..AwsOptions::default() };
    let sdk = outcrop_aws::sdk_config(&options).await;
    let found = outcrop_aws::bedrock_quotas(&sdk).await;
    found.map_err(|error| WiringError::failed("see Bedrock's quotas", &error))
}

/// An address of AWS that answers anybody who asks over HTTP, if only with a refusal: the environment's own for all services,
/// else the one of STS in its region.
pub async fn aws_endpoint() -> Option<String> {
    let sdk = outcrop_aws::sdk_config(&AwsOptions::default()).await;
    if let Some(url) = sdk.endpoint_url() {
        return Some(url.to_owned());
    }
    let region = sdk.region()?.to_string();
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    Some(format!("https://sts.{region}.{domain}"))
}
