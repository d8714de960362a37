//! Which URLs are fetched at all.

use std::net::IpAddr;

use outcrop_ports::FetchError;
use outcrop_types::{Network, Pattern};
use reqwest::Url;

use crate::guard::{address, literal_address};

/// Longest URL, bytes. Presigned ones with a session's token have some two thousand.
const MAX_URL: usize = 8_192;

/// What the operator lets clients have fetched.
#[derive(Debug, Clone, Default)]
pub struct MediaRules {
    /// Whether anything is fetched.
    pub enabled: bool,
    /// `http://` too. No redirect leads there from `https://` even so.
    pub allow_http: bool,
    /// Networks that are asked although they are not public. The metadata services of clouds never are.
    pub allow_networks: Vec<Network>,
    /// Ports besides 443 (and 80 for `http://`).
    pub allow_ports: Vec<u16>,
    /// The only hosts asked, in small letters; any host if empty.
    pub allow_hosts: Vec<Pattern>,
    /// Hosts that are not asked, in small letters, whatever else allows them.
    pub deny_hosts: Vec<Pattern>,
}

impl MediaRules {
    /// The URL, if it may be asked as far as it tells. What its host's name leads to is seen later; an address in the
    /// name's place is looked at here, however it is written: parsing has brought it into its one usual form.
    pub(super) fn checked(&self, text: &str) -> Result<Url, FetchError> {
        if !self.enabled {
            return refused("is a URL, and this platform fetches none; send the data itself");
        }
        if text.len() > MAX_URL {
            return refused(&format!("is a URL longer than {MAX_URL} bytes"));
        }
        let Ok(mut url) = Url::parse(text) else { return refused("is not a URL") };
        match url.scheme() {
            "https" => {}
            "http" if self.allow_http => {}
            _ if self.allow_http => return refused("must be an https:// or http:// URL"),
            _ => return refused("must be an https:// URL"),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refused("holds a user name or a password, which are not sent");
        }
        if url.port().is_some_and(|port| !self.allow_ports.contains(&port)) {
            return refused("names a port that is not asked");
        }
        let host = url.host_str().unwrap_or_default().trim_end_matches('.');
        let listed = |patterns: &[Pattern]| patterns.iter().any(|it| it.matches(host));
        if listed(&self.deny_hosts) || !(self.allow_hosts.is_empty() || listed(&self.allow_hosts)) {
            return refused("names a host that is not asked");
        }
        if literal_address(&url).is_some_and(|address| !self.allows(address)) {
            return Err(no_address());
        }
        url.set_fragment(None);
        Ok(url)
    }

    /// Where a redirect leads, if it may be followed.
    pub(super) fn redirected(&self, from: &Url, location: &str) -> Result<Url, FetchError> {
        let Ok(to) = from.join(location) else { return refused("is redirected to what is not a URL") };
        if from.scheme() == "https" && to.scheme() != "https" {
            return refused("is redirected away from https://");
        }
        self.checked(to.as_str())
    }

    /// Whether this address may be asked.
    fn allows(&self, address: IpAddr) -> bool {
        address::may_be_asked(address, &self.allow_networks)
    }
}

/// The same words for a name that leads nowhere and one that leads where we do not go: which names there are in the
/// network here is nobody's business.
pub(super) fn no_address() -> FetchError {
    FetchError::Refused("leads to no address that is asked".to_owned())
}

