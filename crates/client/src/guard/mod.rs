//! Requests to where clients say: to the public internet, to networks that the operator allows, and nowhere else.
//!
//! Which addresses may be asked is in `address.rs`, and connections are made to no other (`resolver.rs`). Used by
//! [`HttpMediaFetcher`](crate::HttpMediaFetcher), which gets, and by [`GuardedOutbound`], which tells.

pub(crate) mod address;
mod outbound;
pub(crate) mod resolver;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;

use outcrop_types::Network;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};

pub(crate) use self::outbound::retry_after;
pub use self::outbound::{GuardedOutbound, OutboundRules};
use self::resolver::{GuardedResolver, Lookup, NoAddress};

/// What servers are told about us, where a request does not say it itself.
const USER_AGENT: &str = "outcrop";

/// A client that connects to public addresses and those networks: no cookies, no credentials, no proxy, no
/// decompression, no redirects, a new connection each time.
pub(crate) fn client(lookup: Arc<dyn Lookup>, networks: Arc<[Network]>) -> Result<Client, reqwest::Error> {
    Client::builder()
        .dns_resolver(Arc::new(GuardedResolver { lookup, networks }))
        .user_agent(USER_AGENT)
        // A kept connection would be one that was checked for an earlier request.
        .pool_max_idle_per_host(0)
        .redirect(Policy::none())
        .referer(false)
        .no_proxy()
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .build()
}

/// The address in the place of a host's name. However it is written: parsing has brought it into its one usual form.
pub(crate) fn literal_address(url: &Url) -> Option<IpAddr> {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Whether it was the name's addresses that stood in the way.
pub(crate) fn leads_nowhere(error: &reqwest::Error) -> bool {
    causes(error).any(|cause| cause.is::<NoAddress>())
}

/// What lies behind an error, the nearest first.
pub(crate) fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}
