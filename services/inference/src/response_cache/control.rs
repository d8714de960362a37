//! What is to be kept and given again: by the rule of a policy, by that of a route, and by the request itself.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{CACHE_CONTROL, HeaderMap};
use actix_web::{FromRequest, HttpRequest};
use outcrop_config::ResponseCacheConfig;
use outcrop_http::ApiError;
use outcrop_types::{CacheRule, ErrorCode};
use outcrop_wire::cache_control::CacheControl;

const TTL: &str = "x-outcrop-cache-ttl";
const NAMESPACE: &str = "x-outcrop-cache-namespace";

/// What a client says of its request's answer, in headers or in the body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    /// How long it is kept, seconds, and how old one may be that was kept; and the field that says so.
    ttl_s: Option<(u64, &'static str)>,
    /// The oldest answer that will do, seconds.
    max_age_s: Option<u64>,
    no_cache: bool,
    no_store: bool,
    namespace: Option<String>,
    /// Whether it asks for answers to be kept, and does not only say how.
    asked: bool,
}

impl FromRequest for Wish {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::read(request.headers()))
    }
}

/// What is done with one call's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Whether a kept answer will do, or one that another call is being given.
    pub(crate) look: bool,
    /// Whether the answer is kept.
    pub(crate) store: bool,
    pub(crate) ttl: Duration,
    /// The oldest answer that will do.
    pub(crate) max_age: Option<Duration>,
    pub(crate) namespace: Option<String>,
    /// Whether turns that use tools are kept, too.
    pub(crate) tools: bool,
}

impl Wish {
    /// What no client said.
    pub(crate) const NONE: Self = Self {
        ttl_s: None,
        max_age_s: None,
        no_cache: false,
        no_store: false,
        namespace: None,
        asked: false,
    };

