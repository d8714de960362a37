//! The pattern of a request's path, which has no ids in it: what spans, metrics and lines go by.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::ServiceRequest;
use actix_web::{HttpMessage, HttpRequest};
use outcrop_telemetry::top::OTHER;
use outcrop_telemetry::trace::Value;

/// Where whoever knows the pattern of a path without a resource for it tells it. It is known from then on, whether the request
/// is ever answered or not. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct RoutePattern(Rc<Cell<Option<&'static str>>>);

impl RoutePattern {
    /// This is the pattern of the request's path.
    pub fn tell(request: &ServiceRequest, pattern: &'static str) {
        if let Some(Self(told)) = request.extensions().get() {
            told.set(Some(pattern));
        }
    }

    pub(crate) fn told(&self) -> Option<Pattern> {
        self.0.get().map(Pattern::Listed)
    }
}

/// A pattern, cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum Pattern {
    /// There is nothing at the path.
    Unknown,
    Listed(&'static str),
    Found(Arc<str>),
}

impl Pattern {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Unknown => OTHER,
            Self::Listed(text) => text,
            Self::Found(text) => text,
        }
    }

    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Unknown => OTHER.into(),
            Self::Listed(text) => (*text).into(),
            Self::Found(text) => Arc::clone(text).into(),
        }
    }
}

/// The patterns met so far by one worker: there are no more than resources. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patterns(Rc<RefCell<HashMap<Box<str>, Arc<str>>>>);

impl Patterns {
    /// That of a request's path.
    pub(crate) fn of(&self, request: &HttpRequest) -> Pattern {
        // Most patterns are paths without parameters, and need not be looked for.
        if let Some(known) = self.0.borrow().get(request.path()) {
            return Pattern::Found(Arc::clone(known));
        }
        let Some(found) = request.match_pattern() else { return Pattern::Unknown };
        let mut known = self.0.borrow_mut();
        if let Some(known) = known.get(found.as_str()) {
            return Pattern::Found(Arc::clone(known));
        }
        let shown: Arc<str> = shown(&found).into();
        known.insert(found.into(), Arc::clone(&shown));
        Pattern::Found(shown)
    }
}

/// A pattern without what its parameters have to look like: `{id}` for `{id:.+}`.
fn shown(pattern: &str) -> String {
    let (mut text, mut depth, mut told) = (String::with_capacity(pattern.len()), 0_u32, true);
    for c in pattern.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        told = match (depth, c) {
            (0, _) => true,
            (1, ':') => false,
            _ => told,
        };
        if told {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_parameters_look_like_is_nobodys_business() {
        for (given, expected) in [
            ("/v1/models", "/v1/models"),
            ("/v1/jobs/{id}/events", "/v1/jobs/{id}/events"),
            ("/model/{id:.+}/converse", "/model/{id}/converse"),
            (r"/x/{id:\d{1,3}}/{rest}*", "/x/{id}/{rest}*"),
        ] {
            assert_eq!(shown(given), expected);
        }
    }
}
