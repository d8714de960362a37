//! Rules that hold for any input: keys, networks, patterns and scopes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use outcrop_types::{KeyHasher, KeyId, Network, Pattern, PresentedKey, Scope, SecretKind, without_secrets};
use proptest::prelude::*;

fn kind() -> impl Strategy<Value = SecretKind> {
    proptest::sample::select(SecretKind::ALL.to_vec())
}

fn secret() -> impl Strategy<Value = PresentedKey> {
    (kind(), any::<[u8; 16]>(), proptest::collection::vec(any::<u8>(), 86)).prop_map(|(kind, id, bytes)| {
        let mut entropy = [0; 86];
        entropy.copy_from_slice(&bytes);
        PresentedKey::generate_as(kind, id, entropy)
    })
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
    ]
}

/// The network of this length that an address is in.
fn network(address: IpAddr, length: u8) -> Network {
    let text = match address {
        IpAddr::V4(v4) => {
            let length = u32::from(length % 33);
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            format!("{}/{length}", Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let length = u32::from(length % 129);
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            format!("{}/{length}", Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    };
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// IPv6 addresses that stand for no IPv4 one: those have rules of their own.
fn plain(address: &IpAddr) -> bool {
    !matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() || v6.to_bits() >> 32 == 0)
}

proptest! {
    #[test]
    fn a_key_reads_back_as_its_kind_and_no_other(key in secret()) {
        for kind in SecretKind::ALL {
            let read = PresentedKey::parse_as(kind, key.expose());
            prop_assert_eq!(read.is_ok(), kind == key.kind());
        }
        let read = PresentedKey::parse_as(key.kind(), key.expose()).unwrap();
        prop_assert_eq!(read.id(), key.id());
        let hasher = KeyHasher::new(&[7; 32]).unwrap();
        prop_assert!(hasher.hash(&read) == hasher.hash(&key));
    }

    #[test]
    fn a_key_with_another_character_anywhere_is_none(key in secret(), at in any::<prop::sample::Index>(), other in 0u8..128) {
        let mut bytes = key.expose().as_bytes().to_vec();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != other);
        bytes[at] = other;
        let text = String::from_utf8(bytes).unwrap();
        prop_assert!(SecretKind::ALL.iter().all(|kind| PresentedKey::parse_as(*kind, &text).is_err()));
    }

    #[test]
    fn nothing_makes_the_reader_of_keys_stumble(text in ".{0,120}") {
        for kind in SecretKind::ALL {
            prop_assert!(PresentedKey::parse_as(kind, &text).is_err());
        }
        let _ = text.parse::<KeyId>();
    }

    #[test]
    fn no_text_around_it_shows_a_keys_secret(before in ".{0,20}", key in secret(), after in "[^A-Za-z0-9_].{0,20}") {
        let secret = &key.expose()[21..];
        let text = format!("{before}{}{after}", key.expose());
        prop_assert!(!without_secrets(&text).contains(secret));
    }

    #[test]
    fn an_address_is_in_its_own_networks_and_survives_writing(address in address(), length in any::<u8>()) {
        let network = network(address, length);
        prop_assert!(network.contains(address));
        prop_assert_eq!(network.to_string().parse::<Network>(), Ok(network));
    }

    #[test]
    fn a_shorter_prefix_covers_a_longer_one(address in address().prop_filter("plain", plain), one in any::<u8>(), other in any::<u8>()) {
        let bits = if address.is_ipv4() { 33 } else { 129 };
        let (short, long) = (one.min(other) % bits, one.max(other) % bits);
        let (short, long) = (short.min(long), short.max(long));
        // What begins like a mapped IPv4 address is read as one.
        let (wide, narrow) = (network(address, short), network(address, long));
        prop_assert!(wide.covers(&narrow), "{wide} {narrow}");
        prop_assert_eq!(narrow.covers(&wide), short == long);
    }

    #[test]
    fn covering_means_containing(one in address(), length in any::<u8>(), other in address(), others in any::<u8>(), address in address()) {
        let (wide, narrow) = (network(one, length), network(other, others));
        if wide.covers(&narrow) && narrow.contains(address) {
            prop_assert!(wide.contains(address), "{wide} {narrow} {address}");
        }
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address_it_stands_for(bits in any::<u32>(), of in any::<u32>(), length in 0u8..33) {
        let address = Ipv4Addr::from_bits(bits);
        let network = network(IpAddr::V4(Ipv4Addr::from_bits(of)), length);
        let mapped = IpAddr::V6(address.to_ipv6_mapped());
        prop_assert_eq!(network.contains(mapped), network.contains(IpAddr::V4(address)));
    }

    #[test]
    fn nothing_makes_the_reader_of_networks_stumble(text in ".{0,60}") {
        let _ = text.parse::<Network>();
    }

    #[test]
    fn a_pattern_covers_only_what_it_matches(wide in "[ab*]{1,6}", narrow in "[ab*]{1,6}", name in "[ab]{0,8}") {
        let (Ok(wide), Ok(narrow)) = (wide.parse::<Pattern>(), narrow.parse::<Pattern>()) else { return Ok(()) };
        if wide.covers(&narrow) && narrow.matches(&name) {
            prop_assert!(wide.matches(&name), "{wide} {narrow} {name}");
        }
    }

    #[test]
    fn a_scope_within_another_allows_nothing_more(own in "[ab*]{1,4}", most in "[ab*]{1,4}", name in "[ab]{0,6}") {
        let (Ok(own), Ok(most)) = (own.parse::<Pattern>(), most.parse::<Pattern>()) else { return Ok(()) };
        let scope = |pattern| Scope { models: vec![pattern], ..Scope::default() };
        if let Ok(left) = scope(own).within(&scope(most.clone()))
            && left.allows_model([name.as_str()])
        {
            prop_assert!(most.matches(&name));
        }
    }
}
