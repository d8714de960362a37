//! The ports that other services answer, over HTTP: for services that run apart.
//!
//! [`HttpAuthenticator`] asks the auth service who shows a credential; [`HttpInference`] calls a model through
//! the inference service on somebody's behalf. Both sign who is asking; both have bounds on time and size.

mod answer;
mod authenticator;
mod error;
mod inference;
mod peer;

pub use authenticator::HttpAuthenticator;
pub use error::ClientError;
pub use inference::HttpInference;
