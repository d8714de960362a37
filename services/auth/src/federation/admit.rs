//! How often strangers may make us ask an issuer.

use std::time::Duration;

use outcrop_ports::{Admission, Window};

use super::login_error::OidcLoginError;
use crate::throttle::network_of;
use crate::{Acting, AuthService};

/// How long a finished login counts against its address.
const OIDC_LENGTH: Duration = Duration::from_secs(5 * 60);

impl AuthService {
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