    /// What headers say. `cache-control` is read as RFC 9111 has it for requests: `no-cache`, `no-store` and `max-age=0`
    /// narrow what is done, and ask for nothing that is not done anyway; who says how old an answer may be asks for one
    /// that was kept. Its other words are for other caches.
    ///
    /// # Errors
    /// A value that is none, with the header's name.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, ApiError> {
        let mut wish = Self::NONE;
        for value in headers.get_all(CACHE_CONTROL) {
            let words = value.to_str().map_err(|_| wrong("cache-control", "is no text"))?;
            wish.directives(words)?;
        }
        if let Some(value) = headers.get(TTL) {
            let seconds = value.to_str().ok().and_then(|text| text.trim().parse().ok());
            wish.ttl_s = Some((seconds.ok_or_else(|| wrong(TTL, "is a number of seconds"))?, TTL));
            wish.asked = true;
        }
        if let Some(value) = headers.get(NAMESPACE) {
            let name = value.to_str().ok().filter(|name| is_namespace(name));
            wish.namespace = Some(name.ok_or_else(|| wrong(NAMESPACE, NAMES))?.to_owned());
            wish.asked = true;
        }
        Ok(wish)
    }

    /// The same with what the body says, which is heard before the headers.
    ///
    /// # Errors
    /// A value that is none, with the field's name.
    pub(crate) fn with_body(mut self, body: Option<&CacheControl>) -> Result<Self, ApiError> {
        let Some(body) = body else { return Ok(self) };
        if let Some(name) = &body.namespace {
            if !is_namespace(name) {
                return Err(wrong("cache.namespace", NAMES));
            }
            self.namespace = Some(name.clone());
        }
        self.ttl_s = body.ttl.map(|ttl_s| (ttl_s, "cache.ttl")).or(self.ttl_s);
        self.no_cache |= body.no_cache;
        self.no_store |= body.no_store;
        self.asked = true;
        Ok(self)
    }

    /// What is done: nothing where nobody asks for anything. A route says otherwise than a policy where that leaves it to
    /// requests, and else only what is kept less.
    ///
    /// # Errors
    /// A time that is longer than settings allow, with the field's name.
    pub(crate) fn terms(
        &self,
        policy: Option<&CacheRule>,
        route: Option<&CacheRule>,
        settings: &ResponseCacheConfig,
    ) -> Result<Option<Terms>, ApiError> {
        let most = settings.max_ttl_s;
        // Said wrong is wrong, also where it would have no effect.
        if let Some((seconds, field)) = self.ttl_s
            && !(1..=u64::from(most)).contains(&seconds)
        {
            return Err(wrong(field, &format!("is 1 to {most} seconds")));
        }
        if self.max_age_s.is_some_and(|seconds| seconds > u64::from(most)) {
            return Err(wrong("cache-control", &format!("has a `max-age` of 0 to {most} seconds")));
        }
        let rule = ruling(policy, route, settings.ttl_s);
        let rule = rule.as_ref();
        let heard = if rule.is_none_or(|rule| rule.request_control) { self } else { &Self::NONE };
        if !settings.enabled || !(rule.is_some_and(|rule| rule.enabled) || heard.asked) {
            return Ok(None);
        }
        let oldest = [heard.max_age_s, heard.ttl_s.map(|(seconds, _)| seconds)];
        let max_age = oldest.into_iter().flatten().min().map(Duration::from_secs);
        let look = !heard.no_cache && max_age != Some(Duration::ZERO);
        let store = !heard.no_store;
        if !look && !store {
            return Ok(None);
        }
        let ruled = rule.and_then(|rule| rule.ttl_s).unwrap_or(settings.ttl_s).min(most);
        let ttl_s = heard.ttl_s.map_or(u64::from(ruled), |(seconds, _)| seconds);
        Ok(Some(Terms {
            look,
            store,
            ttl: Duration::from_secs(ttl_s),
            max_age,
            namespace: heard.namespace.clone(),
            tools: rule.is_some_and(|rule| rule.tools),
        }))
    }

    fn directives(&mut self, words: &str) -> Result<(), ApiError> {
        for word in words.split(',') {
            let (name, value) = word.split_once('=').map_or((word, None), |(name, it)| (name, Some(it)));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-cache" => self.no_cache = true,
                "no-store" => self.no_store = true,
                "max-age" => {
                    let seconds = value.and_then(|it| it.trim().trim_matches('"').parse().ok());
                    let seconds: u64 = seconds
                        .ok_or_else(|| wrong("cache-control", "needs a number of seconds in `max-age`"))?;
                    self.max_age_s = Some(self.max_age_s.map_or(seconds, |before| before.min(seconds)));
                    self.asked |= seconds > 0;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Terms {
    /// The space of the cache in which a team's answers are kept, all or those under a name.
    pub(crate) fn space(team: &outcrop_types::TeamId, namespace: Option<&str>) -> String {
        namespace.map_or_else(|| team.to_string(), |name| format!("{team}/{name}"))
    }
}

/// What a policy and a route say together.
fn ruling(policy: Option<&CacheRule>, route: Option<&CacheRule>, ttl_s: u32) -> Option<CacheRule> {
    match (policy, route) {
        (Some(policy), Some(route)) if !policy.request_control => {
            let ttl = |rule: &CacheRule| rule.ttl_s.unwrap_or(ttl_s);
            Some(CacheRule {
                enabled: policy.enabled && route.enabled,
                ttl_s: Some(ttl(policy).min(ttl(route))),
                tools: policy.tools && route.tools,
                request_control: false,
            })
        }
        (policy, route) => route.or(policy).cloned(),
    }
}

pub(crate) const NAMES: &str = "is 1 to 64 letters, digits, `-`, `_` and `.`";

/// Whether answers may be kept under this name.
pub(crate) fn is_namespace(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(known)
}

/// A value that is none.
pub(crate) fn wrong(field: &'static str, why: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, format!("`{field}` {why}.")).with_param(field)
}

#[cfg(test)]
#[path = "control_tests.rs"]
mod tests;
