//! The id that ties together everything done for one request.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The id of one request: the client's `x-request-id` where it is usable, else a UUID version 7.
///
/// At most 128 visible ASCII characters, so that it can stand in headers and log lines as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// Takes a client's id if it is 1 to 128 visible ASCII characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.into()))
    }

    /// The same of a stranger's id, which is in every line and span of the request: one that has a secret in it is none.
    #[must_use]
    pub fn of_client(text: &str) -> Option<Self> {
        let id = Self::parse(text)?;
        matches!(crate::without_secrets(text), Cow::Borrowed(_)).then_some(id)
    }

    /// An id of our own.
    #[must_use]
    pub fn from_uuid(uuid: Uuid) -> Self {
        let mut buffer = Uuid::encode_buffer();
        Self(Arc::from(&*uuid.as_hyphenated().encode_lower(&mut buffer)))
    }

    /// The id as it stands in headers.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for RequestId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a request id is 1 to 128 visible ASCII characters")
    }
}

impl From<RequestId> for String {
    fn from(id: RequestId) -> Self {
        id.0.as_ref().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_safe_in_headers_and_logs_are_taken_over() {
        assert!(RequestId::parse("abc-123").is_some());
        for bad in ["", "with space", "new\nline", "ünicode", &"x".repeat(129)] {
            assert!(RequestId::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn no_secret_becomes_an_id_of_a_clients() {
        assert!(RequestId::of_client("abc-123").is_some());
        let token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln";
        for bad in ["with space", token, "AKIAIOSFODNN7EXAMPLE", "ock_abcdefgh_0123456789"] {
            assert!(RequestId::of_client(bad).is_none(), "{bad:?}");
        }
    }
}
