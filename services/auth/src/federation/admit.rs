//! How often strangers may make us ask an issuer.

use std::time::Duration;

use outcrop_ports::Admission;

use super::login_error::OidcLoginError;
use crate::throttle::{attempts, network_of};
use crate::{Acting, AuthService};

/// How long a finished login counts against its address.
const OIDC_LENGTH: Duration = Duration::from_secs(5 * 60);

impl AuthService {
    /// Counts a code that is about to be sent to its issuer.
    pub(super) async fn throttle_oidc(&self, acting: &Acting) -> Result<(), OidcLoginError> {
        let Some(address) = acting.client_ip() else { return Ok(()) };
        let name = format!("oidc:address:{}", network_of(address));
        let meter = attempts(name, self.options().attempts_per_address, OIDC_LENGTH);
        match self.admit(&[meter]).await? {
            Admission::Admitted { .. } | Admission::Unseeded { .. } => Ok(()),
            Admission::Refused { retry_after, .. } => {
                Err(OidcLoginError::Throttled { retry_after: retry_after.unwrap_or(OIDC_LENGTH) })
            }
        }
    }
}
