//! Identities from outside: OIDC issuers and AWS roles.
//!
//! Nothing of them is kept but what a user or service account of our own needs; ids are made of what the other side
//! knows them by. Who they are here is said by [`Federation`], and followed at every visit.

mod admit;
mod aws_iam;
mod claims;
mod code_exchange;
mod derived;
mod discovery;
mod identity;
mod issuers;
mod key_cache;
mod login;
mod login_error;
mod newest;
mod outside;
mod pending_cookie;
mod provision;
mod settings;

pub(crate) use aws_iam::{AwsIamError, AwsIamRequest};
pub(crate) use issuers::Issuers;
pub(crate) use login::Callback;
pub(crate) use login_error::OidcLoginError;
pub use settings::{Federation, FederationError};
