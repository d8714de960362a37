//! The auth service: who a credential belongs to, and the keys there are.
//!
//! [`AuthService`] is the operations, over ports; [`routes`] is their public HTTP face and
//! [`internal_routes`] the one that other services use. It knows no database and does no caching:
//! the gateway remembers answers, for a bounded time.

mod bootstrap;
mod keys;
mod routes;
mod service;

pub use bootstrap::{BootstrapError, FirstKey};
pub use keys::{CreateKeyError, NewKey};
pub use routes::{internal_routes, routes};
pub use service::AuthService;
