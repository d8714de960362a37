//! What stands behind the `?` of a list, refused by name where it does not do.

use std::fmt;
use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use chrono::{DateTime, Utc};
use outcrop_http::ApiError;
use outcrop_types::ErrorCode;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

const MAX_LIMIT: usize = 100;

/// The query of a request. Fields that are not known or given twice, and control characters, are refused.
#[derive(Debug)]
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request.query_string()).map(Self))
    }
}

/// Read as a JSON object of strings, so that queries and bodies are refused in the same words.
fn read<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    let refuse = |field: &str, wrong: &str| {
        let message = format!("`{field}` {wrong}");
        Err(ApiError::new(ErrorCode::InvalidRequest, message).with_param(field))
    };
    let mut fields = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let field: String = name.chars().filter(|it| !it.is_control()).take(64).collect();
        if value.chars().any(char::is_control) {
            return refuse(&field, "has control characters");
        }
        if fields.insert(name.into_owned(), Value::String(value.into_owned())).is_some() {
            return refuse(&field, "is given twice");
        }
    }
    let text = Value::Object(fields).to_string();
    Ok(outcrop_wire::json::parse(text.as_bytes())?)
}

/// How many items a page has: 1 to 100, 20 if not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit(pub(super) usize);

impl Default for Limit {
    fn default() -> Self {
        Self(20)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = format_args!("must be a whole number of 1 to {MAX_LIMIT}").to_string();
        let limit: usize = from_text(deserializer, &wrong)?;
        if (1..=MAX_LIMIT).contains(&limit) { Ok(Self(limit)) } else { Err(D::Error::custom(wrong)) }
    }
}

/// `true` or `false`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flag(pub(super) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, "must be `true` or `false`").map(Self)
    }
}

/// A whole number of 0 or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number(pub(super) u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, "must be a whole number of 0 or more").map(Self)
    }
}

/// A point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Time(pub(super) DateTime<Utc>);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, "must be a time such as 2030-01-31T12:00:00Z").map(Self)
    }
}

fn from_text<'de, D: Deserializer<'de>, T: FromStr>(deserializer: D, wrong: &str) -> Result<T, D::Error>
where
    T::Err: fmt::Display,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom(wrong))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct ListThings {
        name_prefix: Option<String>,
        disabled: Option<Flag>,
        since: Option<Time>,
        limit: Limit,
    }

    #[test]
    fn a_query_reads_as_written() {
        assert_eq!(read::<ListThings>("").unwrap().limit, Limit(20));
        let read = read::<ListThings>("name_prefix=a%20b&disabled=true&limit=100").unwrap();
        assert_eq!(read.name_prefix.as_deref(), Some("a b"));
        assert_eq!((read.disabled, read.limit), (Some(Flag(true)), Limit(100)));
    }

    #[test]
    fn what_does_not_do_is_named() {
        for (query, field) in [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=x", "limit"),
            ("disabled=yes", "disabled"),
            ("since=today", "since"),
            ("colour=red", "colour"),
            ("limit=1&limit=2", "limit"),
            ("name_prefix=%00", "name_prefix"),
        ] {
            let error = read::<ListThings>(query).unwrap_err();
            assert_eq!(error.param.as_deref(), Some(field), "{query}: {error}");
            assert_eq!(error.code, ErrorCode::InvalidRequest);
        }
    }
}
