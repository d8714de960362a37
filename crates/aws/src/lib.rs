//! What every AWS client of this workspace shares: region, credentials, time-outs, retries, one HTTP client.
//!
//! Configuration is resolved as AWS tools do (environment, profile files), but nothing here waits for the
//! network: credentials are looked up by the first call that needs them. Service clients are built by their
//! adapters from the [`SdkConfig`](aws_types::SdkConfig) made here. Start reading at [`sdk_config`].

mod assumed;
mod crypto;
mod error;
mod http_client;
mod identity;
mod options;
mod quotas;
mod region;
pub mod secrets;

pub use assumed::assume_role;
pub use crypto::install_crypto;
pub use error::explain;
pub use identity::{CallerIdentity, IdentityError, caller_identity};
pub use options::{AwsOptions, has_endpoint_override, local_account, local_config, sdk_config};
pub use quotas::{Quota, QuotasError, bedrock_quotas};
