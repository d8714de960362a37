//! Networks in CIDR notation, and whether an address is in one.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// A network: `10.0.0.0/8`, `2001:db8::/32`, or a single address.
///
/// An IPv4 address that comes as IPv6 (`::ffff:10.0.0.1`, as dual-stack sockets report it) is the IPv4
/// address it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpNet);

/// A text that is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedNetwork {
    /// It does not read.
    #[error("a network is written as `10.0.0.0/8`, `2001:db8::/32` or a single address")]
    Unreadable,
    /// It names an address within a network; probably something narrower or wider was meant.
    #[error("the network that holds this address is written `{network}`")]
    HostBits {
        /// The network.
        network: Network,
    },
}

impl Network {
    /// Whether an address belongs to it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Whether every address of `other` belongs to it.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Network {
    type Err = MalformedNetwork;

    fn from_str(text: &str) -> Result<Self, MalformedNetwork> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(address.to_canonical().into()));
        }
        let net: IpNet = text.parse().map_err(|_| MalformedNetwork::Unreadable)?;
        let net = canonical(net).ok_or(MalformedNetwork::Unreadable)?;
        if net.trunc() != net {
            return Err(MalformedNetwork::HostBits { network: Self(net.trunc()) });
        }
        Ok(Self(net))
    }
}

/// `::ffff:10.0.0.0/104` is `10.0.0.0/8`; a network that spans both worlds is none we could decide about.
fn canonical(net: IpNet) -> Option<IpNet> {
    let IpNet::V6(v6) = net else { return Some(net) };
    let Some(v4) = v6.addr().to_ipv4_mapped() else { return Some(net) };
    let length = v6.prefix_len().checked_sub(96)?;
    ipnet::Ipv4Net::new(v4, length).ok().map(IpNet::V4)
}

impl TryFrom<String> for Network {
    type Error = MalformedNetwork;

    fn try_from(text: String) -> Result<Self, MalformedNetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}
