//! What a request's body says of Outcrop's cache of answers: `cache`, beside the dialect's own fields.

use outcrop_chat::InvalidRequest;
use serde::Deserialize;
use serde_json::Value;

use crate::{json, top_level};

/// The field, in every dialect whose body may have it. It is for Outcrop, and never passed on.
pub const FIELD: &str = "cache";

/// `{"ttl": 60, "no_cache": false, "no_store": false, "namespace": "a"}`, each of them as one likes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheControl {
    /// How long the answer is kept, and how old one may be that was kept before, seconds.
    pub ttl: Option<u64>,
    /// Not to be answered with one that was kept.
    pub no_cache: bool,
    /// Not to be kept.
    pub no_store: bool,
    /// With which others it is kept.
    pub namespace: Option<String>,
}

/// A body of which nothing else is read.
#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Field {
    cache: Option<Value>,
}

impl CacheControl {
    /// Reads the field of a body that is an object.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn read(body: &[u8]) -> Result<Option<Self>, InvalidRequest> {
        if !top_level::has_any(body, &[FIELD]) {
            return Ok(None);
        }
        let field: Field = json::parse(body)?;
        field.cache.map_or(Ok(None), |value| Self::parse(&value))
    }

    /// Reads the field.
    ///
    /// # Errors
    /// What stands in it that is unknown or of another kind, by name.
    pub fn parse(value: &Value) -> Result<Option<Self>, InvalidRequest> {
        let fields = match value {
            Value::Null => return Ok(None),
            Value::Object(fields) => fields,
            _ => return Err(wrong(FIELD, "must be an object")),
        };
        let mut this = Self::default();
        for (name, value) in fields {
            let field = || format!("{FIELD}.{name}");
            let flag = || value.as_bool().ok_or_else(|| wrong(&field(), "must be `true` or `false`"));
            match name.as_str() {
                "ttl" | "no_cache" | "no_store" | "namespace" if value.is_null() => {}
                "ttl" => {
                    let seconds = value.as_u64();
                    this.ttl =
                        Some(seconds.ok_or_else(|| wrong(&field(), "must be a whole number of seconds"))?);
                }
                "no_cache" => this.no_cache = flag()?,
                "no_store" => this.no_store = flag()?,
                "namespace" => {
                    let text = value.as_str().ok_or_else(|| wrong(&field(), "must be a string"))?;
                    this.namespace = Some(text.to_owned());
                }
                _ => return Err(wrong(&field(), "is not known")),
            }
        }
        Ok(Some(this))
    }
}

fn wrong(field: &str, why: &str) -> InvalidRequest {
    InvalidRequest::new(field, format!("`{field}` {why}."))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_member_is_as_one_likes() {
        assert_eq!(CacheControl::parse(&Value::Null).unwrap(), None);
        assert_eq!(CacheControl::parse(&json!({})).unwrap(), Some(CacheControl::default()));
        let all = json!({"ttl": 60, "no_cache": true, "no_store": false, "namespace": "a"});
        let expected =
            CacheControl { ttl: Some(60), no_cache: true, no_store: false, namespace: Some("a".into()) };
        assert_eq!(CacheControl::parse(&all).unwrap(), Some(expected));
    }

    #[test]
    fn what_is_unknown_or_of_another_kind_is_refused_by_name() {
        for (value, param) in [
            (json!(true), "cache"),
            (json!({"tll": 1}), "cache.tll"),
            (json!({"tll": null}), "cache.tll"),
            (json!({"ttl": "60"}), "cache.ttl"),
            (json!({"ttl": -1}), "cache.ttl"),
            (json!({"no_cache": 1}), "cache.no_cache"),
            (json!({"namespace": 1}), "cache.namespace"),
        ] {
            let refused = CacheControl::parse(&value).unwrap_err();
            assert_eq!(refused.param.as_deref(), Some(param), "{value}");
        }
    }
}
