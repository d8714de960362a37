//! How often logins may be tried: per account, and per address they come from.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use outcrop_ports::{Admission, Kind, Meter, PortError, Window};
use secrecy::ExposeSecret;
use sha2::Sha256;

use crate::AuthService;

/// How long an attempt counts.
const LENGTH: Duration = Duration::from_secs(5 * 60);

/// No more attempts for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Throttled {
    /// When the next one is looked at.
    pub(crate) retry_after: Duration,
    /// Whether it was the account's window that was full, or the address's.
    pub(crate) account: bool,
}

impl AuthService {
    /// Counts an attempt to log in, before anything about it is known to be true; `None` if it may go on. An account
    /// that does not exist is counted like one that does.
    pub(crate) async fn throttle_login(
        &self,
        name: &str,
        address: Option<IpAddr>,
    ) -> Result<Option<Throttled>, PortError> {
        let account = format!("login:account:{}", self.account_mark(name));
        let mut meters = vec![attempts(account, self.options().attempts_per_account, LENGTH)];
        if let Some(address) = address {
            let address = format!("login:address:{}", network_of(address));
            meters.push(attempts(address, self.options().attempts_per_address, LENGTH));
        }
        Ok(match self.admit(&meters).await? {
            Admission::Admitted { .. } | Admission::Unseeded { .. } => None,
            Admission::Refused { full, retry_after, .. } => {
                Some(Throttled { retry_after: retry_after.unwrap_or(LENGTH), account: full == 0 })
            }
        })
    }

    /// Counts in all meters or in none; over all replicas, or in this process alone while that cannot be done.
    pub(crate) async fn admit(&self, meters: &[Meter]) -> Result<Admission, PortError> {
        match self.admit_everywhere(meters).await {
            Ok(admission) => Ok(admission),
            Err(error) => {
                tracing::warn!(error = error.chain(), "logins are counted by this process alone");
                self.ports().local_limiter.count(meters, self.since_epoch()).await
            }
        }
    }

    /// The same over all replicas or not at all, for what must not happen twice.
    pub(crate) async fn admit_everywhere(&self, meters: &[Meter]) -> Result<Admission, PortError> {
        self.ports().limiter.count(meters, self.since_epoch()).await
    }

    fn since_epoch(&self) -> Duration {
        let millis = self.ports().clock.now().timestamp_millis();
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// What stands for a name where it is counted: the counter's server is not told who logs in.
    fn account_mark(&self, name: &str) -> String {
        let secret = self.options().secret.expose_secret().as_bytes();
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
        mac.update(b"outcrop login throttle v1\0");
        mac.update(name.as_bytes());
        mac.finalize().into_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// At most so many attempts of something in such a time.
pub(crate) fn attempts(name: String, limit: u32, length: Duration) -> Meter {
    let length_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    let window = Window::Sliding { length_ms };
    Meter { name, kind: Kind::Requests, window, limit: limit.into(), amount: 1 }
}

/// The network that one subscriber has: an IPv4 address, or 64 bits of IPv6 (RFC 6177: no site is given fewer).
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_subscriber_is_one_network() {
        for (address, network) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::", "2001:db8:1:2::"),
        ] {
            assert_eq!(network_of(address.parse().unwrap()).to_string(), network, "{address}");
        }
    }
}
