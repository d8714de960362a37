//! The URIs of resources.

use std::fmt;
use std::fmt::Write as _;

use outcrop_types::{BatchId, FileId, JobId};

const SCHEME: &str = "outcrop://";
/// Longest URI that is read.
const MAX_URI: usize = 2048;

/// Something that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// The models that the caller may call.
    Models,
    /// One of them, by any of its names.
    Model(String),
    /// What the caller used.
    Usage,
    /// The newest jobs.
    Jobs,
    /// A job.
    Job(JobId),
    /// What it was answered.
    JobResult(JobId),
    /// The newest files.
    Files,
    /// What is in a file.
    File(FileId),
    /// A batch.
    Batch(BatchId),
}

impl Place {
    /// Reads a URI. What stands in the place of an id may be percent-encoded; the names of models, which hold colons and slashes,
    /// need not be.
    pub(super) fn parse(uri: &str) -> Option<Self> {
        let path = uri.strip_prefix(SCHEME).filter(|_| uri.len() <= MAX_URI)?;
        if path.contains(['?', '#']) {
            return None;
        }
        if let Some(name) = path.strip_prefix("models/") {
            return decoded(name).filter(|it| !it.is_empty()).map(Self::Model);
        }
        let parts: Vec<String> = path.split('/').map(decoded).collect::<Option<_>>()?;
        Some(match parts.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["models"] => Self::Models,
            ["usage", "me"] => Self::Usage,
            ["jobs"] => Self::Jobs,
            ["jobs", id] => Self::Job(id.parse().ok()?),
            ["jobs", id, "result"] => Self::JobResult(id.parse().ok()?),
            ["files"] => Self::Files,
            ["files", id] => Self::File(id.parse().ok()?),
            ["batches", id] => Self::Batch(id.parse().ok()?),
            _ => return None,
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCHEME)?;
        match self {
            Self::Models => f.write_str("models"),
            Self::Model(name) => write!(f, "models/{}", encoded(name)),
            Self::Usage => f.write_str("usage/me"),
            Self::Jobs => f.write_str("jobs"),
            Self::Job(id) => write!(f, "jobs/{id}"),
            Self::JobResult(id) => write!(f, "jobs/{id}/result"),
            Self::Files => f.write_str("files"),
            Self::File(id) => write!(f, "files/{id}"),
            Self::Batch(id) => write!(f, "batches/{id}"),
        }
    }
}

/// A text as one segment of a path (RFC 3986, section 2.1): all but unreserved characters are written as bytes.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Texts take everything.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The same read back; `None` where it is no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        if !digits.bytes().all(|it| it.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let id = Uuid::from_u128(7);
        let arn = "arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-v1:0";
        let places = [
            Place::Models,
            Place::Model("amazon.nova-v1:0".into()),
            Place::Model(arn.into()),
            Place::Model("50 % of ü".into()),
            Place::Usage,
            Place::Jobs,
            Place::Job(JobId::new(id)),
            Place::JobResult(JobId::new(id)),
            Place::Files,
            Place::File(FileId::new(id)),
            Place::Batch(BatchId::new(id)),
        ];
        for place in places {
            assert_eq!(Place::parse(&place.to_string()).as_ref(), Some(&place), "{place}");
        }
        assert_eq!(Place::parse(&format!("outcrop://models/{arn}")), Some(Place::Model(arn.into())));
        let spelt = format!("outcrop://jobs/job%5F{:032}", 7);
        assert_eq!(Place::parse(&spelt), Some(Place::Job(JobId::new(id))));
    }

    #[test]
    fn what_is_no_place_is_none() {
        let long = format!("outcrop://models/{}", "m".repeat(MAX_URI));
        let wrong = [
            "",
            "outcrop://",
            "outcrop://models/",
            "outcrop://models/%zz",
            "outcrop://models/%+1",
            "outcrop://models/%e4",
            "outcrop://jobs/",
            "outcrop://jobs/7",
            "outcrop://jobs?limit=1",
            "outcrop://usage/you",
            "file:///etc/passwd",
            &long,
        ];
        for uri in wrong {
            assert_eq!(Place::parse(uri), None, "{uri}");
        }
    }
}
