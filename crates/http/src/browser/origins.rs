//! Which web origins are ours or trusted by us.

use std::sync::Arc;

use outcrop_config::ServerConfig;

/// What this machine is called on itself.
const THIS_MACHINE: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The origin of our own pages, and those of other pages that may call the API. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    own: Option<Arc<str>>,
    listed: Arc<[String]>,
}

impl Origins {
    /// Those of the settings.
    #[must_use]
    pub fn of(config: &ServerConfig) -> Self {
        Self {
            own: origin(&config.public_url()).map(Into::into),
            listed: config.origins().filter_map(origin).collect(),
        }
    }

    /// Whether the settings list this origin, as a browser writes it.
    #[must_use]
    pub fn lists(&self, origin: &str) -> bool {
        self.listed.iter().any(|it| it == origin)
    }

    /// Whether this is the origin of our own pages or a listed one.
    #[must_use]
    pub fn trusts(&self, origin: &str) -> bool {
        self.own.as_deref() == Some(origin) || self.lists(origin)
    }

    /// Whether a page of this origin may speak with the MCP server: one that we trust, or, as long as we ourselves are
    /// known by a name of this machine only, any page of this machine. What is tried out on a machine has many ports, and a
    /// stranger's page that had its name point here still says its own.
    #[must_use]
    pub fn trusts_for_mcp(&self, origin: &str) -> bool {
        self.trusts(origin)
            || is_of_this_machine(origin) && self.own.as_deref().is_some_and(is_of_this_machine)
    }

    pub(super) fn any_listed(&self) -> bool {
        !self.listed.is_empty()
    }
}

/// The origin of a URL as browsers write it (RFC 6454, section 6.2): without path, and without a port that goes
/// without saying.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let authority = rest.split(['/', '?', '#']).next()?.rsplit('@').next()?.to_ascii_lowercase();
    let usual = match scheme.as_str() {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let host = authority.strip_suffix(usual).unwrap_or(&authority);
    (!host.is_empty()).then(|| format!("{scheme}://{host}"))
}

/// Whether an origin, as browsers write it, is one of this machine, whatever the port.
fn is_of_this_machine(text: &str) -> bool {
    let Some((_, host)) = text.split_once("://").filter(|_| origin(text).as_deref() == Some(text)) else {
        return false;
    };
    THIS_MACHINE.iter().any(|name| match host.strip_prefix(name) {
        Some("") => true,
        Some(rest) => rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok()),
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_we_are_on_this_machine_so_are_its_pages() {
        let of = |public_url: &str| {
            Origins::of(&ServerConfig { public_url: Some(public_url.into()), ..ServerConfig::default() })
        };
        let (here, there) = (of("http://127.0.0.1:8080"), of("https://ai.example.com"));
        for (origin, fits) in [
            ("http://127.0.0.1:8080", true),
            ("http://localhost:8080", true),
            ("http://localhost:6274", true),
            ("https://localhost", true),
            ("http://[::1]:8080", true),
            ("http://localhost.evil.example", false),
            ("http://localhost:8080.evil.example", false),
            ("http://localhost:x", false),
            ("http://localhost:8080/", false),
            ("http://user@localhost", false),
            ("http://127.0.0.2:8080", false),
            ("http://evil.example.com", false),
            ("ftp://localhost", false),
            ("localhost:8080", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(here.trusts_for_mcp(origin), fits, "{origin}");
            assert!(!there.trusts_for_mcp(origin), "{origin}");
        }
        assert!(there.trusts_for_mcp("https://ai.example.com"));
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (url, expected) in [
            ("https://ai.example.com", Some("https://ai.example.com")),
            ("https://AI.example.com:443/base?x#y", Some("https://ai.example.com")),
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            ("http://[::1]:80/", Some("http://[::1]")),
            ("http://user@host", Some("http://host")),
            ("https://", None),
            ("ftp://host", None),
            ("null", None),
        ] {
            assert_eq!(origin(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn our_own_pages_need_not_be_listed() {
        let config = ServerConfig {
            public_url: Some("https://ai.example.com/".into()),
            cors_origins: Some("https://app.example.com, http://localhost:3000".into()),
            ..ServerConfig::default()
        };
        let origins = Origins::of(&config);
        for (origin, listed, trusted) in [
            ("https://ai.example.com", false, true),
            ("https://app.example.com", true, true),
            ("http://localhost:3000", true, true),
            ("http://app.example.com", false, false),
            ("https://app.example.com.evil.example", false, false),
            ("https://sub.app.example.com", false, false),
            ("null", false, false),
            ("", false, false),
        ] {
            assert_eq!((origins.lists(origin), origins.trusts(origin)), (listed, trusted), "{origin}");
        }
    }
}
