//! What the words of a key must be like, whoever asks.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, Utc};
use outcrop_types::{Limits, MAX_SCOPE_ENTRIES, Scope};

use crate::AdminError;
use crate::names::is_hidden;

/// Later dates are not written alike everywhere.
pub(crate) const MAX_YEAR: i32 = 9999;
const MAX_TAGS: usize = 16;
const MAX_TAG_KEY: usize = 64;
const MAX_TAG_VALUE: usize = 256;

pub(crate) fn check_limits(limits: Limits) -> Result<(), AdminError> {
    if limits.requests_per_minute == Some(0) {
        let field = "limits.requests_per_minute";
        return Err(AdminError::invalid(field, format!("`{field}` must be at least 1")));
    }
    Ok(())
}

pub(crate) fn check_expiry(at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<(), AdminError> {
    let wrong = match at {
        Some(at) if at <= now => "`expires_at` must lie in the future",
        Some(at) if at.year() > MAX_YEAR => "`expires_at` lies too far in the future",
        _ => return Ok(()),
    };
    Err(AdminError::invalid("expires_at", wrong))
}

/// Bounds the lists, and refuses route patterns that no path could fit.
pub(crate) fn check_scope(scope: &Scope) -> Result<(), AdminError> {
    if let Some(list) = scope.overlong() {
        let field = format!("scope.{list}");
        let message = format!("`{field}` may have at most {MAX_SCOPE_ENTRIES} entries");
        return Err(AdminError::invalid(field, message));
    }
    for (at, route) in scope.routes.iter().enumerate() {
        let text = route.as_str();
        if !text.starts_with(['/', '*']) || text.starts_with("/api/") {
            let field = format!("scope.routes[{at}]");
            let message = format!("`{field}` must begin with `/` or `*`; `/api/v1/…` is written `/v1/…`");
            return Err(AdminError::invalid(field, message));
        }
    }
    Ok(())
}

pub(crate) fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), AdminError> {
    if tags.len() > MAX_TAGS {
        return Err(AdminError::invalid("tags", format!("`tags` may have at most {MAX_TAGS} entries")));
    }
    let fits = |text: &str, most| text.chars().count() <= most && !text.chars().any(is_hidden);
    for (key, value) in tags {
        if key.is_empty() || !fits(key, MAX_TAG_KEY) {
            let message =
                format!("the names in `tags` must have 1 to {MAX_TAG_KEY} characters and no invisible ones");
            return Err(AdminError::invalid("tags", message));
        }
        if !fits(value, MAX_TAG_VALUE) {
            let field = format!("tags.{key}");
            let message =
                format!("`{field}` must have at most {MAX_TAG_VALUE} characters and no invisible ones");
            return Err(AdminError::invalid(field, message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_that_fit_no_path_are_refused() {
        let routes = |text: &str| Scope { routes: vec![text.parse().unwrap()], ..Scope::default() };
        assert!(check_scope(&routes("/v1/chat/*")).is_ok() && check_scope(&routes("*")).is_ok());
        for bad in ["v1/chat", "/api/v1/chat/*"] {
            let error = check_scope(&routes(bad)).unwrap_err();
            assert_eq!(error.param(), Some("scope.routes[0]"), "{bad}");
        }
        let many = Scope { models: vec!["a".parse().unwrap(); 33], ..Scope::default() };
        assert_eq!(check_scope(&many).unwrap_err().param(), Some("scope.models"));
    }

    #[test]
    fn tags_are_bounded() {
        let tags = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        assert!(check_tags(&tags("cost-centre", "")).is_ok());
        for (tags, field) in [
            (tags("", "x"), "tags"),
            (tags(&"x".repeat(65), "x"), "tags"),
            (tags("a", &"x".repeat(257)), "tags.a"),
            (tags("a", "x\u{7}"), "tags.a"),
            ((0..17).map(|n| (n.to_string(), String::new())).collect(), "tags"),
        ] {
            assert_eq!(check_tags(&tags).unwrap_err().param(), Some(field), "{tags:?}");
        }
    }
}
