//! Whose address a request comes from, where proxies stand in between.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::{HeaderMap, HeaderName};
use outcrop_types::Network;

/// To which each proxy adds the address that it was asked from, at the end.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the client: that of the peer, or, where the peer is a proxy of ours, the last one in
/// `X-Forwarded-For` that is none. Whatever stands before that one, the client itself may have written. An entry
/// that is no address ends the search: the proxy that handed it on is all that is known.
pub(crate) fn find(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[Network]) -> Option<IpAddr> {
    let mut found = peer?.to_canonical();
    let is_proxy = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_proxy(found) {
        return Some(found);
    }
    let lines = headers.get_all(FORWARDED_FOR).rev();
    let entries = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    for entry in entries {
        let Some(address) = read(entry) else { break };
        found = address;
        if !is_proxy(found) {
            break;
        }
    }
    Some(found)
}

/// An address, with or without a port: some load balancers add the client's.
fn read(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse::<SocketAddr>().map(|it| it.ip())).ok()?;
    Some(IpAddr::to_canonical(&address))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn found(peer: &str, lines: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let trusted: Vec<Network> = trusted.iter().map(|it| it.parse().unwrap()).collect();
        find(Some(peer.parse().unwrap()), &headers, &trusted).unwrap().to_string()
    }

    #[test]
    fn only_proxies_of_ours_are_believed() {
        let proxies = ["10.0.0.0/8", "fd00::/8"];
        for (peer, lines, expected) in [
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.2.3.4, 198.51.100.1, 10.9.9.9"], "198.51.100.1"),
            ("10.0.0.1", &["1.2.3.4", "198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.2.3.4", "198.51.100.1,10.1.1.1", "fd00::7"], "198.51.100.1"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("::ffff:10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
            ("fd00::1", &["2001:db8::7"], "2001:db8::7"),
        ] {
            assert_eq!(found(peer, lines, &proxies), expected, "{peer} {lines:?}");
        }
        assert_eq!(found("10.0.0.1", &["198.51.100.1"], &[]), "10.0.0.1", "nobody is believed by default");
    }

    #[test]
    fn ports_are_left_out() {
        for entry in ["198.51.100.1:4711", "[2001:db8::7]:4711", "[2001:db8::7]"] {
            let expected = if entry.starts_with('[') { "2001:db8::7" } else { "198.51.100.1" };
            assert_eq!(found("10.0.0.1", &[entry], &["10.0.0.0/8"]), expected);
        }
    }

    #[test]
    fn what_is_no_address_ends_the_search() {
        for entry in
            ["unknown", "_hidden", "", "1.2.3", "1.2.3.4.5", "198.51.100.1 x", "\u{e9}", "[::1", "::1]"]
        {
            let line = format!("1.2.3.4, {entry}, 10.0.0.2");
            assert_eq!(found("10.0.0.1", &[&line], &["10.0.0.0/8"]), "10.0.0.2", "{entry}");
        }
        let none: Option<IpAddr> = None;
        assert_eq!(find(none, &HeaderMap::new(), &[]), None);
    }

    fn outsider() -> impl Strategy<Value = IpAddr> {
        prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)]
            .prop_map(|it| it.to_canonical())
            .prop_filter("no proxy", |it| !it.to_string().starts_with("10."))
    }

    proptest! {
        #[test]
        fn what_a_client_writes_never_becomes_its_address(
            forged in proptest::collection::vec("[ -~]{0,20}", 0..4),
            client in outsider(),
            proxies in proptest::collection::vec(any::<[u8; 3]>(), 0..4),
        ) {
            // The client sends its forgeries; the first proxy adds the client, each further one the one before.
            let own = |[b, c, d]: &[u8; 3]| format!("10.{b}.{c}.{d}");
            let mut chain: Vec<String> = forged;
            chain.push(client.to_string());
            chain.extend(proxies.iter().map(own));
            let line = chain.join(", ");
            prop_assert_eq!(found("10.0.0.1", &[&line], &["10.0.0.0/8"]), client.to_string());
        }

        #[test]
        fn a_peer_that_is_no_proxy_is_the_client(peer in outsider(), line in "[ -~]{0,60}") {
            prop_assert_eq!(found(&peer.to_string(), &[&line], &["10.0.0.0/8"]), peer.to_string());
        }

        #[test]
        fn nothing_makes_it_fall_over(line in any::<Vec<u8>>()) {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(&line) {
                headers.append(FORWARDED_FOR, value);
            }
            let trusted = ["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()];
            prop_assert!(find(Some([10, 0, 0, 1].into()), &headers, &trusted).is_some());
        }
    }
}
