//! HTTP to programs on this machine.

use crate::wait::LIMIT;

/// A client that waits for no longer than a test does.
pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder().timeout(LIMIT).no_proxy().build().unwrap()
}
