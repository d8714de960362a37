//! Which web origins are ours or trusted by us.

use std::sync::Arc;

use outcrop_config::ServerConfig;

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

#[cfg(test)]
mod tests {
    use super::*;

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
