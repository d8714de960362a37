//! The cookie of a browser that is logged in.

use actix_web::http::header::{COOKIE, HeaderMap};
use outcrop_config::ServerConfig;
use outcrop_types::{PresentedKey, SecretKind};

/// The cookie in which a browser carries its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionCookie {
    /// Its name.
    pub name: &'static str,
    /// Whether it is sent over https only: wherever the public comes by https.
    pub secure: bool,
}

impl SessionCookie {
    /// The cookie of a server. The prefix `__Host-` has browsers take it from this very host and over https only,
    /// so that no neighbouring host can slip in one of its own (RFC 6265bis, section 4.1.3.2).
    #[must_use]
    pub fn of(config: &ServerConfig) -> Self {
        if config.public_url().starts_with("https://") {
            Self { name: "__Host-outcrop_session", secure: true }
        } else {
            Self { name: "outcrop_session", secure: false }
        }
    }

    /// The session that a request shows: the first well-formed one under the name.
    #[must_use]
    pub fn read(&self, headers: &HeaderMap) -> Option<PresentedKey> {
        headers
            .get_all(COOKIE)
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == self.name)
            .find_map(|(_, value)| PresentedKey::parse_as(SecretKind::Session, value).ok())
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn session(seed: u8) -> PresentedKey {
        PresentedKey::generate_as(SecretKind::Session, [seed; 16], [seed; 86])
    }

    fn read(cookie: SessionCookie, lines: &[String]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_str(line).unwrap());
        }
        cookie.read(&headers).map(|key| key.id().to_string())
    }

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let cookie = SessionCookie::of(&ServerConfig::default());
        let (one, two) = (session(1), session(2));
        let id = Some(one.id().to_string());
        let own = format!("outcrop_session={}", one.expose());
        let leftover = format!("outcrop_session=old; outcrop_session={}", one.expose());
        let both = format!("{own};outcrop_session={}", two.expose());
        for line in [own.clone(), format!("a=b; {own}; c"), leftover, both] {
            assert_eq!(read(cookie, std::slice::from_ref(&line)), id, "{line}");
        }
        assert_eq!(read(cookie, &["a=b".into(), own]), id, "over several lines");
    }

    #[test]
    fn nothing_else_is_a_session() {
        let cookie = SessionCookie::of(&ServerConfig::default());
        let key = PresentedKey::generate([1; 16], [1; 86]);
        for line in [
            String::new(),
            "outcrop_session".into(),
            format!("outcrop_session={}", key.expose()),
            format!("xoutcrop_session={}", session(1).expose()),
            format!("OUTCROP_SESSION={}", session(1).expose()),
        ] {
            assert_eq!(read(cookie, std::slice::from_ref(&line)), None, "{line}");
        }
    }

    #[test]
    fn over_https_only_the_guarded_name_counts() {
        let config =
            ServerConfig { public_url: Some("https://ai.example.com".into()), ..ServerConfig::default() };
        let cookie = SessionCookie::of(&config);
        assert!(cookie.secure);
        let value = session(1).expose().to_owned();
        assert!(read(cookie, &[format!("__Host-outcrop_session={value}")]).is_some());
        assert!(read(cookie, &[format!("outcrop_session={value}")]).is_none());
    }
}
