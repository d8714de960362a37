//! Counting what strangers make us do.

use std::time::Duration;

use outcrop_ports::{Admission, PortError, Window};

use super::login_error::OidcLoginError;
use crate::throttle::network_of;
use crate::{Acting, AuthService};

/// How long a finished login counts against its address.
const OIDC_LENGTH: Duration = Duration::from_secs(5 * 60);

impl AuthService {
    /// Counts in all windows or in none; over all replicas, or in this process alone while that cannot be done.
    pub(super) async fn admit(&self, windows: &[Window]) -> Result<Admission, PortError> {
        let ports = self.ports();
        let millis = u64::try_from(ports.clock.now().timestamp_millis()).unwrap_or(0);
        let now = Duration::from_millis(millis);
        match ports.limiter.admit(windows, now).await {
            Ok(admission) => Ok(admission),
            Err(error) => {
                tracing::warn!(error = error.chain(), "logins are counted by this process alone");
                ports.local_limiter.admit(windows, now).await
            }
        }
    }

    /// Counts a code that is about to be sent to its issuer.
    pub(super) async fn throttle_oidc(&self, acting: &Acting) -> Result<(), OidcLoginError> {
        let Some(address) = acting.client_ip() else { return Ok(()) };
        let window = Window {
            name: format!("oidc:address:{}", network_of(address)),
            limit: self.options().attempts_per_address,
            length: OIDC_LENGTH,
        };
        match self.admit(&[window]).await? {
            Admission::Admitted { .. } => Ok(()),
            Admission::Refused { retry_after, .. } => Err(OidcLoginError::Throttled { retry_after }),
        }
    }
}
