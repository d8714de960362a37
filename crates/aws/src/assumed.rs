//! Credentials of a role in another account.

use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::auth::AuthSchemePreference;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::origin::Origin;
use aws_types::sdk_config::SharedTimeSource;

/// What a session of ours is called, in the logs of the account that owns the role.
const SESSION: &str = "outcrop";

/// Longest wait for credentials, all tries of STS together. A call waits no longer for them than for a connection that
/// takes its time.
const LOAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Tries of one question to STS.
const ATTEMPTS: u32 = 2;

/// The configuration `sdk` with the credentials of a role, which those of `sdk` may assume. Everything else stays.
///
/// STS is asked by the first call that needs the credentials, in the region of `sdk` or where its environment says
/// (`AWS_ENDPOINT_URL_STS`). All clients built from the configuration share one set of credentials, renewed before they
/// end. The external id is sent to STS and nowhere else.
pub async fn assume_role(sdk: &SdkConfig, role_arn: &str, external_id: Option<&str>) -> SdkConfig {
    let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS);
    let mut sts = sdk.to_builder().retry_config(retries);
    if sdk.time_source().is_none() {
        // The provider asks for one in so many words, and panics where there is none.
        sts = sts.time_source(SharedTimeSource::default());
    }
    let sts = sts.build();
    let mut role = AssumeRoleProvider::builder(role_arn).session_name(SESSION).configure(&sts);
    if let Some(external_id) = external_id {
        role = role.external_id(external_id);
    }
    let provider = SharedCredentialsProvider::new(role.build().await);
    let mut builder = sdk.to_builder().credentials_provider(provider);
    builder.set_identity_cache(Some(IdentityCache::lazy().load_timeout(LOAD_TIMEOUT).build()));
    // A bearer token of ours (`AWS_BEARER_TOKEN_BEDROCK`) would be taken before any signature, and is our own account's.
    builder.set_token_provider(None);
    builder.set_auth_scheme_preference(None::<AuthSchemePreference>);
    for decided in ["token_provider", "auth_scheme_preference"] {
        builder.insert_origin(decided, Origin::shared_config());
    }
    builder.build()
}
