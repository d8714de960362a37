//! Real servers for tests: finds or installs Postgres, Redis and moto, starts them on free ports in a temporary
//! folder, and ends them when dropped.
//!
//! Tests do not start servers themselves: `cargo xtask test` does, once, and tells them by environment
//! variables ([`postgres_url`] and its siblings). Knows nothing of Outcrop.
//! With the feature `oidc` there is also an issuer of tokens (`oidc::OidcIssuer`), which tests do start themselves.

mod backup;
mod clients;
mod environment;
mod linters;
#[cfg(feature = "oidc")]
pub mod oidc;
mod process;
mod servers;
mod tools;

pub use backup::{Backup, query, query_at};
pub use clients::Clients;
pub use environment::{
    AIDER, AWS_ENDPOINT, NGINX, NODE, NODE_MODULES, POSTGRES_BIN, POSTGRES_URL, PROMTOOL, PYTHON,
    PYTHON_FRAMEWORKS, REDIS_SERVER, REDIS_URL, aider, aws_endpoint, nginx, node, node_modules, postgres_url,
    promtool, python, python_frameworks, redis_url,
};
pub use linters::Linters;
pub use process::{Process, free_port, wait_for_port};
pub use servers::{Moto, Postgres, Redis};
pub use tools::Tools;
