//! Which addresses may be asked for what clients name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use outcrop_types::Network;

/// Where clouds keep the credentials and settings of the machines that ask: AWS (instances, ECS, EKS), Alibaba, Oracle,
/// Azure. Not even an allowed network opens these.
const METADATA: [IpAddr; 9] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// What of IPv4 is not the public internet (IANA IPv4 Special-Purpose Address Registry; multicast; the reserved rest
/// with the broadcast address): first address and length of the prefix.
const SPECIAL_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// What of IPv6's global unicast space (`2000::/3`) is special all the same (IANA IPv6 Special-Purpose Address
/// Registry): protocol assignments with Teredo and benchmarking, documentation twice, 6to4.
const SPECIAL_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// All of IPv6 that is given to the public internet.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// IPv4 as networks without IPv4 reach it (RFC 6052): AWS's DNS64 answers so.
const NAT64: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Whether this address may be asked: a public one, or one in a network that the operator allows.
pub(crate) fn may_be_asked(address: IpAddr, allowed: &[Network]) -> bool {
    let meant = meant(address);
    !METADATA.contains(&meant) && (is_public(meant) || allowed.iter().any(|it| it.contains(address)))
}

/// The IPv4 address that an IPv6 one leads to, where it does.
fn meant(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if within_v6(v6, NAT64) => {
            let [.., a, b, c, d] = v6.octets();
            Ipv4Addr::new(a, b, c, d).into()
        }
        other => other,
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !SPECIAL_V4.iter().any(|it| within_v4(v4, *it)),
        IpAddr::V6(v6) => within_v6(v6, GLOBAL_V6) && !SPECIAL_V6.iter().any(|it| within_v6(v6, *it)),
    }
}

fn within_v4(address: Ipv4Addr, (network, length): (Ipv4Addr, u32)) -> bool {
    (address.to_bits() ^ network.to_bits()) >> (32 - length) == 0
}

fn within_v6(address: Ipv6Addr, (network, length): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ network.to_bits()) >> (128 - length) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(address: &str, allowed: &[&str]) -> bool {
        let allowed: Vec<Network> = allowed.iter().map(|it| it.parse().unwrap()).collect();
        may_be_asked(address.parse().unwrap(), &allowed)
    }

    #[test]
    fn public_addresses_are_asked() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2001:200::1",
            "2a00:1450:4001::200e",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
        ] {
            assert!(asked(address, &[]), "{address}");
        }
    }

    #[test]
    fn nothing_of_this_network_or_machine_is_asked() {
        for address in [
            // Unspecified and "this network", private, shared (CGNAT), loopback, link-local.
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.0.1",
            "172.16.0.0",
            "172.31.255.255",
            "192.168.0.0",
            "192.168.255.255",
            // Metadata.
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "168.63.129.16",
            "fd00:ec2::254",
            // Protocol assignments, documentation, benchmarking, 6to4 relays.
            "192.0.0.1",
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "198.18.0.0",
            "198.19.255.255",
            "192.88.99.1",
            // Multicast, reserved, broadcast.
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.0",
            "255.255.255.255",
            // The same kinds of IPv6.
            "::",
            "::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "fc00::1",
            "fdff::1",
            "ff02::1",
            "100::1",
            "2001:2::1",
            "2001:db8::1",
            "3fff::1",
            "5f00::1",
            "4000::1",
        ] {
            assert!(!asked(address, &[]), "{address}");
        }
    }

    #[test]
    fn no_address_hides_in_another() {
        for address in [
            // IPv4-mapped, IPv4-compatible, NAT64 (also with a prefix of one's own), 6to4, Teredo.
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:a00:1",
            "::127.0.0.1",
            "::10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b::127.0.0.1",
            "64:ff9b:1::10.0.0.1",
            "2002:a00:1::1",
            "2002:7f00:1::",
            "2001:0:4136:e378:8000:63bf:f5ff:fffe",
        ] {
            assert!(!asked(address, &[]), "{address}");
        }
    }

    #[test]
    fn allowed_networks_open_themselves_and_nothing_else() {
        assert!(asked("10.1.2.3", &["10.1.0.0/16"]));
        assert!(asked("::ffff:10.1.2.3", &["10.1.0.0/16"]));
        assert!(!asked("10.2.0.1", &["10.1.0.0/16"]));
        assert!(!asked("64:ff9b::10.1.2.3", &["10.1.0.0/16"]));
        assert!(asked("fd12::1", &["fd00::/8"]));
        for address in ["169.254.169.254", "::ffff:169.254.169.254", "100.100.100.200", "168.63.129.16"] {
            assert!(!asked(address, &["0.0.0.0/0"]), "{address}");
        }
        for address in ["fd00:ec2::254", "64:ff9b::169.254.169.254"] {
            assert!(!asked(address, &["::/0"]), "{address}");
        }
    }
}
