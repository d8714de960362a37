//! How much a client wants to be told (RFC 5424, section 6.2.1).

use serde::{Deserialize, Serialize};

/// The severity of a log message, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// For debugging.
    Debug,
    /// What happens.
    Info,
    /// What matters, and is in order.
    Notice,
    /// What may become a problem.
    Warning,
    /// What failed.
    Error,
    /// What is broken.
    Critical,
    /// What somebody must see to at once.
    Alert,
    /// Nothing works.
    Emergency,
}
