//! The ports that other services answer, over HTTP: for services that run apart.
//!
//! [`HttpAuthenticator`] asks the auth service who shows a credential; [`HttpInference`] calls a model through
//! the inference service on somebody's behalf; both sign who is asking. [`HttpProbe`] asks whether a service
//! lives. [`HttpOutbound`] asks servers that are not ours; [`HttpMediaFetcher`] and [`GuardedOutbound`] those that clients
//! name. All have bounds on time and size.

mod answer;
mod authenticator;
mod error;
mod guard;
mod inference;
mod job_desk;
mod media;
mod outbound;
mod peer;
mod probe;

pub use authenticator::HttpAuthenticator;
pub use error::ClientError;
pub use guard::{GuardedOutbound, OutboundRules};
pub use inference::HttpInference;
pub use job_desk::HttpJobDesk;
pub use media::{HttpMediaFetcher, MediaRules};
pub use outbound::HttpOutbound;
pub use probe::HttpProbe;
