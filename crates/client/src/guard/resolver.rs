//! From a host's name to addresses that may be asked.
//!
//! The connection is made to what comes out of here and to nothing else: the name is resolved once, every address it
//! has is looked at, and nobody can say something else between the look and the connection.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use outcrop_types::Network;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::may_be_asked;

/// Most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 16;

/// Asks for the addresses of a name.
#[async_trait]
pub(crate) trait Lookup: Send + Sync + 'static {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// Asks this machine's resolver.
pub(crate) struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// The name has no address, or one that may not be asked.
#[derive(Debug, thiserror::Error)]
#[error("no address that may be asked")]
pub(crate) struct NoAddress;

/// Gives the addresses of a name if all of them may be asked.
pub(crate) struct GuardedResolver {
    pub(crate) lookup: Arc<dyn Lookup>,
    /// Asked although they are not public.
    pub(crate) networks: Arc<[Network]>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, networks) = (Arc::clone(&self.lookup), Arc::clone(&self.networks));
        Box::pin(async move {
            let addresses = lookup.lookup(name.as_str()).await.map_err(|_| NoAddress)?;
            // One that may not be asked beside others is a trap and no accident.
            if addresses.is_empty() || !addresses.iter().all(|it| may_be_asked(*it, &networks)) {
                return Err(NoAddress.into());
            }
            // The port is the URL's.
            let addresses = addresses.into_iter().take(MAX_ADDRESSES).map(|it| SocketAddr::new(it, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}