fn refused<T>(why: &str) -> Result<T, FetchError> {
    Err(FetchError::Refused(why.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> MediaRules {
        MediaRules { enabled: true, ..MediaRules::default() }
    }

    /// The URL as it would be asked, or why it is not.
    fn checked(rules: &MediaRules, url: &str) -> Result<String, String> {
        rules.checked(url).map(String::from).map_err(|error| error.to_string())
    }

    #[test]
    fn public_urls_are_asked() {
        for (url, asked) in [
            ("https://example.com/a.png", "https://example.com/a.png"),
            ("HTTPS://EXAMPLE.com:443/a?x=%2F#y", "https://example.com/a?x=%2F"),
            ("https://1.1.1.1/", "https://1.1.1.1/"),
            ("https://16843009/", "https://1.1.1.1/"),
            ("https://[2606:4700:4700::1111]/", "https://[2606:4700:4700::1111]/"),
            ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ] {
            assert_eq!(checked(&open(), url).as_deref(), Ok(asked), "{url}");
        }
    }

    #[test]
    fn no_notation_hides_an_address() {
        for url in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://127.0.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0x7f.0.0.1/",
            "https://0177.0.0.1/",
            "https://017700000001/",
            "https://127.0.0.1./",
            "https://%31%32%37.0.0.1/",
            "https://１２７.0.0.1/",
            "https://127。0。0。1/",
            "https://①②⑦.0.0.1/",
            "https://0/",
            "https://0xa9fea9fe/",
            "https://2852039166/",
            "https://0251.0376.0251.0376/",
            "https://169.254.169.254/latest/meta-data/",
            "https://100.100.100.200/",
            "https://10.0.0.1/",
            "https://012.1/",
            "https://192.168.1.1/",
            "https://255.255.255.255/",
            "https://[::1]/",
            "https://[::]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[0:0:0:0:0:ffff:a9fe:a9fe]/",
            "https://[::7f00:1]/",
            "https://[64:ff9b::a00:1]/",
            "https://[2002:7f00:1::]/",
            "https://[fd00:ec2::254]/",
            "https://[fe80::1]/",
        ] {
            assert_eq!(checked(&open(), url), Err(no_address().to_string()), "{url}");
        }
    }

    #[test]
    fn only_plain_https_urls_are_asked() {
        let long = format!("https://example.com/{}", "x".repeat(MAX_URL));
        for (url, why) in [
            ("http://example.com/", "must be an https:// URL"),
            ("ftp://example.com/", "must be an https:// URL"),
            ("file:///etc/passwd", "must be an https:// URL"),
            ("gopher://example.com/", "must be an https:// URL"),
            ("data:image/png;base64,AAAA", "must be an https:// URL"),
            ("//example.com/", "is not a URL"),
            ("nonsense", "is not a URL"),
            ("", "is not a URL"),
            ("https://", "is not a URL"),
            ("https://[fe80::1%25eth0]/", "is not a URL"),
            ("https://1.2.3.4.5/", "is not a URL"),
            ("https://256.0.0.1/", "is not a URL"),
            ("https://user@example.com/", "holds a user name or a password, which are not sent"),
            ("https://:pw@example.com/", "holds a user name or a password, which are not sent"),
            ("https://1.1.1.1@127.0.0.1/", "holds a user name or a password, which are not sent"),
            ("https://example.com:8443/", "names a port that is not asked"),
            ("https://example.com:22/", "names a port that is not asked"),
            (&long, "is a URL longer than 8192 bytes"),
        ] {
            assert_eq!(checked(&open(), url).unwrap_err(), why, "{url}");
        }
        let closed = checked(&MediaRules::default(), "https://example.com/").unwrap_err();
        assert!(closed.contains("fetches none"), "{closed}");
    }

    #[test]
    fn operators_open_and_close() {
        let pattern = |text: &str| text.parse::<Pattern>().unwrap();
        let rules = MediaRules {
            allow_http: true,
            allow_ports: vec![8443],
            allow_networks: vec!["10.0.0.0/8".parse().unwrap()],
            allow_hosts: vec![pattern("*.example.com"), pattern("10.*")],
            deny_hosts: vec![pattern("secret.*")],
            ..open()
        };
        for (url, asked) in [
            ("http://cdn.example.com/", true),
            ("https://CDN.Example.com.:8443/", true),
            ("http://10.0.0.1/", true),
            ("https://example.com/", false),
            ("https://cdn.example.com:9/", false),
            ("https://secret.example.com/", false),
            ("https://secret.example.com./", false),
            ("https://127.0.0.1/", false),
        ] {
            assert_eq!(rules.checked(url).is_ok(), asked, "{url}");
        }
    }

    #[test]
    fn redirects_are_checked_like_urls_and_never_lead_away_from_https() {
        let rules = MediaRules { allow_http: true, ..open() };
        let from = |url: &str| Url::parse(url).unwrap();
        for (at, location, to) in [
            ("https://a.example/x/y", "z?q", Some("https://a.example/x/z?q")),
            ("https://a.example/", "//b.example/", Some("https://b.example/")),
            ("http://a.example/", "https://b.example/", Some("https://b.example/")),
            ("https://a.example/", "http://a.example/", None),
            ("https://a.example/", "https://169.254.169.254/", None),
            ("https://a.example/", "https://u:p@b.example/", None),
            ("https://a.example/", "file:///etc/passwd", None),
            ("https://a.example/", "https://", None),
        ] {
            let next = rules.redirected(&from(at), location).ok();
            assert_eq!(next.as_ref().map(Url::as_str), to, "{at} -> {location}");
        }
    }
}
