//! Who is heard, and before whom.

use actix_web::http::header::{HeaderName, HeaderValue};

use super::*;

const SETTINGS: ResponseCacheConfig = ResponseCacheConfig {
    url: None,
    enabled: true,
    ttl_s: 300,
    max_ttl_s: 1_000,
    max_entry_bytes: 1 << 20,
    max_bytes: 1 << 20,
    compress_from_bytes: 4 << 10,
};

fn headers(list: &[(&'static str, &'static str)]) -> Result<Wish, ApiError> {
    let mut map = HeaderMap::new();
    for (name, value) in list {
        map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    Wish::read(&map)
}

fn rule() -> CacheRule {
    CacheRule::default()
}

#[expect(clippy::needless_pass_by_value, reason = "calls read better")]
fn terms(wish: &Wish, policy: Option<CacheRule>, route: Option<CacheRule>) -> Option<Terms> {
    wish.terms(policy.as_ref(), route.as_ref(), &SETTINGS).unwrap()
}

#[test]
fn nobody_who_asks_gets_nothing() {
    assert_eq!(terms(&Wish::NONE, None, None), None);
    for words in ["no-store", "no-cache", "max-age=0", "no-cache, max-age=0"] {
        let narrowing = headers(&[("cache-control", words)]).unwrap();
        assert_eq!(terms(&narrowing, None, None), None, "{words}: a browser's asks for nothing to be kept");
    }
    let off = ResponseCacheConfig { enabled: false, ..SETTINGS };
    let asked = headers(&[(TTL, "60")]).unwrap();
    assert_eq!(asked.terms(Some(&rule()), None, &off).unwrap(), None);
}

#[test]
fn a_policy_asks_and_a_route_says_otherwise() {
    let long = CacheRule { ttl_s: Some(600), tools: true, ..rule() };
    let found = terms(&Wish::NONE, Some(long.clone()), None).unwrap();
    assert_eq!((found.ttl.as_secs(), found.tools, found.look, found.store), (600, true, true, true));
    assert_eq!(terms(&Wish::NONE, Some(long), Some(rule())).unwrap().ttl.as_secs(), 300);
    let off = CacheRule { enabled: false, ..rule() };
    assert_eq!(terms(&Wish::NONE, Some(rule()), Some(off)), None);
    let endless = CacheRule { ttl_s: Some(u32::MAX), ..rule() };
    assert_eq!(terms(&Wish::NONE, Some(endless), None).unwrap().ttl.as_secs(), 1_000);
}

#[test]
fn a_route_takes_nothing_from_a_policy_that_leaves_nothing_to_requests() {
    let closed = CacheRule { request_control: false, ttl_s: Some(100), ..rule() };
    let off = CacheRule { enabled: false, ..closed };
    let route = CacheRule { ttl_s: Some(600), tools: true, ..rule() };
    assert_eq!(terms(&Wish::NONE, Some(off.clone()), Some(route.clone())), None);
    let asked = headers(&[(TTL, "60")]).unwrap();
    assert_eq!(terms(&asked, Some(off), Some(route.clone())), None);
    let found = terms(&asked, Some(closed.clone()), Some(route)).unwrap();
    assert_eq!((found.ttl.as_secs(), found.tools), (100, false));
    let less = CacheRule { ttl_s: Some(50), ..rule() };
    assert_eq!(terms(&asked, Some(closed.clone()), Some(less)).unwrap().ttl.as_secs(), 50);
    assert_eq!(terms(&asked, Some(closed), Some(CacheRule { enabled: false, ..rule() })), None);
}

#[test]
fn who_says_how_old_an_answer_may_be_asks_for_one() {
    let found = terms(&headers(&[("cache-control", "max-age=60")]).unwrap(), None, None).unwrap();
    assert_eq!((found.look, found.store, found.ttl.as_secs()), (true, true, 300));
    assert_eq!(found.max_age, Some(Duration::from_secs(60)));
    let found = terms(&headers(&[(TTL, "60")]).unwrap(), None, None).unwrap();
    assert_eq!((found.ttl.as_secs(), found.max_age), (60, Some(Duration::from_secs(60))));
    let found = terms(&headers(&[(TTL, "60"), ("cache-control", "max-age=9")]).unwrap(), None, None).unwrap();
    assert_eq!((found.ttl.as_secs(), found.max_age), (60, Some(Duration::from_secs(9))));
    let long = headers(&[("cache-control", "max-age=1001")]).unwrap();
    let refused = long.terms(None, None, &SETTINGS).unwrap_err();
    assert_eq!(refused.param.as_deref(), Some("cache-control"));
}

#[test]
fn a_request_is_heard_where_its_rule_lets_it() {
    let asked = headers(&[(TTL, "60"), (NAMESPACE, "a.b-c_1")]).unwrap();
    let found = terms(&asked, None, None).unwrap();
    assert_eq!((found.ttl.as_secs(), found.namespace.as_deref()), (60, Some("a.b-c_1")));
    let off = CacheRule { enabled: false, ..rule() };
    assert!(terms(&asked, Some(off), None).is_some(), "it may say otherwise for itself");
    let strict = CacheRule { request_control: false, ..rule() };
    let found = terms(&asked, Some(strict.clone()), None).unwrap();
    assert_eq!((found.ttl.as_secs(), found.namespace), (300, None));
    assert_eq!(terms(&asked, Some(CacheRule { enabled: false, ..strict }), None), None);
}

#[test]
fn no_cache_looks_not_and_no_store_stores_not() {
    let body = |no_cache, no_store| CacheControl { no_cache, no_store, ..CacheControl::default() };
    let with = |body: CacheControl| terms(&Wish::NONE.with_body(Some(&body)).unwrap(), None, None);
    let both = |found: Terms| (found.look, found.store);
    assert_eq!(with(body(false, false)).map(both), Some((true, true)));
    assert_eq!(with(body(true, false)).map(both), Some((false, true)));
    assert_eq!(with(body(false, true)).map(both), Some((true, false)));
    assert_eq!(with(body(true, true)), None);
    for (words, expected) in [
        ("no-cache", Some((false, true))),
        ("No-Store", Some((true, false))),
        ("max-age=0", Some((false, true))),
        ("no-transform, max-age=60", Some((true, true))),
        ("no-cache, no-store", None),
    ] {
        let found = terms(&headers(&[("cache-control", words)]).unwrap(), Some(rule()), None);
        assert_eq!(found.map(both), expected, "{words}");
    }
    let found = headers(&[("cache-control", "max-age=60"), ("cache-control", "max-age=\"30\"")]).unwrap();
    assert_eq!(terms(&found, Some(rule()), None).unwrap().max_age, Some(Duration::from_secs(30)));
}

#[test]
fn what_is_said_wrong_is_refused_by_name() {
    for (name, value) in [
        ("cache-control", "max-age=soon"),
        ("cache-control", "max-age"),
        (TTL, "1h"),
        (TTL, "-1"),
        (NAMESPACE, ""),
        (NAMESPACE, "a/b"),
    ] {
        let refused = headers(&[(name, value)]).unwrap_err();
        assert_eq!((refused.code, refused.param.as_deref()), (ErrorCode::InvalidRequest, Some(name)));
    }
    let body = CacheControl { namespace: Some("a b".into()), ..CacheControl::default() };
    let refused = Wish::NONE.with_body(Some(&body)).unwrap_err();
    assert_eq!(refused.param.as_deref(), Some("cache.namespace"));
    for ttl in [0, 1_001] {
        let body = CacheControl { ttl: Some(ttl), ..CacheControl::default() };
        let refused = Wish::NONE.with_body(Some(&body)).unwrap().terms(None, None, &SETTINGS).unwrap_err();
        assert_eq!(refused.param.as_deref(), Some("cache.ttl"));
    }
}
