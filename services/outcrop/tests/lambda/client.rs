//! How tests speak HTTP.

use crate::wait::LIMIT;

pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder().timeout(LIMIT).build().unwrap()
}
